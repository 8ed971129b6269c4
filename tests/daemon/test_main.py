"""The daemon from outside: starting, refusing to start, stopping, starting again."""

import json
import socket
from pathlib import Path

import pytest

from tests.daemon.daemon import Daemon


def test_first_start_makes_credentials_that_only_root_reads(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Daemon(data, "--simulate", password="") as daemon:
        daemon.ready()
        file = data / "one_auth"
        assert file.stat().st_mode & 0o777 == 0o600
        session = file.read_text().strip()
        assert session.startswith("oneadmin:")
        assert len(session) > 25
        assert daemon.call("one.user.info", -1, session=session)[0] is True
        assert daemon.call("one.user.info", -1, session="oneadmin:wrong")[2] == 0x0100
        assert daemon.stop() == 0
        assert session.partition(":")[2] not in daemon.log.read_text()


def test_health_and_figures(tmp_path: Path) -> None:
    with Daemon(tmp_path / "data", "--simulate") as daemon:
        daemon.call("one.host.allocate", "node1", "dummy", "dummy", -1)
        assert json.loads(daemon.get("/healthz"))["ok"] is True
        assert b'innkeeper_hosts{state="' in daemon.get("/metrics")


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Daemon(data, "--simulate") as daemon:
        assert daemon.call("one.vm.allocate", 'NAME="kept"\nCPU="1"\nMEMORY="64"', True)[1] == 0
        daemon.process.kill()
        daemon.process.wait()
    (data / "run" / "endpoint").unlink()
    with Daemon(data) as daemon:
        assert "<NAME>kept</NAME>" in daemon.call("one.vm.info", 0)[1]
        assert daemon.call("one.vm.allocate", 'CPU="1"\nMEMORY="64"', True)[1] == 1
        assert daemon.stop() == 0


def test_logs_are_one_json_object_a_line(tmp_path: Path) -> None:
    with Daemon(tmp_path / "data", "--simulate") as daemon:
        daemon.ready()
        assert daemon.stop() == 0
        lines = [json.loads(line) for line in daemon.log.read_text().splitlines()]
        assert {"time", "level", "logger", "message"} <= lines[0].keys()


def test_a_second_daemon_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with Daemon(tmp_path / "data", "--simulate") as first:
        first.ready()
        with Daemon(tmp_path / "data") as second:
            assert second.process.wait(30) == 1
        assert "another" in first.log.read_text()
        assert first.call("one.system.version")[0] is True


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Daemon(tmp_path / "data", "--simulate", "--listen", f"127.0.0.1:{port}") as daemon:
            assert daemon.process.wait(30) == 1
            assert str(port) in daemon.log.read_text()


@pytest.mark.parametrize("content", ["nonsense = 1", "listen = ", '[log]\nlevel = "loud"'])
def test_bad_settings_end_it_with_a_clear_line(tmp_path: Path, content: str) -> None:
    settings = tmp_path / "bad.toml"
    settings.write_text(content)
    with Daemon(tmp_path / "data", "--settings", str(settings)) as daemon:
        assert daemon.process.wait(30) == 1
        said = daemon.log.read_text()
        assert "bad.toml" in said
        assert "Traceback" not in said


def test_a_store_that_fails_ends_it_with_code_3(tmp_path: Path) -> None:
    """The database file is damaged under the running daemon: it stops rather than drift from its journal."""
    data = tmp_path / "data"
    with Daemon(data, "--simulate") as daemon:
        daemon.ready()
        for path in (data / "db").iterdir():
            if path.suffix != ".lock" and path.stat().st_size:
                path.write_bytes(b"\0" * path.stat().st_size)
        answers = [daemon.call("one.vm.allocate", 'CPU="1"\nMEMORY="64"', True) for _ in range(1)]
        assert answers[0][0] is False
        assert daemon.process.wait(30) == 3
