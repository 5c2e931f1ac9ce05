"""Rows of an outcomes file, and what makes two of them the same."""

from __future__ import annotations

import pytest

from litellm_plugins.routing.outcomes import marks, parse


def test_a_row_may_lack_its_prompt_cost_and_task() -> None:
    row = parse({"prompt": None, "outcomes": {"a": 1, "b": None}})
    assert (row.prompt, row.outcomes, row.cost, row.task) == (None, {"a": 1.0}, {}, "")


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": 3, "outcomes": {}},
        {"prompt": "q", "outcomes": [1]},
        {"prompt": "q", "outcomes": {"a": "right"}},
    ],
)
def test_a_row_of_another_shape_is_refused(row: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        parse(row)


def test_case_spaces_and_signs_do_not_make_another_question() -> None:
    assert marks("What is  2+2 ?") & marks("what is 2 2")
    assert not marks("What is 2+2?") & marks("What is 2+3?")


def test_a_question_with_other_options_is_the_same_question() -> None:
    stem = "Which of these gases is most abundant in the atmosphere of the Earth?"
    assert marks(f"{stem}\nA. Oxygen\nB. Argon\nAnswer:") & marks(f"{stem}\n(A) Nitrogen\n(B) Neon")


def test_a_stem_that_says_little_does_not_make_two_questions_one() -> None:
    assert not marks("Which is right?\nA. Cats bark\nB. Dogs bark") & marks("Which is right?\nA. One\nB. Two")
