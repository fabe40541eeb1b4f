"""What proves a signature."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shipment_tracking.domain.evidence import PlatformWord, Scan, Verdict, judge
from shipment_tracking.platforms.router.traces import read_traces

from .answers import KNOWN, ORDER, SIGNED, TRANSIT, trace

ANSWERED_AT = datetime(2026, 3, 3, 3, 0, tzinfo=UTC)  # an hour after the sign


def verdict(client, talker, *nodes: dict[str, Any], **result: Any) -> Verdict:
    """What the platform's answer makes of a parcel that was in transit."""
    talker.says(trace(*nodes, **result))
    (parcel,) = read_traces(client.fetch_traces(ORDER, KNOWN))
    trail = [
        Scan(
            event.occurred_at or ANSWERED_AT,
            event.position,
            event.status,
            event.sign_kind,
            event.event_hash,
            True,
        )
        for event in parcel.events
    ]
    word = (
        PlatformWord(parcel.platform_status, parcel.platform_code, ANSWERED_AT, ANSWERED_AT)
        if parcel.platform_status and parcel.platform_code
        else None
    )
    return judge(trail, word, "in_transit")


def test_sign_proves_a_sign_and_the_scan_tells_when_and_who(client, talker):
    found = verdict(client, talker, TRANSIT, SIGNED, signStatus="SIGN")

    assert (found.status, found.confirmed, found.sign_kind) == ("signed", True, "self")
    assert found.signed_at == datetime(2026, 3, 3, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize("sign_status", ["UNSIGN", None, "TELEPORTED"])
def test_a_text_alone_never_proves_a_sign(sign_status, client, talker):
    found = verdict(client, talker, TRANSIT, SIGNED, signStatus=sign_status)

    assert (found.status, found.confirmed, found.sign_kind) == ("signed", False, "text")


def test_unsign_is_no_trouble_but_a_parcel_that_is_not_signed_yet(client, talker):
    assert verdict(client, talker, TRANSIT, signStatus="UNSIGN").status == "in_transit"


@pytest.mark.parametrize("nodes", [(TRANSIT,), (), (TRANSIT, TRANSIT | {"desc": "快件已揽收"})])
def test_without_a_scan_of_the_sign_its_time_is_the_sign_time(nodes, client, talker):
    found = verdict(client, talker, *nodes, signStatus="SIGN", signTime="2026-03-03 09:59:00")

    assert (found.status, found.confirmed, found.sign_kind) == ("signed", True, "platform")
    assert found.signed_at == datetime(2026, 3, 3, 1, 59, tzinfo=UTC)


def test_a_sign_time_beside_a_scan_of_the_sign_adds_no_event(client, talker):
    talker.says(trace(TRANSIT, SIGNED, signStatus="SIGN", signTime="2026-03-03 09:59:00"))

    (parcel,) = read_traces(client.fetch_traces(ORDER, KNOWN))

    assert len(parcel.events) == 2


def test_a_sign_without_any_time_counts_from_its_detection(client, talker):
    found = verdict(client, talker, signStatus="SIGN")

    assert (found.status, found.confirmed) == ("signed", True)
    assert found.signed_at == ANSWERED_AT


def test_a_sign_after_a_return_means_that_the_sender_has_it(client, talker):
    back = TRANSIT | {"desc": "收件人拒收，快件退回中"}

    found = verdict(client, talker, back, signStatus="SIGN", signTime="2026-03-03 09:59:00")

    assert found.status == "returned"
