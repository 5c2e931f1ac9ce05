"""A method of the proxy's, measured on documents as prompts have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from litellm_plugins.compression.extractive.lexical import Kept
from litellm_plugins.compression.extractive.passages import Passage
from litellm_plugins.compression.methods import Context, LeftAlone, Method
from litellm_plugins.compression.tokens import CountTokens


def in_prompt(method: Method) -> Callable[..., tuple[Kept, ...]]:
    """`method` on documents below a heading each. Headings are not counted, as titles are not elsewhere."""

    def chosen(question: str, passages: Sequence[Passage], *, rate: float, count: CountTokens) -> tuple[Kept, ...]:
        heads = [f"Document [{at}](Title: {one.title}) " for at, one in enumerate(passages, 1)]
        texts = [f"{head}{one.text}" for head, one in zip(heads, passages, strict=True)]
        try:
            made = method.shorten(texts, Context(question, rate, count, lambda: 1.0))
        except LeftAlone:
            made = texts
        bare = [text.removeprefix(head) for text, head in zip(made, heads, strict=True)]
        return tuple(Kept(at, text) for at, text in enumerate(bare) if text)

    return chosen
