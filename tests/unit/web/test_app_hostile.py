"""Hostile ids and texts stay text: in pages, in statements, in exports."""

import pytest

from tests import factories

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(1)>{{7*7}}"""
IDS = ["0", "-1", "1.5", "abc", "1%00", "9" * 40, "%27%20or%201=1--", "1;drop", "١", "%F0%9F%93%A6"]


def assert_harmless(text: str) -> None:
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text
    assert "49" not in text.partition("&lt;script&gt;")[2][:60]


def test_texts_of_others_are_escaped_everywhere(client, warehouse, at):
    order_id = factories.order(warehouse, last_error=HOSTILE, account=HOSTILE)
    factories.erp_row(
        warehouse,
        order_id,
        erp_key=HOSTILE,
        account=HOSTILE,
        latest_trace=HOSTILE,
        waybill_nos=HOSTILE,
    )
    shipment_id = factories.shipment(
        warehouse, order_id, account=HOSTILE, waybill_no=HOSTILE, carrier_name=HOSTILE
    )
    factories.trace_event(
        warehouse, shipment_id, "in_transit", at(), description=HOSTILE, city=HOSTILE
    )
    factories.insert(
        warehouse,
        "circuit",
        account=HOSTILE,
        opened_at=at(),
        failures=1,
        reason=HOSTILE,
    )

    for path in (f"orders/{order_id}", "orders", "board", "health"):
        assert_harmless(client().get(path).text)


def test_what_was_typed_is_escaped(client):
    assert_harmless(client().get("", params={"q": HOSTILE}).text.replace("SCRIPT", "script"))


@pytest.mark.parametrize("value", IDS)
@pytest.mark.parametrize("path", ["orders/{}", "orders/1/replies/{}", "acts/poll_next/{}"])
def test_an_id_that_is_none_is_refused(client, story, path, value):
    reply = client().get(path.format(value))

    assert reply.status_code in (404, 422)
    assert "Traceback" not in reply.text


@pytest.mark.parametrize(
    "typed", ["\0", "a\0b", "9" * 5000, "\ud83d\ude00", "'; drop table x; --", "\u202e123"]
)
def test_any_typed_text_has_an_answer(client, story, typed):
    from urllib.parse import quote

    encoded = quote(typed.encode("utf-8", "surrogatepass"))

    assert client().get(f"?q={encoded}").status_code == 200
    assert client().get(f"api/orders/{encoded or 'x'}").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "sort=erp_key;drop table x",
        "scope=%00&status=%00&age=%00&account=%00",
        "page=-1",
        "page=99999999999999999999",
        "page=%D9%A1",
        "down=yes&sort=",
        "account=' or '1'='1",
    ],
)
def test_any_filter_has_an_answer(client, story, query):
    for path in ("orders", "orders.csv", "notices", "notices.csv"):
        assert client().get(f"{path}?{query}").status_code == 200


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "page.css%00", "words.csv", "x"])
def test_only_files_for_the_browser_are_served(client, name):
    assert client().get(f"static/{name}").status_code == 404


def test_no_cell_of_an_export_is_a_formula(client, warehouse):
    order_id = factories.order(warehouse)
    for number, text in enumerate(("=1+1", "+1", "-1", "@x", "\t=1", " =1", "正常")):
        factories.erp_row(warehouse, order_id, number, erp_key=f"K{number}", latest_trace=text)

    lines = client().get("orders.csv?sort=key").text.splitlines()

    traces = [line.split(",")[7] for line in lines[1:]]
    assert traces == ["'=1+1", "'+1", "'-1", "'@x", "'\t=1", "' =1", "正常"]
    assert lines[0].startswith("\ufefferp_key,")
