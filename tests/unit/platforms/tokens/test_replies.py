"""How the platforms' answers to a renewal are read."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shipment_tracking.errors import RetryableError, TokenError
from shipment_tracking.platforms.ali1688 import oauth as ali1688_oauth
from shipment_tracking.platforms.taobao import oauth as taobao_oauth

from .calls import START

REPLIES = Path(__file__).parents[3] / "replies"


def recorded(name: str) -> dict[str, Any]:
    return json.loads((REPLIES / f"{name}.json").read_text(encoding="utf-8"))


def test_the_lives_of_a_pair_are_read_in_all_their_spellings():
    body = recorded("1688_oauth_token_ok")["body"]

    pair = ali1688_oauth.read_refresh(200, body, START)

    assert pair.expires_at == START + timedelta(hours=10)
    assert pair.refresh_expires_at == datetime(2026, 10, 14, 12, 3, 39, tzinfo=UTC)
    older = ali1688_oauth.read_refresh(
        200, body | {"refresh_token_timeout": "20121222222222+0800"}, START
    )
    assert older.refresh_expires_at == datetime(2012, 12, 22, 14, 22, 22, tzinfo=UTC)


@pytest.mark.parametrize("end", ["2026-12-22 25:00:00", "soon", "", None])
def test_a_pair_is_not_lost_over_an_end_that_cannot_be_read(end):
    body = recorded("1688_oauth_token_ok")["body"] | {"refresh_token_timeout": end}

    pair = ali1688_oauth.read_refresh(200, body, START)

    assert pair.access_token
    assert pair.refresh_expires_at is None


def test_a_renewal_may_leave_the_refresh_token_out():
    pair = ali1688_oauth.read_refresh(200, recorded("1688_oauth_refresh_ok")["body"], START)

    assert pair.access_token == "a2222222-b0b1-4f73-a5de-9bed637e0188"
    assert (pair.refresh_token, pair.refresh_expires_at) == (None, None)


def test_a_refused_renewal_has_an_envelope_of_its_own():
    reply = recorded("1688_oauth_invalid_grant")

    with pytest.raises(TokenError, match="refresh token expired"):
        ali1688_oauth.read_refresh(reply["_http_status"], reply["body"], START)


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (ali1688_oauth.read_refresh, {"expires_in": "36000"}),
        (taobao_oauth.read_refresh, {"top_auth_token_refresh_response": {"token_result": "{"}}),
        (taobao_oauth.read_refresh, {"top_auth_token_refresh_response": {"request_id": "r"}}),
    ],
)
def test_an_answer_without_a_token_is_passing_trouble(read, body):
    with pytest.raises(RetryableError):
        read(200, body, START)
