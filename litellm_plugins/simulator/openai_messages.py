"""What stands in the messages of OpenAI's chat protocol."""

from collections.abc import Sequence
from typing import Any

from litellm_plugins.simulator.tokens import Tokenizer
from litellm_plugins.simulator.wire import RequestError

Message = dict[str, Any]

# OpenAI's own recipe: 3 tokens frame a message and 3 prime the answer; a small image is 85.
_MESSAGE_TOKENS, _PRIMING_TOKENS, _IMAGE_TOKENS = 3, 3, 85


def messages_of(body: dict[str, Any]) -> list[Message]:
    """Raises: RequestError."""
    if "messages" not in body:
        raise RequestError(
            400,
            "Missing required parameter: 'messages'.",
            param="messages",
            code="missing_required_parameter",
        )
    messages = body["messages"]
    if not isinstance(messages, list) or not messages:
        raise RequestError(400, "'messages' must be a list of at least one message", param="messages")
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise RequestError(400, "a message must have a role", param=f"messages[{index}].role")
    return messages


def check_calls(messages: Sequence[Message]) -> None:
    """A tool's result answers a call of the message before it, and each call is answered at once.

    Raises:
        RequestError: OpenAI would refuse them.
    """
    waiting: set[str] = set()
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in waiting:
                why = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                raise RequestError(400, f"Invalid parameter: {why}", param=f"messages.[{index}].role")
            waiting.discard(message["tool_call_id"])
        else:
            _refuse_waiting(waiting, f"messages.[{index}].role")
            waiting = {str(call.get("id")) for call in message.get("tool_calls") or ()}
    _refuse_waiting(waiting, "messages")


def _refuse_waiting(waiting: set[str], at: str) -> None:
    if waiting:
        why = "must be followed by tool messages responding to each 'tool_call_id'"
        ids = ", ".join(sorted(waiting))
        message = f"An assistant message with 'tool_calls' {why}. The following tool_call_ids did not have response "
        raise RequestError(400, f"{message}messages: {ids}", param=at)


def question_of(messages: Sequence[Message]) -> str:
    """The last user message's text; empty where there is none."""
    last = next((message for message in reversed(messages) if message["role"] == "user"), None)
    return "" if last is None else _text_of(last)


def conversation_of(messages: Sequence[Message]) -> list[Any]:
    """What makes conversations differ: a text is the same as a string or as parts, cache marks or none.

    `developer` is what newer models call `system`.
    """
    return [
        (
            "system" if message["role"] == "developer" else message["role"],
            _text_of(message),
            [part for part in _parts_of(message) if "text" not in part],
            message.get("name"),
            message.get("tool_calls"),
            message.get("tool_call_id"),
        )
        for message in messages
    ]


def conversation_tokens(messages: Sequence[Message], tokenizer: Tokenizer) -> int:
    """What the messages count as input."""
    return _PRIMING_TOKENS + sum(_message_tokens(message, tokenizer) for message in messages)


def _message_tokens(message: Message, tokenizer: Tokenizer) -> int:
    spoken = [message["role"], _text_of(message), str(message.get("name") or "")]
    for call in message.get("tool_calls") or []:
        function = call.get("function") or {}
        spoken += [str(function.get("name", "")), str(function.get("arguments", ""))]
    images = [part for part in _parts_of(message) if part.get("type") == "image_url"]
    return _MESSAGE_TOKENS + _IMAGE_TOKENS * len(images) + sum(tokenizer.count(text) for text in spoken if text)


def _parts_of(message: Message) -> list[dict[str, Any]]:
    content = message.get("content")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _text_of(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(str(part["text"]) for part in _parts_of(message) if "text" in part)
