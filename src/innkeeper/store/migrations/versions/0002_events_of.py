"""An object's events are found without a walk through the whole log."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("events_of", "events", ["kind", "id", "seq"])


def downgrade() -> None:
    op.drop_index("events_of", "events")
