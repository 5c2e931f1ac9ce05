"""Where sentences end, in several languages, and where they do not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_plugins.compression.extractive.sentences import sentences

CUT = {
    "English": [
        "The cat sat.",
        " Was it art?",
        " The man said no.",
        " They met in the sun.",
        " Did it?",
        " Yes!",
        ' "It did."',
        " (So they say.)",
        " End",
    ],
    "Spanish": ["¿Qué pasó?", " ¡Nada!", " Llegó el Sr. Pérez a EE. UU. el 3 de enero.", " Costó 1.234,56 €.", " Fin."],
    "Chinese": ["价格是3.5元。", "真的吗？", "是的！", "他说“你好。”", "完。"],  # noqa: RUF001 - Chinese signs
    "Hindi": ["राम घर गया।", " वह खुश है।"],
    "Arabic": ["هل وصل؟", " نعم."],
    "footnotes": ["It was built in 1907.[3]", " It burnt down.[a][12]", " Nobody knows why."],
    "an ellipsis": ["Wait...", " What?", " Maybe…", " Not"],
    "blank lines": ["A heading\n", "\nA paragraph without an end\n", "\nAnother one"],
    "a list": ["We need:\n", "- bread\n", "- wine\n", "1. First\n", "2. Second"],
    "a table": ["| a | b |\n", "| 1 | 2 |"],
    "two lines of one sentence": ["A line that is\nbroken in the middle.", " Another."],
}


@pytest.mark.parametrize("parts", CUT.values(), ids=CUT.keys())
def test_sentences_end_where_a_reader_says(parts: list[str]) -> None:
    assert sentences("".join(parts)) == parts


WHOLE = [
    "Dr. Smith met Mrs. Jones vs. Mr. Brown at St. Mary's on Jan. 5.",
    "J. R. R. Tolkien, Ph.D. Professor of the U.S. Army, e.g. Oxford, i.e. England.",
    "Pi is 3.14159, e is 2.71, and 1.234.567,89 is a number.",
    "See https://example.com/a.b?c=d.E#F and mail a.b@example.com.",
    "Call os.path.join(a, b). then foo.Bar.baz() in v1.2.3 of main.py.",
    "Run `x = 1. Y = 2! Z` first.",
    "```python\nx = 1.\nY = 2. Z = 3\n\nprint('A. B. C')\n```",
    "No. 5 and Fig. 3 and p. 12 and vol. 2 are abbreviations.",
    "Yahoo! is a company, and so was Jeopardy! once.",
    "El art. 5, la pág. 12 y la Sra. García de la Avda. América.",
    "It rose by approx. 5 % to ca. 30.",
    "The formula $$a = b. C = d! E$$ stays.",
]


@pytest.mark.parametrize("text", WHOLE)
def test_nothing_is_cut_at_abbreviations_numbers_urls_and_code(text: str) -> None:
    assert sentences(text) == [text]


def test_a_numbered_item_keeps_its_number() -> None:
    assert sentences("1. Open the box. 2. Close it.")[0].startswith("1. Open")


PIECES = st.sampled_from([*'Ab1ñ \n.!?…")`。', "```", "$$", "[2]", "Dr", "- "])


@given(st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=40).map("".join)))
def test_joined_they_are_the_text_whatever_it_is(text: str) -> None:
    found = sentences(text)
    assert "".join(found) == text
    assert all(found)


HOSTILE = [sign * 30_000 for sign in (".", ". ", "`", "$$", " \n", ".[1]", '.")', "A", "A. ", "\n- ")]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:4]))
def test_time_grows_with_the_text_and_not_with_its_square(text: str) -> None:
    started = time.thread_time()
    assert "".join(sentences(text)) == text
    assert time.thread_time() - started < 2
