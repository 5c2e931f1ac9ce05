"""What a model gets to see of a text, and what of that stays."""

from __future__ import annotations

from litellm_plugins.compression.llmlingua.protecting import stretches

PROSE = "The committee met on the last Monday of the month and spoke for hours about the library's roof and its costs. "
CODE = "```python\ndef odd(n):\n    return n % 2\n```"


def kept(text: str) -> list[str]:
    return [text[each.start : each.end][start:end] for each in stretches(text) for start, end in each.keep]


def test_code_and_data_part_the_stretches_and_are_in_none() -> None:
    text = f'{PROSE}\n\n{CODE}\n\n{PROSE}\n\n{{"a": [1, 2, 3],\n "b": null}}\n\n{PROSE}'
    found = [text[each.start : each.end] for each in stretches(text)]
    assert [part.strip() for part in found] == [PROSE.strip()] * 3


def test_what_stands_inside_sentences_stays_within_its_stretch() -> None:
    text = f'{PROSE}See https://example.org/a?b=1, "as is", ann@example.org and $3.50 per box. {PROSE}'
    [stretch] = stretches(text)
    assert (stretch.start, stretch.end) == (0, len(text))
    held = " ".join(kept(text))
    assert all(each in held for each in ("https://example.org/a?b=1", '"as is"', "ann@example.org", "3.50"))


def test_a_negation_stays_with_the_words_beside_it() -> None:
    assert "did not approve" in kept(f"{PROSE}They did not approve of it.")
    assert any("没" in each for each in kept(f"{'我们今天开会讨论图书馆的屋顶和费用' * 8}\uff0c没有批准。"))


def test_what_is_short_is_worth_no_call() -> None:
    assert list(stretches("It was fine.")) == []
    assert list(stretches("")) == []
    assert list(stretches(CODE)) == []
