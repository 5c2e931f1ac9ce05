"""Which lines are code though no fence says so: by signs that the common languages share, and by what stands around."""

from __future__ import annotations

from litellm_plugins.compression import code_signs as signs_of
from litellm_plugins.compression.lines import CLIP, Lines

_STRONG, _WEAK, _BLANK, _NONE = 3, 2, 1, 0


def code_runs(lines: Lines, taken: list[bool]) -> list[tuple[int, int]]:
    """First line and the line after the last, of each run of lines that are code."""
    signs = [_BLANK if taken[at] else _sign(lines, at) for at in range(len(lines))]
    runs: list[tuple[int, int]] = []
    at = 0
    while at < len(lines):
        if taken[at] or not _begins(signs, at):
            at += 1
            continue
        last = _last_line(signs, taken, at)
        runs.append((at, last + 1))
        at = last + 1
    return runs


def _begins(signs: list[int], at: int) -> bool:
    """A line of code; or one that may be, directly above a line of code."""
    if signs[at] == _STRONG:
        return True
    return signs[at] == _WEAK and _STRONG in signs[at + 1 : at + 4]


def _last_line(signs: list[int], taken: list[bool], first: int) -> int:
    """Goes on over what may be code, and over up to three other lines where code follows them."""
    last = at = first
    while at + 1 < len(signs) and at - last < 4 and not taken[at + 1]:
        at += 1
        if signs[at] >= _WEAK and (at - last == 1 or signs[at] == _STRONG or _no_prose(signs, last, at)):
            last = at
    return last


def _no_prose(signs: list[int], last: int, at: int) -> bool:
    return _NONE not in signs[last + 1 : at]


def _sign(lines: Lines, at: int) -> int:
    bare = lines.bare[at]
    if not bare:
        return _BLANK
    indent = lines.indent(at)
    if indent >= 4 or (lines.ends[at] - lines.starts[at] > CLIP and _is_dense(lines.whole(at))):
        return _STRONG
    if signs_of.SENTENCE.match(bare) and bare[-3:-1].isalpha():
        return _NONE
    if _is_code(bare) or _in_comment(lines, at):
        return _STRONG
    open_ended = bare.endswith((";", "{", ",", "(", "\\"))
    if indent >= 2 or open_ended or signs_of.COMMENT.match(bare) or signs_of.OPERATOR.search(bare):
        return _WEAK
    return _NONE


def _in_comment(lines: Lines, at: int) -> bool:
    """Two lines or more that begin with the same sign: one alone may be a heading."""
    sign = signs_of.COMMENT_LINE.match(lines.bare[at])
    if not sign:
        return False
    near = (lines.bare[at - 1] if at else "", lines.bare[at + 1] if at + 1 < len(lines) else "")
    return any((other := signs_of.COMMENT_LINE.match(bare)) and other[0] == sign[0] for bare in near)


def _is_code(bare: str) -> bool:
    if signs_of.BEGINS.match(bare) or signs_of.ASSIGNS.match(bare) or signs_of.KEY_LINE.match(bare):
        return True
    if bare.endswith((";", ",", "{", ")", "(")) and signs_of.CALLS.match(bare):
        return True
    return bool(signs_of.CLOSERS.match(bare) or (bare.endswith((";", "{", "}")) and signs_of.OPERATOR.search(bare)))


def _is_dense(line: str) -> bool:
    """A long line of signs as programs have them: minified, or generated."""
    return sum(map(line.count, "{};=()")) * 25 > len(line)
