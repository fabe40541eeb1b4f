"""The shipped weights come from the repository's texts and settings."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import train_texts

from shipment_tracking.domain.masking import normalise
from shipment_tracking.domain.text_model import WEIGHTS, fold, grams, load, save

PLUGINS = Path(__file__).parents[3] / "plugins"
SAMPLE = 12


@pytest.fixture(scope="module")
def rows():
    return train_texts.texts()


def test_the_shipped_weights_say_what_they_are_made_of(rows):
    about = load().about

    assert about == train_texts.about(rows), "run make train-texts"
    assert {"date", "data", "texts", "settings", "measured"} == set(about)


def test_the_shipped_weights_are_small():
    assert WEIGHTS.stat().st_size <= 2_000_000


def test_a_model_of_a_sample_reads_most_of_it_as_the_shipped_one(rows):
    sample = rows[::SAMPLE]
    model = train_texts.train(sample, {})

    same = [
        model.guess(fold(normalise(row.text))).status
        == load().guess(fold(normalise(row.text))).status
        for row in sample
    ]

    assert model.statuses == load().statuses
    assert sum(same) / len(same) >= 0.95


def test_training_twice_gives_the_same_bytes(rows, tmp_path):
    one, other = tmp_path / "one.npz", tmp_path / "other.npz"

    for path in (one, other):
        save(train_texts.train(rows[::50], {"date": "2026-01-01"}), path)

    assert one.read_bytes() == other.read_bytes()
    assert load(one).about == {"date": "2026-01-01"}


def test_quantised_weights_read_as_the_exact_ones_do(rows):
    machine_rows = rows[::50]
    model = train_texts.train(machine_rows, {})

    assert model.weights.dtype == np.int8
    right = sum(model.guess(fold(normalise(row.text))).status == row.label for row in machine_rows)
    assert right / len(machine_rows) >= 0.97


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("已簽收", "已签收"),
        ("恢復配送，隨車到著", "恢复配送，随车到达"),
        ("門市收件者", "门店收件人"),
        ("ＤＥＬＩＶＥＲＥＤ", "delivered"),
        ("电话13800000000", "电话***********"),
        ("①号", "1号"),
        ("快件已签收，感谢使用测试速递，期待再次为您服务！", "快件已签收，"),
    ],
)
def test_one_wording_has_one_folded_form(one, other):
    assert fold(one) == fold(other)


def test_pieces_mark_both_ends_and_pair_words():
    assert {"^已", "签收$", "^已签收", "已"} <= set(grams("已签收"))
    assert {" not", " not delivered"} <= set(grams("not delivered"))


def test_a_text_without_a_known_piece_is_still_read():
    assert load().guess("\U0001f600").status


@pytest.mark.server
def test_reading_a_text_needs_no_training_library():
    code = (
        "import sys; from shipment_tracking.domain.texts import classify;"
        "assert 'numpy' not in sys.modules; classify('已签收了吧');"
        "print(sorted({'scipy', 'sklearn', 'pandas'} & sys.modules.keys()))"
    )

    shown = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(PLUGINS)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert shown.stdout.strip() == "[]"
