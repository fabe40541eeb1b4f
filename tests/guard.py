"""A fast test opens no socket and starts no program, so it stays quick and runs anywhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

FORBIDDEN = ("socket.bind", "socket.connect", "subprocess.Popen")

_guarded = False


class NotAFastTestError(AssertionError):
    """A test without the marker `server` opened a socket or started a program."""


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if _guarded and event in FORBIDDEN:
        raise NotAFastTestError(
            f"{event}: a fast test opens no socket and starts no program. Name the fixture that"
            " does it in SERVERS of tests/conftest.py, or mark the test `server`."
        )


# Python cannot take an audit hook back: it is added once, and looks at the flag.
sys.addaudithook(_refuse)


@contextmanager
def no_sockets_no_programs() -> Iterator[None]:
    """Refuse every listening socket, connection and child process of this process meanwhile."""
    global _guarded
    _guarded = True
    try:
        yield
    finally:
        _guarded = False
