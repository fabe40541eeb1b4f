"""The tokens of the stand-in for 1688 end, and are replaced."""

import pytest

from sandbox.platform_1688 import INFOS, OAUTH, Platform1688


@pytest.fixture
def short_lived(sandbox):
    """The tokens live for ten hours of the sandbox's clock."""
    sandbox.platform = Platform1688(sandbox.world, sandbox.clock, sandbox.apps)


@pytest.mark.usefixtures("short_lived")
def test_a_token_ends_after_ten_hours_of_the_sandboxs_clock(call, clock, story):
    order_id = story("signed_by_self").order_id
    clock.advance(minutes=599)
    assert call(INFOS, order_id).status_code == 200

    clock.advance(minutes=1)
    assert call(INFOS, order_id).status_code == 401


def test_a_replaced_token_works_and_the_old_one_does_not(call, sandbox, story):
    order_id = story("signed_by_self").order_id

    pair = sandbox.replace_token("platform_1688")

    assert call(INFOS, order_id).status_code == 401
    assert call(INFOS, order_id, access_token=pair["access_token"]).status_code == 200


@pytest.mark.usefixtures("short_lived")
def test_a_refresh_token_gives_a_new_access_token(call, clock, sandbox, session, story):
    order_id = story("signed_by_self").order_id
    given = sandbox.connection("platform_1688")
    url = f"{sandbox.url}/openapi/http/1/system.oauth2/{OAUTH}/{given['login']}"
    form = {
        "grant_type": "refresh_token",
        "client_id": given["login"],
        "client_secret": given["password"],
        "refresh_token": given["extra"]["refresh_token"],
    }
    clock.advance(minutes=601)
    assert call(INFOS, order_id).status_code == 401

    reply = session.post(url, data=form, timeout=5).json()

    assert reply["expires_in"] == "36000"
    assert call(INFOS, order_id, access_token=reply["access_token"]).status_code == 200
    refused = session.post(url, data=form | {"refresh_token": "wrong"}, timeout=5)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
