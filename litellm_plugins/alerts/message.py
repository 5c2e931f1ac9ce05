"""One thing to be told, whatever it is about: as it is kept, and as its receivers get it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson


@dataclass(frozen=True, slots=True)
class Message:
    """Told once as long as its key is known. What it says is the feature's."""

    kind: str  # the `type` that receivers see: budget.mark, anomaly.retry_storm
    key: str  # the same for every worker that sees it
    id: str  # told to the receiver, which knows a repetition by it
    at_ms: int
    until_ms: int  # how long it is not told again
    told: Mapping[str, object]  # more fields of its own; those that are None are left out
    text: str  # in words

    @property
    def payload(self) -> str:
        """The generic shape, without what differs between attempts."""
        told = {"id": self.id, "type": self.kind, "at": iso(self.at_ms), **self.told, "text": self.text}
        return orjson.dumps({name: value for name, value in told.items() if value is not None}).decode()


def body(kept: str, form: Literal["slack", "generic"], *, attempt: int) -> bytes:
    """What is sent of a payload. A repetition says so: the one before may have arrived."""
    told: Mapping[str, Any] = orjson.loads(kept)
    if form == "generic":
        return orjson.dumps({**told, "attempt": attempt})
    again = f" (sent again, id {told['id']})" if attempt > 1 else ""
    return orjson.dumps({"text": _for_slack(told["text"] + again)})


def iso(at_ms: int | None, timezone: str = "UTC") -> str | None:
    """To the second, in that zone."""
    if at_ms is None:
        return None
    told = datetime.fromtimestamp(at_ms // 1_000, ZoneInfo(timezone)).isoformat()
    return told.replace("+00:00", "Z") if timezone == "UTC" else told


def _for_slack(told: str) -> str:
    """Names are other people's words: none of them may call a channel or pose as a link."""
    return told.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
