"""What must not change does not, whatever the method: over 500 texts, and every one of them said twice."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable

import pytest

from litellm_plugins.compression.checker import losses
from litellm_plugins.compression.lossless import lossless, restore
from litellm_plugins.compression.lossless.chain import tightened
from litellm_plugins.compression.lossless.json_text import minify
from litellm_plugins.compression.segments import segments
from tests.unit.compression.cases import Case, cases

CASES = cases()
# Every method that may change a text: it stands here, or it is not safe to use.
METHODS: dict[str, Callable[[str], str]] = {"lossless": lossless, "tightened": tightened}


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
    after = METHODS[method](case.text)
    whole = restore(after)
    for kept in case.keep:
        assert whole.count(kept) >= case.text.count(kept) > 0, kept
    if case.json:
        assert minify(case.json) in whole
        assert json.loads(case.json) == json.loads(minify(case.json))
    assert losses(case.text, after) == ()
    assert METHODS[method](case.text) == after


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
