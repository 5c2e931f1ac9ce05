"""Requests and replies for the cache's tests: one plain case, and what a test wants different about it."""

from __future__ import annotations

from typing import Any

from litellm_plugins.model import Identity, Reply, Request, Usage

TEAM = Identity(key_id="k1", team_id="support")


def turns(*texts: str) -> tuple[dict[str, Any], ...]:
    """A chat whose turns alternate, the user's last."""
    roles = ("user", "assistant")
    return tuple({"role": roles[(len(texts) - 1 - n) % 2], "content": text} for n, text in enumerate(texts))


def chat(*texts: str, **different: Any) -> Request:
    """A chat request of one user turn, or of `texts` as alternating turns."""
    fields: dict[str, Any] = {
        "endpoint": "chat",
        "model_group": "small",
        "messages": turns(*(texts or ("How do I reset my password?",))),
        "parameters": {},
        "identity": TEAM,
    }
    return Request(**(fields | different))


def answer(content: str | None = "Press the button.", **message: Any) -> dict[str, Any]:
    """The body of a complete answer."""
    said = {"role": "assistant", "content": content} | message
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    return {"id": "c1", "created": 1, "choices": [{"index": 0, "message": said, "finish_reason": reason}]}


def reply(body: dict[str, Any] | None = None, **different: Any) -> Reply:
    """What the provider gave for `chat()`."""
    fields: dict[str, Any] = {
        "body": body or answer(),
        "model": "gpt-small",
        "provider": "openai",
        "model_group": "small",
        "usage": Usage(prompt_tokens=12, completion_tokens=5),
        "cost_nano_usd": 1_234,
    }
    return Reply(**(fields | different))


def tool_call(arguments: str = '{"city":"Paris"}', *, call_id: str = "call_1") -> dict[str, Any]:
    """One call of a function, as an answer carries it."""
    return {"id": call_id, "type": "function", "function": {"name": "weather", "arguments": arguments}}


def tool(name: str = "weather", **schema: Any) -> dict[str, Any]:
    """One offered tool."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}} | schema
    return {"type": "function", "function": {"name": name, "parameters": parameters}}
