"""How a prompt was put together, made shorter, and kept in the provider's cache."""

from __future__ import annotations

from dataclasses import dataclass

from litellm_plugins.model import HistoryOutcome, HistoryReason, PromptCacheReason


@dataclass(frozen=True, slots=True)
class PromptAssembled:
    """The sections of a declared system prompt that a request got, and those that it did not need."""

    prompt: str
    sections: tuple[str, ...] = ()  # in the order in which they are sent
    left_out: tuple[str, ...] = ()
    tokens: int = 0  # of the sections that are sent, as GPT-4o counts
    tokens_left_out: int = 0
    endpoint: str = ""
    model_group: str = ""  # as asked
    feature: str = ""
    team: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class PromptCompressed:
    """A request for which compression is on was made shorter, or not."""

    reason: str  # `CompressionReason`, or lost_…: what the checker missed
    methods: tuple[str, ...]
    endpoint: str
    model_group: str  # as asked
    team: str = ""
    key: str = ""
    feature: str = ""
    tokens_before: int | None = None  # of the whole prompt; None: it was not counted
    tokens_after: int | None = None
    saved_nano_usd: int = 0  # by the list price of what goes in
    took_ms: float = 0.0

    @property
    def saved_tokens(self) -> int:
        """How many went."""
        return (self.tokens_before or 0) - (self.tokens_after or 0)


@dataclass(frozen=True, slots=True)
class HistoryCut:
    """A conversation for which there is a budget went out without its old turns, or not. Tokens are those of turns."""

    outcome: HistoryOutcome
    reason: HistoryReason
    endpoint: str
    model_group: str  # as asked
    team: str = ""
    key: str = ""
    feature: str = ""
    turns: int = 0  # 0: they were not counted
    turns_gone: int = 0
    tokens_before: int | None = None  # None: they were not counted
    tokens_after: int | None = None  # with the summary
    saved_nano_usd: int = 0  # by the list price of what goes in; what a summary costs is in `own_nano_usd`
    took_ms: float = 0.0

    @property
    def saved_tokens(self) -> int:
        """How many went; a summary that is longer than the turns saved none."""
        return max(0, (self.tokens_before or 0) - (self.tokens_after or 0))


@dataclass(frozen=True, slots=True)
class PromptCacheDecided:
    """A request got marks for the provider's prompt cache, or got none."""

    reason: PromptCacheReason
    model_group: str  # that is asked
    marks: int = 0  # of the pack
    ttl: str = ""  # of the first
    tokens: int = 0  # of the longest prefix that came before, as estimated
    family: str = ""
    team: str = ""
    key: str = ""
    volatile: str | None = None  # what became of its dates and ids, a VolatileReason; None: `move_volatile` is off
    moved: int | None = None  # lines of it that stand at the end of the system prompt now


@dataclass(frozen=True, slots=True)
class PromptCacheUsed:
    """What the provider's prompt cache did with one prompt."""

    family: str
    model_group: str
    team: str = ""
    prompt_tokens: int = 0
    read_tokens: int = 0
    written_5m_tokens: int = 0
    written_1h_tokens: int = 0
    saved_nano_usd: int = 0  # by reading
    extra_nano_usd: int = 0  # that writing cost beyond the price of input
