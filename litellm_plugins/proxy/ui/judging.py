"""A verdict that was posted from the page: from the form to what the next page says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from litellm_plugins.errors import NotFound, RequestError
from litellm_plugins.review.desk import Busy
from litellm_plugins.ui import notices
from litellm_plugins.ui.reviewing import VERDICTS

if TYPE_CHECKING:
    from litellm_plugins.ui.reviewing import ReviewDesk, Verdict

_LONGEST = 15  # digits of a time in milliseconds


async def judged(desk: ReviewDesk | None, form: Mapping[str, str], by: str) -> dict[str, str]:
    """The query of the page to go on with. Raises: RequestError, StoreUnavailable."""
    verdict, item = form.get("verdict"), form.get("item", "")
    if desk is None or verdict not in VERDICTS:
        raise RequestError("verdict: expected right or wrong", param="verdict")
    said: Verdict = "right" if verdict == "right" else "wrong"
    try:
        told = await desk.judge(item, said, by, shown_at_ms=_shown(form.get("shown", "")))
    except NotFound:
        return notices.not_taken("gone")
    except Busy:
        return notices.not_taken("busy")
    if meanwhile := told.get("meanwhile"):
        return notices.overtaken(said, item, str(meanwhile))
    return notices.taken(said, item, tuple(str(each) for each in told.get("effects", ())))


def place_of(form: Mapping[str, str]) -> str:
    """The number of the item that was judged; the next one stands there now."""
    place = form.get("place", "")
    return place if place.isdecimal() and place.isascii() and len(place) < 4 else "1"


def _shown(given: str) -> int | None:
    """When the item was drawn. A form without it overrules: it says that it knows."""
    return int(given) if given.isdecimal() and given.isascii() and len(given) <= _LONGEST else None
