"""Answers when something is not possible: a page with the reason for people, JSON for programs."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from psycopg import errors as postgres
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from shipment_tracking.errors import ShipmentTrackingError
from shipment_tracking.web.views import answer
from shipment_tracking.web.words import words

log = logging.getLogger(__name__)

NO_TABLES = (postgres.UndefinedTable, postgres.UndefinedColumn, postgres.InvalidSchemaName)
TOO_SLOW = (postgres.QueryCanceled, postgres.LockNotAvailable)
KNOWN = {401: "error.401", 403: "error.403", 404: "error.404", 405: "error.404"}


def add_handlers(app: FastAPI) -> None:
    """Let the application answer its errors."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(DBAPIError, _database)
    app.add_exception_handler(ShipmentTrackingError, _ours)


def _http(request: Request, error: Any) -> Response:
    return _shown(request, error.status_code, KNOWN.get(error.status_code, "error.422"))


def _invalid(request: Request, error: Any) -> Response:
    return _shown(request, 422, "error.422")


def _database(request: Request, error: Any) -> Response:
    original = error.orig
    log.warning("the page's question failed: %s", str(original).partition("\n")[0])
    if isinstance(original, TOO_SLOW):
        return _shown(request, 503, "error.slow")
    if isinstance(original, NO_TABLES):
        return _shown(request, 503, "error.no_tables")
    return _shown(request, 503, "error.503")


def _ours(request: Request, error: Any) -> Response:
    log.warning("the page cannot be shown: %s", error)
    return _shown(request, 503, "error.503", str(error))


def _shown(request: Request, status: int, problem: str, detail: str = "") -> Response:
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    if path.startswith("/api/"):
        text = f"{words('en')[problem]} {detail}".strip()
        return JSONResponse({"detail": text}, status)
    if status == 401:
        # The style of the other pages asks for a login, too.
        return answer(request, "login.html", "", status=status)
    return answer(request, "message.html", "", status=status, problem=problem, detail=detail)
