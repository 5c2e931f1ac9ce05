"""Declared prompts with the words of their files, read once, at boot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_plugins.errors import SettingsError
from litellm_plugins.prompts.declared import Prompt, declared

if TYPE_CHECKING:
    from litellm_plugins.settings.prompts import DynamicPrompt, SectionSetting

MOST_BYTES = 256 * 1024  # of one file


def read_prompts(settings: Mapping[str, DynamicPrompt], *, folder: Path, root: str) -> dict[str, Prompt]:
    """All of them by name; a file's path is taken from `folder`. Raises: SettingsError naming every fault."""
    problems: list[str] = []
    made: dict[str, Prompt] = {}
    for name, setting in settings.items():
        texts = []
        for at, section in enumerate(setting.sections):
            try:
                texts.append(_text_of(section, folder))
            except ValueError as exc:
                problems.append(f"{root}.prompts.{name}.sections.{at}.file: {exc}")
        if len(texts) == len(setting.sections):
            made[name] = declared(name, setting, texts)
    if problems:
        raise SettingsError(problems)
    return made


def _text_of(section: SectionSetting, folder: Path) -> str:
    if section.file is None:
        return (section.text or "").strip("\n")
    path = folder / section.file
    try:
        with path.open("rb") as held:
            raw = held.read(MOST_BYTES + 1)
        text = raw.decode()
    except OSError as exc:
        raise ValueError(f"{path}: cannot be read: {exc.strerror or exc}") from exc
    except UnicodeDecodeError as exc:
        raise ValueError(f"{path}: is not UTF-8") from exc
    if len(raw) > MOST_BYTES:
        raise ValueError(f"{path}: is longer than {MOST_BYTES // 1024} kB")
    if not text.strip():
        raise ValueError(f"{path}: is empty")
    return text.strip("\r\n")
