"""Webhook events: are they ours to believe, and what do they make stale? Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from litellm_plugins.errors import RequestError, SignatureRefused
from litellm_plugins.model import checked_tags

if TYPE_CHECKING:
    from litellm_plugins.settings import Events

SIGNATURE_HEADER = "x-litellm-plugins-signature"
MAX_EVENT_TAGS = 100
_FIELD = re.compile(r"\{(\w+)\}")


def sign(secret: str, body: bytes, *, at: int) -> str:
    """The header's value for `body`, sent at the UNIX second `at`."""
    return f"t={at},v1={_digest(secret, body, at)}"


def verify(secret: str, body: bytes, header: str | None, *, now: float, tolerance_s: float) -> None:
    """Raises: SignatureRefused unless `header` signs `body`, at a time that is not far from `now`.

    `header` is `t=SECONDS,v1=HEX`; several v1 may stand there while a sender changes its secret.
    """
    if not header:
        raise SignatureRefused("signature_missing")
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    digests = [value for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not re.fullmatch(r"[0-9]{1,12}", times[0]) or not digests:
        raise SignatureRefused("signature_malformed")
    right = _digest(secret, body, int(times[0])).encode()
    if not any(hmac.compare_digest(right, digest.encode("utf-8", "replace")) for digest in digests):
        raise SignatureRefused("signature_wrong")
    if abs(now - int(times[0])) > tolerance_s:
        raise SignatureRefused("signature_too_old")


def stale_tags(event: Mapping[str, Any], settings: Events) -> tuple[str, ...]:
    """The tags whose entries `event` makes stale: those it names, and those that its type stands for.

    Raises: RequestError.
    """
    kind = event.get("type")
    if not isinstance(kind, str) or not kind:
        raise RequestError("type: the event's type is missing", param="type")
    if settings.types and kind not in settings.types:
        raise RequestError(f"type: {kind[:80]!r} is not among events.types in the settings", param="type")
    named = event.get("tags", [])
    if not isinstance(named, list):
        raise RequestError("tags: expected a list", param="tags")
    templates = settings.types[kind].tags if kind in settings.types else ()
    try:
        return checked_tags([*named, *(_filled(template, event) for template in templates)], most=MAX_EVENT_TAGS)
    except ValueError as exc:
        raise RequestError(f"tags: {exc}", param="tags") from exc


def _filled(template: str, event: Mapping[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        found = event.get(match[1])
        if isinstance(found, bool) or not isinstance(found, str | int):
            raise RequestError(f"{match[1]}: this type of event needs it", param=match[1])
        return str(found)

    return _FIELD.sub(value, template)


def _digest(secret: str, body: bytes, at: int) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
