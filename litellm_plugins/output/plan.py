"""What the settings want of an answer, before anybody has looked at the request."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_plugins.model import OutputBy

if TYPE_CHECKING:
    from litellm_plugins.settings.output import Output, Structured


@dataclass(frozen=True, slots=True)
class Most:
    """Tokens that an answer may have at most, and what says so."""

    tokens: int
    by: OutputBy


@dataclass(frozen=True, slots=True)
class Plan:
    """For requests of one feature under one `output` block."""

    most: Most | None  # whatever model is called
    of_models: tuple[tuple[str, int], ...]  # by model group, in order
    brief: str  # empty: nothing is to be said
    brief_by: OutputBy
    stop: tuple[str, ...]
    stop_by: OutputBy
    structured: Structured | None = None  # None: names of properties stay as they are

    def most_of(self, *groups: str) -> Most | None:
        """The lowest where any of these model groups is called; of equals the narrower setting's."""
        found = [Most(tokens, OutputBy.MODEL) for group, tokens in self.of_models if group in groups]
        if self.most is not None:
            found.insert(0 if self.most.by is OutputBy.FEATURE else len(found), self.most)
        return min(found, key=lambda each: each.tokens, default=None)

    @property
    def models_mark(self) -> str:
        """Names the limits of models; empty where there are none."""
        return f"models:{digest(json.dumps(self.of_models))}" if self.of_models else ""


def plan(output: Output, feature: str) -> Plan | None:
    """None where nothing is wanted."""
    if not output.enabled:
        return None
    own = output.features.get(feature) if feature else None
    found = [
        Most(each.max_tokens, by)
        for each, by in ((own, OutputBy.FEATURE), (output, OutputBy.ALL))
        if each is not None and each.max_tokens is not None
    ]
    says_brief, says_stop = own is not None and own.brief is not None, own is not None and own.stop is not None
    brief = own.brief if own is not None and says_brief else output.brief
    stop = own.stop if own is not None and says_stop else output.stop
    limits = ((group, each.max_tokens) for group, each in sorted(output.models.items()))
    made = Plan(
        most=min(found, key=lambda each: each.tokens, default=None),
        of_models=tuple((group, tokens) for group, tokens in limits if tokens is not None),
        brief=brief or "",
        brief_by=OutputBy.FEATURE if says_brief else OutputBy.ALL,
        stop=stop or (),
        stop_by=OutputBy.FEATURE if says_stop else OutputBy.ALL,
        structured=output.structured if output.structured.shorten_keys else None,
    )
    return made if made.most or made.of_models or made.brief or made.stop or made.structured else None


def digest(text: str) -> str:
    """A short name for a setting that stands in a key."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
