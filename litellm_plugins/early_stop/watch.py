"""The rules over one stream: fed with what it says, they tell when to end it, and where.

Nothing is cut in the middle of a code block, a JSON value or a tool call, unless that goes on for too long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from litellm_plugins.early_stop.good_enough import GoodEnough, Scorer
from litellm_plugins.early_stop.json_value import JsonAnswer
from litellm_plugins.early_stop.phrases import Phrases
from litellm_plugins.early_stop.repetition import Loop
from litellm_plugins.early_stop.sentences import Sentences
from litellm_plugins.early_stop.structure import Span, Structure
from litellm_plugins.model import StopRule
from litellm_plugins.settings.early_stop import StopRules

Channel = Literal["text", "reasoning", "tool"]
Finish = Literal["stop", "length"]
# The answer is whole as far as it was wanted; after any other rule it is a part of one.
_WHOLE = frozenset({StopRule.COMPLETED_JSON, StopRule.SENTENCE_CAP, StopRule.STOP_PHRASE, StopRule.GOOD_ENOUGH})


@dataclass(frozen=True, slots=True)
class Stop:
    """End the stream. Of the piece that was fed last so many characters belong to the answer; None: all."""

    rule: StopRule
    finish: Finish
    keep: int | None = None


class Watch:
    """Over one stream, of one choice."""

    def __init__(
        self,
        rules: StopRules,
        *,
        wants_json: bool = False,
        affordable_tokens: int | None = None,
        score: Scorer | None = None,
    ) -> None:
        """`affordable_tokens`: how long the answer may be under `max_usd`, where a price is known.

        `score`: for the rule `good_enough`, which is for prose only.
        """
        self.tokens = 0
        self._rules, self._affordable = rules, affordable_tokens
        self._structure = Structure()
        self._loops: dict[Channel, Loop] = {}
        self._json = JsonAnswer() if rules.completed_json and wants_json else None
        self._sentences = Sentences(rules.max_sentences) if rules.max_sentences is not None else None
        self._phrases = Phrases(rules.stop_phrases) if rules.stop_phrases else None
        enough = None if wants_json or score is None else rules.good_enough
        self._enough = (
            GoodEnough(score, at_least=enough.score, min_sentences=enough.min_sentences)
            if enough is not None and score is not None
            else None
        )
        self._for_good: StopRule | None = None  # a rule that holds from now on
        self._calls_tool = False
        self._waited = 0  # tokens, since a rule holds that may not cut here

    def feed(self, channel: Channel, text: str, tokens: int) -> Stop | None:
        """What the stream says next, and how many tokens that is."""
        self.tokens += tokens
        self._calls_tool = self._calls_tool or channel == "tool"
        was_inside = self._structure.is_inside
        if channel == "text" and (stop := self._read(text)) is not None and not self._calls_tool:
            return stop
        self._cap()
        rule = self._for_good or self._loop(channel, text, was_inside=was_inside)
        if rule is None:
            self._waited = 0
            return None
        if not (self._calls_tool or self._structure.is_inside):
            return Stop(rule, "stop" if rule in _WHOLE else "length")
        self._waited += tokens
        return Stop(rule, "length") if self._waited > self._rules.wait_tokens else None

    @staticmethod
    def stalled() -> Stop:
        """No token has come for `stall_s`: there is no end of anything to wait for."""
        return Stop(StopRule.STALL, "length")

    def _read(self, text: str) -> Stop | None:
        """By what it says; where that ends within `text`, exactly there."""
        free = self._structure.feed(text)
        found: list[tuple[int, StopRule]] = []
        if self._json is not None and (end := self._json.feed(text)) is not None:
            if not self._json.is_fenced:
                return Stop(StopRule.COMPLETED_JSON, "stop", keep=end)
            self._hold(StopRule.COMPLETED_JSON)
        if self._sentences is not None:
            for start, end in free:
                said = self._sentences.feed(text[start:end])
                if said is not None:
                    found.append((start + said, StopRule.SENTENCE_CAP))
                    break
        if self._enough is not None and not self._calls_tool and (end := self._enough.feed(text, free)) is not None:
            found.append((end, StopRule.GOOD_ENOUGH))
        if self._phrases is not None and (end := self._phrases.feed(text)) is not None:
            if _is_free(end, free):
                found.append((end, StopRule.STOP_PHRASE))
            else:
                self._hold(StopRule.STOP_PHRASE)
        if not found:
            return None
        keep, rule = min(found)
        self._hold(rule)
        return Stop(rule, "stop", keep=keep)

    def _cap(self) -> None:
        if self._affordable is not None and self.tokens >= self._affordable:
            self._hold(StopRule.DOLLAR_CAP)
        elif self._rules.max_tokens is not None and self.tokens >= self._rules.max_tokens:
            self._hold(StopRule.TOKEN_CAP)

    def _loop(self, channel: Channel, text: str, *, was_inside: bool) -> StopRule | None:
        wanted = self._rules.repetition
        if not wanted.enabled:
            return None
        loop = self._loops.get(channel)
        if loop is None:
            loop = self._loops[channel] = Loop(
                ngram_words=wanted.ngram_words,
                repeats=wanted.repeats,
                span_words=wanted.span_words,
                share=wanted.share,
            )
        is_inside = self._structure.is_inside
        if is_inside and not was_inside:
            loop.begin_apart()
        loop.feed(text)
        if was_inside and not is_inside:
            loop.end_apart()
        return StopRule.REPETITION if loop.holds else None

    def _hold(self, rule: StopRule) -> None:
        self._for_good = self._for_good or rule


def _is_free(place: int, free: list[Span]) -> bool:
    return any(start < place <= end for start, end in free)
