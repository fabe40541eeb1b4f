"""What the client makes of an error of TOP."""

from datetime import UTC, datetime, timedelta

import pytest

from shipment_tracking.errors import (
    AuthError,
    PlatformBugError,
    QuotaError,
    RejectedError,
    RetryableError,
    TokenError,
    UnmappedError,
)
from shipment_tracking.platforms.taobao.api import PARCELS
from shipment_tracking.platforms.taobao.errors import read_answer

from .answers import NO_PACKAGE, ORDER, recorded


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        ({"code": 15, "sub_code": "isp.item-update-service-error:GENERIC_FAILURE"}, RetryableError),
        ({"code": 15, "sub_code": "isv.trade-not-exist"}, RejectedError),
        ({"code": "15", "sub_code": "isv.logistics-trace-service-error:B04"}, RejectedError),
        ({"code": 50, "sub_code": "isv.permission-ip-whitelist-limit"}, AuthError),
        (NO_PACKAGE["error_response"], AuthError),
        ({"code": 7, "sub_code": "accesscontrol.limited-by-dynamic-access-count"}, QuotaError),
        ({"code": 4}, QuotaError),
        ({"code": 29, "msg": "Invalid app Key"}, AuthError),
        ({"code": 15}, UnmappedError),
        ({"code": 99, "sub_code": "ism.demo-error"}, UnmappedError),
        ({}, RetryableError),
    ],
)
def test_a_code_of_no_recorded_reply(refusal, kind):
    with pytest.raises(kind) as raised:
        read_answer(200, {"error_response": refusal})

    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("codes", "sub_code", "kind"),
    [
        ("7", "accesscontrol.limited-by-app-access-count", QuotaError),
        ("7", "accesscontrol.limited-by-api-access-count", QuotaError),
        ("7", "accesscontrol.limited-by-app-api-access-count", QuotaError),
        ("7", "accesscontrol.limited-by-dynamic-access-count", QuotaError),
        ("4 8", "", QuotaError),
        ("10", "", RetryableError),
        ("15 50", "isp.remote-service-error", RetryableError),
        ("15 50", "isp.top-remote-connection-timeout", RetryableError),
        ("15 50", "isp.remote-connection-error", RetryableError),
        ("15 50", "isp.http-connection-timeout", RetryableError),
        ("530 15 50", "isp.system-busy", RetryableError),
        ("15 50", "isp.call-limited", RetryableError),
        ("15 50", "isv.logistics-offline-service-error:B04", RejectedError),
        ("24 25 28 29", "", AuthError),
        ("26", "", TokenError),
        ("27", "session-expired", TokenError),
        ("27", "invalid-sessionkey", TokenError),
        ("30 31 21 22 23 32 33 34 40 42 43", "", PlatformBugError),
        ("41", "", RejectedError),
        ("11 12 13 53", "", AuthError),
    ],
)
def test_every_documented_code_has_its_consequence(codes, sub_code, kind):
    for code in codes.split():
        with pytest.raises(kind) as raised:
            read_answer(200, {"error_response": {"code": int(code), "sub_code": sub_code}})
        assert type(raised.value) is kind


def test_a_wrong_clock_and_an_ended_session_say_what_to_do():
    with pytest.raises(PlatformBugError, match="correct this machine's time"):
        read_answer(200, recorded("top_err_31_invalid_timestamp")["body"])
    with pytest.raises(TokenError, match="session is missing, expired or revoked"):
        read_answer(200, recorded("top_err_27_session_expired")["body"])


def test_an_error_tells_the_connection_and_no_secret(client, gateway, talker):
    talker.says(recorded("top_err_27_session_expired")["body"])

    with pytest.raises(AuthError, match=f"^platform_taobao: {PARCELS}: the session") as raised:
        client.fetch_parcels(ORDER)

    (_, form) = talker.asked[0]
    for secret in (gateway.account.access_token, gateway.account.app_secret, form["sign"]):
        assert secret not in f"{raised.value!s}{raised.value!r}"


def test_a_ban_for_the_day_is_told_at_once_and_not_tried_again(client, talker):
    talker.says(recorded("top_err_7_app_daily_quota")["body"])

    with pytest.raises(QuotaError) as raised:
        client.fetch_parcels(ORDER)

    # A second try would only hear from our own quota that nobody may call.
    assert raised.value.code == "accesscontrol.limited-by-app-access-count"
    assert len(talker.asked) == 1
    assert raised.value.until - datetime.now(UTC) > timedelta(seconds=31000)


def test_an_unmapped_code_is_tried_again_and_counted_by_name(client, talker):
    talker.says({"error_response": {"code": 15, "sub_code": "ism.demo-error", "msg": "?"}})

    with pytest.raises(UnmappedError):
        client.fetch_parcels(ORDER)

    (usage,) = client.drain_usage()
    assert (usage.outcome, usage.calls) == ("unmapped ism.demo-error", 3)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"ok": True}, 200),
        ({"logistics_orders_get_response": None}, 200),
        ({"request_id": "r"}, 502),
    ],
)
def test_what_is_neither_an_answer_nor_an_error_is_tried_again(body, status):
    with pytest.raises(RetryableError):
        read_answer(status, body)
