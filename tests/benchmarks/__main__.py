"""`python -m benchmarks [part ...] [--json FILE]`: every figure beside its limit or its rival."""

import argparse
import logging
import sys
from pathlib import Path

from . import cycle, eta, frugality, load, page, quota, scale, scheduler, volume
from .figures import Figure, as_json, machine, table
from .stage import Theatre

PARTS = {
    "quota": quota.run,
    "frugality": frugality.run,
    "cycle": cycle.run,
    "load": load.run,
    "scale": scale.run,
    "volume": volume.run,
    "page": page.run,
    "eta": eta.run,
    "airflow": scheduler.run,
}


def main() -> int:
    """Run the parts that were named, or all; returns 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; parts are {', '.join(PARTS)}")
    # What the steps warn of is no news here.
    logging.getLogger("shipment_tracking").setLevel(logging.ERROR)
    found = machine()
    print(", ".join(f"{name} {value}" for name, value in found.items()), flush=True)
    figures: list[Figure] = []
    theatre = Theatre()
    try:
        for name in arguments.parts or PARTS:
            part = PARTS[name](theatre)
            print(table(part), flush=True)
            figures += part
    finally:
        theatre.close()
    if arguments.json:
        arguments.json.write_text(as_json(figures), encoding="utf-8")
    missed = [figure for figure in figures if figure.is_met is False]
    print(f"\n{len(figures)} figures, {len(missed)} targets missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
