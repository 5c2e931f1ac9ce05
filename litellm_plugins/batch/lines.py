"""The lines of a batch's files, in OpenAI's format (https://platform.openai.com/docs/guides/batch). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from litellm_plugins.batch.queue import Deferred, Status

URL = "/v1/chat/completions"
_OK = 200
_MOST_TOKENS = 1_000_000_000  # more is no count of tokens
_BY_CODE = {"batch_expired": Status.EXPIRED, "batch_cancelled": Status.CANCELLED}


@dataclass(frozen=True, slots=True)
class Result:
    """What a provider made of one request."""

    id: str  # ours
    status: Status
    answer: bytes  # the chat completion, or the error, as JSON
    reason: str = ""  # the error's code
    usage: Mapping[str, Any] | None = None  # of a chat completion


def written(requests: Iterable[Deferred], *, model: str) -> bytes:
    """The file to be sent; `model` is the provider's name."""
    return b"".join(
        orjson.dumps(
            {
                "custom_id": request.id,
                "method": "POST",
                "url": URL,
                "body": {**orjson.loads(request.body), "model": model},
            }
        )
        + b"\n"
        for request in requests
    )


def read(content: bytes) -> Iterator[Result]:
    """The results in an output or error file; lines that are none are passed over."""
    for line in content.splitlines():
        try:
            told = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(told, dict) and isinstance(told.get("custom_id"), str):
            yield _result(told)


def _usage(told: object) -> Mapping[str, Any] | None:
    """None: it does not say what it cost, or nonsense."""
    if not isinstance(told, Mapping):
        return None
    counts = [told.get(name) for name in ("prompt_tokens", "completion_tokens")]
    is_sound = all(type(count) is int and 0 <= count <= _MOST_TOKENS for count in counts)
    return told if is_sound else None


def _result(told: Mapping[str, Any]) -> Result:
    response, error = told.get("response"), told.get("error")
    if isinstance(response, Mapping) and isinstance(body := response.get("body"), Mapping):
        if response.get("status_code") == _OK and isinstance(body.get("choices"), list) and body["choices"]:
            return Result(told["custom_id"], Status.COMPLETED, orjson.dumps(body), usage=_usage(body.get("usage")))
        error = body.get("error")
    about = error if isinstance(error, Mapping) else {"message": "the provider gave no answer"}
    code = str(about.get("code") or "provider_error")
    return Result(told["custom_id"], _BY_CODE.get(code, Status.FAILED), orjson.dumps(about), code)
