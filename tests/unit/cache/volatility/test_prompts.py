"""The rules against prompts that were labelled by hand, English and Spanish.

The prompts of batch 2 were written before the rules had ever run on them; on their first run the rules had 97 of those
104 right. Since then both batches serve to mend the rules, so what is asserted here is that they stay mended.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.cache.volatility import Judged, classify, inspected, personal, timebound
from litellm_plugins.cache.volatility.folding import clauses, words
from litellm_plugins.model import Volatility

DATA = Path(__file__).resolve().parents[3] / "data"
PROMPTS: list[dict[str, Any]] = [
    json.loads(line) for line in (DATA / "volatility_prompts.jsonl").read_text(encoding="utf-8").splitlines()
]


def judged(*turns: str) -> Judged:
    """Of a conversation's user turns, the newest first."""
    return classify(inspected(turns), alone=len(turns) == 1)


def class_of(*turns: str) -> str:
    return (judged(*turns).volatility or Volatility.FAQ).value


def test_there_are_enough_prompts_of_every_class_in_both_languages() -> None:
    counts = Counter((row["class"], row["lang"]) for row in PROMPTS)
    assert set(counts) == {(kind.value, lang) for kind in Volatility for lang in ("en", "es")}
    assert min(counts.values()) >= 10
    assert len({row["text"] for row in PROMPTS}) == len(PROMPTS) >= 300


@pytest.mark.parametrize("lang", ["en", "es"])
@pytest.mark.parametrize("kind", Volatility)
def test_precision_and_recall_of_each_class(kind: Volatility, lang: str) -> None:
    """What is missed of the first two classes is served to the wrong person, or too late: recall counts most."""
    rows = [(row["class"], class_of(row["text"])) for row in PROMPTS if row["lang"] == lang]
    right = sum(one == other == kind for one, other in rows)
    assert right / sum(said == kind for _, said in rows) >= 0.95
    assert right / sum(true == kind for true, _ in rows) >= 0.97


@pytest.mark.parametrize("row", PROMPTS, ids=lambda row: row["text"])
def test_no_rule_lacks_a_word_that_leads_to_it(row: dict[str, Any]) -> None:
    """Only clauses with a known word are read: reading all of them must come to the same."""
    folded = inspected([row["text"]])
    said = words(folded)
    code = not timebound.ABOUT_CODE.isdisjoint(said)
    every = clauses(said)
    slow = (
        any(timebound.is_time_bound(clause, timebound.WORDS, about_code=code) for clause in every),
        any(personal.is_personal(clause, personal.WORDS) for clause in every) or personal.names_a_person(folded),
    )
    quick = classify(folded)
    assert (quick.volatility is Volatility.REALTIME, quick.personal) == slow


PAIRS = {
    "a question for all, phrased personally": ("How do I cancel my order?", "faq"),
    "the user's own record": ("Where is my order?", "user_specific"),
    "an act on the user's own record": ("Cancel my order", "user_specific"),
    "the same wish as a question for all": ("What do I have to do to cancel my order?", "faq"),
    "a condition": ("If my order is late, do I get my money back?", "faq"),
    "one record by its number": ("Where is order 48213?", "user_specific"),
    "a year is no number of a record": ("What is the account 2024 edition?", "faq"),
    "a mail address": ("Did ann@acme.com sign the form?", "user_specific"),
    "an address that stands for any": ("Set user.email to you@example.com", "faq"),
    "a file name": ("Where is the my.cnf file?", "faq"),
    "a word that is mentioned": ('How is "my" pronounced?', "faq"),
    "a phrase that is mentioned": ('What is "my order" in a sentence called?', "faq"),
    "a customer's words in quotes": ('Customer: "My order has not arrived"', "user_specific"),
    "code": ("What does the today() function return?", "faq"),
    "an age": ("Why does privacy matter in today's world?", "faq"),
    "news": ("today's news", "realtime"),
    "electricity": ("What is the current in this circuit?", "faq"),
    "a thing that was bought": ("I bought a kettle.", "faq"),
    "a thing that was bought and is not there": ("I bought a kettle and it is not here", "user_specific"),
    "a price": ("current price of copper", "realtime"),
    "a deadline": ("Answer by Monday at the latest", "faq"),
    "a circumstance": ("I have an exam tomorrow, how do I calm down?", "faq"),
    "without accents": ("ultimas noticias", "realtime"),
    "shouted": ("¿DÓNDE ESTÁ MI PEDIDO?", "user_specific"),
    "me, not my": ("¿Qué seguro es mejor para mí?", "faq"),
    "nowadays": ("¿Se escriben cartas hoy en día?", "faq"),
    "an apostrophe of a word processor": ("What\u2019s my balance?", "user_specific"),
}


@pytest.mark.parametrize(("text", "expected"), PAIRS.values(), ids=PAIRS.keys())
def test_words_that_look_alike_are_told_apart(text: str, expected: str) -> None:
    assert class_of(text) == expected


def test_a_prompt_may_be_both_time_bound_and_personal() -> None:
    """Where the class is cached at all, the answer must still not reach another user."""
    assert judged("What is my balance right now?") == Judged(Volatility.REALTIME, personal=True)


def test_an_earlier_turn_gives_its_class_to_what_follows() -> None:
    assert class_of("and in Madrid?", "What's the weather in Paris?") == "realtime"
    assert class_of("the blue one", "Where is my order?") == "user_specific"
    assert class_of("and in Madrid?", "Which museums are there in Paris?") == "faq"


def test_of_a_long_prompt_the_head_and_the_tail_are_read() -> None:
    pages = "The warehouse sends parcels out in the morning, and lorries bring them to the harbour. " * 100
    assert class_of(f"Where is my order? {pages}") == "user_specific"
    assert class_of(f"{pages} Where is my order?") == "user_specific"
    assert class_of(pages) == "faq"


def test_questions_of_the_near_miss_corpus_are_seldom_taken_for_personal_or_time_bound() -> None:
    """They are everybody's questions, nearly all; what is taken for personal by mistake is not shared."""
    rows = [json.loads(line) for line in (DATA / "near_misses.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = {row[side] for row in rows for side in ("cached", "asked")}
    held = [text for text in texts if class_of(text) in ("realtime", "user_specific")]
    assert len(held) <= 0.03 * len(texts)


@pytest.mark.parametrize("text", ["", " ", "?", "...", "¿?", "\ud800 my", "\x00", "my", "🚚 where is my order", "'\"`"])
def test_no_text_breaks_the_rules(text: str) -> None:
    assert class_of(text) in set(Volatility)


@pytest.mark.parametrize("piece", ["my ", "what is my ", "i my now order 1 ", "a? my, ", "is the ", "how do i my "])
def test_a_text_made_to_be_slow_is_read_in_milliseconds(piece: str) -> None:
    """Whatever a client sends is read on the event loop."""
    text = (piece * 100_000)[:100_000]
    began = time.thread_time()
    judged(text)
    assert time.thread_time() - began < 0.05
