"""LLMLingua-2: where its process is, or how to start one, and what it is asked."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from litellm_plugins.settings.block import Block

_SCHEMES = ("http://", "https://", "unix:/")


class Llmlingua(Block):
    """One of `url` and `model` is needed where `methods` name `llmlingua`."""

    url: str = ""  # http://…, https://… or unix:/path: of `litellm-plugins compressor serve`; empty: we start one
    model: str = ""  # what to start it with: a folder, or a name in the Hugging Face cache
    python: str = ""  # in whose environment the extra `llmlingua` is; empty: the proxy's own
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    download: bool = False  # fetch the model from the hub where it is not on this machine
    most_in_flight: int = Field(default=4, ge=1, le=64)  # texts of one worker that the process is asked about at a time
    most_waiting: int = Field(default=16, ge=1, le=1_000)  # texts of all workers in the process we start; more: busy
    target_tokens: int | None = Field(default=None, ge=1)  # of a text's prose that may stay, instead of `rate`
    force_tokens: tuple[Annotated[str, Field(min_length=1)], ...] = Field(default=(), max_length=100)  # these stay
    force_digits: bool = True  # words with digits stay

    @field_validator("url")
    @classmethod
    def _known_kind(cls, url: str) -> str:
        if url and not url.startswith(_SCHEMES):
            raise ValueError(f"must begin with one of {', '.join(_SCHEMES)}")
        return url.rstrip("/")
