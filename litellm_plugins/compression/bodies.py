"""Each endpoint's body in the one shape that is looked at for what may be touched, and with other texts in it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from litellm_plugins.compression.protected import Path

CONVERSATION = {"chat": "messages", "messages": "messages", "responses": "input", "completions": "prompt"}
_READ = ("messages", "system", "input", "instructions", "prompt")
_SHAPES = ("tools", "functions", "response_format")
# What stands in a part that is no text: no tokens to be counted as words.
_MEDIA = frozenset(
    {"image_url", "source", "file", "input_audio", "data", "file_data", "url", "encrypted_content", "result"}
)
_OURS = (None, "function", "custom")


def as_messages(body: Mapping[str, Any], endpoint: str) -> dict[str, Any]:
    """The body with its conversation under `messages`, in the shape that `touchable` reads. Copies nothing below."""
    field = CONVERSATION[endpoint]
    seen = {name: body[name] for name in ("system", "tools", "cache_control") if name in body}
    said = body.get(field)
    if isinstance(said, str):
        said = [{"role": "user", "content": said}]
    return {**seen, "messages": said if isinstance(said, list) else []}


def place_of(path: Path, body: Mapping[str, Any], endpoint: str) -> Path:
    """Where in the body stands what is at `path` of `as_messages`."""
    field = CONVERSATION[endpoint]
    if path[0] != "messages":
        return path
    return (field,) if isinstance(body.get(field), str) else (field, *path[1:])


def text_at(node: Any, path: Path) -> str:  # noqa: ANN401 - JSON
    """The string there."""
    for step in path:
        node = node[step]
    return str(node)


def with_text(node: Any, path: Path, text: str) -> Any:  # noqa: ANN401 - JSON
    """`node` with `text` there: what lies on the way is made anew, nothing is changed in place."""
    if not path:
        return text
    made: Any = dict(node) if isinstance(node, Mapping) else list(node)
    made[path[0]] = with_text(node[path[0]], path[1:], text)
    return made


def users_texts(messages: Sequence[Any]) -> Iterator[str]:
    """Texts of users' turns."""
    for message in messages:
        content = message.get("content") if isinstance(message, Mapping) and message.get("role") == "user" else None
        if isinstance(content, str):
            yield content
        elif isinstance(content, list):
            blocks = (each.get("text") for each in content if isinstance(each, Mapping))
            yield from (text for text in blocks if isinstance(text, str))


def texts_of(body: Mapping[str, Any]) -> Iterator[str]:
    """All that the model reads, in pieces: each is counted once and remembered."""
    for name in _READ:
        yield from _leaves(body.get(name))
    for name in _SHAPES:
        if body.get(name):
            yield written(body[name])


def _leaves(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for name, value in node.items():
            if name not in _MEDIA:
                yield from _leaves(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _leaves(value)


def written(value: object) -> str:
    """As JSON without blanks, to be counted and compared."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def runs_at_client(tool: object) -> bool:
    """Whether it is a definition of the client's own, and no name of something that the provider runs."""
    return isinstance(tool, Mapping) and tool.get("type") in _OURS
