"""Every word of the templates is there in both languages."""

import re
from pathlib import Path

import pytest

from shipment_tracking.domain.health import KINDS
from shipment_tracking.domain.stalls import HOURS
from shipment_tracking.web import acts, lists, words as module
from shipment_tracking.web.words import LANGUAGES, preferred, words

TEMPLATES = Path(module.__file__).with_name("templates")
NAMES = re.findall(
    r"""\bt\(["']([\w.]+)["']\)""",
    "".join(file.read_text(encoding="utf-8") for file in TEMPLATES.glob("*.html")),
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_the_templates_is_there(language):
    known = words(language)

    assert len(NAMES) > 50
    assert [name for name in NAMES if not known.get(name)] == []
    assert [key for key, word in known.items() if not word.strip()] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_value_has_a_word(language):
    known = words(language)
    values = {
        "status": lists.STATUSES,
        "scope": lists.SCOPES,
        "age": (*lists.AGES, lists.UNDATED),
        "backlog": lists.NOTICE_STATES,
        "act": acts.KINDS,
        "alert": KINDS,
    }

    for group, names in values.items():
        assert [name for name in names if f"{group}.{name}" not in known] == []
    for kind in acts.KINDS:
        assert f"act.{kind}.about" in known
    for stage in HOURS:
        assert f"stage.{stage}" in known or f"status.{stage}" in known


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-Hant-TW,en;q=0.9", "zh"),
        ("en-US,zh;q=0.9", "en"),
        ("fr,zh;q=0.2", "zh"),
        ("zh;q=bad,en;q=0.1", "en"),
        ("*", "en"),
    ],
)
def test_the_browsers_languages_are_weighed(accepted, language):
    assert preferred(accepted) == language
