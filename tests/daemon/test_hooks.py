"""Hooks of the real daemon: scripts really run, with what they are told, and are logged."""

import base64
import time
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.daemon.daemon import Daemon

STATE = 'NAME=gone\nTYPE=state\nRESOURCE=VM\nON=DONE\nCOMMAND=note.sh\nARGUMENTS="state $TEMPLATE"'
API = 'NAME=made\nTYPE=api\nCALL=one.vm.allocate\nCOMMAND=note.sh\nARGUMENTS="$API"\nARGUMENTS_STDIN=yes'
SCRIPT = """#!/bin/sh
if [ "$1" = state ]; then echo "$2" > {folder}/state; else cat > {folder}/api; fi
echo written
exit 7
"""


def log_of(daemon: Daemon, count: int) -> list[ET.Element]:
    """The log, once it has so many executions."""
    deadline = time.monotonic() + 60
    while True:
        found = ET.fromstring(daemon.call("one.hooklog.info", -1, -1, -1, 0)[1])
        if len(found) >= count or time.monotonic() > deadline:
            return list(found)
        time.sleep(0.05)


def test_scripts_run_and_are_logged(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "hooks").mkdir(parents=True)
    script = data / "hooks" / "note.sh"
    script.write_text(SCRIPT.format(folder=tmp_path))
    script.chmod(0o755)
    with Daemon(data, "--simulate") as daemon:
        for text in (STATE, API):
            assert daemon.call("one.hook.allocate", text)[0] is True
        vm = daemon.call("one.vm.allocate", "NAME=web\nCPU=1\nMEMORY=64", True)[1]
        daemon.call("one.vm.action", "terminate-hard", vm)
        records = log_of(daemon, 2)
        assert [each.findtext("HOOK_ID") for each in records] == ["1", "0"]
        for record in records:
            assert record.findtext("EXECUTION_RESULT/CODE") == "7"
            said = record.findtext("EXECUTION_RESULT/STDOUT") or ""
            assert base64.b64decode(said) == b"written\n"
        shown = ET.fromstring(base64.b64decode((tmp_path / "state").read_text()))
        assert (shown.tag, shown.findtext("NAME"), shown.findtext("STATE")) == ("VM", "web", "6")
        call = ET.fromstring(base64.b64decode((tmp_path / "api").read_text()))
        values = [value.text for value in call.iterfind("PARAMETERS/PARAMETER/VALUE")]
        assert values == ["****", "NAME=web\nCPU=1\nMEMORY=64", "true", "true", str(vm), "0"]
        number = int(records[0].findtext("EXECUTION_ID") or "")
        assert daemon.call("one.hook.retry", 1, number)[0] is True
        (again,) = (each for each in log_of(daemon, 3) if each.find("RETRY") is not None)
        assert again.findtext("HOOK_ID") == "1"
        assert daemon.stop() == 0
