"""`python -m innkeeper.sim --seed N [--count M]`: tells stories, one line each; a bad one is told in full."""

import argparse
import logging
import sys
import time

from .story import Setting, StoryFailed, tell


def arguments(args: list[str] | None) -> argparse.Namespace:
    """The command line."""
    usual = Setting()
    parser = argparse.ArgumentParser(prog="python -m innkeeper.sim", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default: %(default)s)")
    parser.add_argument("--count", type=int, default=1, help="how many (default: %(default)s)")
    parser.add_argument("--hosts", type=int, default=usual.hosts, help="(default: %(default)s)")
    parser.add_argument("--vms", type=int, default=usual.vms, help="(default: %(default)s)")
    parser.add_argument("--faults", choices=("on", "off"), default="on", help="(default: on)")
    parser.add_argument("--log", action="store_true", help="what the front ends log, too")
    return parser.parse_args(args)


def setting_of(options: argparse.Namespace) -> Setting:
    """The size of the stories."""
    if options.faults == "on":
        return Setting(hosts=options.hosts, vms=options.vms)
    return Setting(hosts=options.hosts, vms=options.vms, deaths=0, roughness=0.0, disasters=0)


def main(args: list[str] | None = None) -> int:
    """Tells the stories; 1 when one of them must not be."""
    options = arguments(args)
    logging.basicConfig(level=logging.INFO if options.log else logging.CRITICAL)
    setting, failed = setting_of(options), 0
    for seed in range(options.seed, options.seed + options.count):
        began = time.perf_counter()
        try:
            told = str(tell(seed, setting))
        except StoryFailed as failure:
            failed += 1
            told = f"FAILED {failure}"
        print(f"{told} [{time.perf_counter() - began:.2f} s]", flush=True)  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
