"""Draws docs/ui-*.png: the page on a month of synthetic traffic, in the machine's own Chromium.

python tools/draw_ui.py        # needs `chromium` on the PATH, and the locked development tools
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # no download
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from playwright.sync_api import ViewportSize

from litellm_plugins.alerts.message import iso
from litellm_plugins.cache.verifier.standing import Promise, Standing
from tests.support.chromium import PHONE, chromium
from tests.support.shown_day import Desk, fill, item
from tests.support.ui_server import UiServer

DOCS = Path(__file__).resolve().parents[1] / "docs"
MOST_BYTES = 300_000
SMALL_LAPTOP = ViewportSize(width=1080, height=860)


def main() -> None:
    """Write the pictures."""
    desk = Desk([item(1), item(2, why="old_answer", age_s=400_000), item(3, why="thumb_down"), item(4, why="control")])
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(fill(Path(name) / "pack.insight.db"))
        with UiServer(Path(name), desk, budgets=_budgets, standing=_standing) as server, chromium() as browser:
            for picture, scheme, size, path in (
                ("light", "light", SMALL_LAPTOP, ""),
                ("dark", "dark", SMALL_LAPTOP, "/review"),
                ("phone", "light", PHONE, ""),
            ):
                context = browser.new_context(color_scheme=scheme, viewport=size)
                context.add_cookies([{"name": "litellm_plugins_ui", "value": server.session(), "url": server.url}])
                page = context.new_page()
                page.goto(f"{server.url}{path}")
                if path:
                    page.keyboard.press("w")
                    page.wait_for_selector(".told")
                page.screenshot(path=DOCS / f"ui-{picture}.png")
                context.close()
    sizes = {path.name: path.stat().st_size for path in sorted(DOCS.glob("ui-*.png"))}
    print(sizes, sum(sizes.values()))
    assert sum(sizes.values()) < MOST_BYTES


async def _standing(_: object) -> Standing:
    return Standing(1_843, 1_792, 0.012, {"0.01": Promise(0.931, 0.214, 0.0071)})


async def _budgets() -> list[dict[str, Any]]:
    now_ms = time.time_ns() // 1_000_000
    end_ms = now_ms - now_ms % 86_400_000 + 86_400_000
    at = [iso(now_ms + (end_ms - now_ms) * part // 10) for part in (5, 3, 8)]
    reached = {"outlook": "reached_at", "at": at[0], "earliest": at[1], "latest": at[2]}
    lasts = {"outlook": "not_before_end", "at": None, "earliest": None, "latest": None}
    return [
        _account("company", "", 412.50, 500, "soft", reached, end_ms),
        _account("team-day", "support", 31.18, 50, "ok", lasts, end_ms),
        _account("team-day", "sales", 50, 50, "hard", {**lasts, "outlook": "reached"}, end_ms),
    ]


def _account(
    name: str, team: str, spent: float, limit: float, state: str, forecast: dict[str, Any], end_ms: int
) -> dict[str, Any]:
    share = spent / limit
    none = {"limit": None, "spent": 0, "reserved": 0, "share_used": None}
    return {
        "name": name,
        "account": f"{name}/team={team}" if team else name,
        "holder": f"team {team}" if team else "",
        "state": state,
        "share_used": share,
        "window": {"length": "1d", "end": iso(end_ms), "rolling": False},
        "usd": {"limit": limit, "spent": spent, "reserved": 0, "share_used": share},
        "tokens": none,
        "requests": none,
        "forecast": forecast,
    }


if __name__ == "__main__":
    main()
