"""A `Selector` as a condition in SQL."""

from __future__ import annotations

from litellm_plugins.cache.store import Selector


def where(selector: Selector) -> tuple[str, list[object]]:
    """The condition that holds for what `selector` names, and its values. Raises: ValueError where it names nothing."""
    if selector.is_empty:
        raise ValueError("a selector that names nothing would mean everything")
    given: list[tuple[str, tuple[object, ...]]] = []
    if selector.cache_id is not None:
        given.append(("key >= ? AND key < ?", _key_range(selector.cache_id)))
    if selector.tag is not None:
        given.append(("id IN (SELECT entry_id FROM cache_tags WHERE tag = ?)", (selector.tag,)))
    if selector.without_tag is not None:
        given.append(("id NOT IN (SELECT entry_id FROM cache_tags WHERE tag = ?)", (selector.without_tag,)))
    # The plus keeps the planner from taking the wider index where a narrower one is to be had.
    wide = "+" if given else ""
    for column in ("namespace", "model_group", "tenant"):
        value = getattr(selector, column)
        if value is not None:
            given.append((f"{wide}{column} = ?", (value,)))
    if selector.pinned is not None:
        given.append(("pinned = ?", (selector.pinned,)))
    if selector.text is not None:
        given.append(("instr(folded(question), ?) > 0", (folded(selector.text),)))
    return " AND ".join(condition for condition, _ in given), [value for _, values in given for value in values]


def _key_range(cache_id: str) -> tuple[bytes, bytes]:
    """The keys that have this public handle; none where it is not one."""
    try:
        prefix = bytes.fromhex(cache_id)
    except ValueError:
        return b"", b""
    return (prefix, prefix + b"\xff" * 17) if len(prefix) == 16 else (b"", b"")


def folded(text: str | None) -> str | None:
    """The text as it is compared: whatever the case, in every script."""
    return None if text is None else text.casefold()
