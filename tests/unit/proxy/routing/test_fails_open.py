"""A request that cannot be routed goes on exactly as it was asked."""

from __future__ import annotations

from typing import Any

import pytest
from litellm.proxy import common_request_processing as host_processing

from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.model import Identity, Layer, Reason, Request
from litellm_plugins.pipeline import Decision
from litellm_plugins.proxy.budgets.prices import PriceBook
from litellm_plugins.proxy.routing import stage as routing
from litellm_plugins.proxy.ticket import Ticket
from litellm_plugins.routing.conversation import Conversation
from litellm_plugins.settings import Cache, Policies, parse
from litellm_plugins.telemetry.events import CacheDecided, Telemetry

pytestmark = pytest.mark.filterwarnings("ignore")  # the host's, of its own models
REQUEST = Request("chat", "auto", (), {}, Identity(key_id="k"), stream=True)


def test_what_fails_on_the_way_to_a_tier_has_changed_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> dict[str, Any]:
        raise TypeError("another version of the host")

    monkeypatch.setattr(host_processing, "_stream_usage_tracking_updates", fails)
    data: dict[str, Any] = {"model": "auto", "stream": True}
    with pytest.raises(TypeError):
        routing._send(data, "small", REQUEST)
    assert data == {"model": "auto", "stream": True}


@pytest.mark.parametrize("endpoint", ["chat", "messages"])
def test_the_model_of_the_tier_is_asked(endpoint: str) -> None:
    data: dict[str, Any] = {"model": "auto"}
    routing._send(data, "small", Request(endpoint, "auto", (), {}, Identity(key_id="k")))
    assert data["model"] == "small"


class Failing:
    """A scoring that always breaks."""

    def __init__(self) -> None:
        self.thresholds = {"auto": (0.5,)}

    async def weigh(self, asking: object) -> Any:
        raise RecursionError("whatever a client found")


def failing(**limits: Any) -> routing.HostRouting:
    tiers = [{"name": "small", "models": ["nano", "mini"]}, {"name": "strong", "models": ["max"]}]
    settings = parse({"routing": {"routers": {"auto": {"tiers": tiers}}, **limits}})
    book = PriceBook({}, router=lambda: None)
    scoring: Any = Failing()
    return routing.HostRouting(settings, Policies(settings), book, Telemetry([]), scoring=scoring)


def ticket() -> Ticket:
    event = CacheDecided(Layer.MISS, Reason.EMPTY, "chat", "auto")
    return Ticket(Decision(REQUEST, Cache(), Verdict(Layer.MISS, Reason.EMPTY), event))


@pytest.mark.parametrize(
    ("limits", "model"),
    [
        ({}, "auto"),
        ({"max_tier": "small"}, "nano"),
        ({"max_tier": "strong"}, "max"),
        ({"max_tier": "small", "mode": "shadow"}, "auto"),
    ],
)
async def test_the_dearest_tier_that_is_allowed_holds_where_the_stage_breaks(
    limits: dict[str, Any], model: str
) -> None:
    data: dict[str, Any] = {"model": "auto"}
    at = ticket()
    await failing(**limits).route(at, data)
    assert (data, at.routed) == ({"model": model}, None)


def test_tools_that_are_nested_deeper_than_is_read_are_taken_for_long() -> None:
    shape: dict[str, Any] = {"type": "string"}
    for _ in range(200):
        shape = {"type": "object", "properties": {"a": shape}}
    deep = Request("chat", "auto", (), {"tools": [{"function": {"parameters": shape}}]}, Identity(key_id="k"))
    assert routing._most_tokens(Conversation(()), deep) > 1_000_000
    assert routing._most_tokens(Conversation(()), REQUEST) < 1_000
