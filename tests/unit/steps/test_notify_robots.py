"""Notices reach a chat robot through the outbox, at its rate and in the language of its group."""

import json
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from sandbox.robots import PATHS, SECRET, Robot
from shipment_tracking.channels.port import Destination
from shipment_tracking.channels.registry import destinations
from shipment_tracking.errors import ChannelRefusedError


@pytest.fixture
def robot(httpserver: HTTPServer) -> Robot:
    """A strict bot of Feishu, which takes 100 messages a minute."""
    strict = Robot("feishu")

    def handle(request: Request) -> Response:
        answer = strict.answer(request.path, request.args, request.get_data())
        return Response(json.dumps(answer), content_type="application/json")

    httpserver.expect_request(PATHS["feishu"]).respond_with_handler(handle)
    return strict


def group(httpserver: HTTPServer, **fields: Any) -> Destination:
    listed = {"type": "feishu", "url": httpserver.url_for(PATHS["feishu"]), "secret": SECRET}
    (destination,) = destinations("ops", [listed | fields])
    return destination


def test_a_group_reads_each_change_as_markdown(ship, change, notify, robot, httpserver):
    for number in (1, 2):
        change(ship(number), "out_for_delivery")

    assert notify(group(httpserver, language="en", digest=False))["sent"] == 2

    assert sorted(text.split("\n\n> ")[0] for text in robot.texts) == [
        "**Out for delivery**\n\nSO1, 圆通速递 YT1",
        "**Out for delivery**\n\nSO2, 圆通速递 YT2",
    ]


def test_a_wrong_secret_is_told_with_what_to_correct(
    ship, change, notify, robot, httpserver, select
):
    for number in (1, 2, 3):
        change(ship(number), "out_for_delivery")

    with pytest.raises(ChannelRefusedError, match="2 notices are pending, 1 are dead") as caught:
        notify(group(httpserver, secret="SECanother"))

    assert "19021 (sign match fail" in str(caught.value)
    assert "correct secret, or this machine's time; not tried again" in str(caught.value)
    assert select("count(*) from analytics.notifications where state = 'dead'") == [(1,)]
    assert notify(group(httpserver))["sent"] == 2
