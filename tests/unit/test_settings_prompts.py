"""The block `prompts`: off by default; faults told with their paths."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.settings import parse
from litellm_plugins.settings.prompts import models_prompted

ROOT = "callback_settings.litellm_plugins.prompts"


def faults(**prompts: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        parse({"prompts": prompts})
    return caught.value.problems


def section(name: str = "role", **more: Any) -> dict[str, Any]:
    return {"name": name, **({} if "file" in more or "text" in more else {"text": "You help."}), **more}


def test_without_a_block_there_are_none() -> None:
    assert parse({}).prompts == {}


def test_one_word_stands_for_a_list_of_it() -> None:
    made = parse({"prompts": {"p": {"features": "faq", "sections": [section(when={"tools": "search"})]}}}).prompts["p"]
    assert made.features == ("faq",)
    assert made.sections[0].when is not None
    assert made.sections[0].when.tools == ("search",)


@pytest.mark.parametrize(
    ("sections", "path", "words"),
    [
        ([], "p.sections", "at least 1 item"),
        ([section(), section()], "p.sections", "section name given twice: role"),
        ([{"name": "a"}], "p.sections.0", "either text or file"),
        ([section(text="x", file="y")], "p.sections.0", "either text or file"),
        ([section(text=" ")], "p.sections.0", "text is empty"),
        ([section(when={})], "p.sections.0.when", "is empty"),
        ([section(when={"intents": "code"})], "p.sections.0.when.intents", "did you mean intent?"),
        ([section(when={"intent": "poetry"})], "p.sections.0.when.intent.0", "input should be"),
        ([section(when={"tier": "small"})], "p.sections.0.when.tier", "no router has a tier 'small'"),
    ],
)
def test_a_fault_is_told_with_its_path(sections: Any, path: str, words: str) -> None:
    [told] = [each for each in faults(p={"sections": sections}) if each.startswith(f"{ROOT}.{path}: ")]
    assert words in told


def test_a_name_that_a_header_cannot_carry_is_a_fault() -> None:
    assert faults(**{"two words": {"sections": [section()]}})


def test_what_replaces_the_client_s_words_has_to_say_something_always() -> None:
    [told] = faults(p={"place": "replace", "sections": [section(when={"feature": "faq"})]})
    assert "needs a section without `when`" in told


def test_the_models_that_are_named_are_told_with_their_paths() -> None:
    settings = parse({"prompts": {"p": {"models": ["a"], "sections": [section(), section("b", when={"model": "m"})]}}})
    assert list(models_prompted(settings)) == [("prompts.p.models", "a"), ("prompts.p.sections.1.when.model", "m")]


def test_a_list_is_not_said_to_be_short_for_what_is_wrong_in_it() -> None:
    with pytest.raises(SettingsError) as caught:
        parse({"prompts": {"p": {"sections": [{"name": "a"}]}}})
    assert len(caught.value.problems) == 1
