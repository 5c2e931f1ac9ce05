from __future__ import annotations

from litellm_plugins.cache import keys
from litellm_plugins.cache.storable import why_not_storable
from litellm_plugins.model import Identity, Reason, Reply, Request

CHOICE = {
    "index": 0,
    "finish_reason": "stop",
    "message": {"role": "assistant", "content": "Yes, No, you can.you cannot."},
}


def test_choices_that_a_stream_ran_together_are_not_kept() -> None:
    """The host hands over two streamed choices as one: served to the next, it would be neither."""
    request = Request("chat", "m", ({"role": "user", "content": "May I?"},), {"n": 2}, Identity(key_id="k"))
    reply = Reply({"choices": [CHOICE]}, "m", "openai", "m")
    assert why_not_storable(request, reply) is Reason.INCOMPLETE_ANSWER


def test_tools_that_run_at_the_provider_or_the_proxy_are_not_cached() -> None:
    """They read a live world, or change it."""
    for kind, expected in (("mcp", Reason.UNSUPPORTED_PARAMETER), ("web_search", Reason.UNSUPPORTED_PARAMETER)):
        tools = [{"type": kind}]
        request = Request("chat", "m", ({"role": "user", "content": "?"},), {"tools": tools}, Identity(key_id="k"))
        assert keys.derive(request, "team") is expected
