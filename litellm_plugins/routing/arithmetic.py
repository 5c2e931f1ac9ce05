"""The value of a sum that someone wrote down: digits, + - * / and brackets. Nothing is executed."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|(.))")
_TIMES = str.maketrans({"×": "*", "x": "*", "÷": "/", "$": None, ",": None})  # noqa: RUF001
_LONGEST = 200


class NotArithmetic(ValueError):
    """It is no sum, or one of a single number."""


def value_of(text: str) -> float:
    """The value of a sum of two numbers or more. Raises: NotArithmetic."""
    text = text.translate(_TIMES).strip()
    if len(text) > _LONGEST or not re.search(r"[\d)]\s*[-+*/]\s*[\d(]", text):
        raise NotArithmetic(text)
    tokens = [number or sign for number, sign in _TOKEN.findall(text)]
    value, rest = _sum(tokens)
    if rest:
        raise NotArithmetic(text)
    return value


def _sum(tokens: list[str]) -> tuple[float, list[str]]:
    value, tokens = _product(tokens)
    while tokens and tokens[0] in {"+", "-"}:
        other, rest = _product(tokens[1:])
        value = value + other if tokens[0] == "+" else value - other
        tokens = rest
    return value, tokens


def _product(tokens: list[str]) -> tuple[float, list[str]]:
    value, tokens = _factor(tokens)
    while tokens and tokens[0] in {"*", "/"}:
        other, rest = _factor(tokens[1:])
        if tokens[0] == "/" and other == 0:
            raise NotArithmetic("divided by zero")
        value = value * other if tokens[0] == "*" else value / other
        tokens = rest
    return value, tokens


def _factor(tokens: list[str]) -> tuple[float, list[str]]:
    if not tokens:
        raise NotArithmetic("ends early")
    if tokens[0] == "-":
        value, rest = _factor(tokens[1:])
        return -value, rest
    if tokens[0] == "(":
        value, rest = _sum(tokens[1:])
        if not rest or rest[0] != ")":
            raise NotArithmetic("an open bracket")
        return value, rest[1:]
    try:
        return float(tokens[0]), tokens[1:]
    except ValueError:
        raise NotArithmetic(tokens[0]) from None
