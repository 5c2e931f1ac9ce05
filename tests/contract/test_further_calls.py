"""What the host tells of calls that it makes of its own accord, one after the other, for one request.

`proxy/budgets/further.py`, `budget_replies.py`, `provider_chunks.py` and `budget_own_searches.py` stand on it: where it
changes, a budget would book one call of two, or one twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support import Provider, RunningProxy, eventually
from tests.support.budget_proxy import body_of, budget_config
from tests.support.carried_out import CALLBACK, LOOK_UP
from tests.support.config import KEYS
from tests.support.mcp_process import mcp_server
from tests.support.pieces_server import PiecesServer

_PROBE = Path(__file__).parent / "probe"
WAYS = ("chat", "responses", "messages")
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
SCHEMA = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
MCP = {"type": "mcp", "server_label": "weather", "server_url": "litellm_proxy/mcp/weather", "require_approval": "never"}


@dataclass
class Further:
    """A proxy whose host carries out tools, and what a probe in it saw."""

    proxy: RunningProxy
    provider: Provider
    streams: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, endpoint: str, tool: dict[str, Any], text: str, **more: Any) -> list[dict[str, Any]]:
        """What was seen of one request, once all of it was logged."""
        self.seen()
        self.provider.clear()
        limit: dict[str, Any] = {"max_output_tokens" if endpoint == "responses" else "max_tokens": 40}
        path, body = body_of(endpoint, text, "", tools=[tool], **limit, **more)
        answer = self.proxy.http("POST", path, KEYS.freelancer, json=body)  # of a team the host wants to know more
        assert answer.status_code == 200, answer.text
        self.streams = []
        events: list[dict[str, Any]] = []

        def all_is_told() -> bool:
            new = self.seen()
            events.extend(new["events"])
            self.streams = new["streams"] or self.streams
            return not new["events"] and any(each["what"] == "logged" for each in events)

        eventually(all_is_told, what="the log", every_s=0.5)
        return events

    def seen(self) -> dict[str, Any]:
        """Since it was asked last."""
        found: dict[str, Any] = self.proxy.http("GET", "/contract/further").raise_for_status().json()
        return found


@pytest.fixture(scope="module")
def further(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Further]:
    """Without budgets: what is seen is the host's."""
    with Provider() as provider, PiecesServer() as pieces, mcp_server() as port:
        config = budget_config(provider.url, provider.url, [])
        config["litellm_settings"]["callbacks"] += [CALLBACK, "websearch_interception", "contract_further.further"]
        config["litellm_settings"]["websearch_interception_params"] = {
            "enabled_providers": ["openai"],
            "search_tool_name": "finder",
        }
        tool = {"search_provider": "tavily", "api_key": "tvly-x", "api_base": pieces.url}
        config["search_tools"] = [{"search_tool_name": "finder", "litellm_params": tool}]
        server = {"url": f"http://127.0.0.1:{port}/mcp", "transport": "http", "allow_all_keys": True}
        config["mcp_servers"] = {"weather": server}
        folder, env = tmp_path_factory.mktemp("further"), {"PYTHONPATH": str(_PROBE)}
        with RunningProxy(config, folder, provider_url=provider.url, env=env) as proxy:
            yield Further(proxy, provider)


def tool_of(endpoint: str) -> dict[str, Any]:
    """The one that a callback carries out, in the endpoint's words."""
    if endpoint == "chat":
        return {"type": "function", "function": {"name": LOOK_UP, "parameters": SCHEMA}}
    named = {"name": LOOK_UP}
    return {
        **named,
        **({"type": "function", "parameters": SCHEMA} if endpoint == "responses" else {"input_schema": SCHEMA}),
    }


def only(events: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    """Of the request itself: a tool that is carried out, or a search, tells of itself without its ticket."""
    return [each for each in events if each["what"] == what and each["ticket"] != "None"]


def besides(events: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    return [each for each in events if each["what"] == what and each["ticket"] == "None"]


def after_the_first_answer(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Deployments that are called after a provider was asked once."""
    begun = next(index for index, each in enumerate(events) if each["what"] == "asking")
    return only(events[begun:], "deployment")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("endpoint", WAYS)
def test_calls_after_an_mcp_server_s_tools_are_marked_and_keep_the_request_s_ticket(
    further: Further, endpoint: str, stream: bool
) -> None:
    """We stand on this because a second call without the ticket or the mark would be booked nowhere."""
    events = further.ask(endpoint, MCP, f"please use weather get weather {endpoint} {stream}", stream=stream)

    assert further.provider.count() == 2
    assert len(only(events, "asking")) == 2, "each is told of before it is made"
    assert len({each["ticket"] for each in only(events, "asking")}) == 1
    later = after_the_first_answer(events)
    assert later
    assert {each["ticket"] for each in later} == {only(events, "asking")[0]["ticket"]}
    assert all(each["skips_mcp"] for each in later), "or a retry looks like it"


def test_the_two_streams_that_the_host_makes_one_of_are_to_be_found(further: Further) -> None:
    """We stand on this because the second stream's usage is told to nobody, and the first's not before its end."""
    further.ask("chat", MCP, "please use weather get weather, two streams", stream=True)
    assert further.streams == [{"first": True, "second": True, "exhausted": True, "drains": True}]


@pytest.mark.parametrize("endpoint", WAYS)
def test_calls_of_a_callback_s_loop_tell_how_deep_it_is(further: Further, endpoint: str) -> None:
    """We stand on this because depth tells another call from the same one, tried again."""
    events = further.ask(endpoint, tool_of(endpoint), f"please use {LOOK_UP} for {endpoint}")

    assert further.provider.count() == 2
    assert len(only(events, "asking")) == 2
    assert {each["ticket"] for each in only(events, "asking")} == {only(events, "asking")[0]["ticket"]}
    assert [each["depth"] for each in after_the_first_answer(events)].count(1) >= 1
    assert all(not each["depth"] for each in events[: events.index(only(events, "asking")[0])] if "depth" in each)


@pytest.mark.parametrize("endpoint", ["chat", "responses"])
def test_an_answer_goes_by_as_json_and_as_an_object_before_the_next_call(further: Further, endpoint: str) -> None:
    """We stand on this because the host logs the last of them only."""
    events = further.ask(endpoint, tool_of(endpoint), f"please use {LOOK_UP} again, {endpoint}")
    asked = [at for at, each in enumerate(events) if each["what"] == "asking" and each["ticket"] != "None"]
    first, second = asked
    between = events[first:second]
    assert any(each["is_json"] for each in only(between, "answered"))
    assert any(each["has_usage"] for each in only(events[second:], "success"))


def test_of_messages_each_call_is_logged_by_itself(further: Further) -> None:
    """We stand on this because there nothing else tells what the first of them cost."""
    events = further.ask("messages", tool_of("messages"), f"please use {LOOK_UP} again, messages")
    assert len({each["log"] for each in only(events, "logged")}) == 2


@pytest.mark.parametrize(("endpoint", "logged"), [("chat", 2), ("responses", 2), ("messages", 2)])
def test_how_often_the_host_logs_a_loop_of_two_calls(further: Further, endpoint: str, logged: int) -> None:
    """We stand on this because what is logged twice is to be booked once."""
    events = further.ask(endpoint, tool_of(endpoint), f"please use {LOOK_UP} and log it, {endpoint}")
    assert len(only(events, "logged")) == logged
    assert all(each["cost"] for each in only(events, "logged"))


@pytest.mark.parametrize("endpoint", WAYS)
def test_a_client_cannot_make_a_first_call_look_like_a_further_one(further: Further, endpoint: str) -> None:
    """We stand on this because who could would have retries, or nothing at all, counted as he likes."""
    events = further.ask(endpoint, tool_of(endpoint), f"say something, {endpoint}", _agentic_loop_depth=3)
    assert all(not each["depth"] for each in only(events, "deployment"))


def test_a_message_to_a_model_of_openai_s_is_carried_out_as_a_response(further: Further) -> None:
    """We stand on this because the limit of its answer has another name there (`HostTariff.at`)."""
    events = further.ask("messages", tool_of("messages"), "say something as a response", model="gpt-4.1")
    deployments = {each["call_type"]: each["limits"] for each in only(events, "deployment")}
    assert deployments["anthropic_messages"] == {"max_tokens": 40}
    assert deployments["aresponses"] == {"max_output_tokens": 40}


def test_file_search_for_a_provider_that_has_none_is_two_calls_logged_as_one(further: Further) -> None:
    """We stand on this because they are booked as one, at their sum, where the settings let them through."""
    tool = {"type": "file_search", "vector_store_ids": ["vs_1"]}
    said = "please use litellm file search"
    events = further.ask("responses", tool, said, model="claude-sonnet-4-5")
    asked = [each for each in further.provider.requests() if each["endpoint"] == "messages"]
    assert len(asked) == len(only(events, "asking")) == 2
    assert len({each["ticket"] for each in only(events, "asking")}) == 1
    assert len({each["log"] for each in only(events, "logged")}) == 1


def test_a_search_that_the_host_answers_itself_names_the_request_and_asks_no_provider(further: Further) -> None:
    """We stand on this because it is how the search gets on the tab of whom it was for, and nothing else is booked."""
    events = further.ask("messages", SEARCH, "what is new", model="gpt-4.1")

    assert further.provider.count() == 0
    (search,), (asked, *_) = besides(events, "deployment"), only(events, "deployment")
    assert (search["call_type"], search["parent"]) == ("asearch", asked["call_id"])
    assert [each["cost"] for each in besides(events, "logged") if each["call_type"] == "asearch"] == [0.008]
    assert not only(events, "asking"), "else it is taken for a call that a provider was asked for"
    assert [each["reply"] for each in only(events, "success")][:1] == ["dict"]


def test_such_an_answer_is_streamed_from_what_is_there_already(further: Further) -> None:
    """We stand on this because nothing else says that no provider's stream will come to an end."""
    events = further.ask("messages", SEARCH, "what is new, in a stream", model="gpt-4.1", stream=True)

    assert further.provider.count() == 0
    assert not only(events, "asking")
    assert [each["whole"] for each in only(events, "headers")] == ["dict"]
