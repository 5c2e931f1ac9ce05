"""How many tokens a request may have, at most: counted off what was sent, and never below what a provider counts.

Everything the client sent that a model reads is counted as the JSON it came in, which is longer than what providers
make of it. OpenAI's models are counted with their own tokenizer. Others cut texts up more finely, by up to a third on
English: half as much again is taken, at most a token a byte. Pictures and files are taken at what they may be at most.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from litellm_plugins.proxy.host.token_counts import message_tokens, text_tokens
from litellm_plugins.proxy.host.tokenizers import OF_OPENAI, tokenizer_of

_READ = (
    *("messages", "system", "input", "instructions", "prompt", "suffix", "prediction", "tools", "functions"),
    *("response_format", "text", "extra_body"),
)
_LATER = ("previous_response_id", "conversation")  # the provider adds what was said before
# What says how long an answer may be: one that the endpoint does not know limits nothing.
_OUTPUT = {"responses": ("max_output_tokens",), "messages": ("max_tokens",)}
_OUTPUT_ELSEWHERE = ("max_tokens", "max_completion_tokens")
_MORE = "extra_body"  # the host puts what stands in it over the rest of what the provider gets
_LEFT_OUT = "additional_drop_params"  # and leaves out what this names
_COMPLETES = frozenset({"text-completion-openai", "azure_text"})  # a text is no message to them
_OF_OTHERS = 1.5
_PER_MESSAGE, _WITH_TOOLS, _PRIMING = 4, 600, 16
_IMAGE = 5_000  # Claude takes up to 4,784, the nano models of OpenAI 3,779
_DEAR_IMAGE = 48_200  # gpt-4o-mini counts each tile 33 times
_SAID_ELSEWHERE = 200_000  # where the price list does not say what the model takes
_INLINE_CHARS = 4_000  # a longer text is counted in a thread
_NOT_DEARER = (None, "default", "standard", "standard_only", "flex")
_SURCHARGED = ("speed", "inference_geo")
_DIGITS = 18  # of a number that stands in a text
_MOST_CHARS = 4_000_000  # a longer one by its bytes
_IMAGES = frozenset({"image_url", "image", "input_image"})
_FILES = frozenset(
    {"file", "input_file", "document", "input_audio", "audio", "video", "video_url", "input_video", "container_upload"}
)
# What such a part holds instead of words.
_CONTENTS = frozenset({*_IMAGES, *_FILES, "source", "file_data", "file_url", "file_id", "data"})
_PLAIN = frozenset({str, int, float, bool, type(None)})


@dataclass(slots=True)
class Asked:
    """One request's body as far as it costs. Counted once, for each kind of tokenizer."""

    body: Mapping[str, Any]
    endpoint: str
    _text: bytes = b""
    _images: int = 0
    _files: bool = False
    _overhead: int = 0
    _counted: dict[tuple[str, bool], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        read = {name: self.body[name] for name in _READ if self.body.get(name) is not None}
        kept = {name: self._without_media(value) for name, value in read.items()}
        self._text = _written(kept)
        messages = sum(len(value) for value in read.values() if isinstance(value, list))
        tools = _WITH_TOOLS if self.body.get("tools") or self.body.get("functions") else 0
        self._overhead = _PRIMING + _PER_MESSAGE * messages + tools

    @property
    def writes_cache(self) -> bool:
        """Whether parts of it are marked for a provider's prompt cache."""
        return b'"cache_control"' in self._text

    @property
    def has_audio(self) -> bool:
        """Whether sound goes in or comes out."""
        return b'"input_audio"' in self._text or self.body.get("audio") is not None

    def is_tiered(self, own: Mapping[str, Any]) -> bool:
        """Whether it, or else the deployment, chooses a service that may cost more than the standard one."""
        return any(place.get("service_tier") not in _NOT_DEARER for place in (own, *_places(self.body)))

    def surcharges(self, own: Mapping[str, Any]) -> list[str]:
        """Words that a price list may charge extra for."""
        said = [place.get(name) for name in _SURCHARGED for place in (own, *_places(self.body))]
        return list(dict.fromkeys(word for word in said if isinstance(word, str)))

    @property
    def choices(self) -> int:
        """How many answers are written."""
        places = _places(self.body)
        wanted = max(_whole(place.get(name)) or 1 for place in places for name in ("n", "best_of"))
        return wanted * max(_prompts(place.get("prompt")) for place in places)

    def allowed_output(
        self, body: Mapping[str, Any], own: Mapping[str, Any], otherwise: int, endpoint: str | None = None
    ) -> int:
        """Tokens of one answer: what the request says (`body`, as it is sent), else the deployment, or `otherwise`.

        `endpoint` is whose words the body is in, where the host has translated it.
        """
        if self.endpoint == "embeddings":
            return 0
        names = [name for name in _limits_of(endpoint or self.endpoint) if name not in _left_out(body)]
        for said in (body, own):
            given = [place[name] for place in _places(said) for name in names if place.get(name) is not None]
            if given:
                return max(_whole(each) or otherwise for each in given)
        return otherwise

    async def prompt_tokens(self, provider: str, model: str, most: int | None, base_model: str = "") -> int:
        """What goes in, at most; `most` is the longest prompt that the model takes.

        `base_model` is what a deployment stands for whose name does not say it.
        """
        if self._files or any(map(_goes_on, _places(self.body))):
            return most or _SAID_ELSEWHERE
        kind = (tokenizer_of(model, provider, base_model), provider in _COMPLETES)
        if kind not in self._counted:
            self._counted[kind] = await self._count(*kind)
        counted = self._counted[kind]
        if provider in OF_OPENAI and self._plain is not None:
            return counted if most is None else min(counted, most)
        if provider not in OF_OPENAI:
            counted = min(int(counted * _OF_OTHERS) + 1, len(self._text))
        image = _DEAR_IMAGE if "4o-mini" in model else _IMAGE
        total = counted + self._overhead + image * self._images
        # What is longer than a model takes is refused by its provider; lists are many prompts of that length.
        return total if most is None or self.endpoint in ("embeddings", "completions") else min(total, most)

    @property
    def _plain(self) -> list[Any] | None:
        """Nothing but texts with a role, or one text, which is passed on as such: OpenAI says how it counts them."""
        name = {"chat": "messages", "completions": "prompt"}.get(self.endpoint)
        if name is None or any(self.body.get(other) for other in _READ if other != name):
            return None
        asked = self.body.get(name)
        if self.endpoint == "completions" and isinstance(asked, str):
            return [{"role": "user", "content": asked}]
        if self.endpoint != "chat" or not isinstance(asked, list):
            return None
        plain = all(
            isinstance(each, dict) and set(each) == {"role", "content"} and isinstance(each["content"], str)
            for each in asked
        )
        return asked if plain else None

    async def _count(self, model: str, completes: bool) -> int:
        plain = self._plain
        prompt = self.body.get("prompt")
        if plain is not None and completes and isinstance(prompt, str) and len(self._text) <= _MOST_CHARS:
            return await asyncio.to_thread(_tokens, prompt, model)
        if plain is not None and len(self._text) <= _INLINE_CHARS:
            return _message_tokens(plain, model)
        if plain is not None and len(self._text) <= _MOST_CHARS:
            return await asyncio.to_thread(_message_tokens, plain, model)
        text = self._text.decode(errors="replace")
        if len(text) <= _INLINE_CHARS:
            return _tokens(text, model)
        if len(text) > _MOST_CHARS:
            return len(self._text)
        return await asyncio.to_thread(_tokens, text, model)

    def _without_media(self, value: Any) -> Any:
        if isinstance(value, list):
            plain = _PLAIN.issuperset(map(type, value))  # there may be half a million tokens
            return value if plain else [self._without_media(each) for each in value]
        if not isinstance(value, Mapping):
            return value
        kind = value.get("type")
        images, files = (isinstance(kind, str) and kind in kinds for kinds in (_IMAGES, _FILES))
        self._images += images
        self._files = self._files or files
        skipped = _CONTENTS if images or files else ()
        return {name: self._without_media(each) for name, each in value.items() if name not in skipped}


def cap_output(body: dict[str, Any], endpoint: str, most: int) -> None:
    """Have the request ask for no longer an answer than `most` tokens."""
    if endpoint == "embeddings":  # writes nothing, and a provider refuses the word
        return
    names = _limits_of(endpoint)
    named = [name for name in names if body.get(name) is not None]
    for name in named or names[:1]:
        body[name] = min(_whole(body.get(name)) or most, most)
    if _left_out(body):
        body[_LEFT_OUT] = [name for name in body[_LEFT_OUT] if name not in names]
    if isinstance(body.get(_MORE), Mapping):
        body[_MORE] = {name: value for name, value in body[_MORE].items() if name not in names}
    thinking = body.get("thinking")
    if isinstance(thinking, Mapping) and (_whole(thinking.get("budget_tokens")) or 0) >= most:
        del body["thinking"]  # Anthropic refuses more of it than there may be tokens


def _written(kept: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(kept, default=str, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:  # nested deeper than it goes: a tool's schema may be
        return json.dumps(kept, default=str, ensure_ascii=False).encode(errors="replace")


def _tokens(text: str, model: str) -> int:
    try:
        return text_tokens(text, model) or len(text.encode())
    except Exception:  # noqa: BLE001 - no tokenizer makes more tokens than bytes
        return len(text.encode())


def _message_tokens(messages: list[Any], model: str) -> int:
    try:
        return message_tokens(messages, model)
    except Exception:  # noqa: BLE001 - as above
        return sum(len(str(each).encode()) for each in messages) + _PRIMING


def _limits_of(endpoint: str) -> tuple[str, ...]:
    return _OUTPUT.get(endpoint, _OUTPUT_ELSEWHERE)


def _places(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    more = body.get(_MORE)
    return [body, more] if isinstance(more, Mapping) else [body]


def _left_out(body: Mapping[str, Any]) -> list[Any]:
    names = body.get(_LEFT_OUT)
    return names if isinstance(names, list) else []


def _goes_on(place: Mapping[str, Any]) -> bool:
    return any(place.get(name) for name in _LATER) or isinstance(place.get("prompt"), Mapping)


def _prompts(given: Any) -> int:
    return len(given) if isinstance(given, list) and given and not isinstance(given[0], int) else 1


def _whole(value: Any) -> int | None:
    """Providers that are not strict take "5" and 5.0 for 5."""
    if isinstance(value, str) and len(value) < _DIGITS and value.strip().isdecimal():
        value = int(value)
    elif isinstance(value, float) and math.isfinite(value):
        value = math.ceil(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
