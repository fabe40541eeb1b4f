"""Numbers that mean the same waybill compare as equal."""

import pytest

from shipment_tracking.domain.waybills import fold, split


@pytest.mark.parametrize(
    "written",
    ["YT1", "yt1", " YT1 ", "Y T 1", "ＹＴ１", "YT1\r\n", "YT1\u3000", "\ufeffYT1", "YT\u200b1"],
)
def test_spellings_of_one_number_fold_alike(written):
    assert fold(written) == "YT1"


@pytest.mark.parametrize("written", [None, "", " ", "\r\n", "\u3000"])
def test_nothing_folds_to_none(written):
    assert fold(written) is None


def test_different_numbers_stay_different():
    assert fold("YT-1") != fold("YT1")


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("YT1", ["YT1"]),
        ("YT 1", ["YT 1"]),
        ("YT1,yt2", ["YT1", "yt2"]),
        (" YT1 、YT2；YT3\r\n", ["YT1", "YT2", "YT3"]),
        ("YT1\nYT2", ["YT1", "YT2"]),
        (",", []),
    ],
)
def test_signs_part_the_numbers_of_a_text(written, numbers):
    assert split(written) == numbers
