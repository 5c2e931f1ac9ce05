"""Compression after verdicts: less is taken out of prompts whose answers reviewers found wrong."""

from __future__ import annotations

import pytest

from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.model import Identity, Layer, Reason, Request
from litellm_plugins.pipeline import Decision
from litellm_plugins.proxy.budget_prices import PriceBook
from litellm_plugins.proxy.compressing import host_compression
from litellm_plugins.proxy.ticket import Ticket
from litellm_plugins.settings import Policies, parse
from litellm_plugins.telemetry.events import CacheDecided, PromptCompressed, Telemetry

PAGE = " ".join(
    f"The {colour} {thing} of the town stands beside the {place}, and people walk past it every morning."
    for colour in ("red", "green", "old", "tall", "quiet")
    for thing in ("library", "bakery", "school", "fountain")
    for place in ("harbour", "market", "park")
)


@pytest.mark.parametrize(("feature", "factor"), [("faq", 1.0), ("contracts", 0.25)])
async def test_a_family_with_a_lower_factor_keeps_more_of_its_prose(feature: str, factor: float) -> None:
    told: list[PromptCompressed] = []

    class Heard:
        def record(self, event: object) -> None:
            if isinstance(event, PromptCompressed):
                told.append(event)

    block = {"enabled": True, "min_tokens": 200, "deadline_ms": 20_000, "methods": ["extractive"], "rate": 0.4}
    settings = parse({"compression": block})
    stage = host_compression(
        settings,
        Policies(settings),
        PriceBook({}, router=lambda: None),
        Telemetry([Heard()]),
        router=lambda: None,
        rate_factor=lambda feature, _: 0.25 if feature == "contracts" else 1.0,
    )
    assert stage is not None
    request = Request("chat", "gpt-4.1", (), {}, Identity(team_id="t"), feature=feature)
    event = CacheDecided(Layer.MISS, Reason.EMPTY, "chat", "gpt-4.1")
    ticket = Ticket(Decision(request, Policies(parse({})).base, Verdict(Layer.MISS, Reason.EMPTY), event))
    question = "Where does the tall fountain stand?"
    await stage.compress(ticket, {"messages": [{"role": "user", "content": f"{PAGE}\n\n{question}"}]})
    await stage.aclose()

    [said] = told
    assert said.reason == "applied"
    assert said.tokens_before is not None
    assert said.tokens_after is not None
    kept = said.tokens_after / said.tokens_before
    assert kept == pytest.approx(1 - 0.6 * factor, abs=0.1)
