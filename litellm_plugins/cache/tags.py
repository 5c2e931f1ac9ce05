"""What entries are tagged with, and the tags that the pack itself gives them. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def entry_tags(asked_for: Iterable[str], by_settings: Iterable[str], version: str) -> tuple[str, ...]:
    """The tags of a fresh entry: the client's, the administrator's and the version of the documents."""
    return tuple(sorted({*asked_for, *by_settings, *([version_tag(version)] if version else [])}))


def version_tag(version: str) -> str:
    """The tag of every answer that was given while the documents had this version."""
    return f"version:{version}"
