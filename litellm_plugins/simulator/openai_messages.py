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
