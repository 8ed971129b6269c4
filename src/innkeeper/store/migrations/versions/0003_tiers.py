"""Older samples are thinned out into tables of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("samples_medium", "samples_coarse"):
        op.create_table(
            name,
            sa.Column("ts", sa.BigInteger(), primary_key=True, autoincrement=False),
            sa.Column("kind", sa.Text(), primary_key=True),
            sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
            sa.Column("body", sa.LargeBinary(), nullable=False),
            sqlite_with_rowid=False,
        )


def downgrade() -> None:
    for name in ("samples_medium", "samples_coarse"):
        op.drop_table(name)
