"""The data folder: what other users of the machine must not read."""

from pathlib import Path

from innkeeper.daemon.main import make_folders


def test_the_database_is_for_the_front_end_alone(tmp_path: Path) -> None:
    """It holds hashes of passwords and tokens, and what users told their guests."""
    (tmp_path / "db").mkdir(mode=0o755)
    for _ in range(2):
        make_folders(tmp_path)
        assert (tmp_path / "db").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "datastores").stat().st_mode & 0o005 == 0o005
