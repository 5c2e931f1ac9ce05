"""Changing a keys file as a person would: one entry more, one mark more, and every comment where it was. Pure.

A changed text is tried by parsing it. Where none says what it should (anchors, odd layouts), the file is written
anew from what it says, and its comments are lost: `Edited.comments_kept` tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

_WIDE = 10**9


@dataclass(frozen=True, slots=True)
class Edited:
    """The new text of a file."""

    text: str
    comments_kept: bool


def one_line(entry: Mapping[str, Any]) -> str:
    """`{name: …, hash: …}`."""
    return str(yaml.safe_dump(dict(entry), default_flow_style=True, width=_WIDE, sort_keys=False)).strip()


def with_key(text: str, entry: Mapping[str, Any]) -> Edited:
    """`text` with `entry` as its last key."""
    wanted = _parsed(text)
    wanted["keys"] = [*(wanted.get("keys") or []), dict(entry)]
    return _chosen(_ways_to_add(text, one_line(entry)), wanted)


def with_revoked(text: str, key_hash: str) -> Edited:
    """`text` with the key of that hash marked as revoked."""
    wanted = _parsed(text)
    for entry in wanted["keys"]:
        if entry["hash"] == key_hash:
            entry["revoked"] = True
    return _chosen(_ways_to_mark(text, key_hash), wanted)


def _parsed(text: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text) or {})


def _chosen(ways: Iterator[str], wanted: Mapping[str, Any]) -> Edited:
    for way in ways:
        try:
            if yaml.safe_load(way) == wanted:
                return Edited(way, comments_kept=True)
        except (yaml.YAMLError, ValueError):
            continue
    return Edited(yaml.safe_dump(dict(wanted), width=_WIDE, sort_keys=False, allow_unicode=True), comments_kept=False)


def _ways_to_add(text: str, line: str) -> Iterator[str]:
    keys = _value(yaml.compose(text, Loader=yaml.SafeLoader), "keys")
    if keys is None:
        yield f"{text.rstrip()}\nkeys:\n  - {line}\n".lstrip("\n")
        return
    start, end = keys.start_mark.index, keys.end_mark.index
    if not isinstance(keys, yaml.SequenceNode):  # `keys:` and nothing behind it
        yield f"{text[:start]}\n  - {line}{text[end:]}"
    elif keys.flow_style:
        yield f"{text[: end - 1]}, {line}{text[end - 1 :]}" if keys.value else f"{text[:start]}\n  - {line}{text[end:]}"
    else:
        indent = " " * keys.start_mark.column
        behind = text.find("\n", _end(keys))
        whole, behind = (text, behind + 1) if behind >= 0 else (f"{text}\n", len(text) + 1)
        yield f"{whole[:behind]}{indent}- {line}\n{whole[behind:]}"
        yield f"{text[:start]}- {line}\n{indent}{text[start:]}"


def _ways_to_mark(text: str, key_hash: str) -> Iterator[str]:
    keys = _value(yaml.compose(text, Loader=yaml.SafeLoader), "keys")
    for entry in keys.value if isinstance(keys, yaml.SequenceNode) else ():
        digest = _value(entry, "hash")
        if digest is None or digest.value != key_hash:
            continue
        start, end, marked = entry.start_mark.index, entry.end_mark.index, _value(entry, "revoked")
        if marked is not None:
            yield f"{text[: marked.start_mark.index]}true{text[marked.end_mark.index :]}"
        elif entry.flow_style:
            yield f"{text[: end - 1]}, revoked: true{text[end - 1 :]}"
        else:
            yield f"{text[:start]}revoked: true\n{' ' * entry.start_mark.column}{text[start:]}"


def _value(node: yaml.Node | None, name: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for key, value in pairs if key.value == name), None)


def _end(node: yaml.Node) -> int:
    """Where the last word of `node` ends: a block's own mark lies behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)
