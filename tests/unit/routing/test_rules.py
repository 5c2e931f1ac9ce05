"""Which of an administrator's rules holds for what was said."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from litellm_plugins.routing.conversation import Conversation, Turn, of_text
from litellm_plugins.routing.rules import Rule, possible, read, rules_of
from litellm_plugins.settings.routing_rules import Rule as Settings


def rules(*matches: dict[str, Any], when: str = "before") -> tuple[Rule, ...]:
    return rules_of(
        [
            Settings.model_validate({"name": f"r{number}", "when": when, "match": match, "then": {"tier": "strong"}})
            for number, match in enumerate(matches)
        ]
    )


def held(prompt: str, *matches: dict[str, Any]) -> list[str]:
    return [rule.bounds.rule for rule in possible(rules(*matches), read(of_text(prompt)), before=True)]


@pytest.mark.parametrize(
    ("keyword", "said", "holds"),
    [
        ("kubernetes", "My KUBERNETES pod restarts", True),
        ("pod", "podium", False),
        ("c++", "a queue in C++, please", True),
        ("c++", "a queue in c", False),
        ("unit test", "write a unit\n test", True),
        ("código", "escribe codigo", True),
        ("codigo", "escribe código", True),
        ("año", "ano", True),
        ("写代码", "请帮我写代码吧", True),
        (".*", "anything", None),
    ],
)
def test_a_keyword_is_words_and_no_pattern(keyword: str, said: str, holds: bool | None) -> None:
    if holds is None:
        with pytest.raises(ValueError, match="letter or a digit"):
            rules({"keywords": keyword})
    else:
        assert held(said, {"keywords": [keyword]}) == (["r0"] if holds else [])


def test_everything_that_is_given_has_to_hold_and_one_of_each_list() -> None:
    match = {"keywords": ["server", "servidor"], "language": ["es", "fr"], "regex": "cae|falla"}
    assert held("El servidor se cae cada noche y no sé por qué", match) == ["r0"]
    assert held("The server falla every night and I do not know why", match) == []
    assert held("El servidor está bien y no sé por qué", match) == []


def test_the_first_that_holds_is_taken_and_likeness_leaves_the_next_a_chance() -> None:
    first, second, third = {"like": ["refund my order"]}, {"keywords": "order"}, {"keywords": "my"}
    assert held("where is my order", first, second, third) == ["r0", "r1"]
    assert held("where is my shirt", first, second, third) == ["r0", "r2"]


def test_rules_before_and_after_the_score_are_told_apart() -> None:
    after = rules({"keywords": "order"}, when="after")
    assert possible(after, read(of_text("my order")), before=True) == []
    assert possible(after, read(of_text("my order")), before=False) == list(after)


def test_likeness_is_the_cosine_to_the_nearest_example() -> None:
    [rule] = rules({"like": ["an example"], "similarity": 0.8})
    here, near, far = np.array([1.0, 0.0]), np.array([0.8, 0.6]), np.array([0.0, 1.0])
    assert rule.is_near(here, [far, near])
    assert not rule.is_near(here, [far])
    assert not rule.is_near(here, [])


def test_a_short_reply_is_about_what_it_agrees_to() -> None:
    talk = Conversation(
        (Turn("user", "Fix my kubernetes deployment please"), Turn("assistant", "Shall I?"), Turn("user", "yes, do it"))
    )
    [rule] = rules({"keywords": "kubernetes"})
    assert possible([rule], read(talk), before=True) == [rule]
    assert possible([rule], read(Conversation((*talk.turns[:2], Turn("user", "What is a haiku?")))), before=True) == []


def test_system_prompts_and_answers_hold_no_rule() -> None:
    talk = Conversation(
        (Turn("system", "kubernetes"), Turn("assistant", "kubernetes"), Turn("user", "What is a haiku?"))
    )
    assert possible(rules({"keywords": "kubernetes"}), read(talk), before=True) == []


def test_of_a_long_prompt_beginning_and_end_are_read() -> None:
    filler = "lorem ipsum " * 2_000
    assert held(f"kubernetes {filler}", {"keywords": "kubernetes"}) == ["r0"]
    assert held(f"{filler} kubernetes", {"keywords": "kubernetes"}) == ["r0"]
    assert held(f"{filler} kubernetes {filler}", {"keywords": "kubernetes"}) == []


@pytest.mark.parametrize("text", ["a", "how many write ", "1 2 ", "((", "é", "\n", "the word "])
def test_the_worst_pattern_that_is_allowed_keeps_nobody_waiting(text: str) -> None:
    all_kinds = rules(
        {"regex": r"(\w{1,30}\s){0,1}\w{0,30}!"},
        {"keywords": [f"word{number}" for number in range(200)]},
        {"intent": ["creative"], "keywords": "nothing"},
        {"language": "ja"},
    )
    prompt = text * (100_000 // len(text))
    times = []
    for _ in range(3):
        start = time.thread_time()
        found = read(of_text(prompt))
        for rule in all_kinds:
            rule.fits(found)
        times.append((time.thread_time() - start) * 1_000)
    assert min(times) < 150
