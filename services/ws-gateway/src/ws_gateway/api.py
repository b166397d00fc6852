"""Requests in: tickets, polling, the page, and everything that is passed on."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from shared.http.auth import Caller
from shared.http.openapi import refusals
from shared.http.problems import Problem
from shared.streams import Cursor, InvalidCursor
from web import OPS, WALLET
from ws_gateway.adapters.files import FOR_EVERY_SITE
from ws_gateway.adapters.notifier import StreamsAway
from ws_gateway.adapters.sign_in import SignIn
from ws_gateway.adapters.tickets import TICKET_SECONDS, Tickets
from ws_gateway.adapters.upstream import Upstreams
from ws_gateway.domain import Refused
from ws_gateway.handlers.hub import Hub
from ws_gateway.handlers.polling import MAX_WAIT_SECONDS, poll

POLL_INTERVAL_SECONDS = 5
PAGE_POLICY = (
    "default-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types lit-html"
)
PAGE_HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}

router = APIRouter()
demo_router = APIRouter()


class TicketView(BaseModel):
    """``expires_in`` seconds for the ticket; ``session_ends_at`` is when the token behind it ends."""

    ticket: str
    expires_in: int
    session_ends_at: int


class PollView(BaseModel):
    """``frames`` as a socket would have said them; ``cursor`` is what to ask after next time.

    With ``reset`` load the history afresh.
    """

    frames: list[dict[str, Any]]
    cursor: str
    reset: bool


class OriginView(BaseModel):
    """Where a page that asks is from, as its browser says it, and whether it may have sockets and answers."""

    origin: str | None
    allowed: bool


class SignInBody(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    user: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


class TokenView(BaseModel):
    token: str


class WalletSettings(BaseModel):
    """What the page has to know before anybody is signed in."""

    demo_sign_in: bool


@router.post("/v1/tickets", tags=["socket"], response_model=TicketView)
async def issue_ticket(identity: Caller, request: Request) -> Response:
    """Opens one socket at ``/v1/ws``, whose first frame, the ``hello``, carries it."""
    tickets: Tickets = request.app.state.tickets
    return _json(
        {
            "ticket": tickets.issue(identity),
            "expires_in": TICKET_SECONDS,
            "session_ends_at": identity.expires_at,
        }
    )


@router.get(
    "/v1/stream",
    tags=["stream"],
    response_model=PollView,
    responses={
        304: {"description": "Nothing is new."},
        **refusals(invalid_cursor=422, too_many_connections=429),
    },
)
async def stream(
    identity: Caller,
    request: Request,
    after: Annotated[str | None, Query(max_length=40)] = None,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS)] = 0,
    if_none_match: Annotated[str, Header(max_length=100)] = "",
) -> Response:
    """What is new after a cursor, for who cannot have a socket; ``wait`` seconds for it to come."""
    hub: Hub = request.app.state.hub
    try:
        cursor = None if after is None else Cursor.parse(after)
        news = await poll(hub, identity.user_id, cursor, known_etag=if_none_match, wait=wait)
    except InvalidCursor as error:
        raise Problem(422, "invalid_cursor", f"{error}; take it from an earlier answer.") from None
    except StreamsAway:
        raise Problem(
            503, "temporarily_unavailable", "Poll again in a moment.", headers={"Retry-After": "2"}
        ) from None
    except Refused:
        raise Problem(
            429, "too_many_connections", "Close some tabs.", headers={"Retry-After": "30"}
        ) from None
    interval = {"x-poll-interval": str(POLL_INTERVAL_SECONDS)}
    if news is None:
        return Response(status_code=304, headers={"etag": if_none_match, **interval})
    return _json(news.body, {"etag": news.etag, **interval})


def _json(body: dict[str, object], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), headers=headers, media_type="application/json")


@router.api_route("/v1/accounts", methods=["GET", "POST"], include_in_schema=False)
@router.api_route("/v1/accounts/{rest:path}", methods=["GET", "POST", "PUT"], include_in_schema=False)
@router.api_route("/v1/payments", methods=["GET", "POST"], include_in_schema=False)
@router.api_route("/v1/payments/{rest:path}", methods=["GET", "POST"], include_in_schema=False)
@router.api_route("/v1/refunds", methods=["GET", "POST"], include_in_schema=False)
@router.api_route("/v1/refunds/{rest:path}", methods=["GET", "POST"], include_in_schema=False)
@router.api_route("/v1/verifications", methods=["GET", "POST"], include_in_schema=False)
@router.api_route("/v1/verifications/{rest:path}", methods=["GET", "POST"], include_in_schema=False)
@router.api_route("/v1/activity", methods=["GET"], include_in_schema=False)
@router.api_route("/v1/activity/{rest:path}", methods=["GET", "POST"], include_in_schema=False)
@router.api_route("/v1/notifications", methods=["GET"], include_in_schema=False)
@router.api_route("/v1/notifications/{rest:path}", methods=["GET", "POST"], include_in_schema=False)
@router.api_route("/v1/streams/{rest:path}", methods=["POST"], include_in_schema=False)
@router.api_route("/v1/coverage", methods=["GET"], include_in_schema=False)
@router.api_route("/v1/trail", methods=["GET"], include_in_schema=False)
@router.api_route("/v1/trail/{rest:path}", methods=["GET"], include_in_schema=False)
@router.api_route("/v1/evidence", methods=["GET"], include_in_schema=False)
@router.api_route("/v1/dead-letters/{rest:path}", methods=["GET", "POST"], include_in_schema=False)
async def pass_on(request: Request) -> Response:
    upstreams: Upstreams = request.app.state.upstreams
    return await upstreams.forward(request)


@router.get("/sdk/v1/origin", include_in_schema=False)
async def tell_origin(
    request: Request, response: Response, origin: Annotated[str | None, Header()] = None
) -> OriginView:
    """For any page: a browser does not let it see why it was refused."""
    response.headers.update(FOR_EVERY_SITE)
    return OriginView(origin=origin, allowed=origin in request.app.state.origins)


@router.get("/wallet/settings.json", include_in_schema=False)
async def wallet_settings(request: Request) -> WalletSettings:
    return WalletSettings(demo_sign_in=request.app.state.sign_in is not None)


@demo_router.post("/demo/sign-in", include_in_schema=False)
async def sign_in(body: SignInBody, request: Request, origin: Annotated[str, Header()] = "") -> TokenView:
    """A token for whoever gives a name on a page of this machine."""
    demo: SignIn = request.app.state.sign_in
    if not demo.is_open_to(origin):
        raise Problem(403, "origin_refused", "Sign in on a page that is on LEDGERBELL_ALLOWED_ORIGINS.")
    return TokenView(token=demo.token(body.user))


# Where notifications link to. The wallet finds its place by the address.
@router.get("/", include_in_schema=False)
@router.get("/history", include_in_schema=False)
@router.get("/topup", include_in_schema=False)
@router.get("/verifications/{_id}", include_in_schema=False)
@router.get("/refunds/{_id}", include_in_schema=False)
@router.get("/payments/{_id}", include_in_schema=False)
@router.get("/activity/{_id}", include_in_schema=False)
async def page() -> Response:
    return FileResponse(WALLET / "index.html", media_type="text/html", headers=PAGE_HEADERS)


@router.get("/ops", include_in_schema=False)
@router.get("/ops/", include_in_schema=False)
async def ops_page() -> Response:
    return FileResponse(OPS / "index.html", media_type="text/html", headers=PAGE_HEADERS)
