"""``python -m shipment_tracking.platforms check <connection>``: does a connection work?"""

import argparse
import logging
import sys

from shipment_tracking.commands.command_line import airflow_within_reach
from shipment_tracking.errors import ConnectionFieldError


def main(arguments: list[str]) -> int:
    """Check a connection step by step; returns 0 when it works, else 1."""
    parser = argparse.ArgumentParser(prog="python -m shipment_tracking.platforms")
    commands = parser.add_subparsers(dest="command", required=True)
    about = "ask the platform a few harmless questions, and say what does not work and what to do"
    command = commands.add_parser("check", help=about, description=about)
    command.add_argument("connection", help="id of an Airflow connection, such as platform_1688")
    conn_id = parser.parse_args(arguments).connection
    with airflow_within_reach():
        return _check(conn_id)


def _check(conn_id: str) -> int:
    # Airflow takes seconds to load, and would for a mere --help.
    from shipment_tracking.domain.findings import verdict
    from shipment_tracking.hooks.platform_hook import check

    told = []
    logging.disable()  # Airflow's own notes on standard output, which is ours
    try:
        for finding in check(conn_id):
            print(finding, flush=True)
            told.append(finding)
    except ConnectionFieldError as error:
        print(error)
        return 1
    finally:
        logging.disable(logging.NOTSET)
    works, text = verdict(told)
    print(f"connection {conn_id} {text}")
    return 0 if works else 1


# Without plugins/.airflowignore, Airflow loads this file too: as "__main__", but of no package.
if __name__ == "__main__" and __package__:
    sys.exit(main(sys.argv[1:]))
