"""One table a dialect says what a platform's error code asks of us."""

from datetime import UTC, datetime, timedelta

import pytest

from shipment_tracking.errors import (
    AuthError,
    PersonNeededError,
    QuotaError,
    RejectedError,
    RetryableError,
    UnmappedError,
)
from shipment_tracking.platforms.ali1688 import errors as ali1688_errors
from shipment_tracking.platforms.refusals import BAD_ORDER_ID, Rule, error_of
from shipment_tracking.platforms.router import errors as router_errors
from shipment_tracking.platforms.taobao import errors as taobao_errors

EVENING = datetime(2026, 9, 18, 14, 30, tzinfo=UTC)  # half past ten at night in Beijing
RULES = (
    Rule(("7",), QuotaError, sub_code="day", until_midnight=True),
    Rule(("7",), QuotaError, wait=2),
    Rule((), AuthError, "buy the package", sub_code="isv.permission"),
    Rule(("15", "50"), RejectedError, sub_code="isv.", final=True),
)


def refused(code: str, message: str = "no", sub_code: str = ""):
    return error_of(RULES, code, message, sub_code=sub_code, request_id="r1", now=EVENING)


def test_the_first_rule_that_matches_decides():
    assert type(refused("15", sub_code="isv.permission-ip")) is AuthError
    assert type(refused("50", sub_code="isv.anything:B04")) is RejectedError
    assert type(refused("7")) is QuotaError


def test_an_error_names_code_request_and_advice_before_the_message():
    error = refused("15", "no package", "isv.permission-ip")

    assert str(error) == "buy the package (no package) (code isv.permission-ip, request r1)"
    assert refused("7").code == "7"


def test_what_is_final_stays_final():
    assert refused("15", sub_code="isv.x").final is True


@pytest.mark.parametrize(("code", "sub_code"), [("15", ""), ("15", "isp.x"), ("99", "isv.x")])
def test_a_code_that_no_rule_knows_is_passing_and_keeps_its_name(code, sub_code):
    error = refused(code, sub_code=sub_code)

    assert type(error) is UnmappedError
    assert error.code == (sub_code or code)


def test_an_error_without_any_code_has_no_name_to_be_counted_by():
    assert type(refused("")) is RetryableError


def test_a_wait_is_the_messages_own_and_a_second_or_else_the_rules():
    assert refused("7", "This ban will last for 30 more seconds").retry_after == 31
    assert refused("7", "too fast").retry_after == 2
    assert refused("7").until is None


def test_a_daily_ban_ends_at_midnight_in_beijing_unless_told():
    silent = refused("7", sub_code="day")
    told = refused("7", "This ban will last for 60 more seconds", "day")

    assert silent.until == datetime(2026, 9, 18, 16, tzinfo=UTC)
    assert silent.retry_after == 90 * 60
    assert told.until == EVENING + timedelta(seconds=61)


@pytest.mark.parametrize(
    "rules", [ali1688_errors.GATEWAY_ERRORS, taobao_errors.ERRORS, router_errors.ERRORS]
)
def test_n14_what_a_person_must_fix_says_what_to_do(rules):
    silent = [rule for rule in rules if issubclass(rule.raises, PersonNeededError)]

    assert [rule.codes for rule in silent if not rule.advice] == []


@pytest.mark.parametrize("rules", [taobao_errors.ERRORS, router_errors.ERRORS])
def test_n14_an_order_number_that_is_refused_says_where_to_correct_it(rules):
    error = error_of(rules, "41", "Invalid arguments:orderId", now=EVENING)

    assert str(error) == f"{BAD_ORDER_ID} (Invalid arguments:orderId) (code 41)"
