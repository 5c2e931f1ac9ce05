"""The items of OpenAI's Responses API, as messages of a chat."""

from collections.abc import Callable, Sequence
from typing import Any

from litellm_plugins.simulator.openai_messages import Message
from litellm_plugins.simulator.wire import RequestError

_ROLES = ("user", "assistant", "system", "developer")
_TEXT_PARTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}
_OTHER_PARTS = ("input_image", "input_file", "input_audio")


def chat_messages_of(given: object, before: Sequence[Message] = ()) -> list[Message]:
    """What `input` adds to the conversation that went `before`.

    Raises:
        RequestError: an item is none that the protocol has, or a call and its output are not both there.
    """
    if isinstance(given, str):
        messages: list[Message] = [{"role": "user", "content": given}]
    elif isinstance(given, list) and given:
        messages = []
        for index, item in enumerate(given):
            _add(item, f"input[{index}]", messages)
    else:
        raise RequestError(400, "'input' must be a text or a list of at least one item", param="input")
    _check_calls([*before, *messages])
    return messages


def _add(item: object, at: str, messages: list[Message]) -> None:
    if not isinstance(item, dict):
        raise RequestError(400, f"Invalid type for '{at}': an object is needed", param=at, code="invalid_type")
    kind = item.get("type") or ("message" if "role" in item else None)
    add = _ADDERS.get(kind) if isinstance(kind, str) else None
    if add is None:
        supported = ", ".join(f"'{name}'" for name in _ADDERS)
        message = f"Invalid value: {kind!r}. Supported values are: {supported}."
        raise RequestError(400, message, param=f"{at}.type", code="invalid_value")
    add(item, at, messages)


def _add_message(item: dict[str, Any], at: str, messages: list[Message]) -> None:
    if item.get("role") not in _ROLES:
        message = f"Invalid value: {item.get('role')!r}. Supported values are: {', '.join(_ROLES)}."
        raise RequestError(400, message, param=f"{at}.role", code="invalid_value")
    messages.append({"role": item["role"], "content": _content(item.get("content"), f"{at}.content")})


def _add_call(item: dict[str, Any], at: str, messages: list[Message]) -> None:
    function = {"name": _text(item, "name", at), "arguments": _text(item, "arguments", at)}
    call = {"id": _text(item, "call_id", at), "type": "function", "function": function}
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    messages[-1].setdefault("tool_calls", []).append(call)


def _add_output(item: dict[str, Any], at: str, messages: list[Message]) -> None:
    content = _content(item.get("output"), f"{at}.output")
    messages.append({"role": "tool", "tool_call_id": _text(item, "call_id", at), "content": content})


def _add_nothing(_item: dict[str, Any], _at: str, _messages: list[Message]) -> None:
    """What a model thought changes no answer here."""


_ADDERS: dict[str, Callable[[dict[str, Any], str, list[Message]], None]] = {
    "message": _add_message,
    "function_call": _add_call,
    "function_call_output": _add_output,
    "reasoning": _add_nothing,
}


def _content(content: object, at: str) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise RequestError(400, f"Invalid type for '{at}': a text or a list is needed", param=at, code="invalid_type")
    return [_part(part, f"{at}[{index}]") for index, part in enumerate(content)]


def _part(part: object, at: str) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or kind not in (*_TEXT_PARTS, *_OTHER_PARTS):
        raise RequestError(400, f"Invalid value: {kind!r}", param=f"{at}.type", code="invalid_value")
    if kind in _TEXT_PARTS:
        return {"type": "text", "text": _text(part, _TEXT_PARTS[kind], at)}
    if kind == "input_image" and part.get("image_url") is not None:
        return {"type": "image_url", "image_url": {"url": _text(part, "image_url", at)}}
    return part


def _text(item: dict[str, Any], name: str, at: str) -> str:
    value = item.get(name)
    if value is None:
        message = f"Missing required parameter: '{at}.{name}'."
        raise RequestError(400, message, param=f"{at}.{name}", code="missing_required_parameter")
    if not isinstance(value, str):
        message = f"Invalid type for '{at}.{name}': a string is needed"
        raise RequestError(400, message, param=f"{at}.{name}", code="invalid_type")
    return value


def _check_calls(messages: Sequence[Message]) -> None:
    called = {call["id"] for message in messages for call in message.get("tool_calls", ())}
    answered = {message["tool_call_id"] for message in messages if message["role"] == "tool"}
    for call_id in sorted(answered - called):
        raise RequestError(400, f"No tool call found for function call output with call_id {call_id}.", param="input")
    for call_id in sorted(called - answered):
        raise RequestError(400, f"No tool output found for function call {call_id}.", param="input")
