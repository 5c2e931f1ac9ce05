"""The Lua scripts: each method of the ledger is one, and so one atomic step."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).with_name("lua")


@dataclass(frozen=True, slots=True)
class Script:
    """What the server is sent once, and the name it then knows it by."""

    text: str
    sha: str


def _script(name: str) -> Script:
    """Its first line, which may hold flags and must stay the first; what all share; and the rest."""
    first, _, rest = (_FOLDER / f"{name}.lua").read_text(encoding="utf-8").partition("\n")
    text = f"{first}\n{_COMMON}\n{rest}"
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


_COMMON = "".join((_FOLDER / f"{name}.lua").read_text(encoding="utf-8") for name in ("accounts", "calls"))
RESERVE, CALLED, SETTLE, LAPSE, FIND, READ, RESET, LIMIT = map(
    _script, ("reserve", "called", "settle", "lapse", "find", "read", "reset", "limit")
)
