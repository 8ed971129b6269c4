"""Ansible's `one_*` modules, unchanged, live through their life cycles here (community.general)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_against_daemon import PASSWORD, Daemon

PLAY = Path(__file__).with_name("life.yml")
COLLECTIONS = Path(sys.prefix) / "share"
#: Images take a while to be deleted, as elsewhere: `one_image` fails where one is gone before it looks.
SETTINGS = '[simulation]\ntimes = { "image.remove" = 5.0 }\n'


@pytest.mark.slow
def test_the_modules_find_what_they_expect(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "innkeeper.toml").write_text(SETTINGS)
    daemon = Daemon(data)
    try:
        played = play(daemon.endpoint_file.read_text().strip(), tmp_path)
    finally:
        daemon.stop()
    assert played.returncode == 0, played.stdout[-4000:]
    assert "unreachable=0    failed=0" in played.stdout


def play(endpoint: str, home: Path) -> "subprocess.CompletedProcess[str]":
    """Runs the play, with nothing of this user's own settings."""
    told = {
        "api_url": f"{endpoint}/RPC2", "api_username": "oneadmin", "api_password": PASSWORD,
        "ansible_python_interpreter": sys.executable,
    }  # fmt: skip
    variables = [word for name, value in told.items() for word in ("-e", f"{name}={value!r}")]
    command = [
        Path(sys.executable).with_name("ansible-playbook"),
        "-i",
        "localhost,",
        "-c",
        "local",
    ]
    return subprocess.run(
        [*command, *variables, PLAY],
        env={
            "PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1",
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
