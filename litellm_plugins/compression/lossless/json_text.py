"""JSON as it is written: every name, string and number keeps its bytes and its place; only white space goes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TypeAlias

_STRING_OR_SPACE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[ \t\r\n]+')
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+')
_MAX_DEPTH = 60


@dataclass(frozen=True, slots=True)
class Members:
    """An object: its members as they are written, names quoted."""

    pairs: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Items:
    """An array."""

    nodes: tuple[Node, ...]


Node: TypeAlias = "str | Members | Items"  # a string, number or literal is its own text


def minify(text: str) -> str:
    """Valid JSON without white space between its tokens; any other text as it is."""
    if not is_json(text):
        return text
    return _STRING_OR_SPACE.sub(lambda found: found[0] if found[0][0] == '"' else "", text)


def is_json(text: str) -> bool:
    """By RFC 8259: no `NaN`, nothing after the value."""
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def parse(text: str) -> Node | None:
    """The tree of valid JSON; None where it is nested more than sixty deep."""
    stack: list[list[Node]] = [[]]
    for sign in _TOKEN.findall(text):
        if sign in ("{", "["):
            if len(stack) > _MAX_DEPTH:
                return None
            stack.append([])
        elif sign == "}":
            flat = stack.pop()
            pairs = zip(flat[::2], flat[1::2], strict=True)
            stack[-1].append(Members(tuple((str(name), node) for name, node in pairs)))
        elif sign == "]":
            nodes = tuple(stack.pop())
            stack[-1].append(Items(nodes))
        elif sign not in (":", ","):
            stack[-1].append(sign)
    return stack[0][0]


def write(node: Node) -> str:
    """The tree as text without white space."""
    if isinstance(node, Members):
        return "{" + ",".join(f"{name}:{write(child)}" for name, child in node.pairs) + "}"
    if isinstance(node, Items):
        return "[" + ",".join(map(write, node.nodes)) + "]"
    return node


def value_end(text: str, start: int) -> int:
    """Where the JSON string, array or object that begins at `start` ends."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] in ("{", "["):
            depth += 1
        elif token[0] in ("}", "]"):
            depth -= 1
        if depth <= 0:
            return token.end()
    return len(text)
