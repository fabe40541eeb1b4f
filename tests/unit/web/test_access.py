"""Forms are accepted only from the person to whom they were given, for half a day."""

import pytest

from shipment_tracking.web.access import FORM_SECONDS, FormTokens, User

EDDA, OLAF = User("edda", may_act=True), User("olaf", may_act=True)


def test_a_token_is_valid_for_its_user_only():
    tokens = FormTokens(b"a")

    assert tokens.is_valid(tokens.issue(EDDA), EDDA)
    assert not tokens.is_valid(tokens.issue(EDDA), OLAF)


def test_every_process_with_the_secret_takes_the_token():
    assert FormTokens(b"a").is_valid(FormTokens(b"a").issue(EDDA), EDDA)


def test_a_token_of_another_secret_is_not_valid():
    assert not FormTokens(b"a").is_valid(FormTokens(b"b").issue(EDDA), EDDA)


def test_a_token_ends():
    seconds = [0.0]
    tokens = FormTokens(b"a", clock=lambda: seconds[0])
    token = tokens.issue(EDDA)

    seconds[0] = FORM_SECONDS + 1

    assert not tokens.is_valid(token, EDDA)


@pytest.mark.parametrize("token", ["", ".", "1", "9999999999.", "x.y", "9" * 5000, "é.é", "1.\0"])
def test_what_is_not_a_token_is_refused(token):
    assert not FormTokens(b"a").is_valid(token, EDDA)


def test_a_later_end_needs_another_signature():
    tokens = FormTokens(b"a", clock=lambda: 0)
    _, _, signature = tokens.issue(EDDA).partition(".")

    assert not tokens.is_valid(f"99999999999.{signature}", EDDA)
