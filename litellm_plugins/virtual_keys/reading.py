"""Reading teams and keys from the files that hold them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from litellm_plugins.errors import SettingsError
from litellm_plugins.settings import ROOT, KeysFile, VirtualKeys, parse, parse_keys

if TYPE_CHECKING:
    from litellm_plugins.settings import Settings

_MAX_BYTES = 64 * 2**20
_MAX_DEPTH = 64
_SECRET = re.compile(r"sk-[^\s'\",]+")
_FROM_ENVIRONMENT = "os.environ/"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as quick, where PyYAML was built with it


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells one state of a file from another without reading it."""

    inode: int
    size: int
    changed_ns: tuple[int, int]


class KeysUnreadable(SettingsError):
    """A file cannot be used as it is; `revoked` are the hashes that it takes back all the same."""

    def __init__(self, problems: Sequence[str], revoked: frozenset[str] = frozenset()) -> None:
        self.revoked = revoked
        super().__init__(problems)


def stamp_of(path: Path) -> Stamp | None:
    """The file's stamp; None where there is no such file, or none that we may see."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None
    return Stamp(found.st_ino, found.st_size, (found.st_mtime_ns, found.st_ctime_ns))


def read_keys(path: Path) -> KeysFile:
    """The teams and keys of a keys file. Raises: KeysUnreadable."""
    raw = _load(path)
    try:
        return parse_keys(raw, root=str(path))
    except SettingsError as exc:
        raise KeysUnreadable(exc.problems, _taken_back(raw)) from exc


def read_inline(path: Path) -> VirtualKeys:
    """What the proxy config at `path` has under `virtual_keys`. Raises: KeysUnreadable."""
    block: Any = _load(path)
    for name in ("callback_settings", "litellm_plugins"):
        block = block.get(name) if isinstance(block, Mapping) else None
    if not isinstance(block, Mapping):
        raise KeysUnreadable([f"{path}: there is no block {ROOT} in it"])
    raw = _resolved(block.get("virtual_keys", {}))
    try:
        settings: Settings = parse({"virtual_keys": raw})
    except SettingsError as exc:
        raise KeysUnreadable(exc.problems, _taken_back(raw)) from exc
    return settings.virtual_keys


def _load(path: Path) -> object:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as exc:  # ValueError: not UTF-8, or a NUL in the path
        why = exc.strerror if isinstance(exc, OSError) and exc.strerror else type(exc).__name__
        raise KeysUnreadable([f"{path}: cannot be read: {why}"]) from exc
    if len(text) > _MAX_BYTES:
        raise KeysUnreadable([f"{path}: is too large"])
    try:
        _check_nesting(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - it is the safe loader, or its twin in C
    except (yaml.YAMLError, ValueError) as exc:  # ValueError: a date such as 2030-02-31
        raise KeysUnreadable([f"{path}: is not YAML: {_told(exc)}"]) from None  # with the text in it: a key maybe


def _check_nesting(text: str) -> None:
    """What reads a file nests as deep as the file does, and in C without a limit. Raises: yaml.YAMLError."""
    open_anchors: list[str | None] = []
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            open_anchors.append(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            open_anchors.pop()
        if len(open_anchors) > _MAX_DEPTH or (isinstance(event, yaml.AliasEvent) and event.anchor in open_anchors):
            mark: Any = event.start_mark
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=mark)


def _told(exc: Exception) -> str:
    if isinstance(exc, yaml.MarkedYAMLError) and exc.problem_mark is not None:
        where = f"line {exc.problem_mark.line + 1}, column {exc.problem_mark.column + 1}"
        return f"{_SECRET.sub('sk-***', exc.problem or 'a fault')} ({where})"
    return "a date that there is not" if isinstance(exc, ValueError) else type(exc).__name__


def _taken_back(raw: object) -> frozenset[str]:
    """The hashes that are marked as revoked or blocked, whatever else is wrong around them."""
    listed = raw.get("keys") if isinstance(raw, Mapping) else None
    entries = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    marked = [each.get("hash") for each in entries if each.get("revoked") or each.get("blocked")]
    return frozenset(each for each in marked if isinstance(each, str))


def _resolved(value: object) -> object:
    """With `os.environ/NAME` replaced as the host replaces it."""
    if isinstance(value, Mapping):
        return {name: _resolved(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_resolved(each) for each in value]
    if isinstance(value, str) and value.startswith(_FROM_ENVIRONMENT):
        return os.environ.get(value.removeprefix(_FROM_ENVIRONMENT))
    return value
