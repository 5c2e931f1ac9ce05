"""Compression stands down for texts that the provider has cached as they were: reading those is cheaper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from litellm_plugins.model import CompressionReason
from litellm_plugins.model import PromptCacheReason as Why
from litellm_plugins.prompt_caching.blocks import Block, Chain, Place, blocks_of, has_image
from litellm_plugins.prompt_caching.following import kept_as_cached

if TYPE_CHECKING:
    from litellm_plugins.proxy.compression.replaced import Compressed
    from litellm_plugins.proxy.prompt_caching.models import Target


def stayed(
    endpoint: str,
    data: dict[str, Any],
    compressed: Compressed,
    target: Target,
    live: Callable[[bytes], bool | None],
    count: Callable[[str], int],
) -> Compressed:
    """Put such texts back into `data`; and what is to be told of the compression then."""
    before = {**data, **{name: was for name, (was, _) in compressed.fields.items()}}
    sent = {**data, **{name: now for name, (_, now) in compressed.fields.items()}}
    long, short = blocks_of(endpoint, before, count), blocks_of(endpoint, sent, count)
    if [each.place for each in long] != [each.place for each in short]:
        return compressed
    longer: dict[tuple[str, str, str], Block] = {
        (now.section, now.role, now.text): was for was, now in zip(long, short, strict=True) if was.text != now.text
    }
    present = blocks_of(endpoint, data, count)  # what other stages have made of it
    original = _as_it_was(present, longer, _own(long))
    begin = Chain(data, with_image=has_image(endpoint, data))
    marks = target.stands_down is not Why.AUTOMATIC
    kept = kept_as_cached(original, present, begin, live, target.prices, marks=marks)
    if not kept.places:
        return compressed
    by_place = {each.place: each for each in present}
    for place in kept.places:
        now = by_place[place]
        _restore(data, place, longer[now.section, now.role, now.text], before)
    return replace(compressed, event=_told(compressed, kept.share))


def _own(blocks: Sequence[Block]) -> Mapping[Place, int]:
    return {each.place: each.tokens - (blocks[at - 1].tokens if at else 0) for at, each in enumerate(blocks)}


def _as_it_was(
    present: Sequence[Block], longer: Mapping[tuple[str, str, str], Block], own: Mapping[Place, int]
) -> list[Block]:
    found, tokens, before = list[Block](), 0, 0
    for each in present:
        was = longer.get((each.section, each.role, each.text))
        tokens, before = tokens + (each.tokens - before if was is None else own[was.place]), each.tokens
        found.append(replace(each, tokens=tokens, text=each.text if was is None else was.text))
    return found


def _restore(data: dict[str, Any], place: Place, was: Block, before: Mapping[str, Any]) -> None:
    """Replaces what it changes, as every stage does."""
    given = data[place.field]
    if isinstance(given, str):  # Anthropic's system, as one text
        data[place.field] = was.text
        return
    items = list(given)
    item = items[place.index]
    if place.field == "tools":
        item = before["tools"][was.place.index]
    elif place.field == "system":
        item = {**item, "text": was.text}
    elif place.part is None:
        item = {**item, "content": was.text}
    else:
        parts = list(item["content"])
        parts[place.part] = {**parts[place.part], "text": was.text}
        item = {**item, "content": parts}
    items[place.index] = item
    data[place.field] = items


def _told(compressed: Compressed, share: float) -> Any:
    event = compressed.event
    reason = event.reason if share < 1 else CompressionReason.CACHED_PREFIX
    if event.tokens_before is None:
        return replace(event, reason=reason)
    left = round(event.saved_tokens * max(0.0, 1 - share))
    saved = int(event.saved_nano_usd * max(0.0, 1 - share))
    return replace(event, reason=reason, tokens_after=event.tokens_before - left, saved_nano_usd=saved)
