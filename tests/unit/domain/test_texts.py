"""More than a thousand labelled texts, over all statuses and the main carriers, are read right."""

import csv
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from shipment_tracking.domain.masking import normalise
from shipment_tracking.domain.statuses import Status
from shipment_tracking.domain.texts import classify

FLOOR = 0.98
"""Precision and recall of every status, over plain texts and traps together."""

CARRIERS = "顺丰|圆通|中通|申通|韵达|极兔|邮政|EMS|京东|德邦|菜鸟|丹鸟|安能|跨越"
# No text can say that nothing is known yet.
STATUSES = [status.value for status in Status if status is not Status.PENDING]


class Text(NamedTuple):
    """A text of the corpus with its label; ``why`` a trap means what it means."""

    text: str
    carrier: str
    status: str
    sign_kind: str
    kind: str
    why: str


def read(name: str) -> list[Text]:
    with (Path(__file__).parents[1] / "texts" / f"{name}.csv").open(encoding="utf-8") as file:
        return [Text(**row) for row in csv.DictReader(file)]


PLAIN, TRAPS = read("plain"), read("traps")
CORPUS = PLAIN + TRAPS
READ = {row.text: classify(normalise(row.text)) for row in CORPUS}
MATRIX = Counter((row.status, READ[row.text][0].value) for row in CORPUS)


def wrong(rows: list[Text]) -> list[str]:
    return [
        f"{row.text}: {row.status}, read {READ[row.text][0]}. {row.why}"
        for row in rows
        if READ[row.text][0] != row.status
    ]


def shown_matrix() -> str:
    """A line for each true status: how often it was read as which."""
    heads = [status[:9] for status in STATUSES]
    lines = [" ".join(f"{cell:>9}" for cell in ["true\\read", *heads, "recall"])]
    for true in STATUSES:
        cells = [MATRIX[true, read] or "." for read in STATUSES]
        lines.append(" ".join(f"{cell:>9}" for cell in [true[:9], *cells, f"{recall(true):.3f}"]))
    precisions = [f"{precision(status):.3f}" for status in STATUSES]
    return "\n".join([*lines, " ".join(f"{cell:>9}" for cell in ["precision", *precisions])])


def precision(status: str) -> float:
    return MATRIX[status, status] / (sum(MATRIX[true, status] for true in STATUSES) or 1)


def recall(status: str) -> float:
    return MATRIX[status, status] / (sum(MATRIX[status, read] for read in STATUSES) or 1)


def test_every_plain_text_is_read_right():
    assert wrong(PLAIN) == []


def test_no_trap_is_taken_for_a_sign():
    assert wrong([row for row in TRAPS if READ[row.text][0] == "signed"]) == []


def test_every_status_is_read_precisely_and_found():
    print(f"\n{shown_matrix()}")

    short = [status for status in STATUSES if min(precision(status), recall(status)) < FLOOR]

    assert not short, "\n".join(["below the floor:", *short, *wrong(CORPUS)])


def test_a_sign_tells_who_signed():
    signed = [row for row in CORPUS if row.status == "signed"]

    assert [row.text for row in signed if (READ[row.text][1] or "") != row.sign_kind] == []


def test_only_a_sign_tells_who_signed():
    assert {reading.sign_kind for reading in READ.values() if reading.status != "signed"} == {None}


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_texts_of_both_kinds(status):
    assert sum(row.status == status for row in PLAIN) >= 15
    assert sum(row.status == status for row in TRAPS) >= 4


def test_the_corpus_is_broad_and_no_text_counts_twice():
    assert len({row.text for row in CORPUS}) == len(CORPUS) >= 400
    assert len(TRAPS) >= 120
    assert set(CARRIERS.split("|")) <= {row.carrier for row in CORPUS}
    assert {row.kind for row in PLAIN} == {"plain"}
    assert {row.kind for row in TRAPS} == {"trap"}
    assert [row.text for row in TRAPS if not row.why] == []


def test_every_phone_number_of_the_corpus_is_invented():
    mobiles = {
        number for row in CORPUS for number in re.findall(r"(?<!\d)1[3-9]\d{9}(?!\d)", row.text)
    }

    assert mobiles
    assert all(number.startswith("1990000") for number in mobiles)
