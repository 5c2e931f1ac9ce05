"""The YAML in README and docs is taken as it stands: what is pasted boots."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from litellm_plugins.settings import parse, parse_keys

ROOT = Path(__file__).parents[2]
HOST = {"model_list", "general_settings", "litellm_settings", "router_settings", "callback_settings"}
# What a page's other snippets name: a tier of prompts, and budgets that are overridden.
AROUND: dict[str, Any] = {
    "routing": {"routers": {"auto": {"tiers": [{"name": n, "models": [n]} for n in ("small", "strong")]}}},
    "budgets": [{"name": n, "scope": "key", "limit_usd": 5} for n in ("company", "team-day", "opus-per-key")],
}
AROUND["budgets"][1]["scope"] = "team"


def _snippets() -> Iterator[Any]:
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            line = text[: found.start()].count("\n") + 1
            yield pytest.param(found[1], id=f"{page.name}:{line}")


@pytest.mark.parametrize("snippet", list(_snippets()))
def test_a_snippet_of_the_docs_is_right(snippet: str) -> None:
    given = yaml.safe_load(snippet.replace("os.environ/LITELLM_PLUGINS_REDIS_URL", "redis://localhost:6379/0"))
    if {"teams", "keys"} >= given.keys():
        keys = [{**each, "hash": f"sha256:{'a' * 64}"} for each in given["keys"]]
        parse_keys({**given, "keys": keys}, root="keys.yaml")
        return
    ours = given.get("callback_settings", {}).get("litellm_plugins") if given.keys() & HOST else given
    if ours is not None:
        for router in ours.get("routing", {}).get("routers", {}).values():
            if router.get("tiers") in (None, ["..."]):
                router["tiers"] = AROUND["routing"]["routers"]["auto"]["tiers"]
        parse({**AROUND, **ours})  # or it raises
