"""How a refusal of a key reads on each endpoint, and what the host counts for a key and its team."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from litellm_plugins.virtual_keys.key_ring import hash_of, new_secret
from tests.support import Provider, RunningProxy, eventually, model, proxy_config
from tests.support.fixtures import CLAUDE

if TYPE_CHECKING:
    import httpx

# Every kind of key: what it says of itself, and how the refusal reads.
CLOSED: dict[str, tuple[dict[str, Any], str]] = {
    "revoked": ({"revoked": True}, "This API key is revoked."),
    "blocked": ({"blocked": True}, "This API key is blocked."),
    "expired": ({"expires": "2020-01-31"}, "This API key expired at 2020-01-31T23:59:59+00:00."),
    "of-a-blocked-team": ({"team": "shut"}, "This API key is blocked."),
    "of-an-ended-team": ({"team": "over"}, "This API key expired at 2020-01-31T23:59:59+00:00."),
}
OPEN: dict[str, dict[str, Any]] = {
    "two-a-minute": {"rpm_limit": 2},
    "few-tokens": {"tpm_limit": 40},
    "one-at-once": {"max_parallel_requests": 1},
    "team-two-a-minute": {"team": "slow"},
    "team-two-a-minute-too": {"team": "slow"},
    "team-few-tokens": {"team": "thrifty"},
    "wider-than-its-team": {"team": "narrow", "models": ["gpt-4.1", "gpt-4.1-mini"]},
    "mini": {"models": ["gpt-4.1-mini"]},
    "beside-its-team": {"team": "narrow", "models": ["gpt-4.1"]},
}
TEAMS: list[dict[str, Any]] = [
    {"id": "shut", "blocked": True},
    {"id": "over", "expires": "2020-01-31"},
    {"id": "slow", "rpm_limit": 2},
    {"id": "thrifty", "tpm_limit": 40},
    {"id": "narrow", "models": ["gpt-4.1-mini"]},
]
SECRETS = {name: new_secret() for name in (*CLOSED, *OPEN)}
GARBAGE = [
    "sk-lp-wrong",
    "x" * 7_000,
    "sk-lp-schl\xfcssel",
    "sha256:" + "0" * 64,
    "null",
    "Bearer x",
    "{}",
]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "Hello"}]},
    "/chat/completions": {"messages": [{"role": "user", "content": "Hello"}]},
    "/openai/deployments/gpt-4.1/chat/completions": {"messages": [{"role": "user", "content": "Hello"}]},
    "/v1/responses": {"input": "Hello"},
    "/v1/completions": {"prompt": "Hello"},
    "/v1/embeddings": {"input": "Hello"},
}


@pytest.fixture(scope="module")
def keyed(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    closed = {name: more for name, (more, _) in CLOSED.items()}
    entries = [
        {"name": name, "hash": f"sha256:{hash_of(SECRETS[name])}", **more} for name, more in (closed | OPEN).items()
    ]
    config = proxy_config(
        provider.url,
        pack={"virtual_keys": {"teams": TEAMS, "keys": entries}},
        more_models=[model(CLAUDE, provider.url, via="anthropic")],
    )
    with RunningProxy(config, tmp_path_factory.mktemp("keyed"), provider_url=provider.url) as proxy:
        yield proxy


def error_of(response: httpx.Response) -> dict[str, Any]:
    """Of a refusal in OpenAI's shape."""
    body = response.json()
    assert body.keys() == {"error"}
    assert {"message", "type", "param", "code"} <= body["error"].keys()
    return dict(body["error"])


def ask(proxy: RunningProxy, path: str, key: str | None, **more: Any) -> httpx.Response:
    return proxy.http("POST", path, key, json={"model": "gpt-4.1", **BODIES[path], **more})


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("name", CLOSED)
def test_a_key_that_opens_nothing_any_more_is_a_401_that_says_why(keyed: RunningProxy, name: str, path: str) -> None:
    response = ask(keyed, path, SECRETS[name])
    assert response.status_code == 401
    assert CLOSED[name][1] in error_of(response)["message"]
    assert SECRETS[name] not in response.text


@pytest.mark.parametrize("name", [*CLOSED, None])
def test_messages_refuse_in_anthropics_shape(keyed: RunningProxy, name: str | None) -> None:
    with pytest.raises(anthropic.AuthenticationError) as refused:
        keyed.anthropic(SECRETS[name] if name else "sk-wrong").messages.create(
            model=CLAUDE, max_tokens=10, messages=[{"role": "user", "content": "Hello"}]
        )
    body = refused.value.body
    assert isinstance(body, dict)
    assert body["type"] == "error"
    assert body["error"]["type"] == "authentication_error"
    assert (CLOSED[name][1] if name else "Incorrect API key") in body["error"]["message"]


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("presented", GARBAGE, ids=range(len(GARBAGE)))
def test_whatever_is_presented_as_a_key_is_a_401_in_openais_shape(
    keyed: RunningProxy, presented: str, path: str
) -> None:
    for header, value in (("authorization", f"Bearer {presented}"), ("x-api-key", presented), ("api-key", presented)):
        headers = {header.encode(): value.encode("latin-1")}
        response = keyed.http("POST", path, json={"model": "gpt-4.1", **BODIES[path]}, headers=headers)
        assert response.status_code == 401, (header, response.text)
        error_of(response)


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Bearer  ", " ", "Basic Og=="])
@pytest.mark.parametrize("path", BODIES)
def test_a_header_without_a_key_in_it_is_a_401_in_openais_shape(keyed: RunningProxy, value: str, path: str) -> None:
    """As other clients than httpx send it, which trims or refuses such a header."""
    connection = http.client.HTTPConnection("127.0.0.1", keyed.port, timeout=60)
    body = json.dumps({"model": "gpt-4.1", **BODIES[path]})
    headers = {"authorization": value, "content-type": "application/json"}
    connection.request("POST", path, body=body, headers=headers)
    response = connection.getresponse()
    told = json.loads(response.read())
    connection.close()
    assert response.status == 401, told
    assert {"message", "type", "param", "code"} <= told["error"].keys()


@pytest.mark.parametrize("path", BODIES)
def test_no_key_is_a_401_in_openais_shape(keyed: RunningProxy, path: str) -> None:
    response = ask(keyed, path, None)
    assert response.status_code == 401
    assert "No API key" in error_of(response)["message"]


@pytest.mark.parametrize("path", BODIES)
def test_a_model_that_a_key_may_not_use_is_refused_in_openais_shape(keyed: RunningProxy, path: str) -> None:
    for name in ("mini", "wider-than-its-team", "beside-its-team"):
        response = ask(keyed, path, SECRETS[name])
        assert response.status_code in {401, 403}, name
        assert "gpt-4.1" in error_of(response)["message"]


def test_a_model_that_a_key_may_not_use_is_refused_in_anthropics_shape_on_messages(keyed: RunningProxy) -> None:
    for name in ("mini", "wider-than-its-team", "beside-its-team"):
        with pytest.raises((anthropic.AuthenticationError, anthropic.PermissionDeniedError)) as refused:
            keyed.anthropic(SECRETS[name]).messages.create(
                model=CLAUDE, max_tokens=10, messages=[{"role": "user", "content": "Hello"}]
            )
        body = refused.value.body
        assert isinstance(body, dict)
        assert body["type"] == "error"
        assert CLAUDE in body["error"]["message"]


def test_the_models_of_key_and_team_are_answered(keyed: RunningProxy, question: str) -> None:
    for name in ("mini", "wider-than-its-team"):
        assert keyed.ask(SECRETS[name], question, model="gpt-4.1-mini").text


def answered(keyed: RunningProxy, name: str, question: str) -> bool:
    """Whether it was; else it was refused with a 429 that says when to come again."""
    messages = [{"role": "user", "content": question}]
    response = ask(keyed, "/v1/chat/completions", SECRETS[name], model="gpt-4.1-mini", messages=messages)
    assert response.status_code == 200 or (response.status_code == 429 and response.headers.get("retry-after"))
    return response.status_code == 200


def test_requests_in_a_minute_are_the_hosts_to_count(keyed: RunningProxy, question: str) -> None:
    """By key; hits count like all others."""
    assert [answered(keyed, "two-a-minute", question) for _ in range(4)] == [True, True, False, False]


def test_requests_in_a_minute_are_counted_by_team(keyed: RunningProxy, question: str) -> None:
    names = ("team-two-a-minute", "team-two-a-minute-too")
    assert [answered(keyed, name, question) for name in (*names, *names)] == [True, True, False, False]


@pytest.mark.parametrize("name", ["few-tokens", "team-few-tokens"])
def test_tokens_in_a_minute_are_counted_by_key_and_by_team(keyed: RunningProxy, question: str, name: str) -> None:
    """The host reserves for the answer before the call, and so may refuse the first already."""
    assert not all(answered(keyed, name, f"{question} {n}") for n in range(4))


def test_requests_at_once_are_the_hosts_to_count(keyed: RunningProxy, provider: Provider, question: str) -> None:
    slow = f"{question} simulator:stall:3"
    keyed.client(SECRETS["one-at-once"])
    with ThreadPoolExecutor(1) as other:
        first = other.submit(keyed.ask, SECRETS["one-at-once"], slow, model="gpt-4.1-mini")
        eventually(lambda: provider.times_asked(slow), what="the slow call to be under way")
        assert not answered(keyed, "one-at-once", question)
        assert first.result().text
    eventually(lambda: answered(keyed, "one-at-once", question), what="the slot to be free again")
