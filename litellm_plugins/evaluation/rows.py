"""JSON lines, plain or gzipped, checked row by row."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import orjson

from litellm_plugins.errors import PluginError

T = TypeVar("T")
_GZIP = b"\x1f\x8b"


class BadRows(PluginError):
    """A file cannot be evaluated; the message names the file, the line and what is wrong there."""

    code = "bad_rows"


def read_rows(path: Path, parse: Callable[[Mapping[str, Any]], T]) -> list[T]:
    """Every row of `path` as `parse` makes it. Raises: BadRows."""
    try:
        content = path.read_bytes()
        text = gzip.decompress(content) if content.startswith(_GZIP) else content
    except (OSError, EOFError, zlib.error) as exc:
        raise BadRows(f"{path}: {exc}") from exc
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
            if not isinstance(row, Mapping):
                raise TypeError("not an object")
            rows.append(parse(row))
        except (ValueError, TypeError, KeyError) as exc:
            what = f"no field {exc}" if isinstance(exc, KeyError) else str(exc)
            raise BadRows(f"{path}, line {number}: {what}") from exc
    if not rows:
        raise BadRows(f"{path}: no rows")
    return rows


def text_in(row: Mapping[str, Any], name: str) -> str:
    """A field that must be a text with something in it. Raises: KeyError, TypeError."""
    value = row[name]
    if not isinstance(value, str) or not value.strip():
        raise TypeError(f"{name} must be a text")
    return value.strip()
