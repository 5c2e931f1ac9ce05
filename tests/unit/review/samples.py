"""Items as tests need them."""

from __future__ import annotations

from dataclasses import replace

from litellm_plugins.review.items import Item, Kind, State, Verdict, Why, drawn, id_of

NOW = 1_800_000_000.0


def item(number: int, *, why: Why = Why.NONE, verdict: Verdict | None = None, **other: object) -> Item:
    """The same for the same number."""
    word = f"request-{number}"
    plain = Item(
        id=id_of(word),
        kind=Kind.HIT,
        at_s=NOW + number,
        tenant="team:support",
        team="support",
        trace_id=f"{number:032x}",
        call_id=f"{number + 1_000_000:032x}",
        pair=f"{number + 2_000_000:032x}",
        draw=drawn(word),
        control=why is Why.CONTROL,
        layer="semantic",
        reason="verified",
        state=State(why=why, verdict=verdict, judged_at_s=NOW if verdict else 0.0),
    )
    return replace(plain, **other)  # type: ignore[arg-type]
