"""Long-running programs: started with a mark and a log each, and found again by that mark."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil

MARK = "SHIPMENT_TRACKING_SANDBOX"
"""Environment variable that names the folder a process belongs to; its children inherit it."""

LAST_CHARACTERS = 1500
PATIENCE = 5.0
"""Seconds from SIGTERM to SIGKILL."""

GIVE_UP = 30.0
"""Seconds until a process that survives SIGKILL is left to its kernel."""

READY_SECONDS = 300.0
POSTGRES = ("postgres", "setpriv")

Answer = TypeVar("Answer")


class ProgramFailedError(RuntimeError):
    """A program ended or did not get ready; the message names its log and shows the end of it."""


def marked_environment(folder: Path) -> dict[str, str]:
    """This process's environment for programs of a folder, without what belongs to Airflow."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "SHIPMENT_TRACKING_"))
    } | {
        MARK: str(folder),
        # Else a process that changes its title loses its mark.
        "SPT_NOENV": "1",
        # All is on loopback; and on macOS looking a proxy up after a fork crashes.
        "NO_PROXY": "*",
        "no_proxy": "*",
        "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",
    }


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


class Programs:
    """
    The programs of one folder, each in a session of its own with its log in `logs`.

    They outlive this process; `end_all` finds them again.

    :param environment: for all of them, on top of `marked_environment`.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = marked_environment(folder) | dict(environment)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "logs").mkdir(parents=True, exist_ok=True)

    def log(self, name: str) -> Path:
        """Where the program writes."""
        return self.folder / "logs" / f"{name}.log"

    def start(self, name: str, command: Sequence[str], **environment: str) -> int:
        """Start a command, with more environment if need be; returns its process id."""
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment | environment,
                start_new_session=True,
            )
        return self._running[name].pid

    def run(self, name: str, command: Sequence[str], **environment: str) -> None:
        """Run a command to its end."""
        self.start(name, command, **environment)
        status = self._running.pop(name).wait()
        if status:
            raise self._failed(name, status)

    def check(self) -> None:
        """
        Do nothing as long as all run.

        :raises ProgramFailedError: one has ended.
        """
        for name, running in self._running.items():
            if (status := running.poll()) is not None:
                raise self._failed(name, status)

    def wait_for(
        self, what: str, ask: Callable[[], Answer | None], seconds: float = READY_SECONDS
    ) -> Answer:
        """
        Ask until there is an answer; to be out of reach is none.

        :raises ProgramFailedError: a program ended, or time is up.
        """
        deadline = time.monotonic() + seconds
        trouble = ""
        while time.monotonic() < deadline:
            try:
                if (answer := ask()) is not None:
                    return answer
            except OSError as error:
                trouble = f" ({error})"
            self.check()
            time.sleep(0.2)
        logs = self.folder / "logs"
        raise ProgramFailedError(f"{what}: not after {seconds:.0f} s{trouble}; logs are in {logs}")

    def forget(self, name: str) -> None:
        """Wait until it has ended; from now on nobody misses it."""
        self._running.pop(name).wait()

    def end(self) -> None:
        """End all that carry the folder's mark, and those started here that have lost it."""
        for running in self._running.values():
            running.terminate()
        end_all(self.folder)
        for running in self._running.values():
            try:
                running.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
        self._running.clear()

    def _failed(self, name: str, status: int) -> ProgramFailedError:
        log = self.log(name)
        end = log.read_text(encoding="utf-8", errors="replace")[-LAST_CHARACTERS:].strip()
        return ProgramFailedError(f"{name} ended with status {status}, see {log}:\n{end}")


def marked(folder: Path) -> list[psutil.Process]:
    """The living processes that carry a folder's mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == str(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def end_all(folder: Path, *, postgres_too: bool = False) -> int:
    """
    End every process that carries a folder's mark; returns how many there were.

    :param postgres_too: also servers, which are better stopped by `PrivatePostgres`.
    :raises ProgramFailedError: some cannot be ended.
    """
    began = time.monotonic()
    asked: set[psutil.Process] = set()
    while found := {
        process for process in marked(folder) if postgres_too or not _is_postgres(process)
    }:
        waited = time.monotonic() - began
        if waited > GIVE_UP:
            pids = sorted(process.pid for process in found)
            raise ProgramFailedError(f"these processes cannot be ended: {pids}")
        for process in found if waited > PATIENCE else found - asked:
            with suppress(psutil.NoSuchProcess):
                (process.kill if waited > PATIENCE else process.terminate)()
        asked |= found
        psutil.wait_procs(found, timeout=0.2)
    return len(asked)


def _is_postgres(process: psutil.Process) -> bool:
    try:
        return process.name() in POSTGRES
    except psutil.Error:
        return False


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether one may listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
