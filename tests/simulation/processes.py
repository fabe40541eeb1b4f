"""Steps at work in processes of their own, as the driver of the simulation sees them."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROGRAM = Path(__file__).with_name("step_server.py")


@dataclass(eq=False, slots=True)
class Process:
    """
    One try of a task.

    :param started, ended: monotonic seconds.
    :param expects: the errors that are no news in the present trouble.
    :param may_die: it was told to kill itself at some commit, should it come that far.
    :param killed: it got SIGKILL, stopped: it got SIGSTOP, some time.
    :param thaw_from, thaw_at: monotonic seconds from which on it may get SIGCONT, and at which it
        gets it at the latest; thawed: when it got it.
    :param judged: its failure, if any, was looked at.
    """

    number: int
    round: int
    run_id: str
    step: str
    account: str
    started: float
    expects: frozenset[str] = frozenset()
    may_die: bool = False
    ended: float | None = None
    result: Any = None
    error: str = ""
    text: str = ""
    killed: bool = False
    stopped: bool = False
    thaw_from: float = 0.0
    thaw_at: float | None = None
    thawed: float | None = None
    judged: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def ended_well(self) -> bool:
        """It returned, and nobody had interfered."""
        return self.over.is_set() and not (self.error or self.killed or self.stopped)

    def __str__(self) -> str:
        return f"{self.step} of {self.account or 'all'} for {self.run_id}"


class Processes:
    """
    Starts and signals processes through one server, which is forked from itself each time.

    Who stands still for long enough goes on by himself, so that nobody waits for ever for what he
    holds; but while ``nobody_thaws`` is held.

    :param environment: for the steps, on top of this process's own.
    :param log: file for what the steps say.
    :param queries: folder of statements that the steps use instead of the shipped ones.
    """

    def __init__(self, environment: dict[str, str], log: Path, queries: Path | None = None) -> None:
        self.all: list[Process] = []
        self._numbers = count(1)
        self._lock = threading.Lock()
        self.nobody_thaws = threading.RLock()
        self._closed = threading.Event()
        with log.open("wb") as said:
            self._server = subprocess.Popen(
                [sys.executable, str(PROGRAM), *([str(queries)] if queries else [])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env=os.environ | environment,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._ready = threading.Event()
        self._reader.start()
        self._thawer = threading.Thread(target=self._thaw_in_time, daemon=True)
        self._thawer.start()
        if not self._ready.wait(60):
            self.close()
            raise RuntimeError(f"the steps' server does not start: {log.read_text()}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(
        self,
        order: dict[str, Any],
        *,
        round: int,
        expects: frozenset[str],
    ) -> Process:
        """Begin to run a step."""
        with self._lock:
            process = Process(
                next(self._numbers),
                round,
                order["run"]["run_id"],
                order["step"],
                order.get("lane", ""),
                time.monotonic(),
                expects,
                bool(order["dies_at_commit"]),
            )
            self.all.append(process)
            self._send(order | {"number": process.number})
        return process

    def kill(self, process: Process) -> None:
        """End it like a machine that lost its power."""
        process.killed = True
        self._signal(process, signal.SIGKILL)

    def stop(self, process: Process, *, least: float, most: float) -> None:
        """Let it stand still for some seconds: for longer than others believe in it."""
        process.stopped = True
        process.thaw_from = time.monotonic() + least
        process.thaw_at = time.monotonic() + most
        self._signal(process, signal.SIGSTOP)

    def thaw(self, *, last_round: int = 0) -> None:
        """Let those go on who stood still long enough; of rounds up to this, as soon as allowed."""
        with self._lock:
            due = [
                process
                for process in self.all
                if process.thaw_at is not None
                and time.monotonic()
                >= (process.thaw_from if process.round <= last_round else process.thaw_at)
            ]
            for process in due:
                process.thaw_at, process.thawed = None, time.monotonic()
        for process in due:
            self._signal(process, signal.SIGCONT)

    def at_work(self, *, last_round: int) -> list[Process]:
        """Those that are not over; of those that stand still only the ones up to a round."""
        with self._lock:
            return [
                process
                for process in self.all
                if not process.over.is_set()
                and (process.thaw_at is None or process.round <= last_round)
            ]

    def wait(self, process: Process, seconds: float) -> bool:
        """Whether it is over within some seconds."""
        until = time.monotonic() + seconds
        while not process.over.wait(min(0.05, max(0.0, until - time.monotonic()))):
            if time.monotonic() >= until:
                return False
        return True

    def close(self) -> None:
        """Kill the server and everything that it started."""
        self._closed.set()
        self._thawer.join()
        if self._server.returncode is None:
            # Also when the server itself is gone: until it is waited for, its group keeps its id.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._server.pid, signal.SIGKILL)
        self._server.wait()
        self._reader.join()
        for pipe in (self._server.stdin, self._server.stdout):
            if pipe is not None:
                pipe.close()

    def _thaw_in_time(self) -> None:
        while not self._closed.wait(0.05):
            with self.nobody_thaws:
                self.thaw()

    def _signal(self, process: Process, which: signal.Signals) -> None:
        with self._lock:
            self._send({"number": process.number, "signal": which})

    def _send(self, order: dict[str, Any]) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(order).encode() + b"\n")
        self._server.stdin.flush()

    def _read(self) -> None:
        assert self._server.stdout is not None
        for line in self._server.stdout:
            if not line.endswith(b"\n"):
                break  # killed while it wrote
            said = json.loads(line)
            if "ready" in said:
                self._ready.set()
                continue
            process = self.all[said["number"] - 1]
            process.result = said.get("result")
            process.error = said.get("error", "")
            process.text = said.get("text", "")
            if said["signal"] == signal.SIGKILL and process.may_die:
                process.killed = True
            if said["signal"] and not process.killed:
                process.error = f"signal {said['signal']}"
            process.ended = time.monotonic()
            process.over.set()
        for process in self.all:
            process.over.set()
