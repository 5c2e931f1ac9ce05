"""Lines that a machine wrote: diffs, stack traces, markup; and quoted lines. Each finder says where its block ends."""

from __future__ import annotations

import re

from litellm_plugins.compression.lines import Lines

_DIFF = re.compile(r"diff --git |@@ -\d+(?:,\d+)? \+\d+|--- \S|Index: \S|\*\*\* \S+.*\d{4}-")
_DIFF_HEADER = re.compile(
    r"diff --git |@@ |index [0-9a-f]+\.\.|(?:new|deleted|old) (?:file )?mode|similarity index|rename |Binary files"
    r"|[-+\\ ]"
)
_FRAME = re.compile(
    r"at [\w.$<>\[\] /@:*-]+[(:]|at \S+ in |at async |File \"|from \S+:\d+:in |\.{3} \d+ (?:more|common)|\d+: +0x"
)
_TRACE = re.compile(
    r"Traceback \(most recent|Exception in thread|Unhandled [Ee]xception|Caused by: |goroutine \d+ \[|panic: "
    r"|thread '[^']*' panicked|Fatal error: |(?:[\w$]+\.)*[A-Z]\w*(?:Error|Exception|Warning|Interrupt)\b(?:: |$)"
    r"|During handling of|The above exception|stack backtrace:|note: run with|exit status \d"
)
_LOUD = ("Traceback (", "goroutine ", "Exception in thread", "thread '", "Unhandled", "panic: ", "Caused by: ")
_TAG = re.compile(r"</?[A-Za-z_][\w:.-]*(?:\s[^<>]*)?/?>|<[!?][^<>]*>?")
_ROOT = re.compile(r"<(html|svg|math|script|style|pre|code|table|project|configuration)\b", re.IGNORECASE)


def diff(lines: Lines, at: int) -> int:
    """A unified diff, from its first header."""
    bare = lines.bare[at]
    if not _DIFF.match(bare):
        return at
    if bare.startswith("--- ") and not (at + 1 < len(lines) and lines.heads[at + 1].startswith("+++ ")):
        return at
    line = at + 1
    while line < len(lines) and (_DIFF_HEADER.match(lines.heads[line]) or _diff_goes_on(lines, line)):
        line += 1
    return line


def _diff_goes_on(lines: Lines, at: int) -> bool:
    """An unchanged blank line whose single space an editor took away."""
    return not lines.bare[at] and at + 1 < len(lines) and lines.heads[at + 1][:1] in ("+", "-", "@", " ")


def trace(lines: Lines, at: int) -> int:
    """A stack trace of Python, the JVM, .NET, JavaScript, Go, Rust or Ruby."""
    if not _is_trace(lines, at):
        return at
    first_says = _TRACE.match(lines.bare[at])
    line = at + 1
    while line < len(lines):
        if lines.bare[line]:
            goes_on = lines.heads[line][:1] in (" ", "\t") or _is_trace(lines, line) or _says_more(lines, line)
        else:
            goes_on = line + 1 < len(lines) and _is_trace(lines, line + 1)
        if not goes_on:
            break
        line += 1
    if line == at + 1 and first_says and not lines.bare[at].startswith(_LOUD):
        return at  # a sentence that begins with an error's name
    return line


def _is_trace(lines: Lines, at: int) -> bool:
    return bool(_TRACE.match(lines.bare[at]) or _FRAME.match(lines.bare[at]))


def _says_more(lines: Lines, at: int) -> bool:
    """Go's `main.f(0x1)`, whose place stands, indented, on the line below; what a thread of Rust's panicked about."""
    if lines.bare[at].endswith(")") and at + 1 < len(lines) and lines.heads[at + 1][:1] == "\t":
        return True
    return lines.bare[at - 1].startswith("thread '")


def markup(lines: Lines, at: int) -> int:
    """Lines that are tags, or stand between a tag at their beginning and one at their end; documents as a whole."""
    bare = lines.bare[at]
    if not bare.startswith("<") or not _TAG.match(bare):
        return at
    if bare[:9].lower() in ("<?xml ver", "<!doctype"):
        return _document(lines, at)
    if root := _ROOT.match(bare):
        return _to_closing(lines, at, f"</{root[1].lower()}")
    if bare.startswith("<!--"):
        return _to_closing(lines, at, "-->")
    line = at
    while line < len(lines) and lines.bare[line].startswith("<") and lines.tail(line).endswith(">"):
        line += 1
    return line


def _document(lines: Lines, at: int) -> int:
    """To the end tag of the first element below the declaration."""
    for line in range(at, min(at + 20, len(lines))):
        for tag in re.finditer(r"<([A-Za-z_][\w:.-]*)", lines.heads[line]):
            return _to_closing(lines, line, f"</{tag[1].lower()}")
    return at + 1


def _to_closing(lines: Lines, at: int, closing: str) -> int:
    """The line after the one that holds `closing`; the end of the text where there is none."""
    for line in range(at, len(lines)):
        if closing in lines.whole(line).lower():
            return line + 1
    return len(lines)


def quote(lines: Lines, at: int) -> int:
    """Quoted lines, as in Markdown and mail."""
    line = at
    while line < len(lines) and lines.heads[line].startswith(">") and not lines.heads[line].startswith(">>> "):
        line += 1
    return line
