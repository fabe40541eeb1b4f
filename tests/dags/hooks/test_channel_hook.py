"""Channels come from Airflow connections; a broken field is named and stops no other audience."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import URL

from shipment_tracking.errors import ConnectionFieldError

CHANNEL = {"type": "webhook", "url": "https://hooks.example/HIDDEN-token", "secret": "HIDDEN"}


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, airflow_database: URL) -> Callable[..., None]:
    """Defines the connection of an audience with these channels."""

    def define(audience: str, *channels: Any, conn_type: str = "generic", **extra: Any) -> None:
        found = {"conn_type": conn_type, "extra": {"channels": list(channels)} | extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_NOTIFY_{audience.upper()}", json.dumps(found))

    return define


def test_each_channel_of_an_audience_becomes_a_destination(connect: Callable[..., None]) -> None:
    from shipment_tracking.hooks.channel_hook import ChannelHook

    connect(
        "ops",
        CHANNEL,
        CHANNEL | {"name": "night", "language": "en", "statuses": ["signed", "stalled"]},
    )

    usual, night = ChannelHook("ops").get_conn()

    assert (usual.audience, usual.channel_name, usual.language) == ("ops", "webhook", "zh")
    assert (usual.account, usual.statuses) == (None, None)
    assert (night.channel_name, night.language) == ("night", "en")
    assert night.statuses == ("signed", "stalled")
    assert "HIDDEN" not in repr(usual)


def test_an_accounts_audience_is_told_of_that_account_only(connect: Callable[..., None]) -> None:
    from shipment_tracking.hooks.channel_hook import channels

    connect("platform_1688", CHANNEL)

    (destination,) = channels(["platform_1688", "platform_1688_east"]).destinations

    assert destination.account == destination.audience == "platform_1688"
    assert str(destination) == "connection notify_platform_1688, channel webhook"


def test_no_connection_is_no_channel(airflow_database: URL) -> None:
    from shipment_tracking.hooks.channel_hook import channels

    found = channels(["platform_1688"])

    assert (found.destinations, found.broken) == ([], {})


def test_a_broken_audience_stops_no_other(connect: Callable[..., None]) -> None:
    from shipment_tracking.hooks.channel_hook import channels

    connect("ops", CHANNEL)
    connect("customers", CHANNEL | {"secret": ""})

    found = channels([])

    assert [each.audience for each in found.destinations] == ["ops"]
    assert str(found.broken["customers"]).startswith("connection notify_customers: ")


@pytest.mark.parametrize(
    ("channel", "named"),
    [
        (CHANNEL | {"type": "pigeon"}, "channel 1: type is 'pigeon'; it must be one of webhook"),
        (CHANNEL | {"type": None}, "type is missing"),
        (
            CHANNEL | {"sekret": "HIDDEN"},
            "unknown fields sekret; known are type, url, secret, name",
        ),
        (CHANNEL | {"url": ""}, "channel webhook: url is missing"),
        (CHANNEL | {"url": "hooks.example/HIDDEN"}, "url is not an http or https address"),
        (CHANNEL | {"url": "http://[HIDDEN"}, "url is not an http or https address"),
        (CHANNEL | {"url": "http://h:99999/HIDDEN"}, "url is not an http or https address"),
        (CHANNEL | {"secret": None}, "channel webhook: secret is missing"),
        (CHANNEL | {"name": ""}, "name is ''"),
        (CHANNEL | {"language": "de"}, "language is 'de'; it must be one of zh, en"),
        (
            CHANNEL | {"statuses": ["delivered"]},
            "'delivered' is unknown; known are pending, info_received",
        ),
        (CHANNEL | {"statuses": []}, "statuses is []"),
        (CHANNEL | {"quiet_hours": "22-8"}, "quiet_hours is '22-8'; it must be a span of a day"),
        (CHANNEL | {"quiet_hours": "08:00-08:00"}, "quiet_hours is not a span of a day"),
        (CHANNEL | {"statuses": "signed"}, "statuses is 'signed'"),
        ("webhook", "channel 1 is not an object"),
    ],
)
def test_a_broken_field_is_named_with_its_connection(
    connect: Callable[..., None], channel: Any, named: str
) -> None:
    from shipment_tracking.hooks.channel_hook import ChannelHook

    connect("ops", channel)

    with pytest.raises(ConnectionFieldError, match="connection notify_ops: ") as caught:
        ChannelHook("ops").get_conn()

    assert named in str(caught.value)
    assert "HIDDEN" not in str(caught.value)


def test_two_channels_need_two_names(connect: Callable[..., None]) -> None:
    from shipment_tracking.hooks.channel_hook import ChannelHook

    connect("ops", CHANNEL, CHANNEL)

    with pytest.raises(ConnectionFieldError, match="two channels are named webhook"):
        ChannelHook("ops").get_conn()


@pytest.mark.parametrize(
    "changes", [{"conn_type": "http"}, {"channels": None}, {"channel": [CHANNEL]}, {"channels": {}}]
)
def test_a_connection_of_another_shape_says_how_it_must_be(
    connect: Callable[..., None], changes: dict[str, Any]
) -> None:
    from shipment_tracking.hooks.channel_hook import ChannelHook

    connect("ops", CHANNEL, **changes)

    with pytest.raises(ConnectionFieldError, match=r"generic|extra must be"):
        ChannelHook("ops").get_conn()


@pytest.mark.parametrize(
    ("audience", "url", "allowed"),
    [
        ("customers", "http://hooks.example/x", False),
        ("customers", "https://hooks.example/x", True),
        ("customers", "http://127.0.0.1:8690/x", True),
        ("customers", "http://localhost/x", True),
        ("ops", "http://hooks.example/x", True),
    ],
)
def test_customers_contacts_travel_encrypted_or_not_at_all(
    connect: Callable[..., None], audience: str, url: str, allowed: bool
) -> None:
    from shipment_tracking.hooks.channel_hook import channels

    connect(audience, CHANNEL | {"url": url})

    found = channels([])

    assert bool(found.destinations) is allowed
    if not allowed:
        assert "url must be https" in str(found.broken[audience])


def test_what_the_sandbox_receiver_gives_is_a_good_connection(
    monkeypatch: pytest.MonkeyPatch, airflow_database: URL
) -> None:
    from sandbox.receiver import Receiver
    from shipment_tracking.hooks.channel_hook import channels

    with Receiver("ops", "night") as receiver:
        connection = receiver.connection("ops", "night")
        monkeypatch.setenv("AIRFLOW_CONN_NOTIFY_OPS", json.dumps(connection))

        found = channels([])

    assert [each.channel_name for each in found.destinations] == ["ops", "night"]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://oapi.dingtalk.com/robot/send?access_token=HIDDEN", 'its type is "dingtalk"'),
        ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=HIDDEN", 'its type is "wecom"'),
        ("https://open.feishu.cn/open-apis/bot/v2/hook/HIDDEN", 'its type is "feishu"'),
        ("https://OPEN.larksuite.com./open-apis/bot/v2/hook/HIDDEN", 'its type is "feishu"'),
        ("https://shop.webhook.office.com/webhookb2/HIDDEN", 'its type is "apprise"'),
        (
            "https://prod-1.westeurope.logic.azure.com:443/workflows/HIDDEN",
            'its type is "apprise"',
        ),
        ("https://hooks.slack.com/services/HIDDEN", 'its type is "apprise"'),
    ],
)
def test_f2_a_webhook_to_a_chat_robot_is_refused_with_the_right_type(
    connect: Callable[..., None], url: str, kind: str
) -> None:
    from shipment_tracking.hooks.channel_hook import ChannelHook

    connect("ops", CHANNEL | {"url": url})

    with pytest.raises(ConnectionFieldError, match="is a chat robot") as caught:
        ChannelHook("ops").get_conn()

    assert str(caught.value).endswith(kind)
    assert "HIDDEN" not in str(caught.value)


@pytest.mark.parametrize("host", ["hooks.example", "notdingtalk.com", "open.feishu.cn.example"])
def test_f2_a_receiver_of_ones_own_is_not_taken_for_a_robot(
    connect: Callable[..., None], host: str
) -> None:
    from shipment_tracking.hooks.channel_hook import ChannelHook

    connect("ops", CHANNEL | {"url": f"https://{host}/robot/send"})

    assert len(ChannelHook("ops").get_conn()) == 1


WECHAT = {
    "type": "wechat",
    "app_id": "wx1",
    "app_secret": "HIDDEN",
    "template_id": "template",
    "fields": {"thing1": "short"},
}


@pytest.mark.parametrize(
    ("key", "kind"),
    [("Vdoi2wYxdc2ELDqHrSZKBMuBW8ZFk9YHB8Ab2VvkXtM=", "SharedTokens"), ("", "ProcessTokens")],
)
def test_access_tokens_are_shared_where_they_can_be_encrypted(
    key: str, kind: str, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from shipment_tracking.channels.wechat import WeChat
    from shipment_tracking.hooks.channel_hook import channels

    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", key)
    connect("customers", WECHAT, WECHAT | {"name": "other"})

    first, second = (each.channel for each in channels([]).destinations)

    assert isinstance(first, WeChat)
    assert isinstance(second, WeChat)
    assert type(first.tokens).__name__ == kind
    assert first.tokens is second.tokens
