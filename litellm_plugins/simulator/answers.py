"""What a simulated model says: a pure function of what it was asked."""

import hashlib
import re
from dataclasses import dataclass, replace
from typing import Literal

import orjson

from litellm_plugins.simulator import prose
from litellm_plugins.simulator.faults import Fault
from litellm_plugins.simulator.schemas import Schema, instance
from litellm_plugins.simulator.tokens import Tokenizer

Finish = Literal["stop", "length", "tool_calls", "content_filter"]

ANY_OBJECT: Schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
_LOOP = "I checked that again, and it is still the same as it was before. "
_TOOL_CALL_TOKENS = 8  # about what a call costs beside its name and arguments


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that can be called; `schema` is that of its arguments."""

    name: str
    schema: Schema


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What was asked, in no protocol's words.

    `seed` stands for the model, the whole conversation and the sampling parameters. `tools` are the ones to
    be called, already chosen. `schema` asks for JSON of that shape.
    """

    model: str
    question: str
    seed: bytes
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    schema: Schema | None = None
    scripted: str | None = None  # what the answer says


@dataclass(frozen=True, slots=True)
class Answer:
    """`parts` joined are the text; `tokens` counts the text and the tool calls; `stopped_by` is a stop text."""

    parts: tuple[str, ...]
    tokens: int
    finish: Finish
    tool_calls: tuple[ToolCall, ...] = ()
    stopped_by: str | None = None

    @property
    def text(self) -> str:
        return "".join(self.parts)


def reference(text: str) -> str:
    """The 8 hexadecimal digits that stand as `[ref xxxxxxxx]` in an answer to this text.

    `text` is the last user message's text (several text parts are joined by line feeds). A client can tell
    by it whether the answer that it got was written for its own question.
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def answer(prompt: Prompt, choice: int, tokenizer: Tokenizer, fault: Fault) -> Answer:
    """The choice-th answer to a prompt, cut where `stop`, `max_tokens` or the fault say."""
    if fault.loop_tokens:
        prompt = replace(prompt, scripted=_loop(fault.loop_tokens, tokenizer))
    seed = hashlib.sha256(prompt.seed + choice.to_bytes(4, "big")).digest()
    speak = _tool_answer if prompt.tools else _text_answer
    whole = speak(prompt, seed, tokenizer)
    if not (fault.truncate or fault.content_filter):
        return whole
    half = speak(replace(prompt, max_tokens=whole.tokens // 2), seed, tokenizer)
    return replace(half, finish="content_filter" if fault.content_filter else "length")


def mentioned(tools: tuple[Tool, ...], question: str) -> tuple[Tool, ...]:
    """The tools whose name stands in the question, as a word; `_` and `-` may be written as spaces."""
    spoken = _as_spoken(question)
    return tuple(tool for tool in tools if re.search(rf"\b{re.escape(_as_spoken(tool.name))}\b", spoken))


def _loop(tokens: int, tokenizer: Tokenizer) -> str:
    """So many tokens of the same again and again."""
    times = tokens // (tokenizer.count(_LOOP) - 1) + 1  # joined it may have a token less
    return "".join(tokenizer.split(_LOOP * times)[:tokens])


def _text_answer(prompt: Prompt, seed: bytes, tokenizer: Tokenizer) -> Answer:
    parts, stopped_by = _until_stop(_parts(prompt, seed), prompt.stop)
    tokens = sum(tokenizer.count(part) for part in parts)
    if prompt.max_tokens is None or tokens <= prompt.max_tokens:
        return Answer(parts, tokens, "stop", stopped_by=stopped_by)
    pieces = [piece for part in parts for piece in tokenizer.split(part)]
    return Answer(("".join(pieces[: prompt.max_tokens]),), prompt.max_tokens, "length")


def _parts(prompt: Prompt, seed: bytes) -> tuple[str, ...]:
    if prompt.scripted is not None:
        return (prompt.scripted,)
    mark = f"[ref {reference(prompt.question)}]"
    if prompt.schema is None:
        return prose.write(seed, mark)
    return (_json(instance(prompt.schema, prompt.question, seed, mark)),)


def _tool_answer(prompt: Prompt, seed: bytes, tokenizer: Tokenizer) -> Answer:
    calls: list[ToolCall] = []
    room = float("inf") if prompt.max_tokens is None else prompt.max_tokens
    spent = 0
    for index, tool in enumerate(prompt.tools):
        call_seed = hashlib.sha256(seed + index.to_bytes(4, "big")).digest()
        arguments = _json(instance(tool.schema, prompt.question, call_seed))
        call = ToolCall(f"call_{call_seed.hex()[:24]}", tool.name, arguments)
        overhead = _TOOL_CALL_TOKENS + tokenizer.count(tool.name)
        pieces = tokenizer.split(arguments)
        left = int(max(0, min(room - spent - overhead, len(pieces))))
        if left < len(pieces):
            calls.append(replace(call, arguments="".join(pieces[:left])))
            return Answer((), prompt.max_tokens or 0, "length", tuple(calls))
        calls.append(call)
        spent += overhead + len(pieces)
    return Answer((), spent, "tool_calls", tuple(calls))


def _until_stop(parts: tuple[str, ...], stop: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    """The parts before the first stop text, and which it is."""
    if not stop:
        return parts, None
    text = "".join(parts)
    found = [(text.find(each), each) for each in stop if each in text]
    if not found:
        return parts, None
    at, stopped_by = min(found)
    return (text[:at],), stopped_by


def _as_spoken(name: str) -> str:
    return name.lower().replace("_", " ").replace("-", " ")


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
