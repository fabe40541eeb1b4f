"""
`python -m sandbox`: serve the stand-in platforms, fill the demo ERP, receive notices, run a private
PostgreSQL.
"""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sandbox.defaults import ACCOUNTS

if TYPE_CHECKING:
    from sandbox.clock import Clock
    from sandbox.receiver import Delivery
    from sandbox.world import World

ERP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand; `run` imports what it needs and returns the exit status."""

    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def add_world_arguments(parser: argparse.ArgumentParser) -> None:
    """Options that choose the world: equal options, equal world."""
    parser.add_argument("--seed", type=int, default=1, help="which world (default: %(default)s)")
    parser.add_argument(
        "--orders", type=int, default=300, help="orders of each account (default: %(default)s)"
    )
    parser.add_argument(
        "--accounts",
        default=",".join(ACCOUNTS),
        help="account ids, separated by commas; the first two of a protocol share one app"
        " (default: %(default)s)",
    )
    parser.add_argument(
        "--start",
        type=_moment,
        default=None,
        metavar="ISO",
        help="when the stories are under way (default: last midnight in Shanghai)",
    )
    parser.add_argument(
        "--shipping-hours",
        type=float,
        default=48,
        help="two thirds of the orders ship in so many hours from then (default: %(default)s)",
    )


def make_world(arguments: argparse.Namespace) -> "World":
    """The world the options choose."""
    from sandbox.parcels import SHANGHAI
    from sandbox.world import World

    midnight = datetime.now(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    accounts = {name: arguments.orders for name in arguments.accounts.split(",")}
    start = arguments.start or midnight
    return World(arguments.seed, start, accounts, shipping_hours=arguments.shipping_hours)


def _add_platform_arguments(parser: argparse.ArgumentParser) -> None:
    add_world_arguments(parser)
    parser.add_argument("--port", type=int, default=8688, help="default: %(default)s; 0 is any")
    parser.add_argument(
        "--qps",
        type=float,
        default=5.0,
        help="most calls of one app in any second; 0 is no limit (default: %(default)s)",
    )
    parser.add_argument(
        "--clock",
        default="real",
        metavar="real|ISO",
        help="the world's time: the real one, or one that starts here (default: %(default)s)",
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="world seconds per real second; 0 stands still until moved (default: %(default)s)",
    )
    parser.add_argument(
        "--token-hours",
        type=float,
        default=0,
        help="life of an access token on the world's clock; 0 is for ever (default: %(default)s)",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="where to listen; another address is for containers (default: %(default)s)",
    )
    parser.add_argument("--erp", metavar="URL", help="keep the ERP at this SQLAlchemy URL in step")


def _run_platform(arguments: argparse.Namespace) -> int:
    from sandbox.clock import Clock
    from sandbox.defaults import apps_for
    from sandbox.server import Sandbox

    start = None if arguments.clock == "real" else _moment(arguments.clock)
    world = make_world(arguments)
    sandbox = Sandbox(
        world,
        Clock(start, arguments.speed),
        apps_for(list(world.accounts), arguments.qps or None),
        token_hours=arguments.token_hours or None,
        odd_forms=True,
        host=arguments.host,
        port=arguments.port,
    )
    keep_erp_in_step = _erp_of(arguments.erp, world, sandbox.clock)
    stopped = threading.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, lambda *_: stopped.set())
    with sandbox:
        print(f"platform  {sandbox.url}")
        print(f"clock     {sandbox.clock_url}")
        print(f"control   {sandbox.url}/control/usage (and clock, faults, tokens, freeze, truth)")
        for account in world.accounts:
            print(f"{account}  {json.dumps(sandbox.connection(account))}")
        print("stop with Ctrl-C", flush=True)
        while not stopped.wait(ERP_SECONDS):
            keep_erp_in_step()
    return 0


def _erp_of(url: str | None, world: "World", clock: "Clock") -> Callable[[], None]:
    """Make the ERP, when there is one to keep, and return what brings it up to the present."""
    if url is None:
        return lambda: None
    from sqlalchemy import create_engine
    from sqlalchemy.exc import OperationalError
    from sqlalchemy.pool import NullPool

    from sandbox.erp import DemoErp

    erp = DemoErp(create_engine(url, poolclass=NullPool))

    def keep_in_step() -> None:
        try:
            erp.sync(world, clock.now())
        except OperationalError as error:
            print(f"the ERP is busy or away, tried again soon: {error.orig}", flush=True)

    erp.create()
    erp.sync(world, clock.now())
    return keep_in_step


def _add_receiver_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8690, help="default: %(default)s; 0 is any")
    parser.add_argument(
        "--audiences",
        default="ops,customers",
        help="each has an endpoint and a connection notify_<audience> (default: %(default)s)",
    )


def _run_receiver(arguments: argparse.Namespace) -> int:
    from sandbox.receiver import Receiver, connections

    names = arguments.audiences.split(",")
    stopped = threading.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, lambda *_: stopped.set())
    with Receiver(*names, port=arguments.port, told=_print_delivery) as receiver:
        print(f"receiver  {receiver.base_url}")
        print(f"control   {receiver.base_url}/control/mood (POST; and deliveries, refusals, clear)")
        for name, connection in connections(receiver, names).items():
            print(f"{name}  {json.dumps(connection)}")
        print("stop with Ctrl-C", flush=True)
        stopped.wait()
    return 0


def _print_delivery(delivery: "Delivery") -> None:
    said = delivery.body.get("text", "")
    print(f"{delivery.at:%T}  {delivery.channel}  {delivery.event_id}  {said}", flush=True)


def _add_erp_arguments(parser: argparse.ArgumentParser) -> None:
    add_world_arguments(parser)
    parser.add_argument(
        "--url",
        required=True,
        help="SQLAlchemy URL, such as sqlite:///erp.db, postgresql+psycopg://..., mysql+pymysql://...",
    )
    parser.add_argument(
        "--at", type=_moment, default=None, metavar="ISO", help="world time (default: now)"
    )


def _run_erp(arguments: argparse.Namespace) -> int:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    from sandbox.erp import DemoErp

    erp = DemoErp(create_engine(arguments.url, poolclass=NullPool))
    erp.create()
    changed = erp.sync(make_world(arguments), arguments.at or datetime.now(UTC))
    print(f"erp_order: {changed} rows written")
    return 0


def _add_postgres_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "do",
        choices=("start", "stop", "remove"),
        help="start prints the URL; remove also deletes the data",
    )
    parser.add_argument(
        "--folder", default=".sandbox/postgres", help="where it lives (default: %(default)s)"
    )
    parser.add_argument("--database", help="create this database too, and print its URL instead")
    parser.add_argument("--fast", action="store_true", help="give up durability, for tests")


def _run_postgres(arguments: argparse.Namespace) -> int:
    from sandbox.postgres import PostgresUnavailableError, PrivatePostgres

    server = PrivatePostgres(arguments.folder, fast=arguments.fast)
    try:
        if arguments.do != "start":
            (server.remove if arguments.do == "remove" else server.stop)()
            return 0
        url = server.start()
    except PostgresUnavailableError as error:
        print(error, file=sys.stderr)
        return 1
    found = server.create_database(arguments.database) if arguments.database else url
    print(found.replace("postgresql+psycopg:", "postgresql:", 1))  # as psql takes it
    return 0


def _add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    from sandbox import demo

    demo.add_arguments(parser)


def _run_demo(arguments: argparse.Namespace) -> int:
    from sandbox import demo

    return demo.run(arguments)


def _add_up_arguments(parser: argparse.ArgumentParser) -> None:
    from sandbox import up

    up.add_arguments(parser)


def _run_up(arguments: argparse.Namespace) -> int:
    from sandbox import up

    return up.run(arguments)


def _add_pace_arguments(parser: argparse.ArgumentParser) -> None:
    from sandbox import pace

    pace.add_arguments(parser)


def _run_pace(arguments: argparse.Namespace) -> int:
    from sandbox import pace

    return pace.run(arguments)


def _add_session_arguments(parser: argparse.ArgumentParser) -> None:
    from sandbox import sessions, up

    up.add_folder_argument(parser)
    sessions.add_arguments(parser)


def _run_psql(arguments: argparse.Namespace) -> int:
    from sandbox import sessions

    return sessions.run_psql(arguments)


def _run_shell(arguments: argparse.Namespace) -> int:
    from sandbox import sessions

    return sessions.run_shell(arguments)


def _add_down_arguments(parser: argparse.ArgumentParser) -> None:
    from sandbox import up

    up.add_folder_argument(parser)


def _run_down(arguments: argparse.Namespace) -> int:
    from sandbox import up

    return up.run_down(arguments)


COMMANDS = {
    "demo": Command(
        "run the real DAG through three days of the sandbox world",
        _add_demo_arguments,
        _run_demo,
    ),
    "up": Command(
        "start Airflow with its UI and the pipeline on the sandbox, all in the background",
        _add_up_arguments,
        _run_up,
    ),
    "psql": Command("open what `up` loads, as an analyst", _add_session_arguments, _run_psql),
    "shell": Command(
        "a shell with the environment of the Airflow that `up` started",
        _add_session_arguments,
        _run_shell,
    ),
    "pace": Command(
        "trigger the DAG each time half an hour passed in a fast world",
        _add_pace_arguments,
        _run_pace,
    ),
    "down": Command("end whatever `up` started", _add_down_arguments, _run_down),
    "platform": Command(
        "serve the stand-in platforms on 127.0.0.1", _add_platform_arguments, _run_platform
    ),
    "erp": Command(
        "create the demo ERP's table and fill it as of a world time",
        _add_erp_arguments,
        _run_erp,
    ),
    "receiver": Command(
        "receive notices on 127.0.0.1 and print them", _add_receiver_arguments, _run_receiver
    ),
    "postgres": Command(
        "start, stop or remove a private PostgreSQL in a folder",
        _add_postgres_arguments,
        _run_postgres,
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=command.summary, description=command.summary)
        command.add_arguments(subparser)
    arguments = parser.parse_args(argv)
    return COMMANDS[arguments.command].run(arguments)


def _moment(value: str) -> datetime:
    """An ISO 8601 time; without an offset it is Asia/Shanghai."""
    from sandbox.parcels import SHANGHAI

    at = datetime.fromisoformat(value)
    return at if at.tzinfo else at.replace(tzinfo=SHANGHAI)


if __name__ == "__main__":
    sys.exit(main())
