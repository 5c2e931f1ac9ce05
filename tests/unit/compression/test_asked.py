"""What a turn asks of the documents in it."""

from __future__ import annotations

import time

import pytest

from litellm_plugins.compression.asked import question_of

DOCUMENTS = "\n\n".join(f"The bridge of place {at} was paid for by the town. Nobody asked why." for at in range(60))
ASKED = "Who paid for the bridge of place 7?"
OF_A_MAIL = "Could you send the invoice of last week to Ann?"
MAILS = f"{DOCUMENTS}\n\nDear Bob,\n\nthank you for the letter. {OF_A_MAIL} She waits for it."


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
        ((f"<task>\n{ASKED}\n</TASK>\n{DOCUMENTS}",), ASKED),
        (
            (f"Answer the question from the documents.\n\n{DOCUMENTS}\n\nIn which year was it paid?",),
            "In which year was it paid?",
        ),
        # A question at the end may be a document's: what the turn begins with is asked as well.
        ((f"Find who paid for place 7.\n\n{MAILS}",), f"Find who paid for place 7. {OF_A_MAIL}"),
        ((f"{ASKED}\n\n{MAILS}",), f"{ASKED} {OF_A_MAIL}"),
        ((MAILS, "Say who paid for place 7."), f"Say who paid for place 7. {OF_A_MAIL}"),
        ((f"Say who paid for place 7.\r\n\r\n{DOCUMENTS}",), "Say who paid for place 7."),
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
        # The question is the document's, and the task needs the whole of it.
        (f"Please rewrite the letters below in a friendlier tone.\n\n{MAILS}",),
        (f"Summarize this thread.\n\n{MAILS}",),
        (f"What is this about? Give me a short summary.\n\n{DOCUMENTS}",),
        (f"What is this document about?\n\n{DOCUMENTS}",),
        (f"{DOCUMENTS}\n\nWhat are the main points of it?",),
        (f"Fix the grammar of these letters:\n\n{MAILS}",),
        (f"{MAILS}\n\nTranslate the above into French.",),
        (f"I need you to proofread my mail.\n\n{MAILS}",),
        (f"Reply to the last of these:\n\n{MAILS}",),
        (f"Traduce las cartas.\n\n{MAILS}",),
        (f"请翻译以下内容。\n\n{MAILS}",),
        (MAILS, "Shorten these."),
    ],
)
def test_where_nothing_in_particular_is_asked_there_is_none(turn: tuple[str, ...]) -> None:
    assert not question_of(turn)


@pytest.mark.parametrize("text", [f"<task>{' ' * 3_000}x" * 20, "<task>" * 20_000, "q:\n" * 20_000, "a.b" * 20_000])
def test_no_text_takes_long(text: str) -> None:
    """A pattern holds the interpreter, and with it every other request: three thousand blanks took ten seconds."""
    began = time.thread_time()
    question_of([text])
    assert time.thread_time() - began < 1.0
