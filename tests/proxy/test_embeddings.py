"""Embeddings: the same texts again are answered from the cache, by whoever of the tenant asks; nothing else is."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.support import Keys, Provider, RunningProxy, eventually
from tests.support.fixtures import new_question

MODEL = "text-embedding-3-small"


def ask(proxy: RunningProxy, key: str, texts: Any, **more: Any) -> Any:
    return proxy.client(key).embeddings.with_raw_response.create(model=MODEL, input=texts, **more)


def teach(proxy: RunningProxy, key: str, texts: Any, **more: Any) -> Any:
    """Ask until the answer is served from the cache: storing is asynchronous."""
    first = ask(proxy, key, texts, **more)
    assert first.headers["x-litellm-plugins-cache"] == "miss"

    def is_stored() -> bool:
        return bool(ask(proxy, key, texts, **more).headers["x-litellm-plugins-cache"] == "exact")

    eventually(is_stored, what="the embedding to be stored")
    return first


@pytest.mark.parametrize("several", [False, True], ids=["a text", "a list"])
@pytest.mark.parametrize("encoding", [None, "float", "base64"])
def test_the_same_texts_are_embedded_once(
    proxy: RunningProxy, provider: Provider, keys: Keys, several: bool, encoding: Any
) -> None:
    texts: Any = [new_question(), new_question()] if several else new_question()
    more = {} if encoding is None else {"encoding_format": encoding}
    first = teach(proxy, keys.support, texts, **more)
    before = provider.count("embeddings")
    second = ask(proxy, keys.support_colleague, texts, **more)

    assert provider.count("embeddings") == before
    assert second.headers["x-litellm-plugins-cache"] == "exact"
    assert float(second.headers["x-litellm-response-cost"]) == 0
    assert second.http_response.json() == first.http_response.json()
    assert [each.embedding for each in second.parse().data] == [each.embedding for each in first.parse().data]


def test_other_texts_dimensions_and_teams_are_other_requests(proxy: RunningProxy, keys: Keys) -> None:
    one, other = new_question(), new_question()
    teach(proxy, keys.support, [one, other])

    for texts in ([other, one], [one], one, f"{one}{other}", [one, other, one]):
        assert ask(proxy, keys.support, texts).headers["x-litellm-plugins-cache"] == "miss"
    assert ask(proxy, keys.support, [one, other], dimensions=8).headers["x-litellm-plugins-cache"] == "miss"
    assert ask(proxy, keys.sales, [one, other]).headers["x-litellm-plugins-cache"] == "miss"


def test_tokens_are_not_cached(proxy: RunningProxy, keys: Keys) -> None:
    """The host may decode them on the way."""
    for _ in range(2):
        raw = ask(proxy, keys.support, [[1, 2, 3]])
        assert raw.headers["x-litellm-plugins-cache-reason"] == "unsupported_content"
        assert raw.parse().data[0].embedding


def test_a_wrong_key_is_refused(proxy: RunningProxy) -> None:
    with pytest.raises(openai.AuthenticationError):
        ask(proxy, "sk-wrong", "hello")
