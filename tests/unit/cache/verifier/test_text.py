"""What a question says on its face, English and Spanish."""

from __future__ import annotations

import pytest

from litellm_plugins.cache.verifier.text import READ, is_opposed, read


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Can I cancel after 48 hours?", ("48",)),
        ("within 24 hours, 2 times", ("2", "24")),
        ("What is 2+3?", ("2", "3")),
        ("It is -5 degrees", ("-5",)),
        ("pages 3-5", ("3", "5")),
        ("at 10:30.", ("10:30",)),
        ("1.5% of 1,000", ("1,000", "1.5")),
        ("two nights for three", ("2", "3")),
        ("dos noches para tres", ("2", "3")),
        ("room B12", ()),
        ("none at all", ()),
    ],
)
def test_numbers_are_read_in_figures_and_in_words(text: str, numbers: tuple[str, ...]) -> None:
    assert read(text).numbers == numbers


def test_a_number_is_the_same_in_figures_in_words_and_in_another_place() -> None:
    assert read("2 tickets for 3 people").numbers == read("For three people, two tickets").numbers
    assert read("\u22125 degrees").numbers == read("-5 degrees").numbers


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("How do I sort in C++?", {"c++"}),
        ("How do I sort in C#?", {"c#"}),
        ("How do I sort in C?", set()),
        ("Is it in v2 or V3?", {"v2", "v3"}),
        ("error E404 on the M605dh", {"e404", "m605dh"}),
        ("error 404", set()),
    ],
)
def test_words_of_letters_and_signs_are_codes(text: str, codes: set[str]) -> None:
    assert read(text).codes == codes


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Can I cancel?", 0),
        ("Why can't I cancel?", 1),
        ("Why can\u2019t I cancel?", 1),
        ("Why cant I cancel?", 1),
        ("I never said I do not want it", 2),
        ("How do I pay without a card?", 1),
        ("¿Puedo pagar sin tarjeta?", 1),
        ("Nunca llegó", 1),
        ("Jamás llegó ningún pedido", 2),
    ],
)
def test_negations_are_counted(text: str, count: int) -> None:
    assert read(text).negations == count


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("How do I pay?", "how"),
        ("How much do I pay?", "how_much"),
        ("¿Cuánto pago?", "how_much"),
        ("¿Cómo pago?", "how"),
        ("Can I pay?", "whether"),
        ("¿Puedo pagar?", "whether"),
        ("And where is it?", "where"),
        ("¿Dónde está?", "where"),
        ("Why is it late?", "why"),
        ("Track the order", ""),
    ],
)
def test_the_kind_of_question_is_the_same_in_both_languages(text: str, kind: str) -> None:
    assert read(text).question == kind


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How do I cancel the order?", "en"),
        ("¿Cómo cancelo el pedido?", "es"),
        ("Netflix", ""),
        ("", ""),
    ],
)
def test_the_language_is_told_by_its_small_words(text: str, language: str) -> None:
    assert read(text).language == language


def test_names_are_capitals_that_are_not_the_sentence_s() -> None:
    assert read("Do you ship to Norway?").names == {"norway"}
    assert read("Do I ship what I've got, or I'll wait?").names == frozenset()


def test_the_forms_of_a_word_meet_and_other_words_do_not() -> None:
    for forms in (
        ("cancelled", "cancelling"),
        ("order", "orders", "ordered", "ordering"),
        ("policy", "policies"),
        ("Stop", "stopping", "stopped"),
        ("update", "updates", "updating"),
        ("envio", "ENVÍO"),
    ):
        assert len({read(form).word_set for form in forms}) == 1, forms
    assert read("pass").word_set != read("pas").word_set
    assert read("2s").word_set != read("2").word_set


def test_quotes_and_code_are_seen() -> None:
    assert read("What does “Out of  stock” mean?").quoted == {"out of  stock"}
    assert read("What does out of stock mean?").quoted == frozenset()
    assert read("What does print(1) do?").is_code
    assert not read("What does print do?").is_code


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I activate it?", "How do I deactivate it?"),
        ("Can I cancel before delivery?", "Can I cancel after delivery?"),
        ("increasing the limit", "decreased the limit"),
        ("con leche", "sin leche"),
        ("Quiero abrir una cuenta", "Quiero cerrar una cuenta"),
        ("el primero", "el último"),
    ],
)
def test_opposites_are_known_either_way_round(one: str, other: str) -> None:
    a, b = read(one).word_set, read(other).word_set
    assert is_opposed(a - b, b - a)
    assert is_opposed(b - a, a - b)


def test_words_that_stand_in_both_or_mean_the_same_are_no_opposites() -> None:
    a, b = read("before and after").word_set, read("after and before").word_set
    assert not is_opposed(a - b, b - a)
    assert not is_opposed(read("enable").word_set, read("activate").word_set)


def test_what_stands_behind_the_cut_is_not_read() -> None:
    """A question of megabytes must not cost what reading them would."""
    assert read("a " * READ + "404").numbers == ()


@pytest.mark.parametrize("text", ["", " ", "\ud800 lone", "\x00", "👍🏽👍", "\u202eright to left", "%%%+++", "١٢٣"])
def test_any_text_can_be_read(text: str) -> None:
    """Clients send everything."""
    assert read(text).words == read(text[:]).words
