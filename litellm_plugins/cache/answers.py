"""Do two answers say the same? Every miss brings a fresh answer, and with it a label for the verifier."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from litellm_plugins.cache.same_words import hidden
from litellm_plugins.cache.verifier.text import read

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Embedder

_READ = 1_000  # characters of each answer that are compared by embedding
_YES_OR_NO = re.compile(r"\W*(yes|no|sí|si|correct|incorrect|true|false)\b", re.IGNORECASE)
_NO = frozenset({"no", "incorrect", "false"})
_NUMBERS_IN_COMMON = 0.5  # Jaccard index
_ADDRESS = re.compile(
    r"https?://[^\s<>()]+|[^\s<>()@]+@[^\s<>()@]+|\b(?:[a-z0-9-]+\.)+[a-z]{2,}\b[^\s<>()]*", re.IGNORECASE
)


class AnswerComparer(Protocol):
    """Says whether two answers would serve the same asker."""

    async def same(self, fresh: Mapping[str, Any], cached: bytes, question: str | None = None) -> bool | None:
        """True or False; None where it cannot be said, and so nothing is learnt.

        `question` is what the fresh answer was given to, where a model may be asked for its judgement.

        Raises:
            EmbedderUnavailable: it cannot be said now.
        """


class EmbeddingComparer:
    """Same wording, or near in meaning with the same figures and the same yes or no.

    Args:
        embedder: of the answers; any language it reads.
        similarity: cosine from which two answers count as the same.
    """

    def __init__(self, embedder: Embedder, *, similarity: float = 0.9) -> None:
        self._embedder, self._similarity = embedder, similarity

    async def same(self, fresh: Mapping[str, Any], cached: bytes, question: str | None = None) -> bool | None:
        """See `AnswerComparer`; the question is of no use here."""
        one, other = text_of(fresh), text_of(orjson.loads(cached))
        if not one or not other:
            return None
        certain = certainly(one, other)
        if certain is not None:
            return certain
        if _verdict(one) != _verdict(other) or not _figures_agree(one, other):
            return False
        here, there = await self._embedder.embed(one[:_READ]), await self._embedder.embed(other[:_READ])
        return float(here.vector @ there.vector) >= self._similarity


def certainly(one: str, other: str) -> bool | None:
    """What needs nobody's opinion: the same wording is the same, other JSON is not. None: it takes a closer look."""
    if _plain(one) == _plain(other):
        return True
    return False if _structured(one) or _structured(other) else None


def contradict(one: str, other: str) -> bool:
    """Whether one says yes and the other no, or both give figures and share none."""
    here, there = _verdict(one), _verdict(other)
    if here and there and (here in _NO) is not (there in _NO):
        return True
    a, b = set(read(one).numbers), set(read(other).numbers)
    return bool(a and b) and a.isdisjoint(b)


def vouches(fresh: Mapping[str, Any], cached: bytes) -> bool:
    """Whether a fresh answer that says the same may stand behind one that somebody else was given.

    Saying the same is a matter of degree, and a planted answer needs to differ in one figure or one link only. So
    these have to be the very same, and nothing may lie where the comparison does not look.
    """
    one, other = text_of(fresh), text_of(orjson.loads(cached))
    if _plain(one) == _plain(other):
        return True
    if max(len(one), len(other)) > _READ or hidden(one) != hidden(other):
        return False
    same_figures = sorted(read(one).numbers) == sorted(read(other).numbers) and read(one).codes == read(other).codes
    return same_figures and _addresses(one) == _addresses(other)


def text_of(body: Mapping[str, Any]) -> str:
    """What an answer says, in the wire shape of any endpoint; empty where it says nothing."""
    said: list[str] = []
    for choice in _list(body.get("choices")):
        message = choice.get("message")
        said.append(_text(message.get("content") if isinstance(message, Mapping) else choice.get("text")))
    said.append(_text(body.get("content")))
    said.extend(_text(item.get("content")) for item in _list(body.get("output")))
    return "\n".join(part for part in said if part)


def answer_id_of(body: Mapping[str, Any]) -> bytes:
    """16 bytes that answers of the same wording share, whatever case and spacing; whole body where it has no text."""
    text = _plain(text_of(body))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass") if text else orjson.dumps(body)).digest()[:16]


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in _list(content) if isinstance(part.get("text"), str))


def _list(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _structured(text: str) -> bool:
    """JSON says the same only where it is the same."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _verdict(text: str) -> str:
    found = _YES_OR_NO.match(text)
    return found.group(1).casefold() if found else ""


def _addresses(text: str) -> set[str]:
    return {found.casefold().rstrip(".,:;!?") for found in _ADDRESS.findall(text)}


def _figures_agree(one: str, other: str) -> bool:
    a, b = set(read(one).numbers), set(read(other).numbers)
    return not a | b or len(a & b) / len(a | b) >= _NUMBERS_IN_COMMON
