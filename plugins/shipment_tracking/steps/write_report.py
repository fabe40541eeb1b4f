"""Writes the report of a day into its folder: HTML, XLSX, and a CSV for each table."""

import logging
from datetime import date

from sqlalchemy import Engine

from shipment_tracking.reports import frames
from shipment_tracking.reports.files import Folder, render
from shipment_tracking.warehouse import report

log = logging.getLogger(__name__)


def run(warehouse: Engine, *, day: date, language: str, folder: Folder) -> dict[str, int | str]:
    """
    Read the day and write its files; those of an earlier try are replaced.

    :param language: of the HTML and the XLSX; the CSVs have the names of the columns.
    :returns: the ``day``, the ``place`` of its files, how many ``files`` and ``bytes`` they are.
    :raises ReportFolderError: the folder cannot be written to.
    """
    found = frames.build(report.read(warehouse, day))
    place = folder.place(day)
    files = render(found, language, place)
    folder.write(day, files)
    size = sum(map(len, files.values()))
    log.info("report of %s: %d files in %s", day, len(files), place)
    return {"day": day.isoformat(), "place": place, "files": len(files), "bytes": size}
