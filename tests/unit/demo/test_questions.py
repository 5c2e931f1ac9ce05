"""The committed questions: what they are, and that they may be there."""

from collections import Counter
from pathlib import Path

from litellm_plugins import demo
from litellm_plugins.demo import questions
from litellm_plugins.simulator import reference

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(demo.__file__).parent


def test_there_are_300_questions_of_15_intents_20_of_each() -> None:
    counts = Counter(question.intent for question in questions.load())
    assert len(counts) == 15
    assert set(counts.values()) == {20}


def test_no_question_stands_there_twice_not_even_in_other_case() -> None:
    texts = [question.text.casefold() for question in questions.load()]
    assert len(texts) == len(set(texts))


def test_each_question_has_a_reference_of_its_own_so_that_an_answer_names_one_question() -> None:
    loaded = questions.load()
    assert len({reference(question.text) for question in loaded}) == len(loaded)


def test_questions_are_single_clean_lines_that_a_table_can_show() -> None:
    for question in questions.load():
        assert question.text == " ".join(question.text.split())
        assert 0 < len(question.text) <= 160


def test_source_and_licence_are_named_beside_the_file_and_in_notice() -> None:
    for notice in (FOLDER / "README.md", ROOT / "NOTICE"):
        text = notice.read_text(encoding="utf-8")
        for named in ("BANKING77", "PolyAI", "CC BY 4.0", "creativecommons.org/licenses/by/4.0"):
            assert named in text, f"{notice} does not name {named}"
