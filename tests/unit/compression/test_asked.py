"""What a turn asks of the documents in it."""

from __future__ import annotations

import pytest

from litellm_plugins.compression.asked import question_of

DOCUMENTS = "\n\n".join(f"The bridge of place {at} was paid for by the town. Nobody asked why." for at in range(60))
ASKED = "Who paid for the bridge of place 7?"


@pytest.mark.parametrize(
    ("turn", "question"),
    [
        ((f"{DOCUMENTS}\n\n{ASKED}",), ASKED),
        ((f"{ASKED}\n\n{DOCUMENTS}",), ASKED),
        (
            (f"Use the documents only.\n\n{DOCUMENTS}\n\nQuestion: who paid for place 7\nAnswer:",),
            "who paid for place 7",
        ),
        ((f"<question>\n{ASKED}\n</question>\n<documents>\n{DOCUMENTS}\n</documents>",), ASKED),
        ((f"{DOCUMENTS}\n\nFind out who paid for place 7.",), "Find out who paid for place 7."),
        ((DOCUMENTS, "Say who paid for place 7, in one word."), "Say who paid for place 7, in one word."),
        ((ASKED, DOCUMENTS), ASKED),
        ((f"{DOCUMENTS}\n\nPregunta: ¿quién pagó el puente 7?",), "¿quién pagó el puente 7?"),
        ((f"{DOCUMENTS}\n\n七号桥是谁出钱建的？",), "七号桥是谁出钱建的？"),  # noqa: RUF001 - Chinese asks so
        ((f"{DOCUMENTS}\n\nWho paid for v1.2 of it? And when?",), "Who paid for v1.2 of it? And when?"),
    ],
)
def test_it_is_found_where_prompts_have_it(turn: tuple[str, ...], question: str) -> None:
    assert question_of(turn) == question


@pytest.mark.parametrize(
    "turn",
    [
        (),
        ("",),
        (DOCUMENTS,),
        (" ".join(DOCUMENTS.split()),),
        ("?",),
        (f"{DOCUMENTS}\n\nSummarise what is said of place 7.",),
        (f"Can you translate this?\n\n{DOCUMENTS}",),
        (f"{DOCUMENTS}\n\n请总结以上内容。",),
    ],
)
def test_where_nothing_in_particular_is_asked_there_is_none(turn: tuple[str, ...]) -> None:
    assert not question_of(turn)
