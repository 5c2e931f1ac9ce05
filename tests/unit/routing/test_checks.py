"""Each check fires where a person would say so, and leaves alone what only looks like it, in English and Spanish."""

from __future__ import annotations

import time

import pytest

from litellm_plugins.routing.checks import CHECKS, Answer, Wanted, fault_of

REFUSED = [
    "I'm sorry, but I can't help with that.",
    "I cannot assist with this request.",
    "I’m unable to provide that information.",  # noqa: RUF001
    "As an AI language model, I don't have access to it.",
    "Lo siento, pero no puedo ayudarte con eso.",
    "No puedo proporcionar esa información.",
    "Como modelo de lenguaje, no tengo acceso a ello.",
]
NOT_REFUSED = [
    "You cannot divide by zero, so the limit does not exist.",
    "I can't wait to see what you build! Start with a plan: first, list the tables.",
    "The error says \"I'm sorry, but I can't help with that.\" and comes from the model, not from the proxy.",
    "Use `throw new Error('I cannot assist')` there.",
    "I can help with that. Install the package, then run it.",
    "No puedes dividir por cero, así que no hay límite.",
    "El mensaje «lo siento, no puedo ayudarte» lo envía el modelo.",
    "Say it politely: sorry for the delay, we are on it.",
    "Refunds cannot be given after 30 days.",
]
HEDGED = [
    "I'm not sure, but it could be 1987.",
    "I am not entirely certain which of them came first.",
    "I don't know the answer.",
    "I don't have enough information to say.",
    "It's hard to say without more context.",
    "I might be wrong, but it is Lyon.",
    "No estoy seguro, quizá sea 1987.",
    "No lo sé con certeza.",
    "No tengo suficiente información para responder.",
    "Puede que me equivoque, pero es Lyon.",
]
NOT_HEDGED = [
    "If you're not sure which one you have, run `uname -a`.",
    "However, the second bound is tighter; it depends on n only.",
    "Make sure that the valve is closed. It may take an hour.",
    "Plato has Socrates say that he knows that he does not know: “I don't know” is where he begins.",
    "He told the court that he was not certain. The verdict was guilty.",
    "Si no estás seguro de la versión, ejecuta el comando.",
    "Nadie sabe con certeza por qué cayó Roma, pero hay tres teorías.",
    "La incertidumbre de la medida es de 0,1 mm.",
]
WRONG_SUMS = [
    "12 + 30 = 43, so the answer is 43.",
    "Each has 3 * 4 = 11 apples.",
    "Son 12 + 30 = 43 manzanas.",
    "(2 + 3) * 4 = 24",
]
RIGHT_SUMS = [
    "12 + 30 = 42, so the answer is 42.",
    "10 / 3 = 3.33, about a third.",
    "17 / 5 = 3 remainder 2",
    "17 / 5 = 3 y resto 2.",
    "2x + 3 = 7, so x = 2.",
    "y - 5 - 2 = 10 gives y = 17.",
    "3,5 + 1,5 = 5",
    "1.000 + 500 = 1.500 euros",
    "2^10 + 3 = 1027",
    "x1 + 2 = 5",
    "```python\ntotal = 1\nassert 3 - 2 == 4\n```",
    "From 2010-2015 = five years.",
]
FINE_CODE = [
    "```python\nprint('hi')\n```",
    "```python\n>>> 1 +\n```",
    "```python\n!pip install x\nimport x\n```",
    "```python\n    def f():\n        return 1\n```",
    "```python\nasync with a as b: ...\n```",
    "```js\nconst a = () => {\n```",
    "Use `def f(` there.",
    "```\nnot (python\n```",
]
BROKEN_CODE = ["```python\ndef f(:\n    return 1\n```", "Here:\n```py\nprint 'x'\n```\nDone."]


def fires(name: str, text: str, wanted: Wanted | None = None, **answer: object) -> bool:
    return CHECKS[name](wanted or Wanted("What are 12 and 30?"), Answer(text, **answer))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "bad", "fine"),
    [
        ("refusal", REFUSED, NOT_REFUSED),
        ("hedging", HEDGED, NOT_HEDGED),
        ("arithmetic", WRONG_SUMS, RIGHT_SUMS),
        ("python_syntax", BROKEN_CODE, FINE_CODE),
    ],
)
def test_it_fires_where_it_should_and_nowhere_else(name: str, bad: list[str], fine: list[str]) -> None:
    assert [text for text in bad if not fires(name, text)] == []
    assert [text for text in fine if fires(name, text)] == []


def test_a_long_answer_is_not_a_refusal_for_how_it_begins() -> None:
    assert not fires("refusal", "I can't help with the first part. " + "The second is simple: do this. " * 80)


def test_empty_is_nothing_said_and_no_tool_called() -> None:
    assert fires("empty", " \n")
    assert not fires("empty", "", calls=True)
    assert not fires("empty", "", whole=False)


def test_cut_short_is_a_limit_that_was_met_or_an_end_that_never_came() -> None:
    endings = ("length", "", "stop", "calls")
    assert [fires("cut_short", "a", ending=each) for each in endings] == [True, True, False, False]


def test_a_providers_own_word_for_a_refusal_counts() -> None:
    assert fires("refusal", "", ending="refused")


SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "population": {"type": ["integer", "null"], "minimum": 0},
        "kind": {"enum": ["town", "city"]},
        "twins": {"type": "array", "items": {"$ref": "#/$defs/twin"}},
    },
    "required": ["city"],
    "additionalProperties": False,
    "$defs": {"twin": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
}


@pytest.mark.parametrize(
    ("text", "breaks"),
    [
        ('{"city": "Paris"}', False),
        ('{"city": "Paris", "population": null, "kind": "city", "twins": [{"name": "Roma"}]}', False),
        ('{"city": "Málaga", "population": 5.0}', False),
        ('{"town": "Paris"}', True),
        ('{"city": 3}', True),
        ('{"city": "Paris", "population": -1}', True),
        ('{"city": "Paris", "population": true}', True),
        ('{"city": "Paris", "kind": "village"}', True),
        ('{"city": "Paris", "twins": [{}]}', True),
        ('{"city": "Paris"', True),
        ('```json\n{"city": "Paris"}\n```', True),
        ("", True),
    ],
)
def test_json_keeps_to_the_schema_that_was_asked_for(text: str, breaks: bool) -> None:
    assert fires("json_schema", text, Wanted(json=True, schema=SCHEMA)) is breaks


def test_text_is_no_broken_json_where_none_was_asked_for_or_a_tool_is_called() -> None:
    assert not fires("json_schema", "Paris")
    assert not fires("json_schema", "", Wanted(json=True, schema=SCHEMA), calls=True)
    assert fires("json_schema", "Paris", Wanted(json=True))


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "https://example.invalid/schema"},
        {"type": 3, "properties": [], "required": "a", "enum": {}},
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"pattern": "(a+)+$", "type": "string"},
    ],
)
def test_a_schema_that_makes_no_sense_costs_no_time_and_holds_for_all(schema: dict[str, object]) -> None:
    started = time.thread_time()
    assert not fires("json_schema", '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"', Wanted(json=True, schema=schema))
    assert time.thread_time() - started < 1


@pytest.mark.parametrize(
    "schema", [{"anyOf": [{"type": "string"}, {"type": "null"}]}, {"oneOf": [{"const": 1}, {"const": "a"}]}]
)
def test_one_of_several_shapes_is_enough(schema: dict[str, object]) -> None:
    assert not fires("json_schema", '"a"', Wanted(json=True, schema=schema))
    assert fires("json_schema", "3", Wanted(json=True, schema=schema))


def test_only_checks_that_are_on_fire_and_the_first_is_told() -> None:
    answer = Answer("I'm not sure, 12 + 30 = 43.")
    assert fault_of(["arithmetic", "hedging"], Wanted("12 and 30?"), answer) == "hedging"
    assert fault_of(["arithmetic"], Wanted("12 and 30?"), answer) == "arithmetic"
    assert fault_of(["empty"], Wanted("12 and 30?"), answer) is None


def test_of_a_first_part_only_what_is_said_counts() -> None:
    part = Answer("12 + 30 = 43", "", whole=False)
    assert fault_of(list(CHECKS), Wanted("12 and 30?"), part) is None
    assert fault_of(list(CHECKS), Wanted(), Answer("I'm not sure, but", "", whole=False)) == "hedging"


def test_the_fitted_checker_doubts_from_where_it_is_told_to() -> None:
    question, answer = "Tom has 3 boxes of 4 and 5 bags of 6. How many?", Answer("perhaps 7.5 and then")
    assert fault_of(["doubt"], Wanted(question), answer, doubt_from=0.5) == "doubt"
    assert fault_of(["doubt"], Wanted(question), answer, doubt_from=1.0) is None


@pytest.mark.parametrize("name", list(CHECKS))
@pytest.mark.parametrize(
    "text",
    [
        "a " * 50_000, '"' * 50_000, "1 + " * 20_000, "```python\n" + "(" * 20_000, "= 1" * 20_000, "i'm " * 20_000,
        "x - 1 " * 20_000, "a-" * 40_000, "1,1" * 20_000,
    ],
)  # fmt: skip
def test_no_answer_takes_long(name: str, text: str) -> None:
    started = time.thread_time()
    fires(name, text, Wanted("12 and 30?", json=True))
    assert time.thread_time() - started < 1


@pytest.mark.parametrize(
    "text",
    [
        "= 1" + " " * 15_000 + "z",
        ("```" + "a" * 100 + "\n") * 150,
        "```a\n" * 3_000,
        "```python\n" + "\n" * 18_000 + "x\n```",
        "“" * 16_000,
        ("a" + " " * 200) * 80,
        "1 + 2 " * 2_600,
    ],
    ids=["spaces", "long fences", "open fences", "blank lines", "quotes", "letters", "sums"],
)
def test_no_answer_keeps_the_loop_that_serves_everybody(text: str) -> None:
    """A client can have a model write any of these. The first took ten seconds."""
    started = time.thread_time()
    for name in [*CHECKS, "doubt"]:
        fault_of([name], Wanted("What are 12 and 30?"), Answer(text))
    assert time.thread_time() - started < 0.8


def test_a_schema_with_a_long_enum_is_looked_at_in_bounded_time() -> None:
    schema = {"type": "array", "items": {"enum": [f"name {number}" for number in range(20_000)]}}
    text = "[" + ",".join(['"name 19999"'] * 5_000) + "]"
    started = time.thread_time()
    assert not fires("json_schema", text, Wanted(json=True, schema=schema))
    assert time.thread_time() - started < 1
    assert fires("json_schema", '["nobody"]', Wanted(json=True, schema=schema))
