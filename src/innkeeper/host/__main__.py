"""``python3 agent.pyz``: the agent, or with an option one of the things it can do by hand."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from . import bounds, libvirtd, listener, pack
from .agent import serve
from .errors import AgentError
from .peers.give import give


def main() -> None:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(prog="innkeeper-agent", description=__doc__)
    parser.add_argument(
        "--libvirt-start", metavar="DIR", help="make sure that a libvirt daemon answers, and end"
    )
    parser.add_argument(
        "--libvirt-stop", metavar="DIR", help="stop the daemons that --libvirt-start started"
    )
    parser.add_argument(
        "--give", metavar="ROOT", help="give files to another host, as peers/give.py says, and end"
    )
    parser.add_argument("--pack", metavar="FILE", help="write the agent as one file, and end")
    parser.add_argument(
        "--listen",
        nargs=3,
        metavar=("SOCKET", "USER", "DATA"),
        help="start agents for the front end that runs as USER on the data folder DATA",
    )
    parser.add_argument(
        "--front-end",
        nargs=3,
        metavar=("UID", "GID", "DATA"),
        help="keep to what the front end of this user may ask for",
    )
    options = parser.parse_args()
    # QEMU's user must be able to pass through the folders that we make, whatever the login says.
    os.umask(0o022)
    logging.basicConfig(
        stream=sys.stderr,
        level=os.environ.get("INNKEEPER_AGENT_LOG", "INFO").upper(),
        format="%(asctime)s %(levelname)s %(threadName)s: %(message)s",
    )
    try:
        if options.libvirt_start:
            sys.stderr.write(libvirtd.ensure(os.path.abspath(options.libvirt_start)) + "\n")  # noqa: PTH100
        elif options.libvirt_stop:
            libvirtd.stop(os.path.abspath(options.libvirt_stop))  # noqa: PTH100
        elif options.pack:
            pack.build(Path(options.pack))
        elif options.listen:
            path, user, data = options.listen
            listener.listen(Path(path), user, Path(data))
        elif options.give:
            give(Path(options.give), sys.stdin.buffer, sys.stdout.buffer)
        else:
            if options.front_end:
                uid, gid, data = options.front_end
                bounds.keep(bounds.read(int(uid), int(gid), Path(data)))
            serve()
    except AgentError as problem:
        sys.exit(f"innkeeper-agent: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
