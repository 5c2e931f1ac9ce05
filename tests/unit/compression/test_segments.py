"""How a text is cut: nothing is lost, and what must not be touched is not prose."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from litellm_plugins.compression.lossless import lossless
from litellm_plugins.compression.segments import Kind, segments
from tests.unit.compression.cases import blocks_of, cases, sentences

_ROOT = Path(__file__).parents[3]
_PIECES = [
    "prose of some kind. ",
    "\n",
    "\n\n",
    "\r\n",
    "  ",
    "\t",
    "```",
    "~~~",
    "{",
    "}",
    '{"a": 1}',
    '[{"a": 1}]\n',
    "| a | b |\n",
    "a,b,c\n",
    "key: value\n",
    "- item\n",
    "    code\n",
    "$$",
    "$x$",
    "\\(",
    "\\begin{a}",
    "\\end{a}",
    "<a>",
    "</a>",
    "<pre>",
    "<!--",
    "> quote\n",
    '"',
    "“",
    "”",
    "'",
    "`",
    "https://x.example/a ",
    "a@b.example ",
    "/etc/x ",
    "5 mg ",
    "x = y ",
    "def f():\n",
    "return x;\n",
    "diff --git a b\n",
    "@@ -1 +1 @@\n",
    "+a\n",
    "Traceback (most recent call last):\n",
    '  File "x", line 1\n',
    "ValueError: x\n",
    "2024-01-01 10:00:00 x\n",
    "/* ",
    "*/\n",
    "没有",
    "\u2028",
    "\x00",
    "\ud800",
    "🚀",
]
TEXTS = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(_PIECES), max_size=30).map("".join))


@given(TEXTS)
@example("")
@example("\n")
@example("[]")
@settings(deadline=None, max_examples=400)
def test_joined_segments_are_the_text(text: str) -> None:
    cut = segments(text)
    assert "".join(segment.text for segment in cut) == text
    at = 0
    for segment in cut:
        assert (segment.start, segment.end) == (at, at + len(segment.text))
        assert segment.text
        at = segment.end


@given(TEXTS)
@settings(deadline=None, max_examples=100)
def test_the_same_text_is_always_cut_the_same(text: str) -> None:
    assert segments(text) == segments(text)


def test_whatever_the_corpus_marks_is_not_prose() -> None:
    """Negations are: a word alone says nothing without its sentence."""
    for category, said, keep in sentences():
        if category == "negation":
            continue
        prose = "".join(segment.text if segment.kind is Kind.PROSE else "\0" for segment in segments(said))
        touched = [kept for kept in keep if kept in prose and any(map(str.isdigit, kept))]
        assert not touched, said


@pytest.mark.parametrize(("name", "block"), [*blocks_of("code.txt"), *blocks_of("data.txt")])
def test_no_line_of_code_or_data_is_prose(name: str, block: str) -> None:
    text = f"Please look at this.\n\n{block}\n\nThat is all there is to see."
    start, end = text.index(block), text.index(block) + len(block)
    prose = [
        line
        for segment in segments(text)
        if segment.kind is Kind.PROSE
        for line in text[max(segment.start, start) : min(segment.end, end)].splitlines()
        if segment.start < end and segment.end > start and any(map(str.isalnum, line))
    ]
    assert not prose, name


def test_prose_is_prose() -> None:
    """In doubt for the code, but not always: whoever protects everything saves nothing."""
    paragraph = (
        "The committee met again in the autumn, and most of its members agreed that it was sound. Some wanted time;\n"
        "others said that waiting would only make things worse. In the end they voted, and the motion was carried.\n"
        "Return to the question of money: nobody had asked for the accounts, although everyone had read the summary.\n"
    )
    cut = segments(paragraph * 5)
    assert sum(len(segment.text) for segment in cut if segment.kind is Kind.PROSE) > 0.95 * len(paragraph * 5)


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ('{"a": 1,\n "b": [2]}', Kind.JSON, '{"a": 1,\n "b": [2]}'),
        ('Record:\n[{"a": 1}]\nThanks', Kind.JSON, '[{"a": 1}]'),
        ('The call {"a": 1} is short', Kind.CODE, '{"a": 1}'),
        ("x = [\n  1,\n]\n", Kind.CODE, "x = [\n  1,\n]"),
        ("a: 1\nb:\n  c: 2", Kind.YAML, "a: 1\nb:\n  c: 2"),
        ("> said\n> so\nNo.", Kind.QUOTE, "> said\n> so"),
        ("It is 5 mg/kg/day now", Kind.NUMBER, "5 mg/kg/day"),
        ("Ask a.b@example.com first", Kind.EMAIL, "a.b@example.com"),
        ("See https://x.example/a?b=c&d=1, please", Kind.URL, "https://x.example/a?b=c&d=1"),
        ("In /var/log/app.log there", Kind.PATH, "/var/log/app.log"),
        ("Then $a_1 + b$ holds", Kind.MATHS, "$a_1 + b$"),
        ('He said "no, never" twice', Kind.QUOTE, '"no, never"'),
        ("set user_id now", Kind.ID, "user_id"),
        ("never closed:\n```python\nx = 1\n\ny", Kind.CODE, "```python\nx = 1\n\ny"),
    ],
)
def test_kinds(text: str, kind: Kind, found: str) -> None:
    assert (kind, found) in [(segment.kind, segment.text) for segment in segments(text)]


def test_json_that_is_part_of_code_is_code() -> None:
    for text in ('const x = 1;\n{ "a":  1 }\nfoo(x);', 'key:\n  b: 1\n{ "a":  1 }\n', 'data = [\n{ "a":  1 }\n]'):
        assert all(segment.kind is not Kind.JSON for segment in segments(text)), text


def test_json_that_is_indented_as_code_is_code() -> None:
    text = 'Send this:\n\n    { "a":  1 }\n\nThen wait.'
    assert (Kind.CODE, '    { "a":  1 }') in [(segment.kind, segment.text) for segment in segments(text)]
    assert lossless(text) == text


def test_half_a_json_is_no_json() -> None:
    for text in ('{"a": 1', '{"a": 1}}', "[NaN, 1]", "{'a': 1}", '{"a": 1,}', "[ ]", "[x] done"):
        assert all(segment.kind is not Kind.JSON for segment in segments(text)), text


def test_the_corpus_holds_prose_to_compress() -> None:
    assert sum(any(segment.kind is Kind.PROSE for segment in segments(case.text)) for case in cases()) > 450


@pytest.mark.parametrize("kind", ["py", "lua", "yaml", "yml", "toml", "sh"])
def test_our_own_sources_stay_byte_for_byte(kind: str) -> None:
    """Without a fence around them: files that nobody wrote for this test."""
    files = [
        file
        for folder in ("litellm_plugins", "deploy", "tests/support")
        for file in sorted((_ROOT / folder).rglob(f"*.{kind}"))
    ]
    files += sorted(_ROOT.glob(f"*.{kind}"))
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")[:20_000]
        assert lossless(text) == text, file
