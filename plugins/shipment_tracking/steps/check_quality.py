"""Checks that the warehouse holds what it promises."""

import logging
from datetime import datetime

from sqlalchemy import Engine

from shipment_tracking.errors import QualityError
from shipment_tracking.warehouse import quality

log = logging.getLogger(__name__)


def run(warehouse: Engine, *, now: datetime) -> dict[str, int]:
    """
    Run every check of ``include/sql/quality`` and keep what it found.

    ``report_health`` opens an alert for each check that is violated or cannot run.

    :param now: aware.
    :returns: how many ``checks`` there are, are ``violated``, or are ``broken``: could not run.
    :raises QualityError: a check of severity ``error`` is violated; all others were run.
    """
    results = quality.check_all(warehouse, now=now)
    quality.keep(warehouse, results, now=now)
    broken = [result for result in results if result.error]
    violated = [result for result in results if result.violations]
    for result in (*broken, *violated):
        log.warning("%s", result)
    if severe := [str(result) for result in violated if result.severity == "error"]:
        raise QualityError("; ".join(severe))
    return {"checks": len(results), "violated": len(violated), "broken": len(broken)}
