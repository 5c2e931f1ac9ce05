"""How many tokens a stream that was ended early has used: of the prompt as it was sent, which is not as it was asked.

Sections of a declared prompt have come in, and compression and history have taken words out, since its client sent it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.proxy.host.token_counts import counted, message_tokens
from litellm_plugins.proxy.routing.reading import conversation_of

if TYPE_CHECKING:
    from litellm_plugins.model import Request

_SAID_IN = ("messages", "input", "prompt")
_TOOLS_IN = ("tools", "functions")
_TOKENS_OF_IMAGE = 250  # what the host takes one to be that it has not looked at
_NOTHING = [{"role": "user", "content": ""}]
_SYSTEM = [{"role": "system", "content": ""}]


def tokens_used(model: str, request: Request, sent: Mapping[str, Any] | None, said: str) -> tuple[int, int]:
    """Of the prompt `sent`, in whichever endpoint's words, and of the answer `said`, as the host counts them.

    Without `sent` the prompt is counted as its client sent it.
    """
    return _prompt(model, request, sent), counted(said, model)


def _prompt(model: str, request: Request, sent: Mapping[str, Any] | None) -> int:
    body = request.parameters if sent is None else sent
    said = list(request.messages) if sent is None else next((sent[name] for name in _SAID_IN if sent.get(name)), [])
    if request.endpoint == "completions" and isinstance(prompt := _only_text(said), str):
        return counted(prompt, model)
    tools = [tool for name in _TOOLS_IN for tool in _list(body.get(name))]
    beside = _SYSTEM if _has_system(request, body, said) else _NOTHING
    return _asked(model, request, body, said) + (_tools(model, tools, beside) if tools else 0)


def _asked(model: str, request: Request, body: Mapping[str, Any], said: Any) -> int:
    messages = [{"role": "user", "content": said}] if isinstance(said, str) else _list(said)
    if request.endpoint == "chat":
        with contextlib.suppress(Exception):  # a part that it does not know
            return message_tokens(messages, model)
    seen = conversation_of(replace(request, messages=tuple(messages), parameters=dict(body)))
    turns = [{"role": turn.role, "content": turn.text} for turn in seen.turns]
    asked = message_tokens(turns, model) if turns else 0
    calls = "".join(_calls(messages))
    return asked + counted(calls, model) + _TOKENS_OF_IMAGE * seen.images


def _calls(messages: list[Any]) -> Iterator[str]:
    """Calls of tools, which are no turn's text."""
    for message in messages:
        held = message if isinstance(message, Mapping) else {}
        parts = [held, *_list(held.get("content")), *_list(held.get("tool_calls"))]
        for part in parts:
            function = part.get("function", part) if isinstance(part, Mapping) else {}
            function = function if isinstance(function, Mapping) else {}
            arguments = function.get("arguments") if "arguments" in function else function.get("input")
            if arguments is not None and "name" in function:
                yield f"{function['name']}{arguments if isinstance(arguments, str) else _written(arguments)}"


def _has_system(request: Request, body: Mapping[str, Any], said: Any) -> bool:
    """Tools are some tokens less beside a system message."""
    seen = conversation_of(replace(request, messages=tuple(_list(said)), parameters=dict(body)))
    return any(turn.role in ("system", "developer") for turn in seen.turns)


def _tools(model: str, tools: list[Any], beside: list[Any]) -> int:
    """Of their definitions, as OpenAI writes them; where the host cannot, as JSON. `beside` is what they stand by."""
    shapes = [shape for tool in tools if (shape := _shape(tool))]
    others = [tool for tool in tools if not _shape(tool)]
    with contextlib.suppress(Exception):  # a schema that it does not know
        wanted: Any = [{"type": "function", "function": shape} for shape in shapes]
        with_them, without = (message_tokens(beside, model, each) for each in (wanted, None))
        return (with_them - without if shapes else 0) + (counted(_written(others), model) if others else 0)
    return counted(_written(tools), model)


def _shape(tool: Any) -> dict[str, Any]:
    """A function as chat completions spell it; of a tool that is none: nothing."""
    held = tool if isinstance(tool, Mapping) else {}
    function = held["function"] if isinstance(held.get("function"), Mapping) else held
    if "name" not in function:
        return {}
    shape = {name: function[name] for name in ("name", "description", "parameters") if name in function}
    return {"parameters": function.get("input_schema") or {}, **shape}


def _only_text(said: Any) -> Any:
    """Of a prompt that is a text, or a list of texts, or one message."""
    if isinstance(said, list) and all(isinstance(each, str) for each in said):
        return "".join(said)
    first = said[0] if isinstance(said, list) and len(said) == 1 else said
    return first.get("content") if isinstance(first, Mapping) else first


def _written(held: Any) -> str:
    return orjson.dumps(held, default=str).decode()


def _list(held: Any) -> list[Any]:
    return list(held) if isinstance(held, list | tuple) else []
