"""The form of a connection to a platform, filled by hand in a browser."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox.up import ACCOUNTS, QPS, platform_connections

ACCOUNT = "platform_by_hand"


@pytest.fixture(scope="module")
def good(stack: Any) -> dict[str, Any]:
    """The fields of an account that the platform lets in."""
    return platform_connections(stack.platform, QPS)[ACCOUNTS[0]]


@pytest.fixture(scope="module")
def saved(browser: Any, stack: Any, good: dict[str, Any]) -> dict[str, Any]:
    """The connection as Airflow stored it, with every optional field at its default."""
    browser.open("/connections")
    browser.button("Add Connection").click()
    browser.find("input[name=connection_id]").send_keys(ACCOUNT)
    browser.find("[role=dialog] input[role=combobox]").send_keys("E-commerce")
    browser.option("E-commerce").click()
    browser.find("input[name=host]").send_keys(good["host"])
    browser.find("input[name=login]").send_keys(good["login"])
    browser.find("input[name=password]").send_keys(good["password"])
    browser.find("input[name=port]").send_keys(str(urlsplit(good["host"]).port))
    browser.button("Extra Fields").click()
    browser.find("#element_access_token").send_keys(good["extra"]["access_token"])
    browser.photograph("n2_form_filled")
    browser.button("Save").click()
    browser.reads("successfully created")
    browser.photograph("n2_form_saved")
    return dict(stack.api.call("GET", f"/api/v2/connections/{ACCOUNT}"))


def test_n2_the_form_is_saved_with_the_default_of_every_optional_field(
    saved: dict[str, Any],
) -> None:
    extra = json.loads(saved["extra"])

    assert saved["conn_type"] == "ecommerce_platform"
    assert (extra["platform"], extra["dialect"]) == ("1688", "param2")
    assert not extra.get("feed")


def test_n13_the_page_lists_the_connections_of_the_sandbox(browser: Any, stack: Any) -> None:
    browser.open("/connections")
    for conn_id in ("erp_db", "warehouse_db", "notify_ops", *ACCOUNTS):
        browser.reads(conn_id)
    browser.photograph("n13_connections")


def test_n3_the_button_test_works_once_the_form_has_a_port(
    browser: Any, saved: dict[str, Any]
) -> None:
    browser.open("/connections")
    browser.reads(ACCOUNT)
    browser.button("Test Connection", row=ACCOUNT).click()

    browser.reads("Test Connection Successful")
    browser.photograph("n3_test_button")


def test_n3_what_the_button_sends_of_a_stored_connection_is_accepted(
    stack: Any, saved: dict[str, Any]
) -> None:
    fields = ("connection_id", "conn_type", "host", "login", "password", "port", "extra")
    body = {name: saved[name] for name in fields}

    assert stack.api.call("POST", "/api/v2/connections/test", body)["status"] is True
