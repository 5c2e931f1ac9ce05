"""Lines of data: logs, tables, YAML. Each finder says where its block ends; its own beginning where there is none."""

from __future__ import annotations

import re

from litellm_plugins.compression.lines import Lines

_LOG = re.compile(
    r"\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d|\[?\d\d:\d\d:\d\d[.,\] ]|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d "
    r"|\d{1,3}(?:\.\d{1,3}){3} - \S+ \[|\[?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\]?[: ]"
    r"|[IWEF]\d{4} \d\d:\d\d|\[\d{2}/[A-Z][a-z]{2}/\d{4}|time=\"|ts=\d"
)
_RULE = re.compile(r"\|?\s{0,9}:?-{1,99}:?\s{0,9}(?:\|\s{0,9}:?-{1,99}:?\s{0,9})*\|?$|[+|][-=+]{3,}[+|]?$")
_GAP = re.compile(r"[^\s.?!:,;] {2,}(?=\S)")
_KEY = re.compile(r"\s*(?:- +)*[\"']?[\w.\-/$]{1,60}[\"']?:(?:\s|$)")
_ITEM = re.compile(r"\s*(?:- |-$|#|---$|\.\.\.$)")
_WINDOW = 40  # lines by which a block is judged, so that judging is linear
_WIDE = 4  # blanks in a row
_QUOTED_FIELD = re.compile(r'"[^"]*"')


def log(lines: Lines, at: int) -> int:
    """Log lines, and what is indented below them."""
    line = at
    while line < len(lines) and (_LOG.match(lines.bare[line]) or (line > at and lines.heads[line][:1] in ("\t", " "))):
        if not lines.bare[line]:
            break
        line += 1
    return line


def markdown_table(lines: Lines, at: int, limit: int) -> int:
    """Rows of cells between bars."""
    if not _is_row(lines, at):
        return at
    line = at
    while line < limit and _is_row(lines, line):
        line += 1
    ruled = any(_RULE.match(lines.bare[row]) for row in range(at, line))
    return line if ruled or line - at > 1 or lines.bare[at].startswith("|") else at


def _is_row(lines: Lines, at: int) -> bool:
    bare = lines.bare[at]
    if "||" in bare:  # an empty cell, or an operator
        return len(bare) > 2 and bare[0] == bare[-1] == "|"
    return (
        bare.count("|") >= 2
        or bool("|" in bare and " | " in bare)
        or bool(bare[:2] in ("+-", "+=") and _RULE.match(bare))
    )


def csv(lines: Lines, at: int, limit: int) -> int:
    """Two or more lines with the same number of tabs, commas or semicolons, and short cells."""
    head = lines.heads[at]
    for sign, least in (("\t", 1), (",", 2), (";", 2)):
        cells = _cells(lines, at, sign) if sign in head else 0
        if cells < least or not _are_records(lines, at, min(limit, at + _WINDOW), sign, cells):
            continue
        line = at
        while line < limit and lines.bare[line] and _cells(lines, line, sign) == cells:
            line += 1
        return line
    return at


def _are_records(lines: Lines, at: int, limit: int, sign: str, cells: int) -> bool:
    """Two lines or more of short cells; three, and shorter ones, where blanks follow the signs as in prose."""
    line = at
    loose = length = 0
    while line < limit and lines.bare[line] and _cells(lines, line, sign) == cells:
        loose += lines.heads[line].count(sign + " ")
        length += lines.ends[line] - lines.starts[line]
        line += 1
    rows = line - at
    tight = loose * 2 <= rows * cells
    return rows >= (2 if tight else 3) and length / (rows * (cells + 1)) < (60 if tight else 20)


def _cells(lines: Lines, at: int, sign: str) -> int:
    head = lines.heads[at]
    return (_QUOTED_FIELD.sub("", head) if '"' in head else head).count(sign)


def aligned(lines: Lines, at: int, limit: int) -> int:
    """Two or more lines whose columns begin, or end, at the same place."""
    columns = _columns(lines, at)
    line = at + 1
    while columns and line < limit and (below := _columns(lines, line)) & columns:
        columns = below
        line += 1
    return line if line > at + 1 else at


def _columns(lines: Lines, at: int) -> set[int]:
    """Where columns begin (as positive numbers) and end (as negative ones); 0 where a gap is too wide for prose."""
    head = lines.heads[at]
    if "  " not in head:
        return set()
    gaps = list(_GAP.finditer(head))
    ends = [gap.start() + 1 for gap in gaps[1:]] + [len(head.rstrip())]
    wide = {0} if any(gap.end() - gap.start() > _WIDE for gap in gaps) else set()
    return wide | {gap.end() for gap in gaps} | {-end for end in ends if gaps}


def yaml(lines: Lines, at: int, limit: int) -> int:
    """Keys with their values. A conversation ("User: …") is none: its values are sentences."""
    keys = nested = sentences = length = 0
    line = last = at
    while lines.bare[at] and line < limit and _is_yaml(lines, line, limit):
        bare = lines.bare[line]
        if _KEY.match(lines.heads[line]):
            keys += 1
            nested += lines.heads[line][:1] in (" ", "\t") or bare.endswith(":")
            sentences += bare.endswith((".", "?", "!", "。", "\uff1f"))
            length += len(bare)
        line += 1
        if bare:
            last = line
        if line - at == _WINDOW or (not keys and line > at + 3 and not bare.startswith("#")):
            break
    plain = sentences * 3 <= keys and length <= 60 * keys
    if keys < 2 or keys * 4 < last - at or not (nested or plain):
        return at
    while line < limit and _is_yaml(lines, line, limit):
        line += 1
        last = line if lines.bare[line - 1] else last
    return last


def _is_yaml(lines: Lines, at: int, limit: int) -> bool:
    """A key, an item, a comment, something indented; a blank line where a key or something indented follows."""
    head = lines.heads[at]
    if lines.bare[at]:
        return head[:1] in (" ", "\t") or bool(_KEY.match(head) or _ITEM.match(head))
    below = lines.heads[at + 1] if at + 1 < limit else ""
    return below[:1] in (" ", "#") or bool(_KEY.match(below))
