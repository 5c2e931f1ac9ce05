"""Sections' files are read at boot, and a bad one is named with the path to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.prompts.reading import MOST_BYTES, read_prompts
from litellm_plugins.settings import parse


def read(folder: Path, *sections: dict[str, Any]) -> list[str]:
    settings = parse({"prompts": {"support": {"sections": sections}}})
    made = read_prompts(settings.prompts, folder=folder, root="ours")
    return [each.text for each in made["support"].sections]


def test_a_file_s_words_are_those_of_the_section(tmp_path: Path) -> None:
    (tmp_path / "role.md").write_text("You help.\nAlways.\n\n", encoding="utf-8")
    assert read(tmp_path, {"name": "a", "file": "role.md"}, {"name": "b", "text": "B\n"}) == ["You help.\nAlways.", "B"]


def test_every_bad_file_is_named_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    (tmp_path / "long").write_text("x" * (MOST_BYTES + 1))
    files = ("gone", "empty", "latin", "long", ".")
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, *({"name": f"s{at}", "file": name} for at, name in enumerate(files)))
    told = caught.value.problems
    assert [each.split(": ")[0] for each in told] == [f"ours.prompts.support.sections.{at}.file" for at in range(5)]
    words = ("cannot be read", "is empty", "is not UTF-8", "is longer than 256 kB", "cannot be read")
    assert all(word in each for word, each in zip(words, told, strict=True))
    assert str(tmp_path / "gone") in told[0]
