"""Which requests have no keys at all, and which only an exact one."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.cache.keys import Keys, derive
from litellm_plugins.model import CacheControls, Identity, Reason
from tests.unit.cache.builders import chat, tool

IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
TEXT = {"type": "text", "text": "What is that?"}
TOO_DEEP: list[Any] = []
for _ in range(1_000):
    TOO_DEEP = [TOO_DEEP]


def user(content: Any) -> dict[str, Any]:
    return {"messages": ({"role": "user", "content": content},)}


def with_parameter(**parameters: Any) -> dict[str, Any]:
    return {"parameters": parameters}


REFUSED: dict[str, tuple[dict[str, Any], Reason]] = {
    "another endpoint": ({"endpoint": "aimage_generation"}, Reason.UNSUPPORTED_ENDPOINT),
    "no endpoint": ({"endpoint": ""}, Reason.UNSUPPORTED_ENDPOINT),
    "no messages": ({"messages": ()}, Reason.MALFORMED),
    "a message that is a string": ({"messages": ("hello",)}, Reason.MALFORMED),
    "a message of no role": ({"messages": ({"content": "hello"},)}, Reason.MALFORMED),
    "an image": (user([TEXT, IMAGE]), Reason.UNSUPPORTED_CONTENT),
    "an image in an earlier turn": (
        {"messages": ({"role": "user", "content": [IMAGE]}, {"role": "user", "content": "and?"})},
        Reason.UNSUPPORTED_CONTENT,
    ),
    "sound": (user([{"type": "input_audio", "input_audio": {}}]), Reason.UNSUPPORTED_CONTENT),
    "an earlier answer in sound": (
        {
            "messages": (
                {"role": "assistant", "content": None, "audio": {"id": "a"}},
                {"role": "user", "content": "?"},
            )
        },
        Reason.UNSUPPORTED_CONTENT,
    ),
    "a file": (user([{"type": "file", "file": {}}]), Reason.UNSUPPORTED_CONTENT),
    "a part of a kind yet to come": (user([{"type": "hologram"}]), Reason.UNSUPPORTED_CONTENT),
    "a part that is a string": (user(["hello"]), Reason.UNSUPPORTED_CONTENT),
    "a part whose type is no word": (user([{"type": ["text"], "text": "hello"}]), Reason.UNSUPPORTED_CONTENT),
    "content that is a number": (user(5), Reason.UNSUPPORTED_CONTENT),
    "content that is an object": (user({"text": "hello"}), Reason.UNSUPPORTED_CONTENT),
    "sound asked for": (with_parameter(modalities=["text", "audio"]), Reason.UNSUPPORTED_PARAMETER),
    "a voice": (with_parameter(audio={"voice": "ash"}), Reason.UNSUPPORTED_PARAMETER),
    "a search of the web": (with_parameter(web_search_options={"a": 1}), Reason.UNSUPPORTED_PARAMETER),
    "functions of the old kind": (with_parameter(functions=[{"name": "f"}]), Reason.UNSUPPORTED_PARAMETER),
    "half a surrogate pair": (user("\ud83d"), Reason.MALFORMED),
    "half a surrogate pair in the model's name": ({"model_group": "\ud83d"}, Reason.MALFORMED),
    "half a surrogate pair in the namespace": (
        {"controls": CacheControls(namespace="\ud83d")},
        Reason.MALFORMED,
    ),
    "an integer past 64 bits": (with_parameter(seed=2**64), Reason.MALFORMED),
    "a name that is no word": (with_parameter(logit_bias={5: 1}), Reason.MALFORMED),
    "not a number": (with_parameter(temperature=float("nan")), Reason.MALFORMED),
    "infinity": (with_parameter(logit_bias={"5": float("inf")}), Reason.MALFORMED),
    "bytes": (with_parameter(stop=b"x"), Reason.MALFORMED),
    "an object of Python's": (with_parameter(stop=object()), Reason.MALFORMED),
    "lists in lists without end": (with_parameter(stop=TOO_DEEP), Reason.MALFORMED),
    "nobody": ({"identity": Identity()}, Reason.NO_IDENTITY),
    "a user without key or team": ({"identity": Identity(user_id="u", end_user_id="e")}, Reason.NO_IDENTITY),
    "an empty team and an empty key": ({"identity": Identity(team_id="", key_id="")}, Reason.NO_IDENTITY),
}


@pytest.mark.parametrize(("different", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_understood_is_not_cached_and_says_why(different: dict[str, Any], reason: Reason) -> None:
    """A key made of half of a request would serve one question's answer to another."""
    assert derive(chat(**different), "team") == reason


EXACT_ONLY: dict[str, tuple[dict[str, Any], Reason]] = {
    "tools on offer": (with_parameter(tools=[tool()]), Reason.TOOLS_OFFERED),
    "a tool's result last": (
        {"messages": ({"role": "tool", "content": "12"},)},
        Reason.LAST_TURN_NOT_USER_TEXT,
    ),
    "an assistant's words last": (
        {"messages": ({"role": "assistant", "content": "I"},)},
        Reason.LAST_TURN_NOT_USER_TEXT,
    ),
    "a system prompt alone": (
        {"messages": ({"role": "system", "content": "Hi"},)},
        Reason.LAST_TURN_NOT_USER_TEXT,
    ),
    "a last turn of two parts": (user([TEXT, TEXT]), Reason.LAST_TURN_NOT_USER_TEXT),
    "a part without text": (user([{"type": "text"}]), Reason.LAST_TURN_NOT_USER_TEXT),
    "a part whose text is a number": (user([{"type": "text", "text": 5}]), Reason.LAST_TURN_NOT_USER_TEXT),
    "white space": (user(" \n"), Reason.LAST_TURN_NOT_USER_TEXT),
    "nothing": (user(None), Reason.LAST_TURN_NOT_USER_TEXT),
}


@pytest.mark.parametrize(("different", "reason"), EXACT_ONLY.values(), ids=EXACT_ONLY.keys())
def test_what_similarity_cannot_judge_has_an_exact_key_only(different: dict[str, Any], reason: Reason) -> None:
    """The exact layer needs no judgement, so it still saves these."""
    derived = derive(chat(**different), "team")
    assert isinstance(derived, Keys)
    assert (derived.question, derived.why_exact_only) == (None, reason)


@pytest.mark.parametrize("content", ["  Where is my card?\n", [{"type": "text", "text": "Where is my card?"}]])
def test_a_question_is_the_last_user_text_without_the_space_around_it(content: Any) -> None:
    """A client that wraps its text in a part asks no other question."""
    derived = derive(chat(**user(content)), "team")
    assert isinstance(derived, Keys)
    assert (derived.question, derived.why_exact_only) == ("Where is my card?", None)


def test_an_empty_list_of_tools_offers_none() -> None:
    """SDKs send `tools: []` where a program has none for this turn."""
    derived = derive(chat(parameters={"tools": []}), "team")
    assert isinstance(derived, Keys)
    assert derived.question is not None


@pytest.mark.parametrize("name", ["audio", "modalities", "web_search_options", "prediction", "functions"])
def test_an_unsupported_parameter_left_empty_is_no_obstacle(name: str) -> None:
    """The same: an SDK that writes every field."""
    empties: tuple[object, ...] = (None, [], {})
    for empty in empties:
        assert isinstance(derive(chat(parameters={name: empty}), "team"), Keys)
