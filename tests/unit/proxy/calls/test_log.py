"""What is read out of the host's log."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from litellm_plugins.proxy.calls.log import Logged, as_paid, endpoint_of_url, of_failure, of_success

PAYLOAD = {
    "model_group": "smart",
    "model": "openai/gpt-4.1",
    "custom_llm_provider": "openai",
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "completionStartTime": 12.5,
    "endTime": 13.0,
    "trace_id": "t",
    "cache_hit": None,
    "metadata": {"usage_object": {"prompt_tokens_details": {"cached_tokens": 64}}},
}


def test_a_success_is_read_from_the_standard_payload() -> None:
    assert of_success({"standard_logging_object": PAYLOAD}) == Logged(
        *("smart", "gpt-4.1", "openai", 100, 64, 20, 12.5, 13.0, "t"), cache_hit=False
    )


@pytest.mark.parametrize("kwargs", [{}, {"standard_logging_object": None}, {"standard_logging_object": {}}])
def test_a_host_that_says_nothing_breaks_nothing(kwargs: dict[str, object]) -> None:
    assert of_success(kwargs) == Logged()


@pytest.mark.parametrize("odd", [None, "12", -3, True, 1.5])
def test_what_is_no_count_counts_nothing(odd: object) -> None:
    assert of_success({"standard_logging_object": {"prompt_tokens": odd}}).prompt_tokens == 0


def test_a_failure_has_the_tokens_that_were_streamed_by_then() -> None:
    usage = SimpleNamespace(prompt_tokens=7, completion_tokens=2, prompt_tokens_details=None)
    assert of_failure({"combined_usage_object": usage}) == Logged(prompt_tokens=7, completion_tokens=2)
    assert of_failure({}) == Logged()


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://host/v1/chat/completions", "chat"),
        ("http://host/openai/deployments/x/chat/completions?api-version=1", "chat"),
        ("http://host/v1/completions/", "completions"),
        ("http://host/v1/messages", "messages"),
        ("http://host/openai/v1/responses", "responses"),
        ("http://host/embeddings", "embeddings"),
        ("http://host/v1/rerank", "other"),
        (None, "other"),
    ],
)
def test_a_path_names_its_endpoint(url: str | None, endpoint: str) -> None:
    assert endpoint_of_url(url) == endpoint


@pytest.mark.parametrize(
    ("logged", "booked", "heard", "told"),
    [
        ((45, 0), 0, None, (0, 0)),  # the prompt of an error: nobody bills it
        ((10, 5), 15, None, (10, 5)),
        ((44, 0), 88, None, (88, 0)),  # two tries that were left while their provider worked
        ((0, 0), 94, (None, 61), (33, 61)),  # a stream whose usage nobody told
        ((44, 0), 75, (44, 31), (44, 31)),  # one that broke
    ],
)
def test_the_tokens_that_are_told_are_those_that_were_booked(
    logged: tuple[int, int], booked: int, heard: tuple[int | None, int] | None, told: tuple[int, int]
) -> None:
    found = as_paid(Logged(prompt_tokens=logged[0], completion_tokens=logged[1]), booked, heard)
    assert (found.prompt_tokens, found.completion_tokens) == told
