"""The wheel in an environment of its own: DAGs load, the connection type is there."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from sandbox.airflow_home import PROJECT

DAGS = ["prune_warehouse", "replay_traces", "report_daily", "sync_priority", "sync_shipments"]
# What pip and uv say when the packages' index is out of reach.
OFFLINE = ("Could not find a version", "No matching distribution", "Failed to fetch", "dns error")
LOOK = """
import json
from importlib.metadata import version
from pathlib import Path

from airflow import plugins_manager
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

import shipment_tracking
from shipment_tracking.notices.messages import Messages
from shipment_tracking.reports import page, words as report_words
from shipment_tracking.statements import query
from shipment_tracking.web.pages import environment, static, words

assert static("page.css") and words("zh")
assert report_words.words("zh") and page._environment().get_template("report.html")
bag = DagBag("dags")
print(json.dumps({
    "dags": sorted(bag.dags),
    "errors": bag.import_errors,
    "has_type": "ecommerce_platform" in ProvidersManagerTaskRuntime().hooks,
    "mistakes": len(Messages("zh").mistakes),
    "statement": bool(str(query("runs.begin"))),
    "version": version("shipment-tracking"),
    "page": [
        str(each.source) for each in plugins_manager._get_plugins()[0]
        if each.name == "shipment_tracking"
    ],
    "views": [each["href"] for each in plugins_manager._get_ui_plugins()[0]],
    "template": bool(environment().get_template("board.html")),
    "place": str(Path(shipment_tracking.__file__).parent),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this folder."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_the_package_with_its_include_and_no_sandbox(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    include = {
        f"shipment_tracking/{file.relative_to(PROJECT).as_posix()}"
        for file in (PROJECT / "include").rglob("*")
        if file.is_file()
    }

    assert tops == {"shipment_tracking", wheel.name.rsplit("-", 3)[0] + ".dist-info"}
    assert include <= set(names)


def test_the_wheel_works_with_the_locked_versions_alone(wheel: Path, tmp_path: Path) -> None:
    python = environment(tmp_path / "venv", wheel)
    shutil.copytree(PROJECT / "dags", tmp_path / "dags")
    done = subprocess.run(
        [python, "-c", LOOK],
        cwd=tmp_path,
        env=plain_environment() | {"AIRFLOW_HOME": str(tmp_path / "airflow")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["dags"], found["errors"]) == (DAGS, {})
    assert found["has_type"] is True
    assert (found["mistakes"], found["statement"]) == (0, True)
    assert found["views"] == ["shipments/board"] * 2
    (source,) = found["page"]
    assert source.startswith("shipment-tracking==")
    assert found["template"] is True
    assert found["version"] == wheel.name.split("-")[1]
    assert Path(found["place"]).is_relative_to(tmp_path / "venv")
    help_text = subprocess.run(
        [python.parent / "shipment-tracking", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "texts" in help_text


def environment(folder: Path, wheel: Path) -> Path:
    """A new environment with the lock and the wheel; returns its interpreter."""
    python = folder / "bin" / "python"
    uv = shutil.which("uv") or uv_of_our_own(folder.with_name("tools"))
    run(uv, "venv", "--quiet", "--python", sys.executable, str(folder))
    install = (uv, "pip", "install", "--quiet", "--python", str(python))
    run(*install, "--require-hashes", "--requirement", str(PROJECT / "requirements.txt"))
    run(*install, "--no-deps", str(wheel))
    return python


def uv_of_our_own(folder: Path) -> str:
    """What installs a hundred packages in seconds where pip takes minutes."""
    venv.create(folder, with_pip=True)
    run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "uv")
    return str(folder / "bin" / "uv")


def run(*command: str) -> None:
    """Run a command; without an index of packages there is nothing to test."""
    done = subprocess.run(
        command, env=plain_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode and any(sign in done.stderr for sign in OFFLINE):
        missing = f"the packages' index is out of reach: {done.stderr[-300:]}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    assert done.returncode == 0, done.stderr


def plain_environment() -> dict[str, str]:
    """This process's environment without what belongs to Airflow or to this checkout."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "SHIPMENT_TRACKING_", "PYTHON"))
    }
