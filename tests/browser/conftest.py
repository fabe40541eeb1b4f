"""A newly installed Airflow, in shadow mode with its DAGs paused, and a browser to use it with."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import (
    NoSuchElementException,
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from sandbox.airflow_api import AirflowApi
from sandbox.postgres import PrivatePostgres
from sandbox.programs import free_port

SECONDS = 240.0
QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en-US",
    "--window-size=1400,1700",
)


def wait_until(true: Callable[[], Any], seconds: float = SECONDS, pause: float = 0.2) -> Any:
    """What a question answers, once that is something; it is asked again after a pause."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if answer := true():
                return answer
        except (NoSuchElementException, StaleElementReferenceException):
            pass
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(pause)


@dataclass
class Stack:
    """An Airflow on the sandbox."""

    url: str
    folder: Path
    platform: str
    api: AirflowApi
    erp: Engine
    warehouse: Engine

    def ends(self, dag_id: str, *, runs: int) -> list[dict[str, Any]]:
        """The runs of a DAG, newest first, once there are so many and all have ended."""

        def ended() -> list[dict[str, Any]]:
            found = self.api.runs(dag_id)
            is_over = all(run["state"] in ("success", "failed") for run in found)
            return found if len(found) >= runs and is_over else []

        return list(wait_until(ended, 240, pause=1))

    def returned(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """What a task returned."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries"
        return self.api.call("GET", f"{path}/return_value?deserialize=true")["value"]

    def log_of(self, dag_id: str, run_id: str, task_id: str) -> list[dict[str, Any]]:
        """The lines of a task's log."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/1"
        return list(self.api.call("GET", path)["content"])


@dataclass
class Browser:
    """A browser that is logged in."""

    driver: webdriver.Chrome
    url: str

    def open(self, path: str) -> None:
        """Go to a page."""
        self.driver.get(self.url + path)

    def leave(self) -> None:
        """Show nothing: Airflow's pages ask for news all the time, which slows down what runs."""
        self.driver.get("about:blank")

    def find(self, css: str) -> WebElement:
        """The first visible element of a selector."""
        return self._visible(By.CSS_SELECTOR, css)

    def button(self, text: str, *, row: str = "") -> WebElement:
        """A visible button by a part of its text or label, in a table's row that holds this."""
        condition = f"contains(normalize-space(.), '{text}') or @aria-label='{text}'"
        place = f"//tr[.//text()='{row}']" if row else ""
        return self._visible(By.XPATH, f"{place}//button[{condition}]")

    def option(self, text: str) -> WebElement:
        """An option of an open list, which may still be loading, by a part of its text."""
        return self._visible(By.XPATH, f"//*[@role='option'][contains(., '{text}')]")

    def reads(self, text: str) -> str:
        """The page's text, once it holds this one."""
        return str(wait_until(lambda: text in self.text() and self.text()))

    def text(self) -> str:
        """The page's text."""
        return self.driver.find_element(By.TAG_NAME, "body").text

    def photograph(self, name: str) -> None:
        """Keep a picture of the page where SCREENSHOTS says, if it does."""
        if folder := os.environ.get("SCREENSHOTS"):
            self.driver.save_screenshot(str(Path(folder) / f"{name}.png"))

    def _visible(self, by: str, what: str) -> WebElement:
        def visible() -> WebElement | None:
            found = self.driver.find_elements(by, what)
            return next((each for each in found if each.is_displayed()), None)

        element: WebElement = wait_until(visible)
        return element


@pytest.fixture(scope="session")
def chromium() -> tuple[str, str]:
    """The browser and its driver, as Debian names them."""
    found = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not all(found):
        missing = "apt-get install chromium chromium-driver"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found  # type: ignore[return-value]


@pytest.fixture(scope="package")
def stack(chromium: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("up")
    port = free_port()

    def sandbox(*arguments: str) -> str:
        command = [sys.executable, "-m", "sandbox", *arguments, "--folder", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    try:
        said = sandbox("up", "--shadow", "--port", str(port), "--orders", "20")
        (platform,) = re.findall(r"^platform +(http://[\d.:]+)", said, re.M)
        url = f"http://127.0.0.1:{port}"
        yield Stack(
            url,
            folder,
            platform,
            AirflowApi(url, "admin", "admin"),
            create_engine(f"sqlite:///{folder / 'erp.db'}", poolclass=NullPool),
            create_engine(
                PrivatePostgres(folder / "postgres").create_database("warehouse"),
                poolclass=NullPool,
            ),
        )
    finally:
        sandbox("down")
        PrivatePostgres(folder / "postgres").remove()


@contextmanager
def logged_in(chromium: tuple[str, str], url: str, name: str) -> Iterator[Browser]:
    """A browser in which a user, whose password is the name, is logged in."""
    options = webdriver.ChromeOptions()
    options.binary_location, driver_path = chromium
    for argument in QUIET:
        options.add_argument(argument)
    try:
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_path))
    except WebDriverException as error:
        pytest.fail(f"chromium does not start: {error.msg}")
    try:
        found = Browser(driver, url)
        found.open("/")
        found.find("input[name=username]").send_keys(name)
        found.find("input[name=password]").send_keys(name)
        found.find("button[type=submit]").click()
        found.reads("Welcome")
        yield found
    finally:
        driver.quit()


@pytest.fixture(scope="package")
def browser(chromium: tuple[str, str], stack: Stack) -> Iterator[Browser]:
    with logged_in(chromium, stack.url, "admin") as found:
        yield found
