"""
``python training/measure_texts.py FILE``: measure the reader of trace texts.

FILE holds labelled real forms, one JSON object a line (``text``, ``label``, ``also_ok``,
``confidence``, ``form_source``); it is neither stored nor trained with. Forms of one source, and
forms that differ in digits and punctuation only, are measured together, by a model that has seen
no text that tells one of them in other words. Writes ``training/figures.json``.
"""

import argparse
import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from train_texts import FIGURES, texts, train

from shipment_tracking.domain.masking import normalise
from shipment_tracking.domain.statuses import Status
from shipment_tracking.domain.text_model import TRADITIONAL, TextModel, fold
from shipment_tracking.domain.texts import Reading, read

FOLDS = 5
WORST = 10
CURVE = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


class Form(NamedTuple):
    """A row of the file; ``number`` counts its lines from 1, as ``of`` does."""

    number: int
    text: str
    right: frozenset[str]
    label: str
    sure: bool
    language: str
    source: str


class Result(NamedTuple):
    """How a form was read, and by how much its best status led."""

    form: Form
    reading: Reading
    margin: float

    @property
    def is_right(self) -> bool:
        """Whether the status is one of the right ones."""
        return self.reading.status in self.form.right

    @property
    def is_false_signature(self) -> bool:
        """Whether a parcel that is not signed is read as signed."""
        return self.reading.status == Status.SIGNED and "signed" not in self.form.right

    @property
    def is_missed_signature(self) -> bool:
        """Whether a signature is read as something else."""
        return self.form.label == "signed" and not self.is_right


def forms(path: Path) -> list[Form]:
    """The rows of the file, normalised as in the warehouse."""
    found = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            row = json.loads(line)
            found.append(
                Form(
                    number,
                    normalise(row["text"]),
                    frozenset([row["label"], *row["also_ok"]]),
                    row["label"],
                    row["confidence"] == "high",
                    language(row["text"]),
                    row["form_source"],
                )
            )
    return found


def language(text: str) -> str:
    """``simplified``, ``traditional`` or ``english`` (whatever has no Chinese character)."""
    if not re.search("[\u4e00-\u9fff]", text):
        return "english"
    return "traditional" if TRADITIONAL & set(text) else "simplified"


def letters(text: str) -> str:
    """The folded text without digits and punctuation."""
    return re.sub(r"[\W\d_]", "", fold(text))


def folds(rows: list[Form], number: int = FOLDS) -> list[list[Form]]:
    """Parts of about one size; what belongs together is in one part."""
    parents: dict[tuple[str, str], tuple[str, str]] = {}

    def root(key: tuple[str, str]) -> tuple[str, str]:
        while parents.setdefault(key, key) != key:
            key = parents[key]
        return key

    for row in rows:
        same = re.sub(r"[\[【(（].*?[\]】)）]|[\W\d_]", "", fold(row.text)) or row.text
        parents[root(("form", same))] = root(("source", row.source))
    groups: dict[tuple[str, str], list[Form]] = defaultdict(list)
    for row in rows:
        groups[root(("source", row.source))].append(row)
    parts: list[list[Form]] = [[] for _ in range(number)]
    for group in sorted(groups.values(), key=lambda group: (-len(group), group[0].number)):
        min(parts, key=len).extend(group)
    return parts


def measured(rows: Iterable[Form], model: TextModel) -> list[Result]:
    """Every row read by the rules and the model."""
    return [Result(row, read(row.text, model), model.guess(fold(row.text)).margin) for row in rows]


def figures(results: list[Result]) -> dict[str, Any]:
    """Accuracy over the sure rows, and what went wrong with signatures over all."""
    sure = [result for result in results if result.form.sure]
    return {
        "texts": len(results),
        "accuracy": round(sum(result.is_right for result in sure) / len(sure), 4),
        "false_signatures": sum(result.is_false_signature for result in results),
        "missed_signatures": sum(result.is_missed_signature for result in results),
        "signatures": sum(result.form.label == "signed" for result in results),
    }


def matrix(results: list[Result]) -> str:
    """A Markdown table: a row for each true status, a column for each that was read."""
    statuses = [str(status) for status in Status if status is not Status.PENDING]
    counts = Counter(
        (
            result.form.label if not result.is_right else str(result.reading.status),
            str(result.reading.status),
        )
        for result in results
        if result.form.sure
    )
    head = "| true / read | " + " | ".join(statuses) + " |"
    lines = [head, "| --- " * (len(statuses) + 1) + "|"]
    for true in statuses:
        cells = [str(counts[true, status] or "") for status in statuses]
        lines.append(f"| {true} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def curve(results: list[Result]) -> str:
    """A Markdown table: how often a lead is at least so wide, and how often it is then right."""
    sure = [result for result in results if result.form.sure]
    lines = ["| lead at least | share of texts | right |", "| --- | --- | --- |"]
    for least in CURVE:
        wide = [result for result in sure if result.margin >= least]
        right = sum(result.is_right for result in wide) / len(wide)
        lines.append(f"| {least} | {len(wide) / len(sure):.3f} | {right:.3f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print what the documentation shows, and write the figures."""
    parser = argparse.ArgumentParser(description="measure the reader of trace texts")
    parser.add_argument("file", type=Path)
    parser.add_argument("--date", required=True, help="of the training, such as 2026-11-27")
    arguments = parser.parse_args()
    rows, known = forms(arguments.file), texts()

    results: list[Result] = []
    for part in folds(rows):
        held = {row.number for row in part}
        results += measured(part, train([row for row in known if row.of not in held], {}))
    apart = measured(rows, train([row for row in known if row.of is None], {}))
    began = time.monotonic()
    whole = train(known, {})
    took = time.monotonic() - began
    began = time.monotonic()
    measured_whole = measured(rows, whole)
    each = (time.monotonic() - began) / len(rows) / 2

    found = {"date": arguments.date, "cross_validated": figures(results)}
    for name in ("simplified", "traditional", "english"):
        found[name] = figures([result for result in results if result.form.language == name])
    seen = {letters(normalise(row.text)) for row in known}
    unlike = [result for result in results if letters(result.form.text) not in seen]
    found["no_text_trained_with_has_its_letters"] = figures(unlike)
    found["without_texts_of_these_forms"] = figures(apart)
    FIGURES.write_text(json.dumps(found, indent=4) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=4))
    print("seen in other words (not a fair measure):", figures(measured_whole))
    print(f"trained in {took:.1f} s, {each * 1e6:.0f} microseconds a text\n")
    print(matrix(results), curve(results), sep="\n\n")
    worst = sorted(
        (result for result in results if not result.is_right and result.form.sure),
        key=lambda result: -result.margin,
    )
    for result in worst[:WORST]:
        print(
            f"{result.margin:.2f} {result.form.label} read {result.reading.status} "
            f"({result.reading.decided_by}): {result.form.text}"
        )
    for result in results:
        if result.is_false_signature:
            print(f"FALSE {result.margin:.2f} {result.reading.decided_by}: {result.form.text}")


if __name__ == "__main__":
    main()
