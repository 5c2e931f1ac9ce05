"""Verdicts on routed answers as rows that `litellm-plugins routing train --outcomes` reads. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from litellm_plugins.review.items import Item, Verdict

CUT_AT = 4_000  # characters: so long a question was cut when it was kept


def rows(judged: Iterable[Item], *, strong: str = "") -> list[dict[str, Any]]:
    """One for each prompt: what the models that answered it made of it, 1 right and 0 wrong.

    A reviewer sees the answer of one model, and a trainer wants those of two. What `strong` names is taken to answer
    rightly whatever it was not asked: an assumption, told in the row by `assumed`. Without it there are rows of one.
    A prompt that was cut, or is not kept any more, is none that a router could learn from.
    """
    found: dict[str, dict[str, Any]] = {}
    for item in sorted(judged, key=lambda each: each.state.judged_at_s):
        if item.route and item.model and is_whole(item) and item.state.verdict is not None:
            row = found.setdefault(item.question, {"id": item.id, "prompt": item.question, "outcomes": {}})
            row["outcomes"][item.model] = 1.0 if item.state.verdict is Verdict.RIGHT else 0.0
            row["task"] = item.feature
    for row in found.values():
        if strong and strong not in row["outcomes"]:
            row["outcomes"][strong], row["assumed"] = 1.0, [strong]
    return list(found.values())


def is_whole(item: Item) -> bool:
    """Whether its question is kept to its end."""
    return 0 < len(item.question) < CUT_AT
