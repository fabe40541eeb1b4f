"""What came of checking a connection, question by question."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """
    What came of one question.

    :param works: ``None`` when it was not asked.
    :param said: a warning, or why it does not work or was not asked, and what to do.
    :param note: what else is known; of no weight for the verdict.
    """

    about: str
    works: bool | None
    said: str = ""
    note: str = ""

    def __str__(self) -> str:
        state = {None: "not checked", True: "ok", False: "failed"}[self.works]
        text = f"{self.about}: {state}"
        told = "; ".join(filter(None, (self.said, self.note)))
        return f"{text}: {told}" if told else text


def verdict(findings: Iterable[Finding]) -> tuple[bool, str]:
    """Whether the connection works, and one line that says so, or why not and what to do."""
    told = list(findings)
    failures = [finding.said for finding in told if finding.works is False]
    if failures:
        unseen = [finding.said for finding in told if finding.works is None and finding.said]
        return False, f"does not work: {'; '.join(dict.fromkeys(failures + unseen))}"
    warnings = [finding.said for finding in told if finding.works and finding.said]
    return True, f"works, but {'; '.join(warnings)}" if warnings else "works"
