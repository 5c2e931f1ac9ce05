"""No text takes long: 200,000 characters of whatever a pattern might choke on."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from litellm_plugins.compression.checker import losses
from litellm_plugins.compression.lossless import lossless, restore
from litellm_plugins.compression.question import asks
from litellm_plugins.compression.segments import segments
from tests.unit.compression.cases import blocks_of

_LONG = 200_000
_SIGNS = [
    *" \t\n\"'`$#<[{(|,;.-_=+*/\\&@?~aA1中“«",
    "a ", '"a ', '"a\n', "[1,\n", "[[", '{"a":1,\n', '{"a":{"a":', '["a",', "$$\n", "\\begin{a}\n", "\\(", "/*\n", "<a ", "<pre>\n", "a|b\n", "a,b,c\n",
    "a, b, c and some longer words\n", "a: b\n", "key: a value that goes on for a long while, and ends in a stop.\n", "  a\n", "a  b\n",
    "at a(\n", "a\n\n", "http://", "a@", "a.", "a/", "a_", "1.", "1 1 ", "May ", "1 kg/", "x = ", "a ≤ b ", "f(a, ", "int a ", "{{", "<!--", "\\a{",
    "2024-01-01 10:00:00 x\n", "[table 1]", "[table 1: 3 records, one per line, cells split by |, none: key absent]\na\n", '[{"a":1},{"a":2},{"a":3}]\n',
    "[same as the passage above that begins: a…]\n\n", "Question: ", "? ", "not ", "A sentence that is here, with words. ", "word " * 60 + "\n", '"\\',
]  # fmt: skip
_METHODS: dict[str, Callable[[str], object]] = {
    "segments": segments,
    "lossless": lossless,
    "restore": restore,
    "asks": asks,
    "losses": lambda text: losses(text, text[:-1] + "x"),
}


@pytest.mark.parametrize("sign", _SIGNS, ids=lambda sign: repr(sign[:20]))
@pytest.mark.parametrize("method", ["segments", "asks", "restore"])
def test_any_sign_many_times_over(method: str, sign: str) -> None:
    assert _seconds(_METHODS[method], sign, _LONG) < 1.5  # 0.6 at most on a quiet machine, and minutes where it is quadratic


@pytest.mark.parametrize("sign", _SIGNS, ids=lambda sign: repr(sign[:20]))
@pytest.mark.parametrize("method", ["lossless", "losses"])
def test_any_sign_fewer_times_over(method: str, sign: str) -> None:
    assert _seconds(_METHODS[method], sign, _LONG // 5) < 1.0


def test_code_and_data_of_every_kind() -> None:
    for _, block in [*blocks_of("code.txt"), *blocks_of("data.txt"), *blocks_of("json.txt")]:
        assert _seconds(segments, block + "\n\n", _LONG // 10) < 0.3


def _seconds(method: Callable[[str], object], sign: str, length: int) -> float:
    text = (sign * (length // len(sign) + 1))[:length]
    began = time.process_time()
    method(text)
    return time.process_time() - began
