"""Dates and ids that change, at the end of the system prompt: what stands before them stays a prefix."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from litellm_plugins.model import VolatileReason as Why
from litellm_plugins.prompt_caching.volatile import Line, apart, read

_SYSTEM_ROLES = frozenset({"system", "developer"})
_WITH_MARKS = ("tools", "system", "messages")


@dataclass(frozen=True, slots=True)
class Move:
    """What becomes of one request. `fields` of its body change; `was` and `now` are the system prompt's content."""

    reason: Why
    lines: int = 0
    fields: Mapping[str, Any] | None = None
    was: Any = None
    now: Any = None


class Changing:
    """Which lines of which system prompts were seen to change, as hashes; of one worker, and bounded.

    A prompt is known by its tenant, its model and all its words but the dates and ids: only where everything else came
    before, in its order, may one of them be moved, and from then on it is, in every request that says the same.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()  # long prompts are read beside the event loop
        self._known: OrderedDict[bytes, tuple[tuple[bytes, ...], frozenset[int]]] = OrderedDict()

    def see(self, tenant: str, model: str, form: bytes, lines: Sequence[Line]) -> list[Line]:
        """Take notice of a prompt's lines, and tell which of them were another before."""
        begin = f"{len(tenant)}/{tenant}/{len(model)}/{model}/".encode("utf-8", "surrogatepass")
        key = blake2b(begin + form, digest_size=16).digest()
        values = tuple(line.value for line in lines)
        with self._lock:
            before, changed = self._known.get(key, (values, frozenset[int]()))
            changed |= {at for at, (was, now) in enumerate(zip(before, values, strict=True)) if was != now}
            self._known[key] = (values, changed)
            self._known.move_to_end(key)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return [line for at, line in enumerate(lines) if at in changed]


def move(
    endpoint: str, data: Mapping[str, Any], changing: Changing, tenant: str, model: str, *, own_block: bool
) -> Move:
    """Decide for one request, which is not written to. `own_block`: for a provider whose marks end at a block."""
    place = _place_of(endpoint, data)
    if place is None:
        return Move(Why.UNSUPPORTED_CONTENT)
    content = _content(data, place)
    texts = _texts(content)
    if texts is None:
        return Move(Why.CLIENT_MARKS if _is_marked(content) else Why.UNSUPPORTED_CONTENT)
    found = read(texts)
    if not found.lines:
        return Move(Why.IN_DOUBT if found.doubtful else Why.NO_VOLATILE_LINE)
    if data.get("cache_control") is not None or any(_is_marked(data.get(name)) for name in _WITH_MARKS):
        return Move(Why.CLIENT_MARKS)
    lines = changing.see(tenant, model, found.form, found.lines)
    if not lines:
        return Move(Why.NOT_SEEN_TO_CHANGE)
    now = at_end(content, lines, own_block=own_block)
    if now is None:
        return Move(Why.IN_DOUBT)
    return Move(Why.MOVED, len(lines), {place[0]: _with_content(data, place, now)}, content, now)


def at_end(content: str | Sequence[Mapping[str, Any]], lines: Sequence[Line], *, own_block: bool) -> Any:  # noqa: ANN401 - as a body holds it
    """The system prompt with these lines behind all others; None: nothing else would be left."""
    texts = _texts(content)
    left, tail = apart(texts or [], lines)
    if not any((text if rest is None else rest).strip() for text, rest in zip(texts or [], left, strict=True)):
        return None
    if isinstance(content, str):
        body = f"{left[0]}\n"
        return _as_parts(body, tail) if own_block else body + tail
    kept = [
        part if rest is None else {**part, "text": rest}
        for part, rest in zip(content, left, strict=True)
        if rest is None or rest.strip()  # no provider takes an empty one
    ]
    return [*kept, {"type": "text", "text": tail}]


def restored(endpoint: str, data: Mapping[str, Any], moved: Move) -> dict[str, Any]:
    """The fields that change where the prompt is to stand as it was; none where somebody has written to it since."""
    place = _place_of(endpoint, data)
    if moved.fields is None or place is None or _content(data, place) != moved.now:
        return {}
    return {place[0]: _with_content(data, place, moved.was)}


def _as_parts(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]


def _place_of(endpoint: str, data: Mapping[str, Any]) -> tuple[str, int | None] | None:
    """Of the one system prompt that stands before all else."""
    if endpoint == "messages":
        return ("system", None) if data.get("system") else None
    messages = data.get("messages")
    given = messages if isinstance(messages, list) else []
    roles = [each.get("role") if isinstance(each, Mapping) else None for each in given]
    system = [at for at, role in enumerate(roles) if isinstance(role, str) and role in _SYSTEM_ROLES]
    return ("messages", 0) if system == [0] else None


def _content(data: Mapping[str, Any], place: tuple[str, int | None]) -> Any:  # noqa: ANN401 - as a body holds it
    field, index = place
    return data[field] if index is None else data[field][index].get("content")


def _with_content(data: Mapping[str, Any], place: tuple[str, int | None], content: object) -> Any:  # noqa: ANN401
    field, index = place
    if index is None:
        return content
    items = list(data[field])
    items[index] = {**items[index], "content": content}
    return items


def _texts(content: object) -> list[str] | None:
    """None: there is something else in it, or something is said of one of them."""
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list) or not content:
        return None
    texts = list[str]()
    for part in content:
        if not isinstance(part, Mapping) or set(part) != {"type", "text"} or not isinstance(part["text"], str):
            return None
        if part["type"] != "text":
            return None
        texts.append(part["text"])
    return texts


def _is_marked(value: object) -> bool:
    if isinstance(value, Mapping):
        return value.get("cache_control") is not None or any(map(_is_marked, value.values()))
    return isinstance(value, list) and any(map(_is_marked, value))
