"""From the host's dicts to our values: what belongs to the question, and who asks it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from litellm.proxy._types import UserAPIKeyAuth

from litellm_plugins.model import Identity, Request
from litellm_plugins.proxy.host.conversion import identity_of, to_request, wire_body

MESSAGES = [{"role": "user", "content": "Where is my card?"}]
BODY: dict[str, Any] = {"model": "small", "messages": MESSAGES, "temperature": 0.5, "tools": []}
# What the host adds on the way to its pre-call hooks.
HOSTS: dict[str, Any] = {
    "litellm_call_id": "1",
    "litellm_logging_obj": object(),
    "litellm_trace_id": "2",
    "metadata": {"user_api_key": "x"},
    "secret_fields": {"raw_headers": {}},
    "api_key": "sk-provider",
    "api_base": "http://provider",
    "fallbacks": ["large"],
    "num_retries": 3,
}


def convert(client: dict[str, Any] | None = None, **hosts: Any) -> Request:
    """The request of a client's body as the host hands it to us, with what the host adds."""
    body = BODY | (client or {})
    data = HOSTS | hosts | body | {"proxy_server_request": {"body": body, "headers": {}}}
    return to_request(data, UserAPIKeyAuth(), call_type="acompletion")


def test_a_request_is_what_the_client_sent() -> None:
    """Model, messages, and every other field that may shape the answer."""
    request = convert({"stream": True, "user": "ann"})
    assert (request.endpoint, request.model_group, request.stream) == ("chat", "small", True)
    assert request.messages == tuple(MESSAGES)
    assert dict(request.parameters) == {"temperature": 0.5, "tools": []}


def test_what_the_host_adds_is_no_part_of_the_question() -> None:
    """A call's id in the key, and no request would ever be the same as another."""
    assert not HOSTS.keys() & convert().parameters.keys()


@pytest.mark.parametrize("name", ["api_base", "fallbacks", "num_retries", "mock_response", "drop_params", "base_url"])
def test_a_field_of_the_hosts_own_counts_when_the_client_sent_it(name: str) -> None:
    """With a mock response or another base the answer is another."""
    assert convert({name: "x"}).parameters[name] == "x"


def test_a_parameter_that_nobody_has_heard_of_is_part_of_the_question() -> None:
    """A provider's new option must tell requests apart before we know it."""
    assert convert({"thinking_style": "wild"}).parameters["thinking_style"] == "wild"


@pytest.mark.parametrize("messages", [None, "hello", {"role": "user"}, 5])
def test_messages_of_another_shape_are_none(messages: Any) -> None:
    """The host will say what is wrong with them; we only stay out of the way."""
    assert convert({"messages": messages}).messages == ()


@pytest.mark.parametrize(
    ("stream", "streams"), [(True, True), (False, False), (None, False), ("true", False), (1, False)]
)
def test_only_true_streams(stream: Any, streams: bool) -> None:
    assert convert({"stream": stream}).stream is streams


def test_a_request_without_the_clients_body_is_still_converted() -> None:
    """A call from inside the host."""
    request = to_request(HOSTS | BODY, UserAPIKeyAuth(), call_type="acompletion")
    assert dict(request.parameters) == {"temperature": 0.5, "tools": []}


def test_another_endpoint_is_named_and_not_looked_into() -> None:
    """Nothing in it can be wrong for us."""
    request = to_request({"model": "e", "cache": 5, "input": "x"}, UserAPIKeyAuth(), call_type="arerank")
    assert (request.endpoint, request.model_group, request.messages) == ("arerank", "e", ())


def test_who_asks_is_who_the_host_says_it_is() -> None:
    """Never what the body says of itself."""
    auth = UserAPIKeyAuth(token="0a" * 32, key_alias="ci", team_id="t", team_alias="T", user_id="u", end_user_id="e")
    auth.api_key = "other"
    expected = Identity(key_id="0a" * 32, key_alias="ci", team_id="t", team_alias="T", user_id="u", end_user_id="e")
    assert identity_of(auth) == expected
    body = {"user": "someone else", "metadata": {"user_api_key_team_id": "theirs"}}
    assert to_request(BODY | body, auth, call_type="acompletion").identity == expected


def test_nobody_is_nobody() -> None:
    """A proxy without keys."""
    assert identity_of(UserAPIKeyAuth()) == Identity()


@pytest.mark.parametrize("clear", ["sk-secret", "sk-", "my-own-key", "secret"])
@pytest.mark.parametrize("place", ["token", "api_key"])
def test_a_key_left_in_the_clear_is_hashed_before_it_goes_anywhere(clear: str, place: str) -> None:
    """A custom auth may hand back whatever it was given; the id of a key is stored with every answer."""
    auth = UserAPIKeyAuth()
    setattr(auth, place, clear)
    assert identity_of(auth).key_id == hashlib.sha256(clear.encode()).hexdigest()


def test_a_hash_is_left_as_it_is() -> None:
    """Hashing it again would make `per_key:` and the host's own reports disagree."""
    auth = UserAPIKeyAuth()
    auth.api_key = "0a" * 32
    assert identity_of(auth).key_id == "0a" * 32


def test_a_stored_body_has_the_fields_that_a_fresh_one_has() -> None:
    """The host's cache hands over every unset field as null; null content is said, as providers say it."""
    stored = {
        "id": "1",
        "system_fingerprint": None,
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "logprobs": None,
                "message": {"role": "assistant", "content": None, "function_call": None, "tool_calls": [{"id": "c"}]},
            }
        ],
        "usage": {"prompt_tokens": 0, "prompt_tokens_details": {"cached_tokens": None, "audio_tokens": 0}, "x": None},
    }
    assert wire_body(stored) == {
        "id": "1",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]},
            }
        ],
        "usage": {"prompt_tokens": 0, "prompt_tokens_details": {"audio_tokens": 0}},
    }


def test_falsy_values_are_no_nulls() -> None:
    """An empty text, a zero and a false are answers."""
    stored = {"choices": [{"index": 0, "message": {"content": "", "refusal": False}}], "created": 0}
    assert wire_body(stored) == stored


@pytest.mark.parametrize("stored", [{}, {"choices": None}, {"choices": [], "usage": None}])
def test_a_body_without_choices_or_usage_is_no_fault(stored: dict[str, Any]) -> None:
    """It is refused later, with its reason."""
    assert wire_body(stored) == {"choices": []}


@pytest.mark.parametrize(
    ("sent", "feature"),
    [
        ({"metadata": {"feature": "help-desk"}}, "help-desk"),
        ({"litellm_metadata": {"feature": "help-desk"}}, "help-desk"),
        ({"metadata": {"tags": ["eu", "feature:help-desk", "feature:other"]}}, "help-desk"),
        ({"metadata": {"feature": "news", "tags": ["feature:help-desk"]}}, "news"),
        ({"metadata": {"feature": 7, "tags": [7, None, "help-desk"]}}, ""),
        ({"metadata": {"tags": "feature:help-desk"}}, ""),
        ({"metadata": None}, ""),
        ({}, ""),
    ],
)
def test_a_feature_is_named_in_the_metadata_or_by_a_tag(sent: dict[str, Any], feature: str) -> None:
    """The host puts the tags of body and header `x-litellm-tags` into the metadata."""
    assert convert(sent).feature == feature
