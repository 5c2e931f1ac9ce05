"""What makes two requests one, or comparable: the tables of what must and must not tell them apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from litellm_plugins.cache.keys import Keys, derive
from litellm_plugins.model import CacheControls, Identity, Request
from tests.unit.cache.builders import TEAM, chat, tool, tool_call

SYSTEM = {"role": "system", "content": "You help customers of a bank."}
ASKED = {"role": "user", "content": "My card is lost."}
SAID = {"role": "assistant", "content": "Shall I block it?"}
LAST = {"role": "user", "content": "Yes"}
LONG_CHAT = chat(messages=(SYSTEM, ASKED, SAID, LAST), parameters={"temperature": 0.5, "max_tokens": 50})
CALLED = {"role": "assistant", "content": None, "tool_calls": [tool_call()]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "12 degrees"}
WITH_TOOLS = chat(messages=(ASKED, CALLED, RESULT), parameters={"tools": [tool()]})


def keys(request: Request) -> Keys:
    derived = derive(request, "team")
    assert isinstance(derived, Keys), derived
    return derived


def saying(*messages: Mapping[str, Any]) -> Request:
    return replace(LONG_CHAT, messages=messages)


def asking(**parameters: Any) -> Request:
    return replace(LONG_CHAT, parameters={**LONG_CHAT.parameters, **parameters})


CONTEXT = {
    "another system prompt": saying({**SYSTEM, "content": "You help customers of a bank!"}, ASKED, SAID, LAST),
    "no system prompt": saying(ASKED, SAID, LAST),
    "an empty system prompt": saying({**SYSTEM, "content": ""}, ASKED, SAID, LAST),
    "the system prompt said by a developer": saying({**SYSTEM, "role": "developer"}, ASKED, SAID, LAST),
    "the system prompt in parts": saying(
        {"role": "system", "content": [{"type": "text", "text": SYSTEM["content"]}]}, ASKED, SAID, LAST
    ),
    "an earlier turn edited": saying(SYSTEM, {**ASKED, "content": "My card is lost"}, SAID, LAST),
    "an earlier turn dropped": saying(SYSTEM, ASKED, LAST),
    "an earlier turn asked twice": saying(SYSTEM, ASKED, ASKED, SAID, LAST),
    "earlier turns swapped": saying(SYSTEM, SAID, ASKED, LAST),
    "earlier turns whose roles moved": saying(SYSTEM, {**ASKED, "role": "assistant"}, {**SAID, "role": "user"}, LAST),
    "two earlier turns run into one": saying(
        SYSTEM, {"role": "user", "content": "My card is lost.Shall I block it?"}, LAST
    ),
    "another name in an earlier turn": saying(SYSTEM, {**ASKED, "name": "ann"}, SAID, LAST),
    "another name in the last turn": saying(SYSTEM, ASKED, SAID, {**LAST, "name": "ann"}),
    "another role in the last turn": saying(SYSTEM, ASKED, SAID, {**LAST, "role": "assistant"}),
}
SHAPE = {
    "temperature": asking(temperature=0.6),
    "temperature left to the provider": replace(LONG_CHAT, parameters={"max_tokens": 50}),
    "temperature of zero": asking(temperature=0),
    "top_p": asking(top_p=0.1),
    "seed": asking(seed=7),
    "max_tokens": asking(max_tokens=51),
    "max_completion_tokens": asking(max_completion_tokens=50),
    "stop": asking(stop=["\n"]),
    "stop as a word": asking(stop="\n"),
    "n": asking(n=2),
    "logit_bias": asking(logit_bias={"50256": -100}),
    "presence_penalty": asking(presence_penalty=1),
    "response_format": asking(response_format={"type": "json_object"}),
    "tools": asking(tools=[tool()]),
    "reasoning_effort": asking(reasoning_effort="high"),
    "logprobs": asking(logprobs=True),
    "a parameter of a provider's own": asking(thinking={"type": "enabled"}),
}
PLACE = {
    "model group": replace(LONG_CHAT, model_group="large"),
    "namespace": replace(LONG_CHAT, controls=CacheControls(namespace="docs")),
    "team": replace(LONG_CHAT, identity=Identity(key_id="k1", team_id="sales")),
    "routing tags": replace(LONG_CHAT, routing_tags=("eu",)),
    "an output limit": replace(LONG_CHAT, output_marks=("max_tokens:5",)),
    "a tag that looks like one": replace(LONG_CHAT, routing_tags=("output:max_tokens:5",)),
    "a tag that looks like that": replace(LONG_CHAT, routing_tags=("tag:output:max_tokens:5",)),
    "a declared prompt": replace(LONG_CHAT, prompt_mark="support:0a:role"),
    "a tag that looks like a prompt": replace(LONG_CHAT, routing_tags=("prompt:support:0a:role",)),
}
STRUCTURE = CONTEXT | SHAPE | PLACE


@pytest.mark.parametrize("other", STRUCTURE.values(), ids=STRUCTURE.keys())
def test_a_structural_difference_is_another_partition(other: Request) -> None:
    """The semantic layer may not compare across any of these either: the last words alone say the same."""
    assert keys(other).partition != keys(LONG_CHAT).partition
    assert keys(other).exact != keys(LONG_CHAT).exact


def test_no_two_structural_differences_share_a_partition() -> None:
    """Two parameters of one value, or a text moved to the next field, must not come out alike."""
    partitions = {keys(request).partition for request in STRUCTURE.values()}
    assert len(partitions) == len(STRUCTURE)


TOOLING = {
    "arguments of an earlier call": (ASKED, {**CALLED, "tool_calls": [tool_call('{"city":"Rome"}')]}, RESULT),
    "id of an earlier call": (ASKED, {**CALLED, "tool_calls": [tool_call(call_id="call_2")]}, RESULT),
    "two calls for one": (ASKED, {**CALLED, "tool_calls": [tool_call(), tool_call()]}, RESULT),
    "which call is answered": (ASKED, CALLED, {**RESULT, "tool_call_id": "call_2"}),
    "what the tool said": (ASKED, CALLED, {**RESULT, "content": "13 degrees"}),
}


@pytest.mark.parametrize("messages", TOOLING.values(), ids=TOOLING.keys())
def test_another_tool_conversation_is_another_request(messages: tuple[Mapping[str, Any], ...]) -> None:
    """The model answers to what was called and what came back."""
    assert keys(replace(WITH_TOOLS, messages=messages)).exact != keys(WITH_TOOLS).exact


OFFERS: dict[str, dict[str, Any]] = {
    "another schema": {"tools": [tool(required=["city"])]},
    "another name": {"tools": [tool("forecast")]},
    "one tool more": {"tools": [tool(), tool("forecast")]},
    "the tools in another order": {"tools": [tool("forecast"), tool()]},
    "a tool choice": {"tools": [tool()], "tool_choice": "required"},
    "another tool choice": {"tools": [tool()], "tool_choice": "none"},
    "no parallel calls": {"tools": [tool()], "parallel_tool_calls": False},
}


def test_what_tools_are_offered_and_how_is_structure() -> None:
    """A call of a tool that was not offered would break the client."""
    offers = [keys(replace(WITH_TOOLS, parameters=parameters)).partition for parameters in OFFERS.values()]
    assert len({keys(WITH_TOOLS).partition, *offers}) == 1 + len(OFFERS)


def part(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text} | more


LAST_TURNS: dict[str, Any] = {
    "one word": "transfer money",
    "a blank at the end": "transfer money ",
    "other case": "Transfer money",
    "one part": [part("transfer money")],
    "two parts": [part("transfer "), part("money")],
    "two parts cut elsewhere": [part("transfer"), part(" money")],
    "parts swapped": [part("money"), part("transfer ")],
    "an empty part": [part("transfer money"), part("")],
    "a part with a field more": [part("transfer money", cache_control={"type": "ephemeral"})],
    "the JSON of a part": '[{"type":"text","text":"transfer money"}]',
    "composed": "é",
    "decomposed": "e\u0301",
    "nothing": None,
    "no characters": "",
    "no parts": [],
}


def test_the_exact_key_tells_every_last_turn_from_every_other() -> None:
    """The exact layer promises the very same request, to the byte and to the boundary between two parts."""
    exact = [keys(chat(messages=({"role": "user", "content": content},))).exact for content in LAST_TURNS.values()]
    assert len(set(exact)) == len(LAST_TURNS)


def test_the_last_user_turn_is_no_part_of_the_partition() -> None:
    """Else the semantic layer would have nothing to compare."""
    partitions = [keys(chat(messages=({"role": "user", "content": c},))).partition for c in LAST_TURNS.values()]
    assert len(set(partitions)) == 1


SAME = {
    "streamed": replace(LONG_CHAT, stream=True),
    "stream options": asking(stream_options={"include_usage": True}),
    "the end user's name": asking(user="ann"),
    "a safety identifier": asking(safety_identifier="ann"),
    "the price class": asking(service_tier="flex"),
    "a provider's prompt cache key": asking(prompt_cache_key="x"),
    "a parameter set to null": asking(seed=None),
    "another key of the team": replace(LONG_CHAT, identity=Identity(key_id="k2", team_id="support")),
    "another user of the team": replace(LONG_CHAT, identity=replace(TEAM, user_id="u", end_user_id="e")),
    "the team's new alias": replace(LONG_CHAT, identity=replace(TEAM, team_alias="Support", key_alias="a")),
    "what it asks of the cache": replace(LONG_CHAT, controls=CacheControls(no_cache=True, ttl_s=5, max_age_s=9)),
    "parameters in another order": replace(LONG_CHAT, parameters={"max_tokens": 50, "temperature": 0.5}),
    "fields of messages in another order": saying(
        *(dict(reversed(list(message.items()))) for message in LONG_CHAT.messages)
    ),
}


@pytest.mark.parametrize("other", SAME.values(), ids=SAME.keys())
def test_what_does_not_shape_the_answer_does_not_cost_the_hit(other: Request) -> None:
    """Any of these that told requests apart would lose savings, and no answer would get better."""
    assert keys(other) == keys(LONG_CHAT)


def test_the_order_of_names_inside_a_schema_is_the_same_schema() -> None:
    """SDKs and languages write JSON objects in their own order."""
    turned = {
        "function": {
            "parameters": {"properties": {"city": {"type": "string"}}, "type": "object"},
            "name": "weather",
        }
    }
    request = replace(WITH_TOOLS, parameters={"tools": [turned | {"type": "function"}]})
    assert keys(request) == keys(WITH_TOOLS)
