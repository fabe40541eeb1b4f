"""Every status has its text in every language; a text that cannot work is found before sending."""

import re
from pathlib import Path

import pytest

from shipment_tracking.channels.port import DELAYED, LANGUAGES, MARKDOWN, MEDIA, SHORT, TEXT
from shipment_tracking.domain.health import KINDS
from shipment_tracking.domain.statuses import Status
from shipment_tracking.errors import MessageError, StatementError
from shipment_tracking.notices.messages import (
    ALARM,
    ALERTS,
    CHANGES,
    CLEARED,
    DIGEST,
    ENDINGS,
    NOTICE,
    SIGN_WITHDRAWN,
    STALLED,
    TROUBLE,
    Messages,
)
from shipment_tracking.statements import OWNER_FOLDER, include_folder


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an owner keeps texts in Chinese."""
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path))
    folder = tmp_path / "messages" / "zh"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", [*Status, DELAYED])
def test_every_status_has_a_text_that_names_the_order_and_the_parcel(status, language):
    text = Messages(language).text(status, NOTICE)

    assert "SO1" in text
    assert "YT1" in text
    assert NOTICE["latest_trace"] in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("word", [STALLED, CLEARED])
def test_every_alarm_has_a_text_that_names_each_parcel(word, language):
    items = [ALARM["items"][0], ALARM["items"][0] | {"waybill_no": "YT2"}]

    text = Messages(language).text(word, {"items": items})

    assert "YT1" in text
    assert "YT2" in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("word", ALERTS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_alert_is_told_in_words(kind, word, language):
    item = TROUBLE["items"][0] | {"kind": kind, "subject": "shop A"}

    text = Messages(language).text(word, {"items": [item]})

    assert "shop A" in text
    assert f"{kind}:" not in text
    assert f"{kind}（" not in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("medium", [TEXT, MARKDOWN])
@pytest.mark.parametrize("word", [*Status, SIGN_WITHDRAWN])
def test_every_group_of_a_digest_is_told_in_words(word, medium, language):
    group = CHANGES["groups"][0] | {"status": str(word), "more": 98765}

    text = Messages(language, medium).text(DIGEST, CHANGES | {"groups": [group]})

    assert {"SO1", "YT1", "98765"} <= set(re.findall(r"\w+\d+|\d+", text))
    assert str(word) not in text


def test_a_mistake_in_the_text_of_digests_is_told_with_file_and_line(owner):
    (owner / "digest.md").write_text("{{ count }}\n{{ group.status }}", encoding="utf-8")

    mistakes = Messages("zh", MARKDOWN).mistakes

    assert list(mistakes) == [DIGEST]
    assert "digest.md, line 2: group is unknown; known are count, groups" in str(mistakes[DIGEST])


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_there_that_nobody_sends(language):
    folder = include_folder() / "messages" / language

    assert {file.name for file in folder.iterdir()} == {
        f"{word}{ending}"
        for word in (*map(str, Status), DELAYED, STALLED, CLEARED, *ALERTS)
        for ending in ENDINGS.values()
    } | {"digest.txt", "digest.md", "report.txt", "report.md"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("medium", MEDIA)
def test_every_text_of_ours_is_without_mistakes(medium, language):
    assert Messages(language, medium).mistakes == {}


@pytest.mark.parametrize("text", ["{{ waybill_no }}" + "签" * 18, "签\n收"])
def test_a_short_text_that_does_not_fit_its_field_is_a_mistake(owner, text):
    (owner / "signed.short.txt").write_text(text, encoding="utf-8")

    mistakes = Messages("zh", SHORT).mistakes

    assert list(mistakes) == ["signed"]
    assert "signed.short.txt, line 1: a short text must be one line of at most 20" in str(
        mistakes["signed"]
    )
    assert Messages("zh").mistakes == {}


def test_a_trace_puts_no_marks_into_markdown():
    trace = "<at id=all></at>**[签收](https://example.com)\n# 138"

    text = Messages("zh", MARKDOWN).text("returned", NOTICE | {"latest_trace": trace})

    assert text.startswith("**已退回寄件人**\n\nSO1，圆通速递 YT1")
    assert text.endswith("＜at id=all＞＜/at＞＊＊［签收］(https://example.com) # 138")


@pytest.mark.parametrize("end", ["\r", "\u2028", "\v", "\x85"])
def test_a_trace_puts_no_line_end_into_markdown(end):
    text = Messages("zh", MARKDOWN).text("returned", NOTICE | {"latest_trace": f"a{end}# b"})

    assert text.endswith("> a # b")


@pytest.mark.parametrize("medium", [TEXT, MARKDOWN])
def test_no_fact_of_a_digest_mentions_a_group_or_makes_a_link(medium):
    fact = "<@all>@everyone[签收](https://example.com)**"
    parcel = NOTICE | {
        "latest_trace": fact,
        "waybill_no": fact,
        "orders": [{"erp_key": fact, "platform_order_id": fact}],
    }
    group = CHANGES["groups"][0] | {"status": "exception", "parcels": [parcel]}

    text = Messages("zh", medium).text(DIGEST, CHANGES | {"groups": [group]})

    assert ("<@all>" in text, "@everyone" in text) == (False, medium == MARKDOWN)
    assert ("[签收](" in text) is (medium == TEXT)


def test_an_owners_text_wins(owner):
    (owner / "signed.txt").write_text("您的 {{ waybill_no }} 到了", encoding="utf-8")

    assert Messages("zh").text("signed", NOTICE) == "您的 YT1 到了"
    assert "正在派送" in Messages("zh").text("out_for_delivery", NOTICE)


def test_an_owners_text_of_no_known_status_is_refused_by_name(owner):
    (owner / "delivered.txt").write_text("x")

    with pytest.raises(StatementError, match=r"delivered\.txt replaces nothing"):
        Messages("zh")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("好\n{{ waybill_no", 2, "unexpected end"),
        ("好\n{% if waybill_no %}x", 2, "endif"),
        ("好\n\n{{ waybil_no }}", 3, "waybil_no is unknown; known are platform"),
        ("好\n{{ waybill_no | shout }}", 2, "shout"),
        ("好\n{{ orders[0].erp_kye }}", 2, "erp_kye"),
        ("好\n{{ carrier_name + 'x' }}", 2, "NoneType"),
        ("好\n{{ 1 / 0 }}", 2, "division"),
    ],
)
def test_a_mistake_in_a_text_is_told_with_file_and_line(owner, text, line, said):
    (owner / "signed.txt").write_text(text, encoding="utf-8")

    messages = Messages("zh")

    assert list(messages.mistakes) == ["signed"]
    with pytest.raises(MessageError, match=rf"signed\.txt, line {line}: ") as caught:
        messages.text("signed", NOTICE)
    assert said in str(caught.value)
    assert messages.text("returned", NOTICE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "line 1: maximum recursion depth"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "it cannot be read: maximum recursion"),
        ("{% for i in range(99999) %}{% endfor %}x", "line 1: a range may have 100 numbers"),
        ("{{ 'x' * 1000000000 }}", "line 1: a text may be repeated 1000 times"),
        ("{{ 10 ** 5000 }}", "line 1: ** is not allowed"),
        ("{{ '%999999999d' % 1 }}", "line 1: % formats texts"),
        ("{{ platform.center(9999999999) }}", "line 1: access to attribute 'center'"),
        (r"{{ '\ud800' }}", "surrogates not allowed"),
    ],
)
def test_a_text_that_would_never_end_or_fill_the_memory_is_a_mistake(owner, text, said):
    (owner / "signed.txt").write_text(text, encoding="utf-8")

    found = Messages("zh")

    assert list(found.mistakes) == ["signed"]
    assert said in str(found.mistakes["signed"])


def test_a_text_may_count_and_repeat_a_little(owner):
    text = "{% for i in range(3) %}{{ '-' * 2 }}{{ 7 % 4 }}{% endfor %}"
    (owner / "signed.txt").write_text(text, encoding="utf-8")

    assert Messages("zh").text("signed", NOTICE) == "--3--3--3"


def test_a_text_in_another_encoding_is_refused_by_name(owner):
    (owner / "signed.txt").write_text("签收", encoding="gbk")

    with pytest.raises(MessageError, match=r"signed\.txt is not UTF-8 text"):
        Messages("zh").text("signed", NOTICE)


def test_a_byte_order_mark_is_not_sent(owner):
    (owner / "signed.txt").write_text("签收", encoding="utf-8-sig")

    assert Messages("zh").text("signed", NOTICE) == "签收"


def test_a_mistake_in_one_language_leaves_the_other_alone(owner):
    (owner / "signed.txt").write_text("{{ nothing }}")

    assert Messages("en").text("signed", NOTICE)
