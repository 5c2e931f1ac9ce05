"""No text takes long: 200,000 characters of whatever a pattern might choke on."""

from __future__ import annotations

import gc
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
    *(
        "a ",
        '"a ',
        '"a\n',
        '"\\',
        "a\n\n",
        "  a\n",
        "a  b\n",
        "a.",
        "a/",
        "a_",
        "a@",
        "http://",
        "1.",
        "1 1 ",
        "1 kg/",
        "May ",
    ),
    *("[1,\n", "[[", '{"a":1,\n', '{"a":{"a":', '["a",', '[{"a":1},{"a":2},{"a":3}]\n', "{{", "\\a{", "\\(", "$$\n"),
    *(
        "\\begin{a}\n",
        "/*\n",
        "<a ",
        "<pre>\n",
        "<!--",
        "a|b\n",
        "a,b,c\n",
        "a, b, c and some longer words\n",
        "a: b\n",
    ),
    *("x = ", "a ≤ b ", "f(a, ", "int a ", "at a(\n", "2024-01-01 10:00:00 x\n", "Question: ", "? ", "not "),
    *(
        "A sentence that is here, with words. ",
        "word " * 60 + "\n",
        "key: a long value that goes on and ends in a stop.\n",
    ),
    "[table 1]",
    "[table 1: 3 records, one per line, cells split by tabs, none: key absent]\na\n",
    "[same as the passage above that begins: a…]\n\n",
]
_METHODS: dict[str, Callable[[str], object]] = {
    "segments": segments,
    "lossless": lossless,
    "restore": restore,
    "asks": asks,
    "losses": lambda text: losses(text, text[:-1] + "x"),
}


@pytest.mark.parametrize("sign", _SIGNS, ids=lambda sign: repr(sign[:20]))
def test_any_sign_many_times_over(sign: str) -> None:
    """In prose a tenth of the limit; the most where every line is three characters long."""
    for name in ("segments", "asks", "restore"):
        assert _ends_within(1.5, _METHODS[name], sign, _LONG), name


@pytest.mark.parametrize("sign", [sign for sign in _SIGNS if "\n" in sign], ids=lambda sign: repr(sign[:20]))
def test_any_line_many_times_over(sign: str) -> None:
    assert _ends_within(1.5, _METHODS["lossless"], sign, _LONG)


@pytest.mark.parametrize("sign", _SIGNS, ids=lambda sign: repr(sign[:20]))
def test_any_sign_fewer_times_over(sign: str) -> None:
    assert _ends_within(1.0, _METHODS["losses"], sign, _LONG // 10)


def test_code_and_data_of_every_kind() -> None:
    for _, block in [*blocks_of("code.txt"), *blocks_of("data.txt"), *blocks_of("json.txt")]:
        assert _ends_within(0.3, segments, block + "\n\n", _LONG // 10)


def _ends_within(limit_s: float, method: Callable[[str], object], sign: str, length: int) -> bool:
    """Of CPU time; a second try, since other processes share caches and cores."""
    text = (sign * (length // len(sign) + 1))[:length]
    return _seconds(method, text) < limit_s or _seconds(method, text) < limit_s


def _seconds(method: Callable[[str], object], text: str) -> float:
    gc.freeze()  # what thousands of other tests left behind is not this method's to go through
    try:
        began = time.thread_time()
        method(text)
        return time.thread_time() - began
    finally:
        gc.unfreeze()
