"""The Lua scripts: each is one atomic step on one key."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).with_name("lua")

PUT, EXTEND, APPEND, KEEP_NEWER, MOVE, CLAIM, COUNT, BAR, UNBAR, VOUCH = (
    (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
    for name in ("put", "extend", "append", "keep_newer", "move", "claim", "count", "bar", "unbar", "vouch")
)
