"""What leaves the list is closed only on good proof."""

from collections.abc import Callable
from typing import Any

import pytest

from shipment_tracking.errors import (
    ClosureRefusedError,
)
from shipment_tracking.web import acts
from shipment_tracking.web.access import User

from .erp_list import order, parcel_of


def test_a_row_that_leaves_the_list_is_closed_and_its_order_polled_no_more(
    listing, extract, rows, select, at
):
    listing(order(1), order(2))
    extract()
    listing(order(2))
    extract(at(minutes=30))

    assert (rows()["SO1"].closed_at, rows()["SO1"].close_reason) == (at(minutes=30), "left_erp")
    assert select("platform_order_id from tracking.tracked_order where closed_at is null") == [
        (order(2)["platform_order_id"],)
    ]
    assert rows()["SO2"].closed_at is None


def test_an_order_with_another_open_row_stays_open(listing, extract, select):
    listing(order(1, platform_order_id="29"), order(2, platform_order_id="29"))
    extract()
    listing(order(2, platform_order_id="29"))
    extract()

    assert select("closed_at from tracking.tracked_order") == [(None,)]


def test_closing_clears_the_stall_and_takes_waiting_notices_back(
    listing, extract, execute, select, at
):
    listing(order(1), order(2))
    extract()
    parcel_of(execute, "SO1", "LP1")
    parcel_of(execute, "SO2", "LP2")
    listing(order(2))

    extract(at(minutes=30))

    assert select(
        "consignment_id, state, notification.reason, cleared_at from tracking.notification"
        " inner join tracking.stall using (shipment_id)"
        " inner join tracking.shipment using (shipment_id) order by consignment_id"
    ) == [("LP1", "suppressed", "closed", at(minutes=30)), ("LP2", "pending", "in_transit", None)]


def test_a_parcel_of_another_open_order_keeps_its_stall_and_notice(
    listing, extract, execute, select
):
    listing(order(1), order(2))
    extract()
    parcel_of(execute, "SO1", "LP1")
    execute(
        "insert into tracking.order_shipment (order_id, shipment_id, first_seen_at)"
        " select order_id, shipment_id, now() from tracking.erp_row, tracking.shipment"
        " where erp_key = 'SO2'"
    )
    listing(order(2))

    extract()

    assert select(
        "state, cleared_at from tracking.notification inner join tracking.stall using (shipment_id)"
    ) == [("pending", None)]


@pytest.fixture
def listed(listing, extract) -> Callable[[int], None]:
    """Let the ERP list so many orders, which are tracked by then."""

    def start(count: int) -> None:
        listing(*(order(number, platform_order_id=f"29{number}") for number in range(count)))
        extract()

    return start


def shorter(count: int, by: int) -> list[dict[str, Any]]:
    return [order(number, platform_order_id=f"29{number}") for number in range(by, count)]


@pytest.mark.parametrize(
    ("count", "leaving", "closes"),
    [
        (60, 50, True),  # most of them, but only 50
        (60, 51, False),
        (255, 51, True),  # 51, but only a fifth
        (254, 51, False),
    ],
)
def test_too_many_leaving_at_once_close_nothing_and_fail(
    count, leaving, closes, listed, listing, extract, open_keys
):
    listed(count)
    listing(*shorter(count, by=leaving))

    if closes:
        extract()
    else:
        with pytest.raises(ClosureRefusedError, match=rf"^{leaving} of {count} open orders are no"):
            extract()

    assert len(open_keys()) == (count - leaving if closes else count)


def test_rows_that_are_closed_already_may_leave_in_any_number(
    listed, listing, extract, execute, open_keys
):
    listed(60)
    execute("update tracking.erp_row set closed_at = now() where erp_key <> 'SO59'")
    listing(*shorter(60, by=59))

    extract()

    assert open_keys() == {"SO59"}


def test_rows_that_were_never_tracked_may_leave_in_any_number(listing, extract, open_keys):
    unknown = [
        order(number, platform_order_id=f"29{number}", account="nobody")
        for number in range(100, 300)
    ]
    listing(*shorter(60, by=0), *unknown)
    extract()
    assert len(open_keys()) == 260

    listing(*shorter(60, by=0))
    extract()

    assert len(open_keys()) == 60


def test_a_refused_closure_takes_over_everything_else(listed, listing, extract, rows, select):
    listed(60)
    listing(order(99))

    with pytest.raises(ClosureRefusedError, match="accept_closures = true"):
        extract()

    assert "SO99" in rows()
    noted = [said for (said,) in select("closures_refused from tracking.run order by started_at")]
    assert noted[0] == ""
    assert "no longer in the ERP's list" in noted[1]


def test_a_closure_that_a_person_accepts_happens(listed, listing, extract, open_keys):
    listed(60)
    listing(order(99))

    extract(accept_closures=True)

    assert open_keys() == {"SO99"}


def test_an_empty_list_closes_nothing_while_rows_are_open(listing, extract, open_keys):
    listing(order())
    extract()
    listing()

    with pytest.raises(ClosureRefusedError, match=r"1 of 1 open orders .*0 rows"):
        extract()
    assert open_keys() == {"SO1"}

    extract(accept_closures=True)
    assert open_keys() == set()


def test_an_empty_list_is_fine_while_nothing_is_open(listing, extract):
    listing()

    assert extract() == []


def test_a_run_for_one_account_closes_nothing_and_leaves_the_others_alone(
    listing, extract, open_keys, rows
):
    listing(order(1), order(2, account="platform_1688_east"))
    extract()
    listing(order(3), order(4, account="platform_1688_east"))

    extract(only_account="platform_1688")

    assert open_keys() == {"SO1", "SO2", "SO3"}
    assert "SO4" not in rows()


def test_rows_whose_parcels_are_signed_may_leave_however_many_they_are(
    listing, extract, rows, execute
):
    listing(*(order(number) for number in range(80)))
    extract()
    execute(
        "update tracking.erp_row set sign_event = gen_random_uuid(), signed_at = now()"
        " where erp_key <> 'SO0'"
    )
    listing(order(0))

    extract()

    closed = {key: row.close_reason for key, row in rows().items() if row.closed_at}
    assert closed == {f"SO{number}": "signed" for number in range(1, 80)}


@pytest.mark.parametrize(
    ("signed", "state"),
    [(False, ("suppressed", "closed")), (True, ("pending", "signed"))],
)
def test_only_what_closes_unsigned_takes_its_waiting_notices_along(
    signed, state, listing, extract, execute, select
):
    listing(order(1), order(2))
    extract()
    execute(
        "with parcel as ("
        "    insert into tracking.shipment (account, consignment_id)"
        "    values ('platform_1688', 'LP1')"
        "    returning shipment_id"
        "), link as ("
        "    insert into tracking.order_shipment (order_id, shipment_id, first_seen_at)"
        "    select order_id, shipment_id, now() from tracking.erp_row, parcel"
        "    where erp_key = 'SO1'"
        ") insert into tracking.notification (event_id, shipment_id, reason, state, created_at)"
        " select gen_random_uuid(), shipment_id, 'signed', 'pending', now() from parcel"
    )
    if signed:
        execute("update tracking.erp_row set sign_event = gen_random_uuid() where erp_key = 'SO1'")
    listing(order(2))

    extract()

    assert select("state, reason from tracking.notification") == [state]


def test_a_row_that_comes_back_is_open_and_due_at_once(listing, extract, rows, select, at):
    listing(order(1), order(2))
    extract()
    listing(order(2))
    extract(at(minutes=30))
    listing(order(1), order(2))
    extract(at(minutes=60))

    assert (rows()["SO1"].closed_at, rows()["SO1"].close_reason) == (None, None)
    assert select(
        "closed_at, ask_parcels_at, next_poll_at from tracking.tracked_order"
        " where platform_order_id = :id",
        id=order(1)["platform_order_id"],
    ) == [(None, at(minutes=60), at(minutes=60))]


def test_a_row_we_closed_ourselves_stays_closed_while_it_stays_in_the_list(
    listing, extract, execute, rows, select, at
):
    listing(order(1), order(2))
    extract()
    execute(
        "update tracking.erp_row set closed_at = :now, close_reason = 'too_old'"
        " where erp_key = 'SO1'",
        now=at(minutes=1),
    )

    extract(at(minutes=30))
    listing(order(1, erp_stamp="stamp-2"), order(2))
    extract(at(minutes=60))

    assert (rows()["SO1"].closed_at, rows()["SO1"].close_reason) == (at(minutes=1), "too_old")

    listing(order(2))
    extract(at(minutes=90))
    listing(order(1), order(2))
    extract(at(minutes=120))

    assert rows()["SO1"].closed_at is None


def test_a_list_of_which_no_row_can_be_tracked_closes_nothing(listing, extract, open_keys):
    listing(order(1), order(2))
    extract()
    listing(order(1, erp_key="SO9"), order(2, erp_key="SO9"))

    with pytest.raises(ClosureRefusedError, match=r"2 of 2 open orders .* \(0 rows that can be"):
        extract()

    assert {"SO1", "SO2"} <= open_keys()


def test_a_row_that_a_user_stopped_stays_closed_until_it_is_resumed(
    listing, extract, rows, select, warehouse, at
):
    listing(order(1))
    extract()
    (order_id,) = select("order_id from tracking.tracked_order")[0]
    editor = User("edda", may_act=True)
    acts.act(warehouse, editor, "stop_tracking", order_id, "lost", now=at(minutes=10))
    listing(order(1, erp_stamp="stamp-2"))
    extract(at(minutes=30))

    assert rows()["SO1"].close_reason == "stopped"
    assert select("closed_at from tracking.tracked_order") == [(at(minutes=30),)]

    acts.act(warehouse, editor, "resume_tracking", order_id, "found", now=at(minutes=40))
    extract(at(minutes=60))

    assert rows()["SO1"].closed_at is None
    assert select("closed_at, next_poll_at from tracking.tracked_order") == [(None, at(minutes=60))]
