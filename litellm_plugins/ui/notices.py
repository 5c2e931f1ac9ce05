"""What the line above the queue says of the verdict that was just given. It travels in the address. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from litellm_plugins.ui.reviewing import VERDICTS, effects

_ID = re.compile("[0-9a-f]{32}")
_OTHER = {"right": "wrong", "wrong": "right"}
_NOT_TAKEN = {
    "gone": "That item is not kept any more: nothing was recorded.",
    "busy": "Somebody else is judging that very item: nothing was recorded. Give your verdict again.",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """`verdict` of `item` is what can be said instead, or all the same, by the button that says `button`."""

    is_taken: bool
    told: str
    effects: tuple[str, ...] = ()
    item: str = ""
    verdict: str = ""
    button: str = ""


def taken(verdict: str, item: str, done: tuple[str, ...]) -> dict[str, str]:
    """The query of a verdict that was taken in."""
    return {"done": verdict, "effects": ",".join(done), "item": item}


def overtaken(verdict: str, item: str, said: str) -> dict[str, str]:
    """The query of one that was not, because somebody had said otherwise meanwhile."""
    return {"not": "meanwhile", "said": said, "verdict": verdict, "item": item}


def not_taken(why: str) -> dict[str, str]:
    """The query of one that was not, because the item is `gone` or `busy`."""
    return {"not": why}


def notice(query: Mapping[str, str]) -> Notice | None:
    """Out of an address, which anybody may have written: of words that are known, and an id."""
    done, item = query.get("done", ""), query.get("item", "")
    item = item if _ID.fullmatch(item) else ""
    if done in VERDICTS:
        other = _OTHER[done] if item else ""
        did = tuple(effects(query.get("effects", "").split(",")))
        return Notice(True, f"Recorded as {done}.", did, item, other, f"No, it was {other}")
    why, verdict, said = query.get("not", ""), query.get("verdict", ""), query.get("said", "")
    if why == "meanwhile" and verdict in VERDICTS and said in VERDICTS:
        told = f"Somebody judged that item as {said} while you looked at it: your {verdict} was not recorded."
        return Notice(False, told, (), item, verdict if item else "", f"{verdict.capitalize()} all the same")
    return Notice(False, _NOT_TAKEN[why]) if why in _NOT_TAKEN else None
