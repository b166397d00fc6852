"""Somebody else's site, with the bell dropped into its page as web/README.md says, under a strict policy."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

PAGE = """<!doctype html>
<html lang="en">
<title>Shop</title>
<script type="module" src="{gateway}/sdk/v1/elements.js"></script>
<ledgerbell-bell token-url="/ledgerbell-token"></ledgerbell-bell>
{more}
</html>
"""
POLICY = (
    "default-src 'none'; script-src {gateway}; connect-src 'self' {gateway} {sockets}; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'; trusted-types lit-html"
)
SESSION = "shop-session"


class Shop:
    """Uses the gateway at ``gateway_url``; ``token_of`` is how it vouches for who is signed in here."""

    gateway_url: str
    token_of: Callable[[str], str]

    def __init__(self) -> None:
        self.asked = 0
        """How often its token was asked for."""
        self.app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/status", self._page_with_status),
                Route("/sign-in/{user}", self._sign_in),
                Route("/ledgerbell-token", self._token),
                Route("/favicon.ico", lambda _: Response(status_code=204)),
            ]
        )

    def _page(self, _: Request, more: str = "") -> Response:
        sockets = self.gateway_url.replace("http", "ws", 1)
        policy = POLICY.format(gateway=self.gateway_url, sockets=sockets)
        page = PAGE.format(gateway=self.gateway_url, more=more)
        return HTMLResponse(page, headers={"content-security-policy": policy})

    def _page_with_status(self, request: Request) -> Response:
        return self._page(request, "<ledgerbell-status></ledgerbell-status>")

    def _sign_in(self, request: Request) -> Response:
        response = RedirectResponse("/")
        response.set_cookie(SESSION, request.path_params["user"], httponly=True, samesite="strict")
        return response

    def _token(self, request: Request) -> Response:
        self.asked += 1
        user = request.cookies.get(SESSION)
        if user is None:
            return Response(status_code=401)
        return JSONResponse({"token": self.token_of(user)}, headers={"cache-control": "no-store"})
