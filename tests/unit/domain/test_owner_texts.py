"""A line in the owner's texts.csv settles a text; a mistake in it names the line."""

import pytest

from shipment_tracking.domain.masking import normalise
from shipment_tracking.domain.texts import classify
from shipment_tracking.errors import OwnerTextsError

HEAD = "text,status,sign_kind\n"


@pytest.fixture
def owner(tmp_path, monkeypatch):
    monkeypatch.setenv("SHIPMENT_TRACKING_INCLUDE", str(tmp_path))

    def write(body: str) -> None:
        (tmp_path / "texts.csv").write_text(body, encoding="utf-8")

    return write


def test_a_line_of_the_owner_decides(owner):
    owner(HEAD + "星管家交接,signed,agency\n")

    assert classify("星管家交接") == ("signed", "agency", "owner")


def test_a_line_of_the_owner_wins_over_the_guard(owner):
    owner(HEAD + '"请签收，谢谢",signed,\n')

    assert classify("请签收，谢谢") == ("signed", None, "owner")


def test_a_line_is_compared_as_it_is_stored(owner):
    owner(HEAD + "电话13812345678 出仓,out_for_delivery,\n")

    assert classify(normalise("电话13912345678  出仓")).decided_by == "owner"


def test_a_line_of_the_command_is_pasted_as_it_is(owner):
    owner(
        "text,status,sign_kind,decided_by,seen,last_seen_at\n"
        "星管家交接,in_transit,,model?,7,2026-03-02 08:00+0800\n"
    )

    assert classify("星管家交接") == ("in_transit", None, "owner")


def test_a_changed_file_is_read_anew(owner, tmp_path):
    assert classify("星管家交接").decided_by != "owner"

    owner(HEAD + "星管家交接,in_transit,\n")

    assert classify("星管家交接").decided_by == "owner"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("text,status\n", "line 1: it must be text,status,sign_kind"),
        ("text,sign_kind,status\n", "line 1: it must be text,status,sign_kind"),
        (HEAD + "某文,delivered,\n", "line 2: 'delivered' is not a status"),
        (HEAD + "一,二,三,四\n", "line 2: 4 fields"),
        (HEAD + "\n某文,in_transit,self\n", "line 3: sign_kind is 'self'"),
        (HEAD + "某文,signed,dog\n", "line 2: sign_kind is 'dog'"),
        (HEAD + " ,unknown,\n", "line 2: the text is empty"),
        (HEAD + "某文,unknown,\n某文,signed,\n", "line 3: this text has a line already"),
    ],
)
def test_a_mistake_names_file_and_line(owner, body, place):
    owner(body)

    with pytest.raises(OwnerTextsError, match=r"texts\.csv") as raised:
        classify("某文")
    assert place in str(raised.value)


def test_a_file_that_is_not_utf8_says_so(owner, tmp_path):
    (tmp_path / "texts.csv").write_bytes("text,status,sign_kind\n某文,signed,\n".encode("gbk"))

    with pytest.raises(OwnerTextsError, match="UTF-8"):
        classify("某文")
