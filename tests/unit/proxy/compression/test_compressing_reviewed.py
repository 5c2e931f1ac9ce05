"""Compression after verdicts: less is taken out of prompts whose answers reviewers found wrong."""

from __future__ import annotations

from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.model import Identity, Layer, Reason, Request
from litellm_plugins.pipeline import Decision
from litellm_plugins.proxy.budgets.prices import PriceBook
from litellm_plugins.proxy.compression.stage import host_compression
from litellm_plugins.proxy.ticket import Ticket
from litellm_plugins.settings import Policies, parse
from litellm_plugins.telemetry.events import CacheDecided, Telemetry

PAGE = " ".join(
    f"The {colour} {thing} of the town stands beside the {place}, and people walk past it every morning."
    for colour in ("red", "green", "old", "tall", "quiet")
    for thing in ("library", "bakery", "school", "fountain")
    for place in ("harbour", "market", "park")
)


async def kept(rate: float, factor: float = 1.0) -> int:
    """Tokens that are left of the prompt."""
    block = {"enabled": True, "min_tokens": 200, "deadline_ms": 20_000, "methods": ["extractive"], "rate": rate}
    settings = parse({"compression": block})
    stage = host_compression(
        settings,
        Policies(settings),
        PriceBook({}, router=lambda: None),
        Telemetry([]),
        router=lambda: None,
        rate_factor=lambda feature, model: factor if (feature, model) == ("contracts", "gpt-4.1") else 1.0,
    )
    assert stage is not None
    request = Request("chat", "gpt-4.1", (), {}, Identity(team_id="t"), feature="contracts")
    event = CacheDecided(Layer.MISS, Reason.EMPTY, "chat", "gpt-4.1")
    ticket = Ticket(Decision(request, Policies(parse({})).base, Verdict(Layer.MISS, Reason.EMPTY), event))
    question = "Where does the tall fountain stand?"
    await stage.compress(ticket, {"messages": [{"role": "user", "content": f"{PAGE}\n\n{question}"}]})
    await stage.aclose()
    assert ticket.compressed is not None
    said = ticket.compressed.event
    assert said.reason == "applied"
    assert said.tokens_after is not None
    return said.tokens_after


async def test_a_factor_takes_out_as_little_as_a_higher_rate_in_the_settings() -> None:
    assert await kept(0.4, factor=0.5) == await kept(0.7) > await kept(0.4)
