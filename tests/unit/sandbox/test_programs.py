"""Programs that outlive their starter, and how they are found and ended."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.programs import ProgramFailedError, Programs, end_all, marked, marked_environment

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True);"
    "time.sleep(60)",
]
WITH_A_CHILD = [
    sys.executable,
    "-c",
    "import subprocess, sys;"
    "child = [sys.executable, '-c', 'import time; time.sleep(60)'];"
    "subprocess.Popen(child, start_new_session=True)",
]
RENAMED = [
    sys.executable,
    "-c",
    "import time; from setproctitle import setproctitle; setproctitle('x' * 200);"
    "print('renamed', flush=True); time.sleep(60)",
]


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    started = Programs(tmp_path, {})
    yield started
    started.end()


def wait_for_word(programs: Programs, name: str, word: str) -> None:
    programs.wait_for(word, lambda: word in programs.log(name).read_text() or None, 20)


def test_an_orphan_in_its_own_session_is_found(programs):
    programs.start("parent", WITH_A_CHILD)
    programs.forget("parent")

    assert len(marked(programs.folder)) == 1
    assert end_all(programs.folder) == 1
    assert marked(programs.folder) == []


def test_a_process_that_changes_its_title_keeps_its_mark(programs):
    programs.start("renamed", RENAMED)
    wait_for_word(programs, "renamed", "renamed")

    assert len(marked(programs.folder)) == 1


def test_a_process_that_ignores_the_first_signal_is_killed(programs, monkeypatch):
    monkeypatch.setattr("sandbox.programs.PATIENCE", 0.5)
    programs.start("deaf", DEAF)
    wait_for_word(programs, "deaf", "deaf")

    assert end_all(programs.folder) == 1
    assert marked(programs.folder) == []


def test_the_programs_of_another_folder_are_left_alone(programs, tmp_path):
    other = Programs(tmp_path / "other", {})
    other.start("other", SLEEP)

    end_all(programs.folder)

    other.check()
    other.end()


def test_a_program_that_ended_is_named_with_its_log_and_last_words(programs):
    command = [sys.executable, "-c", "import sys; sys.exit('the port is taken')"]
    programs.start("server", command)

    with pytest.raises(ProgramFailedError, match=r"(?s)server ended with .*server\.log.*taken"):
        programs.wait_for("the server", lambda: None, 20)


def test_a_program_that_is_never_ready_is_given_up(programs):
    programs.start("server", SLEEP)

    with pytest.raises(ProgramFailedError, match="the server: not after 1 s"):
        programs.wait_for("the server", lambda: None, 1)


def test_what_belongs_to_another_airflow_is_not_passed_on(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_HOME", "/srv/airflow")
    monkeypatch.setenv("SHIPMENT_TRACKING_INCLUDE", "/srv/include")

    environment = marked_environment(tmp_path)

    assert not {name for name in environment if name.startswith("AIRFLOW")}
    assert "SHIPMENT_TRACKING_INCLUDE" not in environment


def test_a_process_without_the_mark_is_not_found(programs):
    with subprocess.Popen(SLEEP) as stranger:
        assert stranger.pid not in {process.pid for process in marked(programs.folder)}
        stranger.kill()
