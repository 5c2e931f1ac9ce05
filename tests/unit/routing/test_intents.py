"""What prompts ask for, in English and Spanish."""

from __future__ import annotations

import pytest

from litellm_plugins.routing.intents import intent_of
from litellm_plugins.routing.languages import language_of


@pytest.mark.parametrize(
    ("prompt", "intent"),
    [
        ("Write a Python function that merges two sorted lists.", "code"),
        ("Escribe una función en Python que ordene una lista.", "code"),
        ("Why does this fail?\n```\nfor i in x:\n```", "code"),
        ("Refactor this class so that it compiles again.", "code"),
        ("Tom has 12 apples, gives away 5 and buys 7. How many apples does he have left?", "maths"),
        ("Ana tiene 12 manzanas, regala 5 y compra 7. ¿Cuántas manzanas tiene ahora?", "maths"),
        ("Solve the equation x^2 - 5x + 6 = 0", "maths"),
        ("Demuestra el teorema de Pitágoras.", "maths"),
        ("Extract all dates from the following text: …", "extraction"),
        ("Extrae los nombres de este texto: …", "extraction"),
        ("Classify the sentiment of this review: great!", "extraction"),
        ("Write a short poem about the sea.", "creative"),
        ("Cuéntame un cuento sobre un dragón.", "creative"),
        ("What is the capital of France?", "factual"),
        ("¿Cuál es la capital de Francia?", "factual"),
        ("¿Quién pintó Las meninas?", "factual"),
        ("Thanks a lot!", None),
        ("I feel sad today, my dog is ill.", None),
        ("", None),
    ],
)
def test_the_intent_is_the_one_a_reader_would_name(prompt: str, intent: str | None) -> None:
    assert intent_of(prompt) == intent


def test_a_long_prompt_asks_for_more_than_a_fact() -> None:
    assert intent_of("What is the matter with us? " + "We met and we talked and we left. " * 20) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the best way to do this?", "en"),
        ("¿Cuál es la mejor manera de hacer esto?", "es"),
        ("Quelle est la meilleure façon de le faire ?", "fr"),
        ("Was ist die beste Art, das zu tun?", "de"),
        ("Qual é a melhor maneira de fazer isso?", "pt"),
        ("法国的首都是哪里", "zh"),
        ("フランスの首都はどこですか", "ja"),
        ("Какая столица Франции?", "ru"),
        ("ما هي عاصمة فرنسا؟", "ar"),
        ("프랑스의 수도는 어디입니까", "ko"),
        ("12 + 7", ""),
        ("kubernetes", ""),
    ],
)
def test_a_language_is_known_by_its_script_or_its_common_words(text: str, language: str) -> None:
    assert language_of(text) == language
