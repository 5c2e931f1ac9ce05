"""OpenAI's legacy completions: a stored completion as a stream, and one put together from a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from litellm_plugins.proxy.wire.sse import DONE, event, pieces

END = b"data: [DONE]"
_NOT_TOLD = {"completion_tokens": 0, "prompt_tokens": 0, "total_tokens": 0}  # as the host fills what is not asked for
_HEAD = ("id", "object", "created", "model", "system_fingerprint")


def stream(body: Mapping[str, Any], *, include_usage: bool = False) -> Iterator[bytes]:
    """The chunks of one completion, `[DONE]` included."""
    head = {name: body[name] for name in _HEAD if body.get(name) is not None}
    for choice in body["choices"]:
        index = choice.get("index", 0)
        if choice.get("logprobs"):  # one per token, and we do not know which tokens make which words
            told = [{"index": index, "text": choice["text"], "logprobs": choice["logprobs"]}]
        else:
            told = [{"index": index, "text": piece} for piece in pieces(choice["text"])]
        for each in (*told, {"finish_reason": choice["finish_reason"], "index": index}):
            yield event(
                {**head, "choices": [each]} if include_usage else {**head, "choices": [each], "usage": _NOT_TOLD}
            )
    if include_usage:
        yield event({**head, "choices": [{"index": 0}], "usage": body.get("usage")})
    yield DONE


def whole(events: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The completion that a complete stream brought, its usage only if that was told. None: it is not complete."""
    head: dict[str, Any] | None = None
    usage: Mapping[str, Any] | None = None
    choices: dict[int, dict[str, Any]] = {}
    try:
        for each in events:
            if "error" in each:
                return None
            head = head or {name: each[name] for name in _HEAD if name in each}
            if (each.get("usage") or {}).get("total_tokens"):
                usage = each["usage"]
            for part in each["choices"]:
                if part.get("logprobs"):
                    return None  # told in parts whose offsets are not ours to mend
                choice = choices.setdefault(part["index"], {"finish_reason": None, "index": part["index"], "text": ""})
                choice["text"] += part.get("text") or ""
                choice["finish_reason"] = part.get("finish_reason") or choice["finish_reason"]
    except (KeyError, TypeError, AttributeError):
        return None
    if head is None or not choices or not all(choice["finish_reason"] for choice in choices.values()):
        return None
    return {**head, "choices": [{**choices[n], "logprobs": None} for n in sorted(choices)], "usage": usage}
