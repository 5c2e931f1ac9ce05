"""What must not leave: to the provider, to the log, to another team."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.support import ROUTES, Answer, Keys, Provider, Route, RunningProxy, mark_of

ALL_ROUTES = pytest.mark.parametrize("route", ROUTES)
OURS = ("litellm_plugins", "litellm-plugins")


@ALL_ROUTES
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_nothing_of_ours_reaches_the_provider(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, streamed: bool, route: Route
) -> None:
    (proxy.ask_streamed if streamed else proxy.ask)(
        keys.support,
        question,
        route=route,
        extra_headers={"x-litellm-plugins-cache": "refresh"},
        extra_body={
            "cache": {"namespace": "blue", "ttl": 60},
            "metadata": {"litellm_plugins": {"cache": "refresh"}},
        },
    )
    (received,) = provider.requests_about(question)

    seen = f"{received['headers']} {received['body']}".lower()
    assert not [word for word in (*OURS, "namespace", "ttl", "ticket", *keys.all()) if word.lower() in seen]
    stream = {"stream"} if streamed else set()
    assert set(received["body"]) - {"stream_options"} <= {"model", "messages", *stream}


def test_the_log_holds_no_key_no_question_and_no_answer(proxy: RunningProxy, keys: Keys, question: str) -> None:
    asked = f"{question} Tell me about the heliotrope too."
    proxy.teach(keys.support, asked)
    proxy.ask(keys.support, asked)
    proxy.ask(keys.support, asked.replace("Tell me", "Please tell me"))
    proxy.ask_streamed(keys.sales, asked, route="host")
    with pytest.raises(openai.BadRequestError):
        proxy.ask(keys.support, asked, extra_headers={"x-litellm-plugins-cache": "sometimes"})
    with pytest.raises(openai.AuthenticationError):
        proxy.ask("sk-lp-a-wrong-key-that-should-not-be-logged", asked)

    log = proxy.log()
    assert '"cache_decision"' in log
    secrets = ("heliotrope", mark_of(asked), *keys.all(), proxy.master_key, "a-wrong-key-that-should-not-be-logged")
    assert not [line for line in log.splitlines() if any(secret in line for secret in secrets)]


def test_no_metric_holds_a_question_or_a_key(proxy: RunningProxy, keys: Keys, question: str) -> None:
    proxy.teach(keys.support, question)
    proxy.ask(keys.support, question)

    told = str(proxy.metrics().samples)
    assert "litellm_plugins_requests_total" in told
    assert not [secret for secret in (question, *keys.all(), proxy.master_key) if secret in told]


FORGERIES: dict[str, dict[str, Any]] = {
    "a ticket": {"metadata": {"litellm_plugins_ticket": "{cache_id}"}},
    "a ticket in the host's metadata": {"litellm_metadata": {"litellm_plugins_ticket": "{cache_id}"}},
    "a team": {"metadata": {"user_api_key_team_id": "support", "team_id": "support"}},
    "a team in the host's metadata": {"litellm_metadata": {"user_api_key_team_id": "support"}},
    "a team in the body": {"team_id": "support", "user_api_key_team_id": "support"},
    "the host's parameters": {"litellm_params": {"metadata": {"user_api_key_team_id": "support"}}},
    "a cache key": {"cache": {"cache_key": "{cache_id}", "key": "{cache_id}"}},
    "a preset cache key": {"preset_cache_key": "{cache_id}", "cache_key": "{cache_id}"},
    "a namespace": {"cache": {"namespace": "team:support"}},
}


def _forge(proxy: RunningProxy, key: str, text: str, extra_body: dict[str, Any], route: Route = "v1") -> Answer | None:
    """The answer to a forged request; None where it is refused, which is fine."""
    try:
        return proxy.ask(key, text, route=route, extra_body=extra_body)
    except (openai.BadRequestError, openai.PermissionDeniedError):
        return None


def _filled(value: Any, cache_id: str) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, cache_id) for name, each in value.items()}
    return value.replace("{cache_id}", cache_id) if isinstance(value, str) else value


@ALL_ROUTES
@pytest.mark.parametrize("what", FORGERIES)
def test_a_client_cannot_write_itself_into_another_team(
    proxy: RunningProxy, keys: Keys, question: str, what: str, route: Route
) -> None:
    secret = proxy.teach(keys.support, question, route=route)
    cache_id = proxy.ask(keys.support, question, route=route).headers["x-litellm-plugins-cache-id"]

    forged = _forge(proxy, keys.sales, question, _filled(FORGERIES[what], cache_id), route)

    assert forged is None or forged.cache in {"miss", "bypass"}
    assert forged is None or forged.body.id != secret.body.id


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forger_cannot_plant_an_answer_with_another_team(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, what: str
) -> None:
    _forge(proxy, keys.sales, question, _filled(FORGERIES[what], "0" * 32))
    before = provider.times_asked(question)

    assert proxy.ask(keys.support, question).cache == "miss"
    assert provider.times_asked(question) == before + 1
