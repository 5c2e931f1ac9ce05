"""What the pack does not understand passes through, and says why it was not cached."""

from __future__ import annotations

import pytest

from tests.support import ROUTES, Keys, Provider, Route, RunningProxy

PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.mark.parametrize("route", ROUTES)
def test_a_question_about_an_image_is_answered_and_not_cached(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, route: Route
) -> None:
    parts = [{"type": "text", "text": question}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    for _ in range(2):
        answer = proxy.ask(keys.support, messages=[{"role": "user", "content": parts}], route=route)
        assert (answer.cache, answer.reason) == ("bypass", "unsupported_content")
        assert answer.text
    assert provider.times_asked(question) == 2


def test_an_image_in_an_earlier_turn_counts_too(proxy: RunningProxy, keys: Keys, question: str) -> None:
    chat = [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]},
        {"role": "assistant", "content": "A pixel."},
        {"role": "user", "content": question},
    ]
    answer = proxy.ask(keys.support, messages=chat)

    assert (answer.cache, answer.reason) == ("bypass", "unsupported_content")


def test_embeddings_pass_through(proxy: RunningProxy, provider: Provider, keys: Keys, question: str) -> None:
    before = provider.count("embeddings")
    for _ in range(2):
        raw = proxy.client(keys.support).embeddings.with_raw_response.create(
            model="text-embedding-3-small", input=question
        )
        assert raw.headers["x-litellm-plugins-cache"] == "bypass"
        assert raw.headers["x-litellm-plugins-cache-reason"] == "unsupported_endpoint"
        assert raw.parse().data[0].embedding
    assert provider.count("embeddings") == before + 2


def test_text_completions_pass_through(proxy: RunningProxy, provider: Provider, keys: Keys, question: str) -> None:
    for _ in range(2):
        raw = proxy.client(keys.support).completions.with_raw_response.create(model="gpt-4.1", prompt=question)
        assert raw.headers["x-litellm-plugins-cache"] == "bypass"
        assert raw.headers["x-litellm-plugins-cache-reason"] == "unsupported_endpoint"
        assert raw.parse().choices[0].text
    assert provider.times_asked(question) == 2
