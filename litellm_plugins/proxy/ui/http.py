"""What every answer of the page has in common: headers, the cookie, forms, and who may not ask at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.responses import HTMLResponse, RedirectResponse

from litellm_plugins.errors import PluginError, RequestError

if TYPE_CHECKING:
    from fastapi import Request, Response

    from litellm_plugins.ui.passes import Pass

ROOT = "/plugins/ui"
COOKIE, FORM_COOKIE = "litellm_plugins_ui", "litellm_plugins_ui_form"
_PLACE = re.compile(r"(/review)?(\?[\w%&=.+~-]{1,1000})?", re.ASCII)
_FORM = "application/x-www-form-urlencoded"
_MOST_FORM, _MOST_FIELDS = 16 * 1024, 20
SAFE_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # With no-referrer browsers say "Origin: null" of our own forms, and over plain http that is all they say of them.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


class Refused(PluginError):
    """Not from here, or not for them."""

    code = "forbidden"
    http_status = 403


def base_of(request: Request) -> str:
    """The page's address as this client sees it: the host may be served below a path of its own."""
    return f"{request.scope.get('root_path', '').rstrip('/')}{ROOT}"


def place_in(given: str) -> str:
    """A place below the page's own address, as `place_at` writes it; of anything else the first page."""
    return given if _PLACE.fullmatch(given) else ""


def place_at(path: str, asked: Mapping[str, str]) -> str:
    """Where to go on after signing in: what was asked for, and of whom; not what was said of a verdict."""
    kept = {name: asked[name] for name in ("span", "team") if asked.get(name)}
    return place_in(path + ("?" + urlencode(kept) if kept else ""))


def is_from_here(request: Request) -> bool:
    """Whether the browser says that no other site's link led here: those come without the session's cookie."""
    return request.headers.get("sec-fetch-site", "") in ("same-origin", "none")


def page(body: str, status: int = 200) -> Response:
    """Some HTML."""
    return HTMLResponse(body, status_code=status, headers=SAFE_HEADERS)


def see(address: str) -> Response:
    """Go on there, by GET."""
    return RedirectResponse(address, status_code=303, headers=SAFE_HEADERS)


def with_session(response: Response, request: Request, secret: str, opened: Pass) -> Response:
    """The cookie of a session, for as long as that is good."""
    lasts_s = max(1, (opened.until_ms - opened.made_ms) // 1_000)
    return with_cookie(response, request, COOKIE, secret, lasts_s=lasts_s)


def with_cookie(response: Response, request: Request, name: str, value: str, *, lasts_s: int) -> Response:
    """Scripts cannot read it, and no other site's link or form brings it along."""
    response.set_cookie(
        name,
        value,
        max_age=lasts_s,
        path=base_of(request),
        secure=is_https(request),
        httponly=True,
        samesite="strict",
    )
    return response


def without_cookie(response: Response, request: Request) -> Response:
    """It is gone."""
    response.delete_cookie(COOKIE, path=base_of(request), secure=is_https(request), httponly=True, samesite="strict")
    return response


def is_https(request: Request) -> bool:
    """As the client sees it. Who lies in that header has a cookie less to lose, or more to protect."""
    told = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip()
    return request.url.scheme == "https" or told == "https"


def refuse_other_sites(request: Request) -> None:
    """The host lets any site's script read its answers (CORS); the page is for its own visitors alone.

    Links and addresses typed in are fine. Raises: Refused.
    """
    site, mode = (request.headers.get(f"sec-fetch-{name}", "") for name in ("site", "mode"))
    if site in ("cross-site", "same-site"):
        if request.method == "GET" and mode == "navigate":
            return
        raise Refused("this was asked for by another site")
    origin = request.headers.get("origin")
    if not site and origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Refused("this was asked for by another site")


async def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a form, each once. Raises: RequestError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise RequestError("expected a form", param="content-type")
    body = bytearray()
    async for chunk in request.stream():  # of somebody who has yet to prove who they are
        body += chunk
        if len(body) > _MOST_FORM:
            raise RequestError(f"body: at most {_MOST_FORM} bytes", param="body")
    try:
        given = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError as exc:
        raise RequestError("the form cannot be read", param="body") from exc
    return {name: values[0] for name, values in given.items() if len(values) == 1}
