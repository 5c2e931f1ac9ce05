"""Virtual keys without a database."""

from __future__ import annotations

import openai
import pytest

from tests.support import ROUTES, Keys, Provider, Route, RunningProxy

ALL_ROUTES = pytest.mark.parametrize("route", ROUTES)


@ALL_ROUTES
@pytest.mark.parametrize("key", ["sk-lp-wrong", "sk-wrong", "wrong"])
def test_a_wrong_key_is_a_401_in_openai_s_words(
    proxy: RunningProxy, provider: Provider, question: str, key: str, route: Route
) -> None:
    with pytest.raises(openai.AuthenticationError) as refused:
        proxy.ask(key, question, route=route)

    error = refused.value.body
    assert isinstance(error, dict)
    assert {"message", "type", "param", "code"} <= error.keys()
    assert "Incorrect API key" in error["message"]
    assert provider.times_asked(question) == 0


def test_no_key_at_all_is_a_401(proxy: RunningProxy, question: str) -> None:
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": question}]}
    response = proxy.http("POST", "/v1/chat/completions", json=body)

    assert response.status_code == 401
    assert "message" in response.json()["error"]


@ALL_ROUTES
def test_a_key_may_use_only_its_models_even_where_its_team_knows_the_answer(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, route: Route
) -> None:
    proxy.teach(keys.support, question, route=route)
    with pytest.raises((openai.AuthenticationError, openai.PermissionDeniedError)) as refused:
        proxy.ask(keys.mini_only, question, model="gpt-4.1", route=route)

    assert "gpt-4.1" in str(refused.value)
    assert provider.times_asked(question) == 1
    assert proxy.ask(keys.mini_only, question, model="gpt-4.1-mini", route=route).text


def test_the_master_key_answers(proxy: RunningProxy, question: str) -> None:
    assert proxy.ask(proxy.master_key, question).text


@pytest.mark.parametrize("path", ["/get/config/callbacks", "/router/settings", "/cache/ping", "/settings", "/metrics/"])
def test_a_virtual_key_is_no_admin(proxy: RunningProxy, keys: Keys, path: str) -> None:
    assert proxy.http("GET", path, proxy.master_key).status_code == 200
    assert proxy.http("GET", path, keys.support).status_code >= 400
