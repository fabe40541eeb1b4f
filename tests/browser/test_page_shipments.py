"""The page "Shipments" in Airflow's UI, as an editor and as a viewer use it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from sqlalchemy import Engine, text

from sandbox.up import VIEWER
from shipment_tracking.steps import create_tables
from tests import factories

from .conftest import Browser, logged_in, wait_until

TABLES = text(
    "select string_agg('tracking.' || tablename, ', ') from pg_tables"
    " where schemaname = 'tracking' and tablename <> 'schema_version'"
)


class Page:
    """The page inside its frame; whatever is asked is asked there."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def open(self, path: str = "/plugin/shipments") -> None:
        self.browser.driver.switch_to.default_content()
        self.browser.open(path)
        self.reads("Shanghai time")

    def reads(self, wanted: str) -> str:
        """The frame's text once it holds this one."""

        def text_of_frame() -> str:
            driver = self.browser.driver
            driver.switch_to.default_content()
            driver.switch_to.frame(driver.find_element(By.TAG_NAME, "iframe"))
            found = self.browser.text()
            return found if wanted in found else ""

        return str(wait_until(text_of_frame))

    def link(self, named: str) -> None:
        """Follow a link by its text."""
        self.browser.driver.find_element(By.PARTIAL_LINK_TEXT, named).click()

    def script(self, command: str) -> Any:
        return self.browser.driver.execute_script(command)

    @property
    def address(self) -> str:
        """What stands in the browser's address bar."""
        return str(self.script("return window.top.location.pathname + window.top.location.search"))


@pytest.fixture(scope="module")
def warehouse(stack: Any) -> Iterator[Engine]:
    """The stack's warehouse with a stalled parcel of order 291; empty again at the end."""
    engine = stack.warehouse
    create_tables.run(engine)
    now = datetime.now(UTC)
    order_id = factories.order(engine, status="in_transit", next_poll_at=now + timedelta(hours=9))
    factories.erp_row(
        engine,
        order_id,
        status="in_transit",
        shipped_at=now - timedelta(days=4),
        latest_trace="快件已到达测试转运中心",
        latest_trace_at=now - timedelta(days=3),
    )
    shipment_id = factories.shipment(engine, order_id, status="in_transit")
    factories.insert(
        engine, "shipment_waybill", shipment_id=shipment_id, waybill_no="YT1", first_seen_at=now
    )
    factories.trace_event(
        engine,
        shipment_id,
        "in_transit",
        now - timedelta(days=3),
        description="快件已到达测试转运中心<script>document.title='gone'</script>",
        decided_by="model",
    )
    factories.insert(
        engine,
        "stall",
        shipment_id=shipment_id,
        stage="in_transit",
        since=now - timedelta(days=3),
        threshold_hours=72,
        opened_at=now,
    )
    yield engine
    with engine.begin() as connection:
        names = connection.execute(TABLES).scalar_one()
        connection.exec_driver_sql(f"truncate {names}")


@pytest.fixture(scope="module")
def page(browser: Browser, warehouse: Engine) -> Iterator[Page]:
    """The page of an editor."""
    yield Page(browser)
    browser.driver.switch_to.default_content()


@pytest.fixture(scope="module")
def viewer(chromium: tuple[str, str], stack: Any, warehouse: Engine) -> Iterator[Page]:
    """The page of a viewer."""
    with logged_in(chromium, stack.url, VIEWER) as found:
        yield Page(found)


def acts(engine: Engine) -> list[tuple[str, str, str]]:
    with engine.connect() as connection:
        rows = connection.execute(text("select actor, kind, reason from tracking.act order by 1"))
        return [tuple(row) for row in rows]


def test_the_menu_leads_from_the_board_to_a_parcel(page: Page) -> None:
    page.browser.driver.switch_to.default_content()
    page.browser.open("/")
    page.browser.button("Browse").click()
    page.browser.find("a[href$='/plugin/shipments']").click()
    page.reads("Needs attention")
    page.browser.photograph("page_board")

    page.link("Stalled")
    page.reads("1 rows")
    page.link("SO1")
    story = page.reads("Timeline")

    assert "快件已到达测试转运中心<script>" in story
    assert "read by model" in story
    page.browser.photograph("page_story")


def test_an_address_of_the_page_can_be_reloaded(page: Page) -> None:
    page.open()
    page.link("Orders")
    page.reads("Export CSV")
    wait_until(lambda: page.address.endswith("/shipments/orders"))

    page.browser.driver.switch_to.default_content()
    page.browser.driver.refresh()

    assert "SO1" in page.reads("Export CSV")


@pytest.mark.parametrize("typed", ["YT1", "291", "SO1"])
def test_a_search_leads_to_the_story(page: Page, typed: str) -> None:
    page.open()
    page.link("Search")
    page.reads("last digits")
    page.browser.find("input[name=q]").send_keys(typed, Keys.ENTER)

    assert "Parcel YT1" in page.reads("Timeline")


def test_the_dag_has_the_page_as_a_tab(page: Page) -> None:
    page.open("/dags/sync_shipments/plugin/shipments_of_dag")

    page.reads("Needs attention")
    page.browser.photograph("page_tab")


@pytest.mark.parametrize(
    "path", ["/plugin/shipments", "/dags/sync_shipments/plugin/shipments_of_dag"]
)
def test_a_list_is_downloaded_from_within_the_frame(page: Page, path: str, tmp_path: Path) -> None:
    saving = {"behavior": "allow", "downloadPath": str(tmp_path)}
    page.browser.driver.execute_cdp_cmd("Browser.setDownloadBehavior", saving)
    page.open(path)
    page.link("Orders")
    page.reads("Export CSV")
    page.link("Export CSV")

    (file,) = wait_until(lambda: list(tmp_path.glob("*.csv")))

    assert file.name == "orders_open.csv"
    assert "SO1" in file.read_text(encoding="utf-8")


def test_an_editor_acts_with_a_reason_and_a_record(page: Page, warehouse: Engine) -> None:
    page.open()
    page.link("Stalled")
    page.reads("1 rows")
    page.link("SO1")
    page.reads("Acknowledge the stall")
    page.link("Acknowledge the stall")
    page.reads("Reason")
    page.browser.photograph("page_confirm")
    page.browser.find("input[name=reason]").send_keys("carrier was called", Keys.ENTER)

    story = page.reads("Done and recorded")
    assert "Acknowledged by" in story
    assert "carrier was called" in story
    assert acts(warehouse) == [("admin", "acknowledge_stall", "carrier was called")]


def test_a_viewer_sees_all_and_may_not_act(viewer: Page, warehouse: Engine) -> None:
    before = acts(warehouse)
    viewer.open()
    viewer.link("Open")
    viewer.reads("1 rows")
    viewer.link("SO1")
    story = viewer.reads("Timeline")
    assert "Stop tracking" not in story

    viewer.browser.open("/shipments/acts/stop_tracking/1")

    assert "You may not do this" in viewer.browser.text()
    assert acts(warehouse) == before


def test_the_language_is_switched_and_stays(viewer: Page) -> None:
    viewer.open()
    viewer.link("中文")
    viewer.reads("需要关注")
    viewer.browser.photograph("page_board_zh")

    viewer.link("图表")
    viewer.reads("近 30 天每日发货与签收")
    viewer.link("English")
    viewer.reads("Shipped and signed a day")


def test_the_page_is_dark_when_airflow_is(viewer: Page) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    viewer.open()
    viewer.script("localStorage.setItem('theme', 'light')")
    viewer.open()
    light = viewer.script(ground)

    viewer.script(
        "localStorage.setItem('theme', 'dark');"
        "window.dispatchEvent(new StorageEvent('storage', {key: 'theme'}))"
    )

    assert light == "rgb(255, 255, 255)"
    assert viewer.script(ground) == "rgb(22, 28, 43)"
    viewer.script("localStorage.removeItem('theme')")


def test_the_keyboard_alone_reaches_a_parcel(viewer: Page) -> None:
    driver = viewer.browser.driver

    def press(*keys: str) -> None:
        for key in keys:
            ActionChains(driver).send_keys(key).perform()

    viewer.browser.open("/shipments/board")
    press(Keys.TAB)
    assert driver.switch_to.active_element.text == "Skip to content"
    press(Keys.TAB, Keys.ENTER)
    field = viewer.browser.find("input[name=q]")
    for _ in range(20):
        if driver.switch_to.active_element == field:
            break
        press(Keys.TAB)
    outline = viewer.script("return getComputedStyle(document.activeElement).outlineStyle")
    press(*"YT1", Keys.ENTER)

    assert "Parcel YT1" in viewer.browser.reads("Timeline")
    assert outline == "solid"


@pytest.mark.parametrize("path", ["board", "orders", "health", "charts", "notices", "?q=YT1"])
def test_nothing_is_wider_than_a_phone(viewer: Page, path: str) -> None:
    driver = viewer.browser.driver
    size = {"width": 380, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        viewer.browser.open(f"/shipments/{path}")
        assert viewer.script("return document.documentElement.scrollWidth") <= 380
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_nothing_breaks_the_policy_of_the_page(viewer: Page) -> None:
    viewer.browser.driver.get_log("browser")

    for path in ("board", "orders", "health", "charts", "?q=YT1"):
        viewer.browser.open(f"/shipments/{path}")

    messages = [entry["message"] for entry in viewer.browser.driver.get_log("browser")]
    assert [each for each in messages if "favicon" not in each] == []


def test_without_a_login_the_frame_says_so_and_does_not_loop(viewer: Page) -> None:
    viewer.browser.driver.delete_all_cookies()

    viewer.browser.open("/shipments/board")

    assert "Please log in to Airflow" in viewer.browser.text()
    assert viewer.browser.driver.current_url.endswith("/shipments/board")
