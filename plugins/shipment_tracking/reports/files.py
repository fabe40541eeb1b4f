"""The files of a report, and the port of the folder that takes them."""

from collections.abc import Mapping
from datetime import date
from typing import Protocol

from shipment_tracking.reports import page, sheets
from shipment_tracking.reports.frames import Report


class Folder(Protocol):
    """The port: where reports are kept, each day in a folder of its own."""

    def place(self, day: date) -> str:
        """Where the files of a day are, as people read it."""

    def write(self, day: date, files: Mapping[str, bytes]) -> None:
        """
        Write all files of a day over those that are there, each whole or not at all.

        :raises ReportFolderError: they cannot be written; the text names the setting.
        """


def render(report: Report, language: str, place: str) -> dict[str, bytes]:
    """Every file of a report by its name."""
    return {
        "report.html": page.html(report, language, place=place).encode(),
        "report.xlsx": sheets.xlsx(report, language),
        **sheets.csvs(report),
    }
