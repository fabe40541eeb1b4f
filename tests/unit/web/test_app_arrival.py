"""When a parcel is expected, on what that rests, and whether it is late; nothing when unknown."""

import csv
import io

import pytest
from sqlalchemy import text

from shipment_tracking.domain.eta import COLLECTED_BY_BUYER, STAGES
from shipment_tracking.domain.statuses import Status

LATE = "later than expected"
UNKNOWN = "update tracking.shipment_eta set eta_p50 = null, eta_p90 = null, eta_basis = null"


@pytest.fixture
def parcel(client, story):
    """The parcel as the JSON has it."""

    def ask() -> dict:
        (order,) = client().get("api/orders/SO1").json()["orders"]
        return {name: order["parcels"][0][name] for name in ("eta_p50", "eta_p90", "is_late")}

    return ask


def test_the_story_says_when_and_on_what_it_rests(client, story):
    page = client().get(f"orders/{story['order']}").text
    chinese = client(language="zh").get(f"orders/{story['order']}").text

    assert "2026-03-03 08:00" in page
    assert "2026-03-04 08:00" in page
    assert "YTO, in transit: 43 parcels signed 2026-01-01 to 2026-03-01" in page
    assert "YTO，运输中：2026-01-01 至 2026-03-01 签收的 43 个包裹" in chinese
    assert LATE not in page


def test_lists_json_and_csv_say_when(client, story, parcel):
    listed = client().get("orders").text
    exported = csv.DictReader(io.StringIO(client().get("orders.csv").text.removeprefix("\ufeff")))

    assert "2026-03-04 08:00" in listed
    assert parcel() == {
        "eta_p50": "2026-03-03T00:00:00Z",
        "eta_p90": "2026-03-04T00:00:00Z",
        "is_late": False,
    }
    (row,) = exported
    assert (row["eta_p90"], row["is_late"]) == ("2026-03-04T00:00:00+00:00", "False")
    (order,) = client().get("api/orders/SO1").json()["orders"]
    assert order["erp_rows"][0]["eta_p90"] == "2026-03-04T00:00:00Z"
    assert order["parcels"][0]["eta_basis"].startswith("YTO, in_transit: 43 parcels")


def test_what_was_expected_first_decides_what_is_late(client, story, parcel, execute, at):
    execute("update tracking.shipment_eta set expected_by = :then", then=at(hours=-1))

    assert parcel()["is_late"]
    assert LATE in client().get(f"orders/{story['order']}").text
    assert LATE in client().get("orders").text


def test_what_waits_for_its_buyer_is_not_late(client, story, parcel, execute, at):
    execute("update tracking.shipment set status = 'ready_for_pickup'")
    execute(
        "update tracking.shipment_eta set status = 'ready_for_pickup', expected_by = :then",
        then=at(hours=-1),
    )

    assert not parcel()["is_late"]
    assert LATE not in client().get("orders").text


@pytest.mark.parametrize(
    "change",
    [
        UNKNOWN,
        "update tracking.shipment set status = 'signed'",
        "update tracking.erp_row set signed_at = now()",
        "update tracking.order_shipment set superseded_at = now()",
    ],
)
def test_nothing_is_shown_when_nothing_is_known(client, story, parcel, execute, change):
    execute(change)

    page = client().get(f"orders/{story['order']}").text

    assert parcel() == {"eta_p50": None, "eta_p90": None, "is_late": False}
    assert "Half signed by" not in page
    assert "Estimated from" not in page
    assert "2026-03-04 08:00" not in page + client().get("orders").text


@pytest.mark.parametrize("status", Status)
def test_the_warehouse_knows_which_parcels_can_be_late(warehouse, status):
    query = text("select tracking.late_from(:status, 'epoch') is not null")
    with warehouse.connect() as connection:
        can_be_late = connection.execute(query, {"status": str(status)}).scalar_one()

    assert can_be_late == (STAGES.get(status, COLLECTED_BY_BUYER) != COLLECTED_BY_BUYER)
