"""The report as real receivers get it: a mail with HTML and text, and strict chat robots."""

import pytest

from sandbox.robots import PATHS
from shipment_tracking.channels.registry import destinations
from tests.factories import status_change

HOSTILE = "<b>丢</b> [x](http://evil) *@all*"


def test_a_mail_has_the_report_as_html_and_as_text(ship, warehouse, at, send, mailbox):
    fields, mails = mailbox
    parcel = ship(1, last_event=HOSTILE)
    status_change(warehouse, parcel, "exception", at(hours=-20))

    for hours in (0, 1):
        send(*destinations("ops", [fields | {"language": "en"}]), hours=hours)

    (mail,) = mails
    # RFC 5322; some servers refuse a mail with a longer line.
    assert max(map(len, mail.as_bytes().splitlines())) <= 998
    assert mail["Subject"] == "Parcels of 2026-03-01"
    assert mail["To"] == "boss@example.com"
    assert mail["Message-ID"].endswith("@shipment-tracking.invalid>")
    plain, html = mail.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert "Shipped 1, picked up 0, signed 0" in plain.get_content()
    assert "&lt;b&gt;丢&lt;/b&gt;" in html.get_content()
    assert HOSTILE not in html.get_content()


@pytest.mark.parametrize("kind", PATHS)
def test_a_strict_robot_takes_the_report(kind, ship, send, robots, group):
    ship(1)

    assert send(group(kind)) == {"sent": 1}
    (text,) = robots[kind].texts
    assert text.startswith("**包裹日报 2026-03-01**")
    assert "发货 1，揽收 0，签收 0" in text


@pytest.mark.parametrize("kind", PATHS)
def test_a_crowded_day_is_shortened_and_not_cut(kind, insert, send, robots, group, at):
    for number in range(40):
        insert(
            "alert",
            kind="backlog",
            subject=f"platform_{number} *[a](b)*" + "长" * 400,
            severity="warning",
            opened_at=at(hours=-20),
            detail="长" * 500,
            event_id=f"00000000-0000-0000-0000-0000000000{number:02}",
            cleared_event_id=f"00000000-0000-0000-0001-0000000000{number:02}",
        )

    assert send(group(kind)) == {"sent": 1}
    (text,) = robots[kind].texts
    assert text.endswith("文件：/srv/reports/2026-03-01")
    assert "…" in text or kind == "wecom"
    assert "[a](b)" not in text
    assert "*[" not in text
