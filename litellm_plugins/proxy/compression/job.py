"""What one request's compression does in its thread. Remembers nothing itself: who waits for it does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from litellm_plugins.compression.asked import question_of
from litellm_plugins.compression.bodies import text_at, texts_of, users_texts, written
from litellm_plugins.compression.memo import key_of
from litellm_plugins.compression.methods import Chain, Context
from litellm_plugins.compression.pieces import Range
from litellm_plugins.compression.protected import Path, Why, touchable
from litellm_plugins.compression.question import SHORT
from litellm_plugins.compression.squeezing import Squeezed, data_only, squeezed, squeezed_tools
from litellm_plugins.proxy.host.token_counts import counted, remembered_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from litellm_plugins.compression.memo import Memo

_TOOLS: Path = ("tools",)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made shorter, and how."""

    view: Mapping[str, Any]  # `as_messages` of it, with the marks that the host will set
    body: Mapping[str, Any]
    chain: Chain
    min_tokens: int
    min_saved: float
    tools: bool
    tokenizer: str  # the model whose tokens are counted
    until: float  # on the clock that does not go back: nobody waits any longer


class Job:
    """`known` and `missing` stand from the moment that both are complete; `fresh` and `tokens` at the end."""

    def __init__(self, wanted: Wanted, made: Memo[Squeezed], counted: Memo[int]) -> None:
        self._wanted, self._made, self._counted = wanted, made, counted
        self.left = False  # nobody waits for it any more
        self.known: Mapping[Path, Squeezed] = {}
        self.missing: Mapping[Path, bytes] = {}
        self.fresh: dict[Path, Squeezed] = {}
        self.cached = False  # something long lies before a mark for the provider's prompt cache
        self.tokens: int | None = None

    def run(self) -> None:
        """Find what may be touched, and make what is not known yet."""
        wanted = self._wanted
        what = touchable(wanted.view)
        messages = wanted.view["messages"]
        self.cached = any(
            kept.why is Why.CACHED and kept.path[0] == "messages" and _is_long(messages[kept.path[1]])
            for kept in what.kept
        )
        todo: dict[Path, Callable[[], Squeezed]] = {}
        known: dict[Path, Squeezed] = {}
        missing: dict[Path, bytes] = {}
        ranges = data_only(what, wanted.view)

        @cache  # a turn may have hundreds of texts, and its question is looked for in all of them
        def asked(turn: int | str) -> str:
            return question_of(list(users_texts([messages[turn]])))

        for part in what.parts:
            ranges.setdefault(part.path, []).append((part.start, part.end))
        for path, of_path in ranges.items():
            text = text_at(wanted.view, path)
            question = asked(path[1]) if wanted.chain.methods else ""
            key = key_of(text, wanted.chain.key, question, wanted.min_tokens, wanted.min_saved, wanted.tokenizer)
            todo[path], missing[path] = partial(self._squeezed, text, of_path, question), key
        if wanted.tools and what.tools:
            key = key_of(written(wanted.body["tools"]), "tools", wanted.min_saved, wanted.tokenizer)
            todo[_TOOLS], missing[_TOOLS] = partial(self._squeezed_tools, wanted.body["tools"]), key
        for path, key in list(missing.items()):
            if (found := self._made.get(key)) is not None:
                known[path] = found
                del missing[path]
        self.known, self.missing = known, missing
        for path in missing:
            if self.left:
                return
            self.fresh[path] = todo[path]()
        if not self.left:
            self.tokens = sum(map(self._tokens, texts_of(wanted.body)))

    def _squeezed(self, text: str, ranges: list[Range], question: str) -> Squeezed:
        wanted = self._wanted
        # Pieces of a text are not remembered: there are many, and none comes alone.
        context = Context(question, wanted.chain.rate, partial(counted, model=wanted.tokenizer), self._left_s)
        return squeezed(
            text,
            ranges,
            self._tokens,
            min_tokens=wanted.min_tokens,
            min_saved=wanted.min_saved,
            chain=wanted.chain,
            context=context,
        )

    def _left_s(self) -> float:
        return -1.0 if self.left else self._wanted.until - time.monotonic()

    def _squeezed_tools(self, tools: list[Any]) -> Squeezed:
        return squeezed_tools(tools, self._tokens, min_saved=self._wanted.min_saved)

    def _tokens(self, text: str) -> int:
        return remembered_tokens(self._counted, self._wanted.tokenizer, text)


def _is_long(message: object) -> bool:
    return any(len(text) > SHORT for text in users_texts([message]))
