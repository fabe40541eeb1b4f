"""The sandbox from the command line."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from sandbox.__main__ import COMMANDS, main
from sandbox.defaults import ACCOUNTS

ROOT = Path(__file__).parents[3]


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)


def test_the_erp_is_filled_as_of_a_time(capsys, tmp_path):
    url = f"sqlite:///{tmp_path / 'erp.db'}"
    command = ["erp", "--url", url, "--orders", "20", "--start", "2026-03-02"]

    assert main([*command, "--at", "2026-03-02T00:00"]) == 0
    assert main([*command, "--at", "2026-03-09T00:00+08:00"]) == 0

    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        shipped = connection.scalar(text("select count(*) from erp_order where status = 'SHIPPED'"))
    assert shipped >= 50
    assert "rows written" in capsys.readouterr().out


@pytest.mark.server
def test_the_platform_serves_until_it_is_told_to_stop():
    command = [sys.executable, "-m", "sandbox", "platform", "--port", "0", "--orders", "5"]
    command += ["--clock", "2026-03-02T08:00+08:00", "--speed", "0"]
    with subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        now = requests.get(f"{url}/clock", timeout=5).json()["now"]
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()

    assert now == "2026-03-02T00:00:00+00:00"
    assert [line.split()[0] for line in rest.splitlines()[2:-1]] == list(ACCOUNTS)
    assert process.returncode == 0


@pytest.mark.server
def test_a_private_postgres_starts_and_stops(capsys, tmp_path):
    folder = ["--folder", str(tmp_path / "postgres"), "--fast"]
    try:
        assert main(["postgres", "start", *folder, "--database", "erp"]) == 0
        assert capsys.readouterr().out.strip().endswith("/erp")
        assert main(["postgres", "stop", *folder]) == 0
    finally:
        assert main(["postgres", "remove", *folder]) == 0
    assert not (tmp_path / "postgres").exists()


@pytest.mark.server
def test_the_platform_keeps_an_erp_in_step_with_its_world(tmp_path):
    url = f"sqlite:///{tmp_path / 'erp.db'}"
    command = [sys.executable, "-m", "sandbox", "platform", "--port", "0", "--orders", "20"]
    command += ["--start", "2026-03-02", "--clock", "2026-03-02T00:00", "--erp", url]
    count = text("select count(*) from erp_order where status = 'SHIPPED'")
    engine = create_engine(url, poolclass=NullPool)
    with subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        platform = process.stdout.readline().split()[1]
        with engine.connect() as connection:
            before = connection.scalar(count)
        requests.post(f"{platform}/control/clock", json={"advance": 24 * 60}, timeout=5)
        deadline = time.monotonic() + 30
        shipped = before
        while shipped == before and time.monotonic() < deadline:
            time.sleep(0.2)
            with engine.connect() as connection:
                shipped = connection.scalar(count)
        process.send_signal(signal.SIGINT)
        process.stdout.read()

    assert 0 < before < shipped
