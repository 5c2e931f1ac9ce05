"""Selection over the prose of a prompt: what stays, what is said of what went, and when it does nothing."""

from __future__ import annotations

import random
import re
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_plugins.compression.checker import losses
from litellm_plugins.compression.extractive.filling import GAP
from litellm_plugins.compression.extractive.method import _held, extractive
from litellm_plugins.compression.extractive.passages import Passage, read
from litellm_plugins.compression.extractive.units import units
from litellm_plugins.compression.methods import Chain, Context, LeftAlone
from litellm_plugins.compression.protected import touchable
from litellm_plugins.compression.squeezing import Squeezed, squeezed
from litellm_plugins.compression.tokens import cl100k

count = cl100k()
PLACES = ("Ash", "Birch", "Cedar", "Elm", "Fir", "Hazel", "Larch", "Maple", "Oak", "Pine", "Rowan", "Willow")
STORIES = {
    place: f"{place} lies by a river. The bridge of {place} was paid for by the guild of the {place} bakers. "
    f"Its market is known for honey. In winter people skate there. The mayor of {place} likes the theatre."
    for place in PLACES
}
QUESTION = "Who paid for the bridge of Larch?"
GOLD = "The bridge of Larch was paid for by the guild of the Larch bakers."
TASK = "Answer from the documents."
CODE = "```python\ndef  paid(by):\n    return   by\n```"


def prompt(*, titled: str = "Document [{at}](Title: {place}) {story}", between: str = "\n", more: str = "") -> str:
    parts = [titled.format(at=at, place=place, story=story) for at, (place, story) in enumerate(STORIES.items(), 1)]
    parts[6:6] = [more] if more else []
    return f"{TASK}\n\n{between.join(parts)}\n\nQuestion: {QUESTION}\nAnswer:"


def squeeze(text: str, *, rate: float = 0.5, strict: bool = False, question: str = QUESTION) -> Squeezed:
    ranges = [(part.start, part.end) for part in touchable({"messages": [{"role": "user", "content": text}]}).parts]
    return squeezed(
        text,
        ranges,
        count,
        min_tokens=10,
        min_saved=0.05,
        chain=Chain((extractive(strict=strict),), rate=rate),
        context=Context(question, rate, count, lambda: 1.0),
    )


@pytest.mark.parametrize(
    ("titled", "between"),
    [
        ("Document [{at}](Title: {place}) {story}", "\n"),
        ("## {place}\n\n{story}", "\n\n"),
        ("[{at}] {place}\n{story}", "\n\n"),
        ("<document>\n{story}\n</document>", "\n"),
        ("{story}", " "),
    ],
)
def test_the_answer_and_the_question_stay_and_half_goes(titled: str, between: str) -> None:
    text = prompt(titled=titled, between=between)
    made = squeeze(text)
    assert made.reason == "applied"
    assert GOLD in made.value
    assert made.value.endswith(f"Question: {QUESTION}\nAnswer:")
    assert made.value.startswith(TASK)
    assert GAP in made.value
    # The beginning and the end of a turn may be its task, and stay whole.
    prose = text[600:-600]
    assert count(text) - made.saved_tokens <= count(text) - count(prose) * 0.35


@pytest.mark.parametrize("question", ["", "What is in it?", "And who was that?"])
def test_by_words_that_stand_everywhere_nothing_is_chosen(question: str) -> None:
    with pytest.raises(LeftAlone, match="no_question"):
        extractive(strict=False).shorten([" ".join(STORIES.values())], Context(question, 0.5, count, lambda: 1.0))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_paragraphs_are_read_whichever_way_lines_end(end: str) -> None:
    text = f"{end}{end}".join(f"## {place}{end}{story}" for place, story in STORIES.items())
    found = units([text])
    assert "".join(each.head + each.body for each in found) == text
    assert [each.title for each in found] == list(STORIES)


def test_what_stays_is_sentences_as_they_stood_in_their_order() -> None:
    text, made = prompt(), squeeze(prompt())
    at = 0
    for piece in made.value.split(GAP):
        found = text.find(piece.strip(), at)
        assert found >= 0
        at = found + len(piece.strip())
    assert f"{GAP} {GAP}" not in made.value.replace("\n", " ")


def test_no_more_is_left_of_the_prose_than_the_rate_and_a_tenth() -> None:
    text = " ".join(STORIES.values())
    for rate in (0.2, 1 / 3, 0.5, 0.8):
        [made] = extractive(strict=False).shorten([text], Context(QUESTION, rate, count, lambda: 1.0))
        assert count(made) <= 1.1 * rate * count(text)
        assert GOLD in made


def test_code_within_the_documents_is_the_same_bytes() -> None:
    made = squeeze(prompt(titled="## {place}\n\n{story}", between="\n\n", more=CODE))
    assert made.reason == "applied"
    assert CODE in made.value


def test_strictly_whatever_the_checker_looks_for_stays() -> None:
    facts = 'It was opened on 3 May 1931. It is not safe. He said "never again". See https://example.org/a?b=1.'
    text = prompt(more=f"It was new then. {facts} It is old now. Everybody likes it.")
    strict, free = squeeze(text, strict=True), squeeze(text)
    assert strict.reason == free.reason == "applied"
    assert losses(text, strict.value) == ()
    assert facts in strict.value
    assert "3 May 1931" not in free.value
    lost = {each.what for each in losses(text, free.value)}
    assert {"number", "negation", "quote"} <= lost
    assert "url" not in lost, "an address stays with its sentence"


def test_strictly_a_lone_quotation_mark_does_not_pair_those_behind_it_anew() -> None:
    said = 'It is 5" wide. Everybody likes it. He said "never" there. It is old. She said "always" too. It is new.'
    text = " ".join([*STORIES.values(), said, *STORIES.values()])
    context = Context(QUESTION, 0.3, count, lambda: 1.0)
    [made] = extractive(strict=True).shorten([text], context)
    assert len(made) < len(text) / 2
    assert losses(text, made) == ()


def test_without_a_question_nothing_is_left_out() -> None:
    made = squeeze(prompt(), question="")
    assert (made.value, made.reason) == (None, "no_question")


def test_what_has_no_sentence_that_fits_stays_whole() -> None:
    with pytest.raises(LeftAlone) as left:
        extractive(strict=False).shorten(["bridge " * 500], Context(QUESTION, 0.5, count, lambda: 1.0))
    assert left.value.reason == "little_saved"


def test_headings_are_found_and_nothing_is_lost_between_paragraphs() -> None:
    text = (
        "# Rivers\n\nThe Rhine is long.\n\nIt is wide, too.\n\nLakes\nThey are still.\n\n- one item\n\n"
        "Document [3](Title: Kiss (1945 film)) It is a film.\nDocument [4](Title: Seas) They are deep.\n\nAt the end"
    )
    found = units([text])
    assert "".join(unit.head + unit.body for unit in found) == text
    titles = [(unit.title, unit.body.strip()) for unit in found]
    assert titles[:3] == [
        ("Rivers", "The Rhine is long."),
        ("Rivers", "It is wide, too."),
        ("Lakes", "They are still."),
    ]
    assert titles[4:6] == [("Kiss (1945 film)", "It is a film."), ("Seas", "They are deep.")]


PIECE = st.sampled_from(
    [
        " It is so.",
        "\n\n",
        "Nobody knew! ",
        "\n# Head\n",
        "不是。",
        " a 3.5 mg b ",
        '"x',
        ". ",
        "¿Sí? ",
        f" {GAP} ",
        "\n- i",
        "ß",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECE, min_size=1, max_size=60).map("".join), st.booleans())
def test_whatever_the_text_the_method_keeps_its_own_promise(text: str, strict: bool) -> None:
    method, context = extractive(strict=strict), Context("Who knew it?", 0.4, len, lambda: 1.0)
    assert "".join(unit.head + unit.body for unit in units([text])) == text
    try:
        made = method.shorten([text], context)
    except LeftAlone:
        return
    assert made == method.shorten([text], context)
    if method.lost is not None and GAP not in text:
        assert method.lost([text], made, context) in (None, "rate")


def test_the_order_of_sentences_is_checked() -> None:
    method, context = extractive(strict=False), Context(QUESTION, 0.9, count, lambda: 1.0)
    assert method.lost is not None
    before = ["One is here. Two is there. Three is gone, and four, and five, and six, and seven as well."]
    assert method.lost(before, [f"One is here. {GAP} Three is gone, and four"], context) is None
    assert method.lost(before, [f"Two is there. {GAP} One is here."], context) == "sentence"
    assert method.lost(before, ["One is not here."], context) == "sentence"
    assert method.lost(before, before, replace(context, rate=0.5)) == "rate"
    shuffled = list(before[0])
    random.Random(1).shuffle(shuffled)
    assert method.lost(before, ["".join(shuffled)], context) == "sentence"


def test_what_is_held_is_found_in_time_for_a_long_text() -> None:
    """Every paragraph was compared with every fact of the text: four times the text took sixteen times as long."""
    passages = [end.join(f"The gate of Ash is {at} m wide. It is old." for at in range(6_000)) for end in (" ", "\n\n")]
    found = units(passages)
    pages = read([Passage(unit.title, unit.body) for unit in found], len)
    began = time.thread_time()
    stays = _held(passages, found, pages, lambda whole: [each.span() for each in re.finditer(r"\d+ m", whole)])
    assert time.thread_time() - began < 1.0
    assert [set(each) for each in stays.sentences] == [set(range(0, 12_000, 2)), *[{0}] * 6_000]


def test_a_span_over_several_paragraphs_holds_all_of_them() -> None:
    passages = ["One is here. Two is there.\n\nThree is far.\n\nFour is near.", "Five is here."]
    found = units(passages)
    pages = read([Passage(unit.title, unit.body) for unit in found], len)
    spans = {0: [(15, 45), (20, 22)], 1: [(0, 3)]}
    stays = _held(passages, found, pages, lambda passage: spans[passages.index(passage)])
    assert [set(each) for each in stays.sentences] == [{1}, {0}, {0}, {0}]
