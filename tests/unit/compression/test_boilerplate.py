"""Boilerplate goes where it stands more than once, and nowhere else: of what stands once somebody may ask."""

from __future__ import annotations

import pytest

from litellm_plugins.compression.lossless import lossless, restore

DISCLAIMER = (
    "This message and what is attached to it are confidential and meant for the addressee alone. If you are not the"
    " addressee, you must not copy it, show it to anybody or rely on it; tell us, please, and delete it. No contract is"
    " made by this message, and views in it need not be those of Boats & Sons Ltd, registered in Bristol, no. 4711."
)


def test_a_disclaimer_under_each_mail_of_a_thread_stands_once_and_comes_back() -> None:
    mails = [
        f"From: Ann\nSubject: Boat {at}\n\nWe can have it ready in week {at}.\n\n{DISCLAIMER}" for at in range(2, 10)
    ]
    thread = "\n\n".join(mails)
    short = lossless(thread)
    assert short.count("meant for the addressee alone") == 1
    assert len(short) < len(thread) / 2
    assert all(f"ready in week {at}." in short for at in range(2, 10))
    assert restore(short) == thread


@pytest.mark.parametrize(
    "once",
    [
        DISCLAIMER,
        "--\nAnn Lee\nBoats & Sons\n+44 117 496 0000",
        "On Mon, 4 May 2026 at 10:12, Bob <bob@example.org> wrote:\n> Is it ready?",
        "<p>Hello.</p>\n<!-- do not publish before June -->\n<p>Bye.</p>",
        "# Copyright 2026 Boats & Sons\n# SPDX-License-Identifier: MIT\nprint(1)",
    ],
)
def test_what_stands_once_stays(once: str) -> None:
    text = f"Look at this.\n\n{once}\n\nWhat does it say?"
    assert lossless(text) == text
