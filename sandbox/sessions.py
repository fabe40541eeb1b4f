"""``python -m sandbox psql`` and ``shell``: sessions beside what ``make up`` runs."""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import make_url

from sandbox.postgres import PostgresUnavailableError, wheel_program
from sandbox.programs import MARK, marked_environment

ANALYST = "analyst"
"""Login and password of the warehouse's reader, good for the sandbox only."""

RECORD = "session.json"


class NothingIsUpError(RuntimeError):
    """There is nothing to work on; the message says what starts it."""


def record(folder: Path, variables: Mapping[str, str], warehouse: str) -> None:
    """
    Keep what a session needs for as long as Airflow is up.

    :param variables: the environment of the running Airflow.
    :param warehouse: the address for an analyst, as libpq takes it.
    """
    file = folder / RECORD
    file.touch(mode=0o600)
    said = {"environment": dict(variables), "warehouse": warehouse}
    file.write_text(json.dumps(said), encoding="utf-8")


def forget(folder: Path) -> None:
    """There is nothing to work on any more."""
    (folder / RECORD).unlink(missing_ok=True)


def analyst_url(warehouse: str) -> str:
    """The warehouse's address for an analyst, as `psql` and other clients take it."""
    url = make_url(warehouse).set(
        drivername="postgresql", username=ANALYST, password=ANALYST, query={}
    )
    return url.render_as_string(hide_password=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What both commands take beside the folder: words for the program that they start."""
    parser.add_argument(
        "words", nargs="*", help="after --: arguments of psql, or a command for the shell"
    )


def run_psql(arguments: argparse.Namespace) -> int:
    """Become `psql` on the warehouse, as an analyst."""
    try:
        url = _read(arguments.folder)["warehouse"]
        program = shutil.which("psql") or str(wheel_program("psql"))
    except (NothingIsUpError, PostgresUnavailableError) as error:
        print(error, file=sys.stderr)
        return 1
    if not Path(program).exists():
        print(
            f"psql is not installed here: install it (Debian, Ubuntu: postgresql-client; Homebrew: "
            f"libpq), or open {url} with another client",
            file=sys.stderr,
        )
        return 1
    _become([program, url, *arguments.words], dict(os.environ))


def run_shell(arguments: argparse.Namespace) -> int:
    """Become a shell, or a command, with the environment of the running Airflow."""
    try:
        variables = _read(arguments.folder)["environment"]
    except NothingIsUpError as error:
        print(error, file=sys.stderr)
        return 1
    programs = Path(sys.executable).parent
    environment = marked_environment(arguments.folder) | variables
    # What a person starts here is theirs: `make down` ends it not.
    del environment[MARK]
    environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    if arguments.words:
        _become(arguments.words, environment)
    print("The environment of the running Airflow; try: airflow dags list. Leave with exit.")
    sys.stdout.flush()
    _become([os.environ.get("SHELL", "/bin/sh")], environment)


def _read(folder: Path) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NothingIsUpError("Nothing is up: make up starts it.") from None
    return said


def _become(command: list[str], environment: Mapping[str, str]) -> NoReturn:
    os.execvpe(command[0], command, environment)
