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


def test_a_path_whose_hits_nothing_delivers_passes_through(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str
) -> None:
    """The front route knows the fixed paths of the endpoints other than chat completions."""
    path = "/openai/deployments/gpt-4.1/completions"
    for _ in range(2):
        response = proxy.http("POST", path, keys.support, json={"prompt": question})
        assert response.is_success
        assert response.headers["x-litellm-plugins-cache"] == "bypass"
        assert response.headers["x-litellm-plugins-cache-reason"] == "no_delivery"
    assert provider.times_asked(question) == 2
