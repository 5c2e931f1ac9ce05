"""Which prompt a request gets, and which of its sections."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litellm_plugins.prompts.declared import Prompt, Section
    from litellm_plugins.settings.prompts import DynamicPrompt, When


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions read of a request."""

    models: tuple[str, ...] = ()  # the model groups that was asked for and that is called
    tier: str = ""
    teams: tuple[str, ...] = ()  # id and alias
    feature: str = ""
    tools: frozenset[str] = frozenset()  # by name; one without a name is there as ""
    intent: str = "none"


def chosen(settings: Mapping[str, DynamicPrompt], facts: Facts) -> str | None:
    """The first in the order of the settings whose features, models and teams, as far as given, all fit."""
    for name, each in settings.items():
        wanted = ((each.features, (facts.feature,)), (each.models, facts.models), (each.teams, facts.teams))
        given = [(words, said) for words, said in wanted if words]
        if given and all(_one_of(words, said) for words, said in given):
            return name
    return None


def may_name(setting: DynamicPrompt, facts: Facts) -> bool:
    """Whether who asks may have it by name: where it is for some teams, only those."""
    return not setting.teams or _one_of(setting.teams, facts.teams)


def applying(prompt: Prompt, facts: Facts) -> tuple[Section, ...]:
    """Those of its sections whose conditions hold, in the order in which they are sent."""
    return tuple(each for each in prompt.sections if each.when is None or _holds(each.when, facts))


def _holds(when: When, facts: Facts) -> bool:
    said: dict[str, Collection[str]] = {
        "model": facts.models,
        "tier": (facts.tier,),
        "team": facts.teams,
        "feature": (facts.feature,),
        "intent": (facts.intent,),
    }
    if isinstance(when.tools, bool):
        if bool(facts.tools) != when.tools:
            return False
    else:
        said["tools"] = facts.tools
    return all(_one_of(getattr(when, name), said[name]) for name in when.reads if name in said)


def _one_of(words: Collection[str], said: Collection[str]) -> bool:
    return any(word in words for word in said)
