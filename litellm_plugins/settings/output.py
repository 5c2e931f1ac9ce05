"""The block `output`: how long answers may be, by feature, by model group and for all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, field_validator

from litellm_plugins.settings.block import Block, twice

if TYPE_CHECKING:
    from litellm_plugins.settings.blocks import Settings

BRIEFLY = "Answer briefly."
MOST_STOPS = 4  # OpenAI refuses more
_Stop = Annotated[str, Field(min_length=1, max_length=100)]


class Longest(Block):
    """Of the answers of a model group."""

    max_tokens: int | None = Field(default=None, ge=1)  # what a request gets that says none, and the most


class Wanted(Longest):
    """What holds for a feature, or for all. What a feature does not name is as it is for all."""

    brief: str | None = Field(default=None, max_length=2_000)  # an instruction; true: "Answer briefly."; false: none
    stop: tuple[_Stop, ...] | None = Field(default=None, max_length=MOST_STOPS)  # added to those of the client

    @field_validator("brief", mode="before")
    @classmethod
    def _in_words(cls, brief: object) -> object:
        if isinstance(brief, bool):
            return BRIEFLY if brief else ""
        if isinstance(brief, str) and brief and not brief.strip():
            raise ValueError('expected true, false or an instruction in words, such as "Answer in one sentence."')
        return brief

    @field_validator("stop")
    @classmethod
    def _usable(cls, stop: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if not all(map(str.strip, stop or ())):
            raise ValueError("a stop sequence needs more than white space: Anthropic refuses it")
        if faults := twice("stop sequence", [repr(each) for each in stop or ()]):
            raise ValueError("; ".join(faults))
        return stop


class Structured(Block):
    """Of answers in JSON by a schema of the client's."""

    shorten_keys: bool = False  # long property names go out short, and come back long
    min_saved_tokens: int = Field(default=50, ge=1)  # of schema and answer together
    expected_items: int = Field(default=5, ge=1, le=1_000)  # in each list of an answer, to count what is saved


class Output(Wanted):
    """The whole block. Of several `max_tokens` the lowest counts."""

    enabled: bool = False
    structured: Structured = Structured()
    features: dict[str, Wanted] = Field(default_factory=dict)  # by what the client says it uses the answer for
    models: dict[str, Longest] = Field(default_factory=dict)  # by the model group that is called, after routing


def models_limited(settings: Settings) -> Iterator[tuple[str, str]]:
    """Every model group that is named: where, and its name."""
    yield from ((f"output.models.{name}", name) for name in settings.output.models)
    for table in ("per_model", "per_team", "per_key"):
        for who, override in getattr(settings, table).items():
            shown = "sk-***" if who.startswith("sk-") else who
            models = override.output.get("models")
            for name in models if isinstance(models, Mapping) else ():
                yield f"{table}.{shown}.output.models.{name}", str(name)
