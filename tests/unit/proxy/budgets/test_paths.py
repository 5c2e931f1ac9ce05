"""Where the gate stands, by path alone."""

from __future__ import annotations

import pytest

from litellm_plugins.proxy.budgets.covered import coverage_of
from litellm_plugins.proxy.budgets.paths import is_gated


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/chat/completions"),
        ("POST", "/openai/deployments/gpt-4.1/chat/completions"),
        ("POST", "/engines/gpt-4.1/completions"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("POST", "/openai/v1/responses"),
        ("POST", "/claude_code_gateway/v1/messages"),
        ("POST", "/v1/messages/count_tokens"),
        ("POST", "/v1/batches"),  # heard of, and refused there
        ("POST", "/key/generate"),
        ("POST", "/team/new"),
        ("POST", "/plugins/feedback"),
        ("GET", "/v1/threads/thread_1"),
        ("DELETE", "/v1/assistants/asst_1"),
        ("OPTIONS", "/anthropic/v1/messages"),
        ("WEBSOCKET", "/mcp"),
    ],
)
def test_what_is_heard_of_or_costs_nothing_passes(method: str, path: str) -> None:
    assert not is_gated(path, method)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/threads/thread_1/runs"),
        ("POST", "/threads"),
        ("POST", "/queue/chat/completions"),
        ("POST", "/v1/rag/query"),
        ("POST", "/lens/worker/a/b/model"),
        ("POST", "/anthropic/v1/messages"),
        ("GET", "/vertex_ai/v1/projects"),  # passed on as it is, whatever it does there
        ("POST", "/openai/v1/chat/completions"),
        ("POST", "/azure/openai/deployments/x/chat/completions"),
        ("WEBSOCKET", "/v1/realtime"),
        ("WEBSOCKET", "/responses"),
        ("WEBSOCKET", "/deepgram/v1/listen"),
        ("WEBSOCKET", "/vertex_ai/live"),
    ],
)
def test_what_nobody_would_tell_the_cost_of_does_not(method: str, path: str) -> None:
    assert is_gated(path, method)


@pytest.mark.parametrize(
    ("word", "coverage"),
    [
        ("acompletion", "tokens"),
        ("anthropic_messages", "tokens"),
        ("call_mcp_tool", "tool"),
        ("aspeech", "pieces"),
        ("aretrieve_batch", "free"),
        ("acreate_batch", "none"),
        ("_arealtime", "none"),
        ("of_tomorrow", "none"),
    ],
)
def test_a_word_that_nobody_knows_is_not_covered(word: str, coverage: str) -> None:
    assert coverage_of(word) == coverage
