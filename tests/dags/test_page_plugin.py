"""Airflow finds the page once, whichever way the package got there."""

import json
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from shipment_tracking.errors import ConnectionFieldError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def loaded(airflow_database: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Airflow's plugins and their views, looked for anew in a folder."""
    from airflow import plugins_manager, settings

    def load(folder: Path) -> tuple[list[Any], list[dict[str, Any]]]:
        clear()
        monkeypatch.setattr(settings, "PLUGINS_FOLDER", str(folder))
        plugins, errors = plugins_manager._get_plugins()
        assert errors == {}
        return plugins, plugins_manager._get_ui_plugins()[0]

    def clear() -> None:
        plugins_manager._get_plugins.cache_clear()
        plugins_manager._get_ui_plugins.cache_clear()

    yield load
    clear()


def sources(plugins: list[Any]) -> list[str]:
    return [str(each.source) for each in plugins if each.name == "shipment_tracking"]


def test_a_copied_file_registers_the_page_once(loaded: Callable[..., Any]) -> None:
    plugins, _ = loaded(ROOT / "plugins")

    assert sources(plugins) == ["$PLUGINS_FOLDER/shipment_tracking_plugin.py"]


def test_an_installed_package_registers_it_without_a_file(
    loaded: Callable[..., Any], tmp_path: Path
) -> None:
    plugins, _ = loaded(tmp_path)

    (source,) = sources(plugins)
    assert source.startswith("shipment-tracking==")


def test_the_package_names_its_entry_point() -> None:
    (found,) = entry_points(group="airflow.plugins", name="shipment_tracking")

    assert found.value == "shipment_tracking.web.plugin:INSTALLED"


def test_the_page_is_in_the_menu_and_a_tab_of_the_dag(loaded: Callable[..., Any]) -> None:
    _, views = loaded(ROOT / "plugins")

    found = {view["destination"]: view["href"] for view in views if view["name"] == "Shipments"}
    # An address that begins with a slash would leave the prefix of [api] base_url.
    assert found == {"nav": "shipments/board", "dag": "shipments/board"}


def test_the_engine_stays_until_its_connection_changes(
    airflow_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shipment_tracking.web.plugin import Warehouse

    def connect_to(host: str) -> None:
        fields = json.dumps({"conn_type": "postgres", "host": host})
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DB", fields)

    warehouse = Warehouse()
    connect_to("one.test")
    first = warehouse()
    assert warehouse() is first

    connect_to("two.test")

    assert warehouse().url.host == "two.test"


def test_a_missing_connection_is_named(
    airflow_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shipment_tracking.web.plugin import Warehouse

    monkeypatch.delenv("AIRFLOW_CONN_WAREHOUSE_DB")

    with pytest.raises(ConnectionFieldError, match="connection warehouse_db: not defined"):
        Warehouse()()
