"""What the clients make of an error of the router."""

import pytest

from shipment_tracking.errors import (
    AuthError,
    PlatformBugError,
    QuotaError,
    RejectedError,
    ReplyError,
    RetryableError,
    TokenError,
    UnmappedError,
)
from shipment_tracking.platforms.router import errors as router_errors
from shipment_tracking.platforms.router.traces import read_traces

from .answers import KNOWN, ORDER

ERRORS: dict[str, type[Exception]] = {
    "7": QuotaError,
    "429": QuotaError,
    "10": RetryableError,
    "25": AuthError,
    "26": TokenError,
    "27": TokenError,
    "401": TokenError,
    "29": AuthError,
    "11": AuthError,
    "22": PlatformBugError,
    "31": PlatformBugError,
    "40": PlatformBugError,
    "41": RejectedError,
    "9001": UnmappedError,
}


@pytest.mark.parametrize(("code", "error"), ERRORS.items())
@pytest.mark.parametrize("form", ["client", "shop"])
@pytest.mark.parametrize("spelled", [int, str])
def test_an_error_says_what_to_do(form, spelled, code, error, talker, request):
    talker.says({"error_response": {"code": spelled(code), "msg": "no"}})

    with pytest.raises(error) as raised:
        request.getfixturevalue(form).fetch_traces(ORDER, KNOWN)

    assert type(raised.value) is error
    assert raised.value.code == code


def test_every_rule_is_tried():
    known = {code for rule in router_errors.ERRORS for code in rule.codes}

    assert known >= ERRORS.keys() - {"9001"}
    assert {rule.raises for rule in router_errors.ERRORS} == {*ERRORS.values()} - {UnmappedError}


@pytest.mark.parametrize(
    ("http_status", "body", "error"),
    [
        (429, {}, QuotaError),
        (401, {"message": "no"}, TokenError),
        (503, {"message": "no"}, RetryableError),
        (200, {"result": None}, RetryableError),
        (200, {}, RetryableError),
    ],
)
def test_an_answer_of_no_known_form_is_judged_by_its_http_status(
    http_status, body, error, client, talker
):
    talker.says(body, http_status)

    with pytest.raises(error) as raised:
        client.fetch_parcels(ORDER)

    assert type(raised.value) is error


@pytest.mark.parametrize("order_id", ["SO-1", "", "12 3", "１２３"])
@pytest.mark.parametrize("form", ["client", "shop"])
def test_an_order_id_that_is_no_number_is_never_asked_for(form, order_id, talker, request):
    opened = request.getfixturevalue(form)

    for ask in (opened.fetch_parcels, opened.fetch_traces):
        with pytest.raises(RejectedError, match="correct it in the ERP"):
            ask(order_id)
    assert talker.asked == []


@pytest.mark.parametrize(
    "body",
    [
        {"traces": [{}]},
        {"traces": [None]},
        {"traces": None},
        {"orders": [{"order_id": "1", "status": "9"}]},
    ],
)
def test_a_stored_reply_that_breaks_the_dialect_cannot_be_read(body):
    with pytest.raises(ReplyError):
        read_traces(body)
