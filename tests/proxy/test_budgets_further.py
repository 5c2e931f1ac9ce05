"""Of the calls that the host makes for one request of its own accord each is reserved, and booked as it is billed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.support import KEYS, Provider, RunningProxy, eventually
from tests.support.budget_proxy import body_of, budget, budget_config
from tests.support.budgets import billed, held_by, open_calls
from tests.support.carried_out import CALLBACK, LOOK_UP
from tests.support.mcp_process import mcp_server

if TYPE_CHECKING:
    import httpx

TOOL_NANO = 10_000  # of a call of the MCP server's tool, by the config
WAYS = ("chat", "responses", "messages")
# In dollars, between what the first call may cost, and what both may.
NARROW = {
    "mcp-chat": "0.0021",
    "mcp-responses": "0.0021",
    "mcp-messages": "0.0035",
    "loop-chat": "0.0018",
    "loop-responses": "0.0018",
    "loop-messages": "0.0030",
}
SCHEMA = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
MCP = {"type": "mcp", "server_label": "weather", "server_url": "litellm_proxy/mcp/weather", "require_approval": "never"}
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
ON_EVERY_ENDPOINT = pytest.mark.parametrize("endpoint", WAYS)


@pytest.fixture(scope="module")
def charging() -> Iterator[Provider]:
    """A provider of this module's own: its bill is compared with the ledger."""
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def tools() -> Iterator[int]:
    """The port of an MCP server."""
    with mcp_server() as port:
        yield port


@pytest.fixture(scope="module")
def budgeted(charging: Provider, tools: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """Every test has a budget of its own. In the narrow ones there is room for the first call only."""
    names = [f"{kind}-{way}-{how}" for kind in ("mcp", "loop") for way in WAYS for how in ("whole", "streamed")]
    budgets = [budget(name, limit_usd=1) for name in [*names, "tools"]]
    budgets += [budget(f"narrow-{name}", limit_usd=NARROW[name.rpartition("-")[0]]) for name in names]
    config = budget_config(charging.url, charging.url, budgets)
    config["litellm_settings"]["callbacks"].append(CALLBACK)
    info = {"server_name": "weather", "mcp_server_cost_info": {"default_cost_per_query": TOOL_NANO / 1e9}}
    server = {"url": f"http://127.0.0.1:{tools}/mcp", "transport": "http", "allow_all_keys": True, "mcp_info": info}
    config["mcp_servers"] = {"weather": server}
    with RunningProxy(config, tmp_path_factory.mktemp("further"), provider_url=charging.url) as proxy:
        yield proxy


def ask(proxy: RunningProxy, kind: str, endpoint: str, feature: str, *, stream: bool) -> httpx.Response:
    """A request that has its model call a tool, which the host carries out."""
    if kind == "mcp":
        offered: dict[str, Any] = MCP
    elif endpoint == "chat":
        offered = {"type": "function", "function": {"name": LOOK_UP, "parameters": SCHEMA}}
    else:
        named = {"name": LOOK_UP}
        typed = {"type": "function", "parameters": SCHEMA}
        offered = {**named, **(typed if endpoint == "responses" else {"input_schema": SCHEMA})}
    text = f"please use weather get weather or {LOOK_UP} for {feature}"
    limit: dict[str, Any] = {"max_output_tokens" if endpoint == "responses" else "max_tokens": 40}
    path, body = body_of(endpoint, text, feature, tools=[offered], stream=stream, **limit)
    return proxy.http("POST", path, KEYS.support, json=body)


def nothing_is_held(proxy: RunningProxy) -> None:
    eventually(lambda: not open_calls(proxy), what="everything to be settled", timeout_s=20, every_s=0.1)


def told_of(proxy: RunningProxy, feature: str) -> list[dict[str, Any]]:
    """The log lines of finished calls: they come after a call is settled."""
    lines = (line for line in proxy.log().splitlines() if '"call_finished"' in line)
    return [call for line in lines if (call := json.loads(line))["feature"] == feature]


@STREAMED
@ON_EVERY_ENDPOINT
def test_calls_after_tools_of_an_mcp_server_are_booked_as_billed(
    budgeted: RunningProxy, charging: Provider, endpoint: str, stream: bool
) -> None:
    charging.clear()
    name = f"mcp-{endpoint}-{'streamed' if stream else 'whole'}"
    assert ask(budgeted, "mcp", endpoint, name, stream=stream).status_code == 200
    assert charging.count() == 2
    due = billed(charging) + TOOL_NANO
    eventually(lambda: held_by(budgeted, name).spent >= due, what="both calls to be booked", every_s=0.1)
    nothing_is_held(budgeted)
    assert (held_by(budgeted, name).spent, held_by(budgeted, name).requests) == (due, 1)


@STREAMED
@ON_EVERY_ENDPOINT
def test_calls_after_tools_that_a_callback_carries_out_are_booked_as_billed(
    budgeted: RunningProxy, charging: Provider, endpoint: str, stream: bool
) -> None:
    charging.clear()
    name = f"loop-{endpoint}-{'streamed' if stream else 'whole'}"
    assert ask(budgeted, "loop", endpoint, name, stream=stream).status_code == 200
    assert charging.count() == (1 if stream and endpoint != "messages" else 2), "of others' streams the host makes none"
    due = billed(charging)
    eventually(lambda: held_by(budgeted, name).spent >= due, what="every call to be booked", every_s=0.1)
    nothing_is_held(budgeted)
    assert (held_by(budgeted, name).spent, held_by(budgeted, name).requests) == (due, 1)
    eventually(lambda: told_of(budgeted, name), what="the end to be told of", every_s=0.1)
    assert [round(float(each["cost_usd"]) * 1e9) for each in told_of(budgeted, name)] == [due], "and told of as such"


@pytest.mark.parametrize(
    ("kind", "endpoint", "stream"),
    [
        (kind, endpoint, stream)
        for kind in ("mcp", "loop")
        for endpoint in WAYS
        for stream in (False, True)
        if kind == "mcp" or not stream or endpoint == "messages"  # of the others the host makes no further call
    ],
)
def test_a_further_call_without_room_is_not_made(
    budgeted: RunningProxy, charging: Provider, kind: str, endpoint: str, stream: bool
) -> None:
    charging.clear()
    name = f"narrow-{kind}-{endpoint}-{'streamed' if stream else 'whole'}"
    response = ask(budgeted, kind, endpoint, name, stream=stream)
    # In a stream there is no status any more; and what a callback asks for and does not get the host keeps to itself.
    begun = (stream and endpoint != "messages") or kind == "loop"
    assert response.status_code == (200 if begun else 429)
    if kind == "mcp" and endpoint != "responses":
        assert f"Budget {name}" in response.text
    assert charging.count() == 1
    due = billed(charging) + (TOOL_NANO if kind == "mcp" else 0)
    eventually(lambda: held_by(budgeted, name).spent >= due, what="the first call to be booked", every_s=0.1)
    nothing_is_held(budgeted)
    assert held_by(budgeted, name).spent == due


def test_the_sdk_gets_the_refusal_of_a_further_call_like_any_other(budgeted: RunningProxy) -> None:
    with pytest.raises(openai.RateLimitError) as refused:
        budgeted.client(KEYS.support).chat.completions.create(
            model="gpt-4.1",
            max_tokens=40,
            messages=[{"role": "user", "content": "please use weather get weather, and tell the SDK"}],
            tools=[MCP],  # type: ignore[list-item]
            metadata={"feature": "narrow-mcp-chat-whole"},
        )
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert "has no room" in str(refused.value)


def test_tools_at_the_provider_that_nobody_knows_the_price_of_are_refused(
    budgeted: RunningProxy, charging: Provider
) -> None:
    charging.clear()
    for kind in ("code_interpreter", "image_generation"):
        path, body = body_of("responses", "draw or count", "tools", tools=[{"type": kind}], max_tool_calls=1)
        response = budgeted.http("POST", path, KEYS.support, json=body)
        assert response.status_code == 429
        assert response.headers["x-litellm-plugins-budget-reason"] == "uncovered_tool"
        assert kind in response.json()["error"]["message"]
    assert charging.count() == 0
