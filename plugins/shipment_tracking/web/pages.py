"""Renders the templates: words, times and addresses as they stand in a page."""

import re
from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from shipment_tracking.web.charts import number
from shipment_tracking.web.words import words

SHANGHAI = ZoneInfo("Asia/Shanghai")
BASIS = re.compile(r"(.+), (\w+): (\d+) parcels signed (\S+) to (\S+)")
STATIC = {"page.css": "text/css", "page.js": "text/javascript"}


def render(template: str, language: str, **facts: Any) -> str:
    """
    A page in a language.

    :param facts: what the template names; ``root`` is the way to the application's first page.
    """
    known = words(language)

    def word(key: str) -> str:
        return known[key]

    def named(group: str, value: object) -> str:
        """A word for a value, or the value itself where there is none."""
        return known.get(f"{group}.{value}", str(value))

    def stage_of(stage: str) -> str:
        """A parcel's stage where it is stalled, which may be a status."""
        return known.get(f"stage.{stage}") or named("status", stage)

    def reason_of(reason: str) -> str:
        """What a notice tells of: a status, or a stall and its stage."""
        word, _, stage = reason.partition(":")
        if stage:
            return f"{named('reason', word)}: {stage_of(stage)}"
        return known.get(f"reason.{word}") or named("status", word)

    def basis_of(basis: str) -> str:
        """What an estimated arrival rests on, as ``domain.eta`` words it."""
        found = BASIS.fullmatch(basis)
        if found is None:
            return basis
        carrier = known["eta.all_carriers"] if found[1] == "all carriers" else found[1]
        stage = stage_of(found[2])
        return known["eta.basis"].format(carrier, stage, *found.groups()[2:])

    names = {
        "t": word,
        "named": named,
        "stage_of": stage_of,
        "reason_of": reason_of,
        "basis_of": basis_of,
        "language": language,
        "version": version(),
    }
    return environment().get_template(template).render(names | facts)


@cache
def environment() -> Environment:
    """The templates; everything that is put into them is escaped."""
    made = Environment(
        loader=PackageLoader("shipment_tracking.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"time": time_element, "number": number}
    return made


def time_element(value: datetime | None, otherwise: str = "—") -> Markup | str:
    """A time in Shanghai, to the minute."""
    if value is None:
        return otherwise
    local = value.astimezone(SHANGHAI)
    return Markup('<time datetime="{}">{}</time>').format(
        value.astimezone(UTC).isoformat(timespec="seconds"), f"{local:%Y-%m-%d %H:%M}"
    )


@cache
def static(name: str) -> bytes:
    """
    A file of ours for the browser.

    :raises KeyError: there is no such file.
    """
    if name not in STATIC:
        raise KeyError(name)
    return files("shipment_tracking.web").joinpath("static", name).read_bytes()


@cache
def version() -> str:
    """Changes whenever a file for the browser does."""
    digest = blake2b(digest_size=6)
    for name in STATIC:
        digest.update(static(name))
    return digest.hexdigest()
