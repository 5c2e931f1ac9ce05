"""The conversation of Anthropic's Messages API, as messages of a chat."""

from typing import Any

import orjson

from litellm_plugins.simulator.anthropic_fields import objects, refused, required
from litellm_plugins.simulator.openai_messages import Message

Block = dict[str, Any]

# What a block must have, by its type. Blocks that Anthropic's own tools make are let pass.
_BLOCK_FIELDS: dict[str, dict[str, type]] = {
    "text": {"text": str},
    "image": {"source": dict},
    "document": {"source": dict},
    "search_result": {},
    "thinking": {"thinking": str, "signature": str},
    "redacted_thinking": {"data": str},
    "tool_use": {"id": str, "name": str, "input": dict},
    "tool_result": {"tool_use_id": str},
    "server_tool_use": {},
    "web_search_tool_result": {},
}


def chat_messages_of(body: dict[str, Any]) -> list[Message]:
    """The system prompt and the messages.

    Raises:
        RequestError: Anthropic would refuse them.
    """
    given = required(body, "messages", list) and objects(body, "messages")
    if not given:
        raise refused("messages", "at least one message is required")
    messages = _system_of(body)
    waiting: set[str] = set()  # calls that have no result yet
    for index, message in enumerate(given):
        at = f"messages.{index}"
        role = required(message, "role", str, at)
        if role not in ("user", "assistant"):
            raise refused("messages", f'Unexpected role "{role}": "user" and "assistant" are the roles of a message')
        blocks = _blocks_of(message, f"{at}.content")
        if role == "assistant":
            _refuse_waiting(waiting, at)
            waiting = {block["id"] for block in blocks if block["type"] == "tool_use"}
            messages.append(_assistant_message(blocks))
        else:
            _settle(waiting, blocks, at)
            messages += _user_messages(blocks)
    _refuse_waiting(waiting, f"messages.{len(given) - 1}")
    return messages


def _system_of(body: dict[str, Any]) -> list[Message]:
    system = body.get("system")
    if not system:
        return []
    if isinstance(system, str):
        return [{"role": "system", "content": system}]
    blocks = objects(body, "system")
    texts = [required(block, "text", str, f"system.{index}") for index, block in enumerate(blocks)]
    return [{"role": "system", "content": [{"type": "text", "text": text} for text in texts]}]


def _blocks_of(fields: dict[str, Any], at: str) -> list[Block]:
    content = fields.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    blocks = required({at: content}, at, list) and objects({at: content}, at)
    for index, block in enumerate(blocks):
        kind = required(block, "type", str, f"{at}.{index}")
        if kind not in _BLOCK_FIELDS:
            expected = ", ".join(f"'{name}'" for name in _BLOCK_FIELDS)
            why = f"Input tag '{kind}' found using 'type' does not match any of the expected tags: {expected}"
            raise refused(f"{at}.{index}", why)
        for name, of_kind in _BLOCK_FIELDS[kind].items():
            required(block, name, of_kind, f"{at}.{index}.{kind}")
        if kind == "text" and not block["text"]:
            raise refused("messages", "text content blocks must be non-empty")
    return blocks


def _user_messages(blocks: list[Block]) -> list[Message]:
    """Results of tools are messages of their own in a chat."""
    results = [_tool_message(block) for block in blocks if block["type"] == "tool_result"]
    others = [block for block in blocks if block["type"] != "tool_result"]
    return results + ([{"role": "user", "content": _parts_of(others)}] if others or not results else [])


def _tool_message(block: Block) -> Message:
    content = _blocks_of({"content": block.get("content") or ""}, "content")
    failed = [{"type": "is_error"}] if block.get("is_error") else []
    return {"role": "tool", "tool_call_id": block["tool_use_id"], "content": [*_parts_of(content), *failed]}


def _assistant_message(blocks: list[Block]) -> Message:
    calls = [
        {
            "id": block["id"],
            "type": "function",
            "function": {"name": block["name"], "arguments": orjson.dumps(block["input"]).decode()},
        }
        for block in blocks
        if block["type"] == "tool_use"
    ]
    message: Message = {"role": "assistant", "content": _parts_of(blocks)}
    return {**message, "tool_calls": calls} if calls else message


def _parts_of(blocks: list[Block]) -> list[dict[str, Any]]:
    """Without cache marks and without what a model thought: neither changes an answer."""
    return [_part_of(block) for block in blocks if block["type"] not in ("tool_use", "thinking", "redacted_thinking")]


def _part_of(block: Block) -> dict[str, Any]:
    if block["type"] == "text":
        return {"type": "text", "text": block["text"]}
    if block["type"] != "image":
        return {name: value for name, value in block.items() if name not in ("cache_control", "text")}
    source = block["source"]
    url = source.get("url") or f"data:{source.get('media_type')};base64,{source.get('data')}"
    return {"type": "image_url", "image_url": {"url": url}}


def _settle(waiting: set[str], blocks: list[Block], at: str) -> None:
    for block in blocks:
        if block["type"] == "tool_result":
            if block["tool_use_id"] not in waiting:
                why = f"unexpected `tool_use_id` found in `tool_result` blocks: {block['tool_use_id']}"
                raise refused(at, f"{why}. Each must have a corresponding `tool_use` block in the previous message.")
            waiting.discard(block["tool_use_id"])


def _refuse_waiting(waiting: set[str], at: str) -> None:
    if waiting:
        ids = ", ".join(sorted(waiting))
        raise refused(at, f"`tool_use` ids were found without `tool_result` blocks immediately after: {ids}")
