"""Selection by words: what a reader of the shortened text would still find."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_plugins.compression.extractive.lexical import choose, select
from litellm_plugins.compression.extractive.passages import Passage
from litellm_plugins.compression.extractive.sentences import sentences
from litellm_plugins.compression.tokens import cl100k

count = cl100k()

HARBOUR = (
    "The port of Ansund lies on the west coast. Herring was landed there for centuries. "
    "The lighthouse was completed in 1874 by the engineer Ole Brandt. It is 41 metres tall. "
    "Ferries leave for the islands every hour. The old warehouses are flats today."
)
MUSEUM = (
    "The museum of Ansund shows the town's history. It opened on a Sunday. "
    "Visitors may see boats, nets and a whale's jaw. Children pay nothing."
)
WEATHER = (
    "Rain falls on two days of three. Winters are mild, and summers are short. "
    "Storms come from the south-west. Snow seldom stays for longer than a week."
)
TOWN = [Passage("Weather", WEATHER), Passage("Port", HARBOUR), Passage("Museum", MUSEUM)]


def chosen(question: str, passages: Sequence[Passage] = TOWN, rate: float = 0.4) -> str:
    return "\n".join(select(question, passages, rate=rate, count=count))


@pytest.mark.parametrize("rate", [0.2, 0.4, 0.6])
@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who built the lighthouse?", "Ole Brandt"),
        ("What can visitors of the museum see?", "a whale's jaw"),
        ("From where do storms come?", "south-west"),
        ("When was the lighthouse completed?", "1874"),
    ],
)
def test_the_sentence_with_the_answer_stays(question: str, answer: str, rate: float) -> None:
    assert answer in chosen(question, rate=rate)


def test_what_follows_a_subject_stays_with_it() -> None:
    assert "41 metres" in chosen("How tall is the lighthouse?", rate=0.3)


def test_order_stays_and_what_is_missing_is_marked() -> None:
    text = chosen("How tall is the lighthouse, and how often do ferries leave?", TOWN[1:2], rate=0.55)
    assert text.startswith("[…] ")
    assert text.endswith(" […]")
    assert text.index("1874") < text.index("41 metres") < text.index("Ferries")
    assert "[…] […]" not in text


def test_a_passage_with_nothing_to_say_goes_whole() -> None:
    kept = choose("Who completed the lighthouse of the port?", TOWN, rate=0.4, count=count)
    assert [one.index for one in kept] == sorted(one.index for one in kept)
    assert 1 in [one.index for one in kept]
    assert 0 not in [one.index for one in kept]


def test_the_answer_may_be_a_step_away() -> None:
    """The second passage shares no word with the question; the first names it."""
    filler = [Passage(f"Composer {n}", f"A composer of the year {n}. He wrote songs for films.") for n in range(8)]
    passages = [
        *filler[:4],
        Passage("Ada Lorne", "Born in Ansund, she studied law. Later she sat in the court of appeal."),
        *filler[4:],
        Passage("Night Ferry (song)", "Night Ferry is a song. Its music is by Ada Lorne."),
    ]
    question = "What is the profession of the composer of the song Night Ferry?"
    assert "court of appeal" in chosen(question, passages, rate=0.35)
    assert "court of appeal" not in chosen(question, [Passage("", one.text) for one in passages], rate=0.35)


def test_a_place_is_found_by_its_name_without_the_county() -> None:
    filler = [Passage(f"Brook {n}, Ostland", f"Brook {n} is a parish. Its church has {n} bells.") for n in range(8)]
    passages = [
        *filler[:4],
        Passage("Ansund, Westland", "It is a market place by the sea. Trawlers land cod and ling at its quay."),
        *filler[4:],
        Passage("Kirton End", "Kirton End is a hamlet. It belongs to Ansund."),
    ]
    question = "What do boats bring to the town that Kirton End belongs to?"
    assert "cod and ling" in chosen(question, passages, rate=0.4)
    unnamed = [Passage(one.title.replace("Ansund", "Elsewhere"), one.text) for one in passages]
    assert "cod and ling" not in chosen(question, unnamed, rate=0.4)


def test_what_is_named_in_full_is_found_by_its_initials() -> None:
    text = Passage(
        "",
        "The cup final was held in May. Rain had fallen on the cup for days. Ada Lorne was the MVP. "
        "The cup is made of tin. A band played while the cup was handed over.",
    )
    assert "Ada Lorne" in chosen("Who was the Most Valuable Player of the cup?", [text], rate=0.35)
    assert "Ada Lorne" not in chosen("Who was the Very Tallest Player of the cup?", [text], rate=0.35)


def test_the_paragraph_that_says_what_a_thing_is_stays_where_the_question_names_it() -> None:
    article = [
        Passage("Storm_Day", "Flags are hoisted on the eve of Storm Day, and on Storm Day itself at noon."),
        Passage("Storm_Day", "Songs of Storm Day are sung for weeks before Storm Day by old and young."),
        Passage("Storm_Day", "Storm Day was a regatta off the coast, in which Ole Brandt came in first."),
        Passage("Storm_Day", "Old boats sail at Storm Day, and new ones have a Storm Day of their own."),
    ]
    assert "Ole Brandt" in chosen("Who triumphed at Storm Day?", article, rate=0.3)
    untitled = [Passage("", one.text) for one in article]
    assert "Ole Brandt" not in chosen("Who triumphed at Storm Day?", untitled, rate=0.3)


def test_the_kind_of_answer_that_is_wanted_counts() -> None:
    text = Passage(
        "",
        "The bridge over the fjord is very long. The bridge was handed over in 1931. The bridge has always been red. "
        "The bridge is much loved by the town. The bridge hums in a strong wind.",
    )
    assert "1931" in chosen("When was the bridge put into use?", [text], rate=0.35)
    assert "1931" not in chosen("Who put the bridge into use?", [text], rate=0.35)


def test_chinese_and_spanish_are_read_as_well() -> None:
    spanish = Passage(
        "", "La ciudad es antigua. El puente fue construido por Ana Ruiz en 1907. Llueve mucho. Hay tres mercados."
    )
    assert "Ana Ruiz" in chosen("¿Quién construyó el puente?", [spanish], rate=0.5)
    chinese = Passage("", "这座城市很古老。桥梁由王明在1907年建造。这里经常下雨。城里有三个市场。")
    assert "王明" in chosen("谁建造了桥梁", [chinese], rate=0.6)


def test_all_of_it_is_byte_for_byte_what_came_in() -> None:
    odd = [Passage("", "  A.  B!\n\n\nC \t"), Passage("x", "\n"), Passage("", "Z")]
    assert select("What is B?", odd, rate=1, count=count) == tuple(one.text for one in odd)


def test_none_of_it_is_nothing() -> None:
    assert select("Who?", TOWN, rate=0, count=count) == ()
    assert select("Who?", [], rate=0.5, count=count) == ()


def test_without_a_question_the_beginnings_stay() -> None:
    text = chosen("", rate=0.3)
    assert "The port of Ansund lies" in text
    assert "Rain falls" in text


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_that_is_no_share_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="a share from 0 to 1"):
        select("Who?", TOWN, rate=rate, count=count)


TEXTS = st.lists(
    st.one_of(st.text(max_size=120), st.lists(st.sampled_from(sentences(HARBOUR + WEATHER)), max_size=9).map("".join)),
    max_size=5,
)


@given(TEXTS, st.text(max_size=30), st.floats(0, 1))
def test_never_more_than_a_tenth_above_the_rate_and_nothing_made_up(
    texts: list[str], question: str, rate: float
) -> None:
    passages = [Passage("", text) for text in texts]
    kept = choose(question, passages, rate=rate, count=count)
    before = sum(count(text) for text in texts)
    # Sentences are counted one by one: at each seam the whole may count a token more or less.
    seams = sum(len(sentences(text)) for text in texts)
    assert sum(count(one.text) for one in kept) <= 1.1 * rate * before + seams
    for one in kept:
        at = 0
        for part in re.split(r" ?\[…\] ?", one.text):
            at = texts[one.index].find(part, at)
            assert at >= 0
            at += len(part)
    assert kept == choose(question, passages, rate=rate, count=count)
