"""What several routes show: a page's frame, and the facts of the health view."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from shipment_tracking.warehouse.rows import fetch
from shipment_tracking.web import health_rows, pages, rows, words

LANGUAGE = "shipments_language"
LAST_RUNS = 20
LAST_ACTS = 20
MOST_ALERTS = 100


def root(request: Request) -> str:
    """The relative way from a request's address to the application's first page."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return "../" * max(path.count("/") - 1, 0) or "./"


def language_of(request: Request) -> str:
    """What was switched to, or else what the browser asks for."""
    for chosen in (request.query_params.get("lang"), request.cookies.get(LANGUAGE)):
        if chosen in words.LANGUAGES:
            return chosen
    return words.preferred(request.headers.get("accept-language", ""))


def answer(
    request: Request, template: str, section: str, *, status: int = 200, **facts: Any
) -> HTMLResponse:
    """
    A page in the user's language, which a switch of language keeps.

    :param section: which part of the navigation it belongs to.
    """
    language = language_of(request)
    other = next(name for name in words.LANGUAGES if name != language)
    kept = {name: value for name, value in request.query_params.items() if name != "done"}
    frame = {
        "root": root(request),
        "section": section,
        "other_language": f"?{urlencode(kept | {'lang': other})}",
    }
    response = HTMLResponse(pages.render(template, language, **frame, **facts), status)
    if request.query_params.get("lang") == language:
        path = request.scope.get("root_path", "") + "/"
        response.set_cookie(LANGUAGE, language, path=path, httponly=True, samesite="lax")
    return response


def health_facts(connection: Connection, now: datetime) -> dict[str, Any]:
    """The rows of each part of the health view."""

    def found(name: str, row: type[Any], **binds: Any) -> list[Any]:
        return fetch(connection, name, row, **binds)

    return {
        "alerts": found("web_health.alerts", health_rows.Alert, most=MOST_ALERTS),
        "freshness": found("web_health.freshness", health_rows.Freshness, now=now),
        "quota": found("web_health.quota", health_rows.Quota, now=now),
        "runs": found("web_health.runs", health_rows.LastRun, most=LAST_RUNS),
        "channels": found("web_health.channels", health_rows.Channel, now=now),
        "feeds": found("web_health.feeds", health_rows.Feed),
        "tokens": found("web_health.tokens", health_rows.Token),
        "acts": found("web_acts.acts", rows.Act, most=LAST_ACTS),
    }
