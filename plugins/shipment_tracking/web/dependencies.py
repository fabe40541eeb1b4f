"""What every route may ask for; the application's state holds where it comes from."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, HTTPException, Request
from sqlalchemy import Engine

from shipment_tracking.web.access import FormTokens, User

LARGEST_FORM = 16_384


@dataclass(frozen=True, slots=True)
class Site:
    """
    What the page stands on.

    :param warehouse: opens it; raises a ``ShipmentTrackingError`` when its connection is unusable.
    :param now: the time as the pipeline has it, in UTC.
    :param tokens: of the page's forms.
    """

    warehouse: Callable[[], Engine]
    now: Callable[[], datetime]
    tokens: FormTokens


def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def signed_in() -> User:
    """
    Who asks; the application puts what Airflow says in the place of this refusal.

    :raises HTTPException: 401 without a login, 403 for who may not read the DAG.
    """
    raise HTTPException(401, "Not authenticated")


Reader = Annotated[User, Depends(signed_in)]


def _editor(user: Reader) -> User:
    if not user.may_act:
        raise HTTPException(403, "Forbidden")
    return user


def _warehouse(request: Request) -> Engine:
    return _site(request).warehouse()


def _now(request: Request) -> datetime:
    return _site(request).now()


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form that is not larger than any of ours."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_FORM:
            raise HTTPException(413, "the form is too large")
    try:
        text = body.decode("utf-8", "replace")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=20))
    except ValueError as error:
        raise HTTPException(413, "the form has too many fields") from error


CurrentSite = Annotated[Site, Depends(_site)]
Editor = Annotated[User, Depends(_editor)]
Warehouse = Annotated[Engine, Depends(_warehouse)]
Now = Annotated[datetime, Depends(_now)]
Form = Annotated[dict[str, str], Depends(_form)]
