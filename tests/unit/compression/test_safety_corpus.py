"""What must not change does not, whatever the method: over 500 texts, and every one of them said twice."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable

import pytest

from litellm_plugins.compression.checker import losses
from litellm_plugins.compression.extractive.lexical import worth
from litellm_plugins.compression.extractive.method import extractive
from litellm_plugins.compression.lossless import lossless, restore
from litellm_plugins.compression.lossless.chain import tightened
from litellm_plugins.compression.lossless.json_text import minify
from litellm_plugins.compression.methods import Context, LeftAlone
from litellm_plugins.compression.pieces import pieces_of
from litellm_plugins.compression.segments import segments
from tests.unit.compression.cases import Case, cases

CASES = cases()


def chosen(text: str, *, strict: bool = True) -> str:
    """What `extractive` makes of a text as a whole at a fifth, before anybody checks it."""
    pieces, context = pieces_of(text, [(0, len(text))]), Context("Where is it?", 0.2, len, lambda: 1.0)
    anything = extractive(strict=strict, rank=lambda context, _, pages: worth(context.question, pages))
    try:
        made = anything.shorten(pieces.passages, context)
    except LeftAlone:
        return text
    return pieces.with_passages(made).text


# Every method that may change a text: it stands here, or it is not safe to use.
METHODS: dict[str, Callable[[str], str]] = {"lossless": lossless, "tightened": tightened}
CHAINS: dict[str, Callable[[str], str]] = {
    "extractive": chosen,
    "extractive, lossless": lambda text: lossless(chosen(text)),
}


def test_the_corpus_is_as_large_and_as_varied_as_it_says() -> None:
    categories = Counter(case.category for case in CASES)
    assert len(CASES) >= 500
    assert len({case.name for case in CASES}) == len(CASES)
    languages = {
        "python",
        "javascript",
        "typescript",
        "java",
        "c",
        "cpp",
        "csharp",
        "go",
        "rust",
        "ruby",
        "php",
        "sql",
        "bash",
    }
    assert languages <= categories.keys()
    assert {"yaml", "csv", "xml", "html", "trace", "diff", "log", "maths_block", "json"} <= categories.keys()
    assert (
        min(
            categories[name]
            for name in ("url", "number", "maths", "negation", "legal", "medical", "spanish", "chinese")
        )
        >= 10
    )
    assert max(categories.values()) < len(CASES) / 4


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
@pytest.mark.parametrize("method", METHODS)
def test_what_must_stay_stays(method: str, case: Case) -> None:
    _stays(METHODS[method], case)


@pytest.mark.parametrize("chain", CHAINS)
def test_it_stays_where_sentences_are_left_out_too(chain: str) -> None:
    for case in CASES:
        _stays(CHAINS[chain], case)


def _stays(method: Callable[[str], str], case: Case) -> None:
    after = method(case.text)
    whole = restore(after)
    for kept in case.keep:
        assert whole.count(kept) >= case.text.count(kept) > 0, (case.name, kept)
    if case.json:
        assert minify(case.json) in whole or case.json in after, case.name
        assert json.loads(case.json) == json.loads(minify(case.json))
    assert losses(case.text, after) == (), case.name
    assert method(case.text) == after


def test_where_sentences_may_go_with_all_that_is_in_them_blocks_of_code_and_data_stay() -> None:
    with_block = [
        case for case in CASES if case.category == "document" or (len(case.keep) == 1 and "-bare" in case.name)
    ]
    assert len(with_block) > 120
    shorter = 0
    for case in with_block:
        after = chosen(case.text, strict=False)
        assert case.keep[-1] in after, case.name
        shorter += len(after) < len(case.text)
    assert shorter > 100, "something goes"


def test_of_prose_without_facts_most_goes() -> None:
    text = " ".join(
        f"The {colour} garden lies behind a mill." for colour in ("red", "old", "wide", "small", "green") * 5
    )
    assert len(chosen(text)) < len(text) / 3


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_only_white_space_and_json_change(case: Case) -> None:
    """Without a single sign more or less: nothing but blanks and line ends goes."""
    after = lossless(case.text)
    assert len(after) <= len(case.text)
    assert _signs(restore(after)) == _signs(case.text)
    assert "".join(segment.text for segment in segments(case.text)) == case.text


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_was_done_before_is_not_done_again(case: Case) -> None:
    once = lossless(case.text)
    assert lossless(once) == once


def _signs(text: str) -> str:
    return re.sub(r"\s", "", text)
