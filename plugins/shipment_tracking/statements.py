"""
Reads the statements under ``include/sql``.

An owner may replace what ``REPLACEABLE`` names. The statements of the warehouse are internal: each
module has one file of them, in the order in which they run, each under a line ``-- name: …``.
"""

import csv
import os
import re
from collections.abc import Iterator
from functools import cache
from io import StringIO
from pathlib import Path

from sqlalchemy import TextClause, text

from shipment_tracking.errors import PersonNeededError, StatementError

OWNER_FOLDER = "SHIPMENT_TRACKING_INCLUDE"
REPLACEABLE = (
    "sql/erp",
    "sql/analytics",
    "sql/quality",
    "messages",
    "calendar.csv",
    "carriers.csv",
    "polling.csv",
    "texts.csv",
)
"""What an owner's folder may hold: the files of these folders, and these files."""

ADDABLE = "sql/quality"
"""Where an owner may also add statements of their own."""

query_folders: list[Path] = []
"""Folders that are searched before ours for the warehouse's statements; for a test of mistakes."""

_NAME_LINE = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT_LINE = re.compile(r"^[^\S\n]*--.*$", re.MULTILINE)
_BIND = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")
_QUOTED = "|".join(rf"{quote}(?:\\.|[^{quote}\\])*{quote}" for quote in "'\"`")
_NO_CODE = re.compile(
    rf"--(?!\d)[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|{_QUOTED}", re.DOTALL
)
"""Comments and quoted texts of any database."""
_TRANSACTIONS = ("abort", "begin", "commit", "end", "release", "rollback", "savepoint", "start")


@cache
def include_folder() -> Path:
    """The project's own ``include`` folder: inside an installed wheel, else beside ``plugins``."""
    package = Path(__file__).parent
    installed = package / "include"
    return installed if installed.is_dir() else package.parents[1] / "include"


def include_path(place: str) -> Path:
    """
    A file of ``include``: the owner's when there is one, else the project's.

    :param place: path below ``include``, such as ``messages/zh/signed.txt``.
    :raises StatementError: the owner's folder is missing or holds a file that replaces nothing.
    """
    owner = os.environ.get(OWNER_FOLDER)
    if owner:
        _refuse_unknown_files(Path(owner))
        own = Path(owner) / place
        if own.is_file():
            return own
    return include_folder() / place


def include_text(path: Path, error: type[PersonNeededError]) -> str:
    """
    The text of a file of ``include``, which an editor may have begun with a byte order mark.

    :param error: what to raise when it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise error(f"{path} is not UTF-8 text; save it as UTF-8") from problem


def include_rows(path: Path, error: type[PersonNeededError]) -> Iterator[tuple[int, list[str]]]:
    """
    The rows of a CSV table of ``include``, each with the number of its last line.

    :param error: what to raise when it is not UTF-8, or not CSV.
    """
    rows = csv.reader(StringIO(include_text(path, error)))
    try:
        for row in rows:
            yield rows.line_num, row
    except csv.Error as problem:
        raise error(
            f"{path}, line {rows.line_num}: {problem}; see that each quote is closed"
        ) from problem


def statement_path(name: str) -> Path:
    """
    The file that holds a statement.

    :param name: path below ``sql`` without its ending, such as ``erp/extract_orders``.
    :raises StatementError: as ``include_path``.
    """
    return include_path(f"sql/{name}.sql")


def statement_names(folder: str) -> list[str]:
    """
    The statements of a folder, ours and those that the owner adds.

    :param folder: below ``sql``, such as ``quality``.
    """
    roots = [include_folder()]
    if owner := os.environ.get(OWNER_FOLDER):
        roots.append(Path(owner))
    files = (file for root in roots for file in (root / "sql" / folder).glob("*.sql"))
    return sorted({file.stem for file in files if not file.name.startswith(".")})


def statement(name: str, *, binds: set[str] | None = None, needs: str | None = None) -> TextClause:
    """
    A statement ready to execute with bound values.

    :param name: path below ``sql`` without its ending.
    :param binds: the names the caller will bind; a file that binds others is refused.
    :param needs: the name that it must bind.
    :raises StatementError: the file is empty, holds several statements or ends a transaction,
        binds other names than promised, or not the one that it needs.
    """
    path = statement_path(name)
    given = frozenset(binds) if binds is not None else None
    return _read(path, path.stat().st_mtime_ns, given, needs)


def query(name: str, **identifiers: str) -> TextClause:
    """
    A statement of the warehouse, ready to execute with bound values.

    :param name: its module and its name there, such as ``loading.copy``.
    :param identifiers: tables and columns of ours to write in place of ``:name``; never data.
    :raises KeyError: there is no such statement.
    """
    module, _, own = name.partition(".")
    return _with_identifiers(_module_path(module), own, tuple(identifiers.items()))


@cache
def queries(path: Path) -> dict[str, str]:
    """The statements of a module's file by name, in the order in which they stand there."""
    _, *parts = _NAME_LINE.split(path.read_text(encoding="utf-8"))
    return {
        name: _COMMENT_LINE.sub("", body).strip().rstrip(";")
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    }


@cache
def _with_identifiers(
    path: Path, name: str, identifiers: tuple[tuple[str, str], ...]
) -> TextClause:
    body = queries(path)[name]
    for placeholder, identifier in identifiers:
        body = body.replace(f":{placeholder}", identifier)
    return text(body)


def _module_path(module: str) -> Path:
    for folder in query_folders:
        if (path := folder / f"{module}.sql").is_file():
            return path
    return _our_module(module)


@cache
def _our_module(module: str) -> Path:
    return include_folder() / "sql" / "warehouse" / f"{module}.sql"


def binds_of(body: str) -> set[str]:
    """The names that a statement, or a part of one, binds."""
    return set(_BIND.findall(body))


@cache
def _read(path: Path, changed: int, binds: frozenset[str] | None, needs: str | None) -> TextClause:
    # Comment lines go first: SQLAlchemy would take a ":word" inside them for a bind. Empty lines
    # stay, so that a database tells a line of the file.
    body = _COMMENT_LINE.sub("", include_text(path, StatementError)).rstrip().rstrip(";")
    if not body.strip():
        raise StatementError(f"{path} holds no statement")
    _refuse_several(path, body)
    if binds is not None:
        _refuse_unknown_binds(path, body, binds)
    if needs and needs not in binds_of(body):
        raise StatementError(
            f"{path} does not bind {needs}, so it would do the same for every order; "
            f"add where … = :{needs}"
        )
    return text(body)


def _refuse_several(path: Path, body: str) -> None:
    code = _NO_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), body)
    end = code.find(";", len(code) - len(code.lstrip()) + 1)
    if end >= 0 and (rest := code[end + 1 :].lstrip(" \t\n;")):
        raise StatementError(
            f"{path}, line {_line(code, len(code) - len(rest))}: a second statement begins here; "
            "leave one in the file"
        )
    (word,) = re.findall(r"\w+", code)[:1] or [""]
    if word.lower() in _TRANSACTIONS:
        raise StatementError(
            f"{path}, line {_line(code, code.index(word))}: {word} is not a statement for the ERP; "
            "transactions begin and end by themselves"
        )


def _refuse_unknown_binds(path: Path, body: str, binds: frozenset[str]) -> None:
    unknown = [found for found in _BIND.finditer(body) if found[1] not in binds]
    if unknown:
        names = dict.fromkeys(found[1] for found in unknown)
        raise StatementError(
            f"{path}, line {_line(body, unknown[0].start())}: it binds {', '.join(names)}, which "
            f"is not given to it; it may bind {', '.join(sorted(binds)) or 'nothing'}. A colon of "
            "a text or of JSON is written \\:"
        )


def _line(body: str, position: int) -> int:
    return body.count("\n", 0, position) + 1


@cache
def _refuse_unknown_files(owner: Path) -> None:
    if not owner.is_dir():
        raise StatementError(f"{OWNER_FOLDER} names {owner}, which is not a folder")
    known = include_folder()
    for file in sorted(owner.rglob("*")):
        place = file.relative_to(owner)
        is_hidden = any(part.startswith(".") for part in place.parts) or file.name.endswith("~")
        if is_hidden or not file.is_file():
            continue
        if not any(place.is_relative_to(each) for each in REPLACEABLE):
            raise StatementError(
                f"{file} cannot be used: {place} is not a file that an owner may replace; "
                f"{OWNER_FOLDER} may hold {', '.join(REPLACEABLE)}; move it out of {owner}"
            )
        is_added = place.parent == Path(ADDABLE) and file.suffix == ".sql"
        if not (is_added or (known / place).is_file()):
            raise StatementError(
                f"{file} replaces nothing: no {place} is read from {known}; "
                f"correct its name or move it out of {owner}"
            )
