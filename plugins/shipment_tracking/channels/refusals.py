"""What a receiver's codes mean for a message, and how a text is made to fit."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, takewhile
from typing import Any
from urllib.parse import urlsplit

from shipment_tracking.channels.port import json_size
from shipment_tracking.domain.masking import mask
from shipment_tracking.errors import (
    DeliveryError,
    RateLimitedError,
    ReceiverClosedError,
    UnreachableError,
)

SHORTEST_SECRET = 8
MOST_SAID = 200  # characters of a receiver's own words
OPTED_OUT = "opted out"
NO_CONTACT = "no contact"
"""Why a notice is suppressed for a person whom the receiver does not reach."""


class Meaning(StrEnum):
    """What to do about a refusal."""

    TRANSIENT = "transient"
    LIMITED = "limited"
    PERMANENT = "permanent"
    UNREACHABLE = "unreachable"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    One row of a channel's error table.

    :param remedy: what a person has to do, if anything.
    :param wait: seconds that ``limited`` asks for.
    """

    meaning: Meaning
    remedy: str = ""
    wait: float = 0

    def error(self, said: str) -> DeliveryError:
        """The error of a message that met it; ``said`` is the receiver's code and words."""
        text = f"the receiver answers {said}"
        if self.remedy:
            text += f": {self.remedy}"
        if self.meaning in (Meaning.PERMANENT, Meaning.UNREACHABLE, Meaning.CLOSED):
            text += "; not tried again"
        if self.meaning == Meaning.CLOSED:
            return ReceiverClosedError(text)
        if self.meaning == Meaning.UNREACHABLE:
            return UnreachableError(text, reason=OPTED_OUT)
        if self.meaning == Meaning.LIMITED:
            return RateLimitedError(text, retry_after=self.wait)
        return DeliveryError(text, permanent=self.meaning == Meaning.PERMANENT)


LONGEST_TITLE = 60  # characters
UNKNOWN = Refusal(Meaning.TRANSIENT)
"""A code that no table has is tried again."""


def judge(
    code: Any, words: Any, table: Mapping[Any, Refusal], *, success: Any, secrets: tuple[str, ...]
) -> None:
    """
    Return where the code is that of success.

    :param words: what the receiver says of it.
    :param secrets: what must not be repeated, should the receiver do so.
    :raises DeliveryError: it is another code; the table says of which kind.
    """
    if code == success and type(code) is type(success):
        return
    said = hide(f"{code} ({words})" if words else str(code), *secrets)
    # A code may be anything that JSON has.
    raise (table.get(code, UNKNOWN) if isinstance(code, str | int) else UNKNOWN).error(said)


def hide(said: str, *secrets: str) -> str:
    """A receiver's words without secrets, phones or length; of an address no part is left."""
    for secret in secrets:
        parts = urlsplit(secret) if "://" in secret else None
        words = [secret]
        if parts:
            words += [*parts.path.split("/"), *parts.query.replace("&", "=").split("=")]
        for word in words:
            if len(word) >= SHORTEST_SECRET:
                said = said.replace(word, "*")
    return mask(said)[:MOST_SAID]


def fit(text: str, longest: int | None) -> str:
    """
    The text, cut with an ellipsis at its end where it takes more bytes in a JSON message.

    It is cut behind a whole line, so that no mark of Markdown stays open; its only line is cut
    between characters.
    """
    if longest is None or json_size(text) <= longest:
        return text
    room = longest - json_size("…")
    sizes = accumulate(map(json_size, text))
    beginning = "".join(takewhile(lambda _: next(sizes) <= room, text))
    lines = beginning.rpartition("\n")[0] if text[len(beginning)] != "\n" else beginning
    return (f"{lines}\n" if lines.strip() else beginning) + "…"


def title(text: str) -> str:
    """The first line of a text in Markdown, without its marks."""
    return text.partition("\n")[0].strip(" *#")[:LONGEST_TITLE] or "-"
