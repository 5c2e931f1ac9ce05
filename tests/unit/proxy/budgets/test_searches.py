"""What is reserved for searches at the provider, and where nobody can say."""

from __future__ import annotations

from typing import Any

import litellm
import pytest

from litellm_plugins.proxy.budgets.prices import PriceBook
from litellm_plugins.proxy.budgets.searches import Searches, searches_of
from litellm_plugins.proxy.budgets.tariff import HostTariff
from litellm_plugins.proxy.budgets.tokens import Asked
from litellm_plugins.settings.budgets import Ledger

pytestmark = pytest.mark.filterwarnings("ignore:Items? .* on TypedDict class:UserWarning")  # the host's
BY_SIZE = {"search_context_size_low": 0.03, "search_context_size_medium": 0.035, "search_context_size_high": 0.05}
PRICED = {"search_context_cost_per_query": BY_SIZE}
CENT = 10_000_000
WEB = {"type": "web_search_20250305", "name": "web_search"}


def found(
    body: dict[str, Any], provider: str, endpoint: str = "chat", info: dict[str, Any] = PRICED, model: str = "m"
) -> Searches:
    return searches_of(body, endpoint, provider=provider, model=model, info=info)


@pytest.mark.parametrize(
    ("body", "provider", "endpoint", "cents"),
    [
        ({}, "openai", "chat", 0),
        ({"tools": [{"type": "function", "function": {"name": "web_search"}}]}, "openai", "chat", 0),
        ({"web_search_options": {}}, "openai", "chat", 5),
        ({"web_search_options": {"search_context_size": "low"}}, "openai", "chat", 5),
        ({"web_search_options": {"search_context_size": "medium"}}, "anthropic", "chat", 25),
        ({"tools": [{**WEB, "max_uses": 3}]}, "anthropic", "messages", 15),
        ({"extra_body": {"tools": [{**WEB, "max_uses": 3}]}}, "anthropic", "messages", 15),
        ({"tools": [{"type": "web_search"}], "max_tool_calls": 4}, "openai", "responses", 20),
        (
            {"tools": [{"type": "web_search_preview"}, {"type": "file_search"}], "max_tool_calls": 4},
            "openai",
            "responses",
            21,
        ),
        ({"tools": [{"type": "file_search"}], "max_tool_calls": 4}, "azure", "responses", 0),
        ({"tools": [{"googleSearch": {}}]}, "gemini", "chat", 5),
        ({"tools": [{"googleMaps": {}}]}, "vertex_ai", "chat", 2.5),
        ({}, "perplexity", "chat", 5),
    ],
)
def test_what_is_bounded_is_reserved_at_the_dearest(
    body: dict[str, Any], provider: str, endpoint: str, cents: float
) -> None:
    assert found(body, provider, endpoint) == Searches(round(cents * CENT))


@pytest.mark.parametrize(
    ("body", "provider", "info"),
    [
        ({"tools": [WEB]}, "anthropic", PRICED),
        ({"tools": [{**WEB, "max_uses": "many"}]}, "anthropic", PRICED),
        ({"tools": [{"type": "web_search"}]}, "openai", PRICED),
        ({"web_search_options": {}}, "anthropic", PRICED),
        ({"web_search_options": {}}, "openai", {}),
        ({"tools": [{"googleSearch": {}}]}, "gemini", {**PRICED, "web_search_billing_unit": "per_query"}),
        ({"tools": [{"type": "file_search"}]}, "openai", PRICED),
        ({"tools": [{"type": "file_search"}], "max_tool_calls": 2}, "somebody", PRICED),
    ],
)
def test_what_nobody_can_bound_or_price_is_said(body: dict[str, Any], provider: str, info: dict[str, Any]) -> None:
    assert found(body, provider, "responses" if "max_tool_calls" in body else "chat", info).unknown


@pytest.mark.parametrize(
    "kind", ["code_interpreter", "image_generation", "code_execution_20250825", "shell", "x_search", "of_tomorrow"]
)
@pytest.mark.parametrize("place", [lambda tools: tools, lambda tools: {"extra_body": tools}], ids=["body", "extra"])
def test_tools_that_a_provider_runs_at_a_price_of_its_own_are_never_free_by_accident(kind: str, place: Any) -> None:
    body = place({"tools": [{"type": "function", "name": "f"}, {"type": kind}], "max_tool_calls": 1})
    assert found(body, "openai", "responses").unknown == f"tools ({kind})"


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "function", "function": {"name": "code_interpreter"}},
        {"type": "custom", "name": "f"},
        {"name": "f", "input_schema": {}},
        {"type": "mcp", "server_label": "l", "server_url": "https://mcp.example"},
        {"type": "computer_use_preview"},
        {"type": "bash_20250124", "name": "bash"},
        {"type": "web_fetch_20250910", "name": "web_fetch"},
        {"codeExecution": {}},
        {"type": 7},
    ],
    ids=str,
)
def test_tools_that_cost_tokens_only_are_none_to_be_reserved_for(tool: dict[str, Any]) -> None:
    assert found({"tools": [tool]}, "openai", "responses") == Searches()


def test_a_model_that_always_searches_is_reserved_for_without_a_word() -> None:
    assert found({}, "openai", model="gpt-4o-search-preview") == Searches(5 * CENT)


async def test_a_request_is_offered_with_its_searches() -> None:
    params = {"model": "anthropic/claude-sonnet-4-5", "api_key": "sk-x"}
    router = litellm.Router(model_list=[{"model_name": "group", "litellm_params": params}])
    book = PriceBook({}, router=lambda: router)

    async def offered(tools: list[dict[str, Any]]) -> tuple[int, str]:
        body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 10, "tools": tools}
        offer = await HostTariff(book, Asked(body, "messages"), rules=Ledger(), team_id=None).offer("group", None)
        assert offer is not None
        return offer.amount.nano_usd, offer.unknown

    one, two = await offered([{**WEB, "max_uses": 1}]), await offered([{**WEB, "max_uses": 2}])
    assert two[0] - one[0] == CENT
    assert (one[1], (await offered([WEB]))[1]) == ("", "web searches")


@pytest.mark.parametrize(
    ("body", "provider", "endpoint"),
    [
        ({"tools": [WEB], "max_tool_calls": 1}, "anthropic", "messages"),
        ({"tools": [WEB], "max_tool_calls": 1}, "anthropic", "responses"),
        ({"web_search_options": {}, "max_tool_calls": 1}, "anthropic", "chat"),
        ({"tools": [{"type": "web_search", "max_uses": 1}]}, "openai", "responses"),
        ({"tools": [{**WEB, "max_uses": 1}], "additional_drop_params": ["tools[*].max_uses"]}, "anthropic", "chat"),
        (
            {"tools": [{"type": "web_search"}], "max_tool_calls": 1, "additional_drop_params": ["max_tool_calls"]},
            "openai",
            "responses",
        ),
    ],
)
def test_a_bound_that_the_provider_never_hears_of_is_none(body: dict[str, Any], provider: str, endpoint: str) -> None:
    """Anthropic knows no `max_tool_calls`, and the host leaves it out; OpenAI no `max_uses`."""
    assert found(body, provider, endpoint).unknown


def test_of_what_is_said_twice_the_dearer_counts() -> None:
    """`extra_body` goes over the rest: a client would have a hundred searches, and one of them reserved."""
    tools = {"tools": [{"type": "web_search"}], "max_tool_calls": 1}
    assert found({**tools, "extra_body": {"max_tool_calls": 100}}, "openai", "responses") == Searches(500 * CENT)
    sizes = [{"web_search_options": {"search_context_size": size}} for size in ("low", "high")]
    assert found({**sizes[0], "extra_body": sizes[1]}, "anthropic") == Searches(50 * CENT)


async def test_a_deployment_s_own_searches_are_reserved_where_it_is_called() -> None:
    params = {"model": "anthropic/claude-sonnet-4-5", "api_key": "sk-x"}
    options = {"web_search_options": {"search_context_size": "high"}}
    router = litellm.Router(model_list=[{"model_name": "group", "litellm_params": {**params, **options}}])
    book = PriceBook({}, router=lambda: router)
    body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 10}
    tariff = HostTariff(book, Asked(body, "chat"), rules=Ledger(), team_id=None)
    (listing,) = book.listings("group")
    plain, searching = await tariff.at(listing, body), await tariff.at(listing, {**body, **options})
    assert searching.amount.nano_usd - plain.amount.nano_usd == 10 * CENT


def test_an_answer_in_the_background_may_cost_anything() -> None:
    assert "background" in found({"background": True}, "openai", "responses").unknown
    assert "background" in found({"extra_body": {"background": True}}, "openai", "responses").unknown
    assert not found({"background": True}, "openai", "chat").unknown
    assert not found({"background": False}, "openai", "responses").unknown
