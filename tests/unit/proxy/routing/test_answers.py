"""How long a tier's answers may be."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.proxy.routing.answers import limit


@pytest.mark.parametrize(
    ("endpoint", "asked", "sent", "told"),
    [
        ("chat", {}, {"max_tokens": 100}, 100),
        ("chat", {"max_tokens": None}, {"max_tokens": 100}, 100),
        ("chat", {"max_tokens": 50}, {"max_tokens": 50}, None),
        ("chat", {"max_tokens": 500}, {"max_tokens": 100}, 100),
        ("chat", {"max_completion_tokens": 500}, {"max_completion_tokens": 100}, 100),
        ("chat", {"max_completion_tokens": 50}, {"max_completion_tokens": 50}, None),
        ("chat", {"max_tokens": "many"}, {"max_tokens": "many"}, None),
        ("messages", {"max_tokens": 500}, {"max_tokens": 100}, 100),
        ("messages", {"max_tokens": 500, "thinking": {"budget_tokens": 300}}, None, None),
        ("responses", {}, {"max_output_tokens": 100}, 100),
        ("completions", {"max_tokens": 101}, {"max_tokens": 100}, 100),
        ("embeddings", {}, {}, None),
        (
            "messages",
            {"max_tokens": 500, "thinking": {"type": "disabled"}},
            {"max_tokens": 100, "thinking": {"type": "disabled"}},
            100,
        ),
        ("chat", {"extra_body": {"max_tokens": 500, "top_k": 1}}, {"max_tokens": 100, "extra_body": {"top_k": 1}}, 100),
        ("chat", {"extra_body": {"max_tokens": 50}}, {"max_tokens": 50, "extra_body": {}}, None),
        (
            "chat",
            {"max_tokens": 500, "additional_drop_params": ["max_tokens", "user"]},
            {"max_tokens": 100, "additional_drop_params": ["user"]},
            100,
        ),
    ],
)
def test_said_where_the_client_says_nothing_or_more(
    endpoint: str, asked: dict[str, Any], sent: dict[str, Any] | None, told: int | None
) -> None:
    data = dict(asked)
    assert limit(data, endpoint, 100) == told
    assert data == (asked if sent is None else sent)


def test_a_tier_without_a_limit_has_none() -> None:
    data = {"max_tokens": 10**6}
    assert (limit(data, "chat", None), data) == (None, {"max_tokens": 10**6})
