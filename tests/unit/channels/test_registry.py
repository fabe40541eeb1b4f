"""Every type of channel keeps the same rules: fields, limits, secrecy, documentation."""

import re
from pathlib import Path
from typing import Any

import pytest

from shipment_tracking.channels.fields import need_library
from shipment_tracking.channels.registry import TYPES, destinations
from shipment_tracking.errors import ConnectionFieldError

DOCS = Path(__file__).parents[3] / "docs"
URL = "https://hooks.example/HIDDEN-token?key=HIDDEN-key"
FIELDS: dict[str, dict[str, Any]] = {
    "webhook": {"url": URL, "secret": "HIDDEN-secret"},
    "dingtalk": {
        "url": "https://oapi.dingtalk.com/robot/send?access_token=HIDDEN",
        "secret": "HIDDEN-secret",
    },
    "wecom": {"url": URL},
    "feishu": {"url": "https://hooks.example/hook/HIDDEN-token", "secret": "HIDDEN-secret"},
    "rabbitmq": {
        "url": "amqps://login:HIDDEN-password@mq.example/",
        "routing_key": "shipments",
        "exchange": "",
    },
    "kafka": {
        "servers": "kafka.example:9093",
        "topic": "shipments",
        "security": "tls",
        "login": "shop",
        "password": "HIDDEN-password",
        "mechanism": "PLAIN",
    },
    "apprise": {"url": "json://hooks.example/HIDDEN-token", "per_minute": 20},
    "aliyun_sms": {
        "access_key_id": "HIDDEN-key",
        "access_key_secret": "HIDDEN-secret",
        "sign_name": "测试店铺",
        "template_code": "SMS_1",
        "params": {"order": "erp_key"},
        "url": "https://sms.example",
    },
    "wechat": {
        "app_id": "wx1",
        "app_secret": "HIDDEN-secret",
        "template_id": "template",
        "fields": {"thing1": "short"},
        "account": "mini_program",
        "page": "pages/order",
        "url": "https://wechat.example",
    },
    "email": {
        "host": "smtp.example.com",
        "port": 465,
        "security": "tls",
        "sender": "a@example.com",
        "to": ["b@example.com"],
        "login": "shop",
        "password": "HIDDEN-secret",
        "per_minute": 30,
    },
}
"""For each type, all its own fields."""

COMMON = {
    "type",
    "name",
    "language",
    "statuses",
    "quiet_hours",
    "digest",
    "most_per_parcel",
    "report",
}


def channel(kind: str, **changes: Any) -> dict[str, Any]:
    given = {"type": kind} | FIELDS[kind] | changes
    return {name: value for name, value in given.items() if value is not ...}


def audience_of(kind: str) -> str:
    return "ops" if TYPES[kind].for_staff else "customers"


def problem(listed: dict[str, Any], audience: str = "") -> str:
    audience = audience or audience_of(listed["type"])
    with pytest.raises(ConnectionFieldError) as caught:
        destinations(audience, [listed])
    assert "HIDDEN" not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


@pytest.mark.parametrize("kind", TYPES)
def test_a_type_opens_with_its_fields_and_shows_no_secret(kind):
    (destination,) = destinations(audience_of(kind), [channel(kind)])

    assert destination.channel_name == kind
    assert destination.channel.limits.at_once >= 1
    shown = f"{destination!r} {destination.channel.identity}"
    assert "HIDDEN" not in shown
    assert set(FIELDS[kind]) | COMMON == set(TYPES[kind].model_fields)


@pytest.mark.parametrize("kind", TYPES)
def test_two_channels_of_one_receiver_have_one_identity_and_others_another(kind):
    first, same = destinations(audience_of(kind), [channel(kind), channel(kind, name="same")])
    (address,) = {"url", "host", "servers"} & FIELDS[kind].keys()
    changed = FIELDS[kind][address].replace("example", "other").replace("HIDDEN", "OTHER")
    (other,) = destinations(audience_of(kind), [channel(kind, **{address: changed})])

    assert first.channel.identity == same.channel.identity
    assert first.channel.identity != other.channel.identity


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (kind, name)
        for kind, model in TYPES.items()
        for name, field in model.model_fields.items()
        if field.is_required() and name != "type"
    ],
)
@pytest.mark.parametrize("nothing", [..., None, ""])
def test_a_required_field_that_is_missing_is_named(kind, field, nothing):
    said = problem(channel(kind, **{field: nothing}))

    assert f": channel {kind}: {field} is missing; it must be" in said


@pytest.mark.parametrize(
    ("kind", "field"),
    [(kind, name) for kind, model in TYPES.items() for name in model.model_fields],
)
def test_a_field_of_a_wrong_type_is_named_in_one_sentence(kind, field):
    wrong = channel(kind, **{field: {"HIDDEN": 1} if field in FIELDS[kind] else 0.5})
    said = problem(wrong | {"type": kind} if field != "type" else wrong, audience_of(kind))

    assert said.startswith("connection notify_")
    assert f"{field} is " in said
    assert "\n" not in said
    assert "pydantic" not in said
    assert "validat" not in said


@pytest.mark.parametrize("kind", TYPES)
def test_an_unknown_field_is_named(kind):
    assert "has unknown fields sekret; known are type, " in problem(channel(kind, sekret="HIDDEN"))


@pytest.mark.parametrize("kind", [kind for kind in TYPES if not TYPES[kind].for_customers])
def test_a_type_that_reaches_a_group_is_not_for_customers(kind):
    said = problem(channel(kind), "customers")

    assert said.endswith(f"type {kind} does not reach a single buyer; use it for ops")


def test_a_library_that_is_missing_is_named_with_what_installs_it():
    with pytest.raises(ConnectionFieldError, match=r"pip install 'shipment-tracking\[pigeon\]'"):
        need_library("no_such_library", extra="pigeon")


@pytest.mark.parametrize("page", ["connections.md", "zh/connections.md", "channels.md"])
def test_every_type_is_documented(page):
    text = (DOCS / page).read_text(encoding="utf-8")

    assert set(TYPES) <= set(re.findall(r"^\| `(\w+)`[^|]* \|", text, re.MULTILINE))


def test_the_documented_limits_are_those_of_the_channels():
    text = (DOCS / "channels.md").read_text(encoding="utf-8")
    for kind in TYPES:
        limits = destinations(audience_of(kind), [channel(kind)])[0].channel.limits
        row = re.search(rf"^\| `{kind}` \|[^|]*\|(.*)$", text, re.MULTILINE)
        assert row
        cells = [cell.strip().removesuffix(" bytes") for cell in row[1].split("|")][:3]
        rate = "`per_minute`" if "per_minute" in FIELDS[kind] else limits.per_minute
        longest = "its service's" if kind == "apprise" else limits.longest_text
        expected = (limits.at_once, rate, longest)
        assert cells == [
            f"{value:,}" if isinstance(value, int) else value or "—" for value in expected
        ], kind


LONG = "HIDDEN-" + "x" * 20


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "https://oapi.dingtalk.com/robot/send?access_token=HIDDEN"},
        {"type": LONG},
        {"type": ["HIDDEN"]},
        {"language": LONG},
        {"name": [LONG]},
        {"name": "https://HIDDEN", "language": "de"},
        {"statuses": [LONG]},
        {"statuses": LONG},
        {"port": LONG},
        {"security": LONG},
        {"sender": "a:HIDDEN b@example.com"},
        {"to": "HIDDEN@example.com"},
        {"host": "https://u:HIDDEN@smtp.example.com"},
        {"host": "u:HIDDEN@smtp.example.com"},
        {"host": "smtp.example.com/HIDDEN"},
        {"https://HIDDEN": 1},
    ],
)
def test_a_value_that_is_no_short_word_is_not_shown(changes):
    assert problem({"type": "email"} | FIELDS["email"] | changes, "ops")


def test_two_channels_of_one_name_do_not_show_an_address():
    listed = channel("webhook", name="https://HIDDEN")
    with pytest.raises(ConnectionFieldError, match="two channels are named like channel 1") as seen:
        destinations("ops", [listed, listed])
    assert "HIDDEN" not in str(seen.value)


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("dingtalk", {"url": "https://oapi.dingtalk.com/robot/send"}, "url has no access_token;"),
        ("dingtalk", {"url": "http://oapi.dingtalk.com/?access_token=HIDDEN"}, "must be https"),
        ("wecom", {"url": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send"}, "url has no key;"),
        ("wecom", {"url": "https://open.feishu.cn/hook/HIDDEN"}, 'its type is "feishu"'),
        ("feishu", {"url": "https://open.feishu.cn/open-apis/bot/v2/hook/"}, "url has no token"),
        ("feishu", {"url": "https://open.feishu.cn/"}, "url has no token after /hook/;"),
        ("email", {"password": ...}, "login is set without password"),
        ("email", {"login": ...}, "password is set without login"),
        ("kafka", {"login": ...}, "password is set without login"),
        ("kafka", {"password": ...}, "login is set without password"),
        ("kafka", {"servers": "kafka.example"}, "servers is not hosts with their ports"),
        ("kafka", {"servers": "kafka.example:9093,"}, "servers is not hosts"),
        ("kafka", {"servers": "kafka.example:99999"}, "servers is not hosts"),
        ("kafka", {"servers": "u:HIDDEN@kafka.example:9093"}, "servers is not hosts"),
        ("kafka", {"topic": "my topic"}, "topic is not the name of a topic"),
        ("webhook", {"most_per_parcel": 6}, "most_per_parcel is for customers only; leave it out"),
        ("webhook", {"name": " "}, "name is not a text that is not blank"),
        ("webhook", {"statuses": ["signed", "sgned"]}, "statuses: 'sgned' is unknown; known are"),
        ("rabbitmq", {"routing_key": " "}, "routing_key is missing; it must be the name of a que"),
    ],
)
def test_what_cannot_work_is_refused_with_channel_and_field(kind, changes, said):
    found = problem(channel(kind, **changes))

    assert found.startswith("connection notify_ops: channel ")
    assert said in found


def test_customers_get_four_statuses_and_six_messages_by_default():
    (usual,) = destinations("customers", [channel("webhook")])
    (other,) = destinations(
        "customers", [channel("webhook", statuses=["returned"], most_per_parcel=2)]
    )
    (staff,) = destinations("ops", [channel("webhook")])

    assert usual.statuses == ("picked_up", "out_for_delivery", "ready_for_pickup", "signed")
    assert usual.most_per_parcel == 6
    assert (other.statuses, other.most_per_parcel) == (("returned",), 2)
    assert (staff.statuses, staff.most_per_parcel) == (None, None)


@pytest.mark.parametrize("kind", TYPES)
def test_chat_robots_get_digests_and_mail_and_apprise_may(kind):
    usual = destinations(audience_of(kind), [channel(kind)])[0].digest
    assert usual is (kind in ("dingtalk", "wecom", "feishu"))

    assert not destinations(audience_of(kind), [channel(kind, digest=False)])[0].digest
    if usual or kind in ("email", "apprise"):
        assert destinations("ops", [channel(kind, digest=True)])[0].digest
    else:
        assert "digest is true, but " in problem(channel(kind, digest=True))


def test_customers_are_not_told_of_stalled_parcels():
    listed = channel("webhook", statuses=["signed", "stalled"])

    assert "customers are never notified of stalled" in problem(listed, "customers")
    assert destinations("ops", [listed])


def test_a_channel_without_a_type_names_the_types():
    with pytest.raises(ConnectionFieldError, match="type is missing; it must be one of webhook, "):
        destinations("ops", [{"url": URL}])


@pytest.mark.parametrize("servers", ["kafka1:9093, kafka2:9093", "[::1]:9093", "10.0.0.1:9093"])
def test_the_servers_of_a_cluster_may_be_several(servers):
    assert destinations("ops", [channel("kafka", servers=servers)])


@pytest.mark.parametrize(
    ("given", "report", "statuses"),
    [({}, False, None), ({"report": True}, True, None), ({"report": "only"}, True, ())],
)
def test_a_channel_of_ops_may_get_the_report_too_or_only(given, report, statuses):
    (found,) = destinations("ops", [channel("webhook", **given)])

    assert (found.report, found.statuses) == (report, statuses)


@pytest.mark.parametrize("audience", ["customers", "platform_1688"])
def test_the_report_is_for_ops_only(audience):
    said = problem(channel("webhook", report=True), audience)

    assert said.endswith("report is for notify_ops only; leave it out")


def test_a_channel_for_the_report_only_has_no_statuses():
    said = problem(channel("webhook", report="only", statuses=["signed"]))

    assert said.endswith("statuses are never sent; leave one of them out")
