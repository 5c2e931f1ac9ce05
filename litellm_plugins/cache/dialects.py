"""How each endpoint says what the cache must know: conversation, plain text, and what it cannot vouch for. Pure.

A request's `messages` are the items of its conversation as the endpoint spells them; what stands elsewhere (a system
prompt, instructions, tools) is among its parameters. Both are part of the key as they are: a dialect says what is
*not* (marks and names that shape no answer), and what keeps a request from the cache altogether.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from litellm_plugins.model import Message, Reason, Request

OF_DELIVERY = frozenset(
    {
        "timeout",
        "stream_timeout",
        "request_timeout",
        "num_retries",
        "max_retries",
        "stream_options",
        "user",
        "safety_identifier",
        "service_tier",
        "prompt_cache_key",
        "prompt_cache_retention",
    }
)
_AT_THE_CLIENT = ("function", "custom")
_MARK = "cache_control"
_TEXT = frozenset({"text"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """One endpoint's."""

    text: frozenset[str]  # the kinds of content that are plain text
    takes: Callable[[Message], bool]  # whether all that an item of the conversation holds is something we can compare
    unsupported: frozenset[str]  # parameters whose answers hold more than the body we keep, or read a live world
    indifferent: frozenset[str] = OF_DELIVERY  # parameters that do not shape the answer
    runs_at_client: Callable[[Mapping[str, Any]], bool] = lambda tool: tool.get("type", "function") in _AT_THE_CLIENT
    unmarked: Callable[[Any], Any] | None = None  # an item, or what `said_apart` names, without marks of no matter
    said_apart: frozenset[str] = frozenset()  # parameters made of content, as an item is
    compares: bool = True  # False: there is no question whose paraphrases could be served

    def why_unusable(self, request: Request) -> Reason | None:
        """None where the request can be cached at all."""
        messages: tuple[object, ...] = request.messages  # what a client sent: anything may be in there
        if not messages or not all(isinstance(m, Mapping) and (m.get("role") or m.get("type")) for m in messages):
            return Reason.MALFORMED
        if any(request.parameters.get(name) for name in self.unsupported):
            return Reason.UNSUPPORTED_PARAMETER
        tools = request.parameters.get("tools") or ()
        if not all(isinstance(tool, Mapping) and self.runs_at_client(tool) for tool in tools):
            return Reason.UNSUPPORTED_PARAMETER
        apart = all(_only(request.parameters.get(name), self.text) for name in self.said_apart)
        return None if apart and all(map(self.takes, request.messages)) else Reason.UNSUPPORTED_CONTENT

    def parameters(self, request: Request) -> dict[str, Any]:
        """Those that shape the answer."""
        of = {k: v for k, v in request.parameters.items() if k not in self.indifferent and v is not None}
        if self.unmarked is not None:
            of |= {name: self.unmarked(of[name]) for name in (*self.said_apart, "tools") if name in of}
        return of

    def messages(self, request: Request) -> list[dict[str, Any]]:
        """The conversation as it counts."""
        if self.unmarked is None:
            return [dict(message) for message in request.messages]
        return [self.unmarked(message) for message in request.messages]


def _only(content: object, kinds: frozenset[str]) -> bool:
    """Nothing, a text, or parts of these kinds."""
    if content is None or isinstance(content, str):
        return True
    return isinstance(content, list) and all(isinstance(part, Mapping) and _is_of(part, kinds) for part in content)


def _is_of(part: Mapping[str, Any], kinds: frozenset[str]) -> bool:
    kind = part.get("type")
    return isinstance(kind, str) and kind in kinds


def _in_chat(message: Message) -> bool:
    return bool(message.get("role")) and not message.get("audio") and _only(message.get("content"), _TEXT)


_BLOCKS = frozenset({"text", "thinking", "redacted_thinking", "tool_use", "tool_result"})


def _in_messages(message: Message) -> bool:
    content = message.get("content")
    if not message.get("role") or not _only(content, _BLOCKS):
        return False
    blocks = content if isinstance(content, list) else ()
    return all(_only(block.get("content"), _TEXT) for block in blocks if block["type"] == "tool_result")


def _unmarked(value: Any) -> Any:  # noqa: ANN401 - whatever a client sent
    """Without prompt-cache marks: on blocks, on what a tool's result holds, on tools; never inside what they say."""
    if isinstance(value, list):
        return [_unmarked(each) if isinstance(each, Mapping) else each for each in value]
    if not isinstance(value, Mapping) or not (value.keys() & {_MARK, "content"}):
        return value
    return {k: _unmarked(v) if k == "content" else v for k, v in value.items() if k != _MARK}


_SAID = frozenset({"input_text", "output_text", "refusal"})
_ITEMS: Mapping[str, Callable[[Message], bool]] = {
    "message": lambda item: bool(item.get("role")) and _only(item.get("content"), _SAID),
    "function_call": lambda item: True,
    "function_call_output": lambda item: _only(item.get("output"), _SAID),
    "custom_tool_call": lambda item: True,
    "custom_tool_call_output": lambda item: _only(item.get("output"), _SAID),
    "reasoning": lambda item: True,
}


def _in_responses(item: Message) -> bool:
    takes = _ITEMS.get(str(item.get("type") or "message"))
    return takes is not None and takes(item)


def _in_completions(message: Message) -> bool:
    content = message.get("content")
    return isinstance(content, str) or (isinstance(content, list) and bool(content) and _are_texts_or_tokens(content))


def _are_texts_or_tokens(values: Iterable[object]) -> bool:
    return all(isinstance(v, str | int) or (isinstance(v, list) and all(isinstance(t, int) for t in v)) for v in values)


def _in_embeddings(message: Message) -> bool:
    content = message.get("content")
    return isinstance(content, str) or (isinstance(content, list) and all(isinstance(each, str) for each in content))


_OF_CHAT = frozenset({"audio", "modalities", "web_search_options", "prediction", "functions"})
DIALECTS: Mapping[str, Dialect] = {
    "chat": Dialect(_TEXT, _in_chat, _OF_CHAT, indifferent=OF_DELIVERY | {"store"}),
    "messages": Dialect(
        _TEXT,
        _in_messages,
        frozenset({"mcp_servers", "container", "context_management"}),
        indifferent=OF_DELIVERY | {_MARK},
        runs_at_client=lambda tool: tool.get("type") in (None, *_AT_THE_CLIENT),
        unmarked=_unmarked,
        said_apart=frozenset({"system"}),
    ),
    "responses": Dialect(  # `store` counts: a client may come back for what was kept at the provider
        frozenset({"input_text"}),
        _in_responses,
        _OF_CHAT | {"previous_response_id", "conversation", "background", "prompt", "context_management"},
        runs_at_client=lambda tool: tool.get("type") in _AT_THE_CLIENT,
    ),
    "completions": Dialect(_TEXT, _in_completions, _OF_CHAT),
    "embeddings": Dialect(_TEXT, _in_embeddings, frozenset(), compares=False),
}
