"""
``make train-texts``: train the reader of trace texts and write ``domain/texts.npz``.

The same texts and settings give the same bytes. The date comes from ``training/figures.json``,
which ``measure_texts.py`` writes.
"""

import csv
import hashlib
import json
import os
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import log
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.svm import LinearSVC

from shipment_tracking.domain.masking import normalise
from shipment_tracking.domain.text_model import WEIGHTS, TextModel, fold, grams, save

ROOT = Path(__file__).parents[1]
FIGURES = Path(__file__).with_name("figures.json")
CORPUS = ROOT / "tests" / "unit" / "texts"
TEXTS = Path(__file__).with_name("texts")

SETTINGS: dict[str, Any] = {"C": 1.0, "for": 4.0, "least_texts": 1, "weights": "int8"}
"""``for``: how much a text of a status weighs against one of another status."""
TEXTS_A_PHRASE = 8
SURENESS = {"high": 1.0, "medium": 0.5, "low": 0.25}


class Labelled(NamedTuple):
    """
    A text to train with.

    :param of: the form whose event it tells in other words.
    :param also_ok: other right answers; it is neither for nor against them in training.
    """

    text: str
    label: str
    confidence: str = "high"
    of: int | None = None
    also_ok: Sequence[str] = ()


def texts() -> list[Labelled]:
    """Every labelled text of the repository."""
    rows = []
    for file in (*sorted(CORPUS.glob("*.csv")), *sorted(TEXTS.glob("*.csv"))):
        with file.open(encoding="utf-8") as lines:
            rows += [Labelled(row["text"], row["status"]) for row in csv.DictReader(lines)]
    for file in sorted(TEXTS.glob("phrases_*.txt")):
        rows += phrases(file.read_text(encoding="utf-8"))
    for file in sorted(TEXTS.glob("*.jsonl")):
        with file.open(encoding="utf-8") as lines:
            rows += [Labelled(**json.loads(line)) for line in lines]
    return rows


def phrases(source: str) -> list[Labelled]:
    """
    The texts of a list of phrases.

    ``= status`` heads its phrases, one a line. ``{a|b}`` is a choice; choices may hold choices.
    ``$WORD`` is any word of the line ``$WORD = a | b``. Each phrase gives ``TEXTS_A_PHRASE`` texts
    at most, drawn by a generator seeded with the phrase.
    """
    words: dict[str, list[str]] = {}
    status = ""
    found: dict[Labelled, None] = {}
    for line in source.splitlines():
        if named := re.fullmatch(r"\$([A-Z]+) = (.+)", line):
            words[named[1]] = [word.strip() for word in named[2].split("|")]
        elif line.startswith("= "):
            status = line[2:]
        elif line and not line.startswith("#"):
            draw = random.Random(line)
            for _ in range(TEXTS_A_PHRASE):
                found[Labelled(spoken(line, words, draw), status)] = None
    return list(found)


def spoken(phrase: str, words: Mapping[str, Sequence[str]], draw: random.Random) -> str:
    """One text of a phrase."""
    while inner := re.search(r"\{([^{}]*)\}", phrase):
        chosen = draw.choice(inner[1].split("|"))
        phrase = phrase[: inner.start()] + chosen + phrase[inner.end() :]
    return re.sub(r"\$([A-Z]+)", lambda word: draw.choice(words[word[1]]), phrase).strip()


def train(rows: Sequence[Labelled], about: dict[str, object]) -> TextModel:
    """A model of the rows; pieces of fewer than ``least_texts`` of them are left out."""
    found = [set(grams(fold(normalise(row.text)))) for row in rows]
    counts = Counter(piece for pieces in found for piece in pieces)
    least = SETTINGS["least_texts"]
    vocabulary = sorted(piece for piece, texts in counts.items() if texts >= least)
    rare = np.array([1 + log((1 + len(rows)) / (1 + counts[piece])) for piece in vocabulary])
    unit = float((rare**2).max() / 255)
    rareness = np.rint(rare**2 / unit).astype(np.uint8)
    statuses = sorted({row.label for row in rows})
    machines = _fit(found, vocabulary, np.sqrt(rareness * unit), rows, statuses)
    coefficients = np.vstack([machine.coef_[0] for machine in machines])
    weights = coefficients.T * np.sqrt(rareness * unit)[:, None]
    scales = np.abs(weights).max(axis=0) / 127
    return TextModel(
        vocabulary,
        statuses,
        np.ascontiguousarray(np.rint(weights / scales), dtype=np.int8),
        scales,
        np.array([machine.intercept_[0] for machine in machines]),
        rareness,
        unit,
        about,
    )


def _fit(
    found: list[set[str]],
    vocabulary: list[str],
    rare: "np.ndarray[Any, Any]",
    rows: Sequence[Labelled],
    statuses: Sequence[str],
) -> list[LinearSVC]:
    """One machine a status, trained with the rows that settle whether it is that status."""
    columns = {piece: column for column, piece in enumerate(vocabulary)}
    indices: list[int] = []
    values: list[float] = []
    ends = [0]
    for pieces in found:
        known = sorted(columns[piece] for piece in pieces if piece in columns)
        vector = rare[known]
        indices += known
        values += (vector / np.sqrt((vector**2).sum())).tolist()
        ends.append(len(indices))
    matrix = csr_matrix((values, indices, ends), shape=(len(found), len(vocabulary)))
    sureness = np.array([SURENESS[row.confidence] for row in rows])
    machines = []
    for status in statuses:
        settled = np.array([status not in row.also_ok for row in rows])
        is_status = np.array([row.label == status for row in rows])
        machine = LinearSVC(
            C=SETTINGS["C"], class_weight={True: SETTINGS["for"], False: 1.0}, random_state=0
        )
        machines.append(
            machine.fit(matrix[settled], is_status[settled], sample_weight=sureness[settled])
        )
    return machines


def data_hash(rows: Sequence[Labelled]) -> str:
    """16 hex digits over the rows."""
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def about(rows: Sequence[Labelled]) -> dict[str, object]:
    """What the weights' file says of itself."""
    measured = json.loads(FIGURES.read_text(encoding="utf-8"))
    return {
        "date": measured["date"],
        "data": data_hash(rows),
        "texts": len(rows),
        "settings": SETTINGS,
        "measured": measured,
    }


def main() -> None:
    """Train and write."""
    rows = texts()
    model = train(rows, about(rows))
    save(model, WEIGHTS)
    print(
        f"{WEIGHTS.name}: {len(rows)} texts, {len(model.rows)} pieces, "
        f"{WEIGHTS.stat().st_size:,} bytes"
    )


if __name__ == "__main__":
    main()
