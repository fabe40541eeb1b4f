"""What a report's text says: the day's numbers, and the head of each list."""

from typing import Any

from shipment_tracking.reports.frames import Report


def facts(report: Report, *, most: int, place: str = "") -> dict[str, Any]:
    """
    The facts of the text ``report`` in ``include/messages``.

    :param most: entries of a list, the worst first.
    :param place: where the report's files are, if they are anywhere.
    """

    def head(name: str, *columns: str) -> list[dict[str, Any]]:
        frame = report.tables[name].head(most)
        return [{column: row[column] for column in columns} for _, row in frame.iterrows()]

    alerts = head("alerts", "severity", "kind", "subject", "detail", "cleared_at")
    return {
        "day": report.day.isoformat(),
        "totals": dict(report.totals),
        "carriers": head("slowest_carriers", "carrier_name", "parcels", "hours_p50", "hours_p90"),
        "stages": head("stages", "stage", "still_open", "opened", "cleared"),
        "alerts": [each | {"is_over": each.pop("cleared_at") is not None} for each in alerts],
        "differences": head("differences", "difference", "erp_rows"),
        "place": place,
    }
