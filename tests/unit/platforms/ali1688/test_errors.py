"""What the client makes of an error of 1688."""

import json
from pathlib import Path
from typing import Any

import pytest

from shipment_tracking.errors import (
    AuthError,
    PlatformBugError,
    QuotaError,
    RetryableError,
    TokenError,
    UnmappedError,
)
from shipment_tracking.platforms.ali1688.errors import raise_for_gateway

from .orders import ORDER

REPLIES = Path(__file__).parents[3] / "replies"


def recorded(name: str) -> dict[str, Any]:
    return json.loads((REPLIES / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("status", [200, 400])
def test_the_code_decides_whatever_the_http_status_is(status, client, talker):
    talker.says(recorded("1688_err_token_401")["body"], status)

    with pytest.raises(AuthError, match="authorise the account again"):
        client.fetch_parcels(ORDER)


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ("401", TokenError),
        ("gw.APIACLDecline", AuthError),
        ("gw.SignatureInvalid gw.SignatureMissing", AuthError),
        ("gw.AppKeyNotFound gw.AppKeyMissing", AuthError),
        ("gw.APIUnsupported gw.ParamMissing", PlatformBugError),
        ("gw.QosAppFrequencyLimit", QuotaError),
        ("gw.SomethingNew", UnmappedError),
    ],
)
def test_every_documented_code_of_the_gateway_has_its_consequence(codes, kind):
    for code in codes.split():
        with pytest.raises(kind) as raised:
            raise_for_gateway({"error_code": code, "error_message": "said"})
        assert type(raised.value) is kind


@pytest.mark.parametrize(
    "body",
    [
        {"success": False, "errorCode": "isp.busy", "errorMessage": "系统繁忙"},
        {"success": "false", "errorMessage": "系统繁忙"},
        {"errorCode": "isp.busy"},
        {"errorMessage": "系统繁忙"},
        {"errorMsg": "系统繁忙"},
        {"success": 0, "errorCode": "0", "errorMessage": "系统繁忙"},
        {"success": True, "errorCode": "isp.busy"},
    ],
)
def test_an_unknown_business_error_is_tried_again_and_then_told(body, client, talker):
    talker.says(body)

    with pytest.raises(RetryableError):
        client.fetch_traces(ORDER)
    assert len(talker.asked) == 3


@pytest.mark.parametrize(
    "told",
    [
        {"success": 1},
        {"success": "1", "errorCode": 0},
        {"success": "TRUE", "errorCode": "200", "errorMessage": "OK"},
        {"errorCode": "0", "errorMessage": "成功"},
        {"errorCode": "SUCCESS", "errorMsg": "success"},
        {"success": True, "errorCode": None, "errorMessage": ""},
    ],
)
def test_an_answer_that_calls_itself_good_in_another_way_is_good(told, client, talker):
    talker.says({"logisticsTrace": [], **told})

    assert client.fetch_traces(ORDER)["logisticsTrace"] == []


def test_an_http_error_is_no_answer_whatever_its_body_says(client, talker):
    talker.says({"success": True}, 500)

    with pytest.raises(RetryableError, match="HTTP 500"):
        client.fetch_parcels(ORDER)
