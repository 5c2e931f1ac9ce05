"""What a selection keeps, by hand-made methods whose figures are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from litellm_plugins.compression.extractive.lexical import Kept
from litellm_plugins.compression.extractive.passages import Passage
from litellm_plugins.compression.tokens import CountTokens
from litellm_plugins.evaluation.compression import LEXICAL, at_once, measure
from litellm_plugins.evaluation.compression_baselines import head, randomly
from litellm_plugins.evaluation.compression_rows import Row


def words(text: str) -> int:
    return len(text.split())


def row(name: str, *, answer: str, texts: Sequence[str], supporting: Sequence[str] = ()) -> Row:
    return Row(f"Where is {name}?", (answer,), tuple(Passage("", text) for text in texts), tuple(supporting))


ROWS = [
    row("Ann", answer="Oslo", texts=["Rain fell all day.", "Ann lives in Oslo."], supporting=["Ann lives in Oslo."]),
    row("Bo", answer="Rome", texts=["Bo lives in Rome.", "Snow fell all night."], supporting=["Snow fell all night."]),
    row("Cy", answer="yes", texts=["Cy is well today.", "Cy sings."]),
    row("Di", answer="Cork", texts=["Di lives in Cork.", "Wind blew all week."]),
]


def first(_question: str, passages: Sequence[Passage], *, rate: float, count: CountTokens) -> tuple[Kept, ...]:
    return (Kept(0, passages[0].text),)


async def told(method: Any, **options: Any) -> dict[str, Any]:
    return await measure(ROWS, method, rate=0.5, count=words, **options)


async def test_shares_of_tokens_answers_and_facts() -> None:
    found = await told(at_once(first))
    assert (found["rows"], found["rows_without_answer"], found["tokens_per_row"]) == (4, 1, 8)
    assert found["kept"] == round(16 / 30, 4)
    assert found["kept_most"] == round(4 / 6, 4)
    assert found["retention"] == found["retention_own_documents"] == round(2 / 3, 4)
    assert found["all_facts"] == 0
    assert found["ms_per_1k_tokens"] >= 0


async def test_the_baselines_stand_beside_with_the_same_figures() -> None:
    found = await told(LEXICAL)
    assert set(found["baselines"]) == {"head", "random_sentences"}
    for each in found["baselines"].values():
        assert set(each) == {
            "kept", "kept_most", "retention", "retention_own_documents", "all_facts", "ms_per_1k_tokens",
        }  # fmt: skip
    assert found["baselines"]["head"]["retention"] == round(2 / 3, 4)
    assert found["retention"] == 1


async def test_rows_are_skipped_and_limited_but_distractors_come_from_all() -> None:
    seen: list[Sequence[Passage]] = []

    def spy(_question: str, passages: Sequence[Passage], *, rate: float, count: CountTokens) -> tuple[Kept, ...]:
        seen.append(passages)
        return ()

    found = await told(at_once(spy), first=1, limit=2, distractors=99)
    assert found["rows"] == 2
    assert [len(passages) for passages in seen] == [8, 8]
    assert found["retention"] == 0


async def test_an_answer_in_a_distractor_counts_but_not_as_the_rows_own() -> None:
    rows = [
        row("Ann", answer="Oslo", texts=["Ann lives in Oslo."]),
        row("Bo", answer="Rome", texts=["Bo left Oslo for Rome."]),
    ]

    def others(_question: str, passages: Sequence[Passage], *, rate: float, count: CountTokens) -> tuple[Kept, ...]:
        return tuple(Kept(at, one.text) for at, one in enumerate(passages) if "left" in one.text)

    found = await measure(rows, at_once(others), rate=0.5, count=words, distractors=1, limit=1)
    assert (found["retention"], found["retention_own_documents"]) == (1, 0)


async def test_cpu_is_counted_and_waiting_is_not() -> None:
    def busy(_question: str, passages: Sequence[Passage], *, rate: float, count: CountTokens) -> tuple[Kept, ...]:
        sum(range(300_000))
        return ()

    slow = (await told(at_once(busy)))["ms_per_1k_tokens"]
    assert slow > 10 * (await told(at_once(first)))["ms_per_1k_tokens"]


@pytest.mark.parametrize(
    ("rate", "kept"), [(0.25, ["A b c."]), (0.5, ["A b c. D e f."]), (0.75, ["A b c. D e f.", "G h i."])]
)
def test_the_head_is_cut_at_the_budget(rate: float, kept: list[str]) -> None:
    passages = [Passage("", "A b c. D e f."), Passage("", "G h i. J k l.")]
    assert [one.text for one in head("", passages, rate=rate, count=words)] == kept


def test_random_sentences_are_the_same_for_the_same_question() -> None:
    passages = [Passage("", " ".join(f"Sentence {n} is here." for n in range(40)))]
    draws = [randomly(question, passages, rate=0.3, count=words) for question in ("a", "a", "b")]
    assert draws[0] == draws[1] != draws[2]
    assert words(draws[0][0].text) <= 0.33 * words(passages[0].text)
