"""The block `prompts`: system prompts declared as named sections, each with its conditions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from litellm_plugins.settings.block import Block, twice

if TYPE_CHECKING:
    from litellm_plugins.settings.blocks import Settings

_MOST_SECTIONS, _MOST_CHARS = 50, 200_000
Place = Literal["before", "after", "replace"]
PromptName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
SaidIntent = Literal["code", "creative", "factual", "maths", "extraction", "none"]
_Word = Annotated[str, Field(min_length=1, max_length=200)]


def _listed(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the YAML
    return (value,) if isinstance(value, str) else value


_Words = Annotated[tuple[_Word, ...], BeforeValidator(_listed)]


class When(Block):
    """What has to hold: everything that is given; in a list, one of it."""

    model: _Words = ()  # the model group that was asked for, or is called after routing
    tier: _Words = ()  # that a router chose; a request that is not routed has none
    team: _Words = ()  # id or alias
    feature: _Words = ()
    tools: Annotated[
        tuple[_Word, ...] | bool, BeforeValidator(_listed)
    ] = ()  # offered, by name; true: any, false: none
    intent: Annotated[tuple[SaidIntent, ...], BeforeValidator(_listed)] = ()  # of the last user turn

    @property
    def reads(self) -> tuple[str, ...]:
        """The conditions that are given, in the order of the fields."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) != ())

    @model_validator(mode="after")
    def _of_something(self) -> When:
        if not self.reads:
            raise ValueError(f"is empty; leave it out, or give one of {', '.join(type(self).model_fields)}")
        return self


class SectionSetting(Block):
    """One section: its words here, or in a file beside the config."""

    name: PromptName
    text: str | None = Field(default=None, max_length=_MOST_CHARS)
    file: str | None = Field(default=None, min_length=1)  # read once, at boot; relative to the config's folder
    when: When | None = None  # None: always

    @model_validator(mode="after")
    def _says_something(self) -> SectionSetting:
        if (self.text is None) == (self.file is None):
            raise ValueError("give either text or file")
        if self.text is not None and not self.text.strip():
            raise ValueError("text is empty")
        return self


class DynamicPrompt(Block):
    """One system prompt, and whose requests get it. Without features, models and teams: who names it."""

    features: _Words = ()
    models: _Words = ()  # as asked for
    teams: _Words = ()  # ids or aliases; nobody else can name it either
    place: Place = "before"  # before or behind what the client itself instructs, or instead of it
    share_across_tiers: bool = False  # answers that sections by tier had a part in, in the cache
    sections: tuple[SectionSetting, ...] = Field(min_length=1, max_length=_MOST_SECTIONS)

    @field_validator("sections")
    @classmethod
    def _named_once(cls, sections: tuple[SectionSetting, ...]) -> tuple[SectionSetting, ...]:
        if faults := twice("section name", [section.name for section in sections]):
            raise ValueError("; ".join(faults))
        return sections

    @model_validator(mode="after")
    def _leaves_instructions(self) -> DynamicPrompt:
        if self.place == "replace" and all(section.when is not None for section in self.sections):
            raise ValueError("place: replace needs a section without `when`, or a request might lose every instruction")
        return self


def models_prompted(settings: Settings) -> Iterator[tuple[str, str]]:
    """Every model group that a prompt names: where, and its name."""
    for name, prompt in settings.prompts.items():
        yield from ((f"prompts.{name}.models", model) for model in prompt.models)
        for at, section in enumerate(prompt.sections):
            for model in section.when.model if section.when is not None else ():
                yield f"prompts.{name}.sections.{at}.when.model", model


def faults_of_tiers(settings: Settings) -> Iterator[str]:
    """A fault for every tier that no router has: such a section would never be sent."""
    for name, prompt in settings.prompts.items():
        for at, section in enumerate(prompt.sections):
            for tier in section.when.tier if section.when is not None else ():
                if fault := settings.routing.fault_of_tier(tier):
                    yield f"prompts.{name}.sections.{at}.when.tier: {fault}"
