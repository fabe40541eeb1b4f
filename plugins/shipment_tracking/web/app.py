"""
The application behind the page: every route asks first who the user is.

Addresses in its pages are relative, so it works below any prefix.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Path, Query, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from shipment_tracking.warehouse.rows import fetch
from shipment_tracking.web import acts, api, failures, lists, pages, reading, rows, story
from shipment_tracking.web.access import User
from shipment_tracking.web.dependencies import (
    CurrentSite,
    Editor,
    Form,
    Now,
    Reader,
    Site,
    Warehouse,
    signed_in,
)
from shipment_tracking.web.drawings import drawings
from shipment_tracking.web.headers import SecurityHeaders
from shipment_tracking.web.views import answer, health_facts, root

BIGGEST = 2**63 - 1
Id = Annotated[int, Path(ge=1, le=BIGGEST)]
ParcelId = Annotated[int | None, Query(ge=1, le=BIGGEST)]
ATTENTION = ("open", "stalled", "exceptions", "problems", "quarantined", "stopped")
BACKLOG = ("due", "unloaded", "unwritten")


def create_app(site: Site, user: Callable[..., User]) -> FastAPI:
    """
    The application.

    :param user: a FastAPI dependency: who asks. It raises 401 or 403 for who may not read.
    """
    app = FastAPI(
        title="Shipments",
        dependencies=[Depends(signed_in)],
        # FastAPI's own routes would answer without a login.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.dependency_overrides[signed_in] = user
    app.state.site = site
    app.add_middleware(SecurityHeaders)
    failures.add_handlers(app)
    for add in (_add_files, _add_search, _add_lists, _add_health, _add_acts):
        add(app)
    app.include_router(api.router)
    return app


def _add_files(app: FastAPI) -> None:
    @app.get("/static/{name}", include_in_schema=False)
    def static(name: str) -> Response:
        if name not in pages.STATIC:
            raise HTTPException(404)
        headers = {"Cache-Control": "private, max-age=86400"}
        return Response(pages.static(name), media_type=pages.STATIC[name], headers=headers)

    @app.get("/api/openapi.json", include_in_schema=False)
    def openapi() -> dict[str, Any]:
        return get_openapi(
            title="Shipments", version="1", description=api.__doc__, routes=api.router.routes
        )


def _add_search(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    def search(request: Request, warehouse: Warehouse, q: str = "") -> Response:
        term = reading.as_term(q)
        found: list[rows.Found] = []
        if term:
            with reading.reading(warehouse) as connection:
                found = reading.search(connection, term)
        if len(found) == 1 and found[0].order_id is not None:
            only = found[0]
            parcel = f"?parcel={only.shipment_id}" if only.shipment_id else ""
            return RedirectResponse(f"orders/{only.order_id}{parcel}", 303)
        facts: dict[str, Any] = {
            "term": term[: reading.LONGEST_TERM],
            "found": found,
            "most": reading.MOST_FOUND,
        }
        return answer(request, "search.html", "search", **facts)

    @app.get("/orders/{order_id}", include_in_schema=False)
    def order(
        request: Request,
        user: Reader,
        warehouse: Warehouse,
        now: Now,
        order_id: Id,
        parcel: ParcelId = None,
        done: str = "",
    ) -> HTMLResponse:
        with reading.reading(warehouse) as connection:
            found = reading.order_story(connection, order_id, parcel, now=now)
        if found is None:
            raise HTTPException(404)
        return answer(
            request,
            "order.html",
            "search",
            story=found,
            timeline=story.timeline(found),
            may_act=user.may_act,
            possible=story.possible_acts(found) if user.may_act else [],
            done=done if done in acts.KINDS else "",
        )

    @app.get("/orders/{order_id}/replies/{reply_id}", include_in_schema=False)
    def reply(
        request: Request, editor: Editor, warehouse: Warehouse, order_id: Id, reply_id: Id
    ) -> HTMLResponse:
        binds = {"order_id": order_id, "reply_id": reply_id}
        with reading.reading(warehouse) as connection:
            found = reading.one(connection, "web.reply", rows.ReplyBody, **binds)
        if found is None:
            raise HTTPException(404)
        return answer(request, "reply.html", "search", reply=found, order_id=order_id)


def _add_lists(app: FastAPI) -> None:
    @app.get("/board", include_in_schema=False)
    def board(request: Request, warehouse: Warehouse, now: Now, account: str = "") -> HTMLResponse:
        wanted = lists.Filter.read({"account": account})
        binds = {"account": wanted.account or None, "now": now}
        exceptions = list(lists.EXCEPTIONS)
        with reading.reading(warehouse) as connection:
            stages = fetch(connection, "web_board.stages", rows.Stage, **binds)
            scopes = fetch(
                connection, "web_board.scopes", rows.Scopes, exceptions=exceptions, **binds
            )
            backlog = fetch(
                connection, "web_board.backlog", rows.Backlog, account=wanted.account or None
            )
            accounts = fetch(connection, "web_board.accounts", rows.Account)
        return answer(
            request,
            "board.html",
            "board",
            stages=sorted(stages, key=lambda row: lists.STATUSES.index(row.status)),
            scopes=scopes[0],
            attention=ATTENTION,
            waiting=BACKLOG,
            backlog=backlog[0],
            accounts=accounts,
            account=wanted.account,
            ages=(*lists.AGES, *([lists.UNDATED] if any(row.undated for row in stages) else [])),
            address=wanted.address,
            notices_address=lambda state: lists.NoticeFilter(
                state, account=wanted.account
            ).address(),
        )

    @app.get("/orders", include_in_schema=False)
    def orders(request: Request, warehouse: Warehouse, now: Now) -> HTMLResponse:
        wanted = lists.Filter.read(request.query_params)
        with reading.reading(warehouse) as connection:
            found = lists.orders(connection, wanted, now)
            accounts = fetch(connection, "web_board.accounts", rows.Account)
        total = found[0].total if found else 0
        return answer(
            request,
            "orders.html",
            "orders",
            wanted=wanted,
            found=found,
            total=total,
            last=lists.last_page(total),
            page_address=lambda page: f"?{wanted.address(page=page)}",
            choices={
                "scopes": lists.SCOPES,
                "statuses": lists.STATUSES,
                "ages": (*lists.AGES, lists.UNDATED),
                "accounts": [row.account for row in accounts],
            },
        )

    @app.get("/orders.csv", include_in_schema=False)
    def orders_csv(request: Request, warehouse: Warehouse, now: Now) -> Response:
        wanted = lists.Filter.read({**request.query_params, "page": "1"})
        with reading.reading(warehouse, seconds=reading.EXPORT_SECONDS) as connection:
            found = lists.orders(connection, wanted, now, most=lists.MOST_EXPORTED)
        return _csv(f"orders_{wanted.scope}", found, lists.ORDER_COLUMNS)

    @app.get("/notices", include_in_schema=False)
    def notices(
        request: Request, user: Reader, warehouse: Warehouse, done: str = ""
    ) -> HTMLResponse:
        wanted = lists.NoticeFilter.read(request.query_params)
        with reading.reading(warehouse) as connection:
            found = lists.notices(connection, wanted)
        total = found[0].total if found else 0
        return answer(
            request,
            "notices.html",
            "notices",
            wanted=wanted,
            states=lists.NOTICE_STATES,
            found=found,
            total=total,
            last=lists.last_page(total),
            page_address=lambda page: f"?{wanted.address(page=page)}",
            may_act=user.may_act,
            done=done if done in acts.KINDS else "",
        )

    @app.get("/notices.csv", include_in_schema=False)
    def notices_csv(request: Request, warehouse: Warehouse) -> Response:
        wanted = lists.NoticeFilter.read({**request.query_params, "page": "1"})
        with reading.reading(warehouse, seconds=reading.EXPORT_SECONDS) as connection:
            found = lists.notices(connection, wanted, most=lists.MOST_EXPORTED)
        return _csv(f"notices_{wanted.state}", found, lists.NOTICE_COLUMNS)


def _csv(name: str, found: list[Any], columns: tuple[str, ...]) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(lists.as_csv(found, columns), media_type="text/csv", headers=headers)


def _add_health(app: FastAPI) -> None:
    @app.get("/health", include_in_schema=False)
    def health(
        request: Request, user: Reader, warehouse: Warehouse, now: Now, done: str = ""
    ) -> HTMLResponse:
        with reading.reading(warehouse) as connection:
            facts = health_facts(connection, now)
        facts |= {"may_act": user.may_act, "done": done if done in acts.KINDS else ""}
        return answer(request, "health.html", "health", **facts)

    @app.get("/charts", include_in_schema=False)
    def charts(request: Request, warehouse: Warehouse, now: Now) -> HTMLResponse:
        with reading.reading(warehouse) as connection:
            facts: dict[str, Any] = {**drawings(connection, now)}
        return answer(request, "charts.html", "charts", **facts)


def _add_acts(app: FastAPI) -> None:
    def confirmation(
        request: Request,
        editor: User,
        kind: str,
        subject_id: int,
        order_id: int | None,
        *,
        problem: str = "",
        reason: str = "",
        status: int = 200,
    ) -> HTMLResponse:
        site: Site = request.app.state.site
        if kind not in acts.KINDS:
            raise HTTPException(404)
        if kind in acts.ON_ORDERS:
            order_id = subject_id
        found = None
        with reading.reading(site.warehouse()) as connection:
            subject = acts.subject(connection, kind, subject_id)
            if order_id is not None:
                found = reading.one(connection, "web.order", rows.Order, order_id=order_id)
        if (subject if order_id is None else found) is None:
            raise HTTPException(404)
        return answer(
            request,
            "confirm.html",
            "search" if found else acts.SHOWN_ON[kind],
            status=status,
            kind=kind,
            subject=subject,
            order=found,
            needs_reason=kind in acts.NEEDS_REASON,
            reason=reason,
            problem=problem,
            token=site.tokens.issue(editor),
            back=root(request) + (f"orders/{order_id}" if order_id else acts.SHOWN_ON[kind]),
        )

    @app.get("/acts/{kind}/{subject_id}", include_in_schema=False)
    def confirm(
        request: Request, editor: Editor, kind: str, subject_id: Id, order: ParcelId = None
    ) -> HTMLResponse:
        return confirmation(request, editor, kind, subject_id, order)

    @app.post("/acts/{kind}/{subject_id}", include_in_schema=False)
    def act(
        request: Request,
        editor: Editor,
        site: CurrentSite,
        form: Form,
        kind: str,
        subject_id: Id,
        order: ParcelId = None,
    ) -> Response:
        def again(problem: str, status: int) -> HTMLResponse:
            return confirmation(
                request,
                editor,
                kind,
                subject_id,
                order,
                problem=problem,
                reason=reason,
                status=status,
            )

        reason = acts.clean_reason(form.get("reason", ""))
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return again("act.stale_form", 403)
        if not site.tokens.is_valid(form.get("token", ""), editor):
            return again("act.stale_form", 403)
        if kind not in acts.KINDS:
            raise HTTPException(404)
        if kind in acts.NEEDS_REASON and not reason:
            return again("act.no_reason", 400)
        done = acts.act(site.warehouse(), editor, kind, subject_id, reason, now=site.now())
        if done is None:
            return again("act.not_possible", 409)
        shown = f"orders/{done.order_id}" if done.order_id else acts.SHOWN_ON[kind]
        return RedirectResponse(f"{root(request)}{shown}?done={kind}", 303)
