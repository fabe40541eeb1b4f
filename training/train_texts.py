"""
``make train-texts``: train the reader of trace texts and write ``domain/texts.npz``.

The same texts and settings give the same bytes. The date comes from ``training/figures.json``,
which ``measure_texts.py`` writes.
"""

import csv
import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
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

SETTINGS: dict[str, Any] = {"C": 1.0, "least_texts": 2, "weights": "int8"}
SURENESS = {"high": 1.0, "medium": 0.5, "low": 0.25}


class Labelled(NamedTuple):
    """A text to train with; ``of`` is the form whose event it tells in other words."""

    text: str
    label: str
    confidence: str = "high"
    of: int | None = None


def texts() -> list[Labelled]:
    """Every labelled text of the repository."""
    rows = []
    for file in (*sorted(CORPUS.glob("*.csv")), *sorted(TEXTS.glob("*.csv"))):
        with file.open(encoding="utf-8") as lines:
            rows += [Labelled(row["text"], row["status"]) for row in csv.DictReader(lines)]
    for file in sorted(TEXTS.glob("*.jsonl")):
        with file.open(encoding="utf-8") as lines:
            rows += [Labelled(**json.loads(line)) for line in lines]
    return rows


def train(rows: Sequence[Labelled], about: dict[str, object]) -> TextModel:
    """A model of the rows; pieces of fewer than ``least_texts`` of them are left out."""
    found = [set(grams(fold(normalise(row.text)))) for row in rows]
    counts = Counter(piece for pieces in found for piece in pieces)
    least = SETTINGS["least_texts"]
    vocabulary = sorted(piece for piece, texts in counts.items() if texts >= least)
    machine = _fit(found, vocabulary, rows)
    scales = np.abs(machine.coef_).max(axis=1) / 127
    weights = np.rint(machine.coef_.T / scales).astype(np.int8)
    return TextModel(
        vocabulary, machine.classes_.tolist(), weights, scales, machine.intercept_, about
    )


def _fit(found: list[set[str]], vocabulary: list[str], rows: Sequence[Labelled]) -> LinearSVC:
    columns = {piece: column for column, piece in enumerate(vocabulary)}
    indices: list[int] = []
    values: list[float] = []
    ends = [0]
    for pieces in found:
        known = sorted(columns[piece] for piece in pieces if piece in columns)
        indices += known
        values += [len(known) ** -0.5] * len(known)
        ends.append(len(indices))
    matrix = csr_matrix((values, indices, ends), shape=(len(found), len(vocabulary)))
    sureness = [SURENESS[row.confidence] for row in rows]
    labels = [row.label for row in rows]
    return LinearSVC(C=SETTINGS["C"], random_state=0).fit(matrix, labels, sample_weight=sureness)


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
