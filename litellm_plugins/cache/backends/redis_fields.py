"""How entries lie in Redis: one hash each, and the names of keys, fields and indexes. Pure.

Whatever a client may have named (tenants, namespaces, tags) is hashed before it becomes part of a key or a query, so
that nothing needs escaping; what is found is compared with the true names, which the hash holds as well.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.cache.store import Entry, Neighbour, Selector

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector

VERSION = 1  # of this layout: another one never reads what this one wrote

BODY, META, EXPIRES_AT, SEQUENCE, SIZE = "body", "meta", "expires_at", "seq", "size"
SPACE, ASKED = "space", "asked"  # the field that tells the space, and the word in it where there is a question
VECTOR = "vector_"  # what the fields of vectors begin with
_LONGEST_MS = 100 * 365 * 86_400_000  # the server refuses lifetimes that overflow its clock
_APART = frozenset({"body", "expires_at"})  # fields of an entry that are no part of `meta`
_BYTES = frozenset(field.name for field in fields(Entry) if field.type == "bytes")
_NAMES = tuple(field.name for field in fields(Entry))


@dataclass(frozen=True, slots=True)
class Names:
    """The keys and indexes of one installation."""

    prefix: str

    def entry(self, tenant: str, key: bytes) -> str:
        """The part in braces alone decides where a cluster keeps it, and what belongs to it."""
        return f"{self.entries}{{{hashed(tenant)}:{key.hex()}}}"

    def extension(self, entry: str) -> str:
        """Where an entry's later end is kept, once it was extended."""
        return f"{self.prefix}:{VERSION}:until:{entry.removeprefix(self.entries)}"

    @property
    def entries(self) -> str:
        """What every entry's key begins with."""
        return f"{self.prefix}:{VERSION}:entry:"

    @property
    def journal(self) -> str:
        """The audit journal."""
        return f"{self.prefix}:{VERSION}:journal"

    @property
    def checks(self) -> str:
        """Hits that were answered afresh, and how they compared."""
        return f"{self.prefix}:{VERSION}:checks"

    def labels(self, domain: str) -> str:
        """What the verifier has learned in a domain."""
        return f"{self.prefix}:{VERSION}:labels:{hashed(domain)}"

    def fit(self, domain: str) -> str:
        """The verifier's fit for a domain."""
        return f"{self.prefix}:{VERSION}:fit:{hashed(domain)}"

    @property
    def barred_pairs(self) -> str:
        """Pairs of questions that must not hit, by when that ends."""
        return f"{self.prefix}:{VERSION}:barred_pairs"

    @property
    def vouched_answers(self) -> str:
        """Answers by how many people stand behind them."""
        return f"{self.prefix}:{VERSION}:vouched_answers"

    def judge_spend(self, day: str) -> str:
        """What judging cost on a day."""
        return f"{self.prefix}:{VERSION}:judge_spend:{day}"

    @property
    def moving(self) -> str:
        """Which worker moves entries to another space."""
        return f"{self.prefix}:{VERSION}:moving"

    @property
    def catalogue(self) -> str:
        """The index of all entries, for administrators."""
        return f"{self.prefix}:{VERSION}:entries"

    def space(self, space: str, dimensions: int) -> str:
        """The index of one vector space."""
        return f"{self.prefix}:{VERSION}:space:{hashed(f'{dimensions}:{space}')}"


def hashed(name: str) -> str:
    """32 hex digits that stand for a name of any length, in any script."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def vector_field(space: str, dimensions: int) -> str:
    """Each space has a field of its own: the vectors of a changed embedder are none to the other's index."""
    return f"{VECTOR}{hashed(f'{dimensions}:{space}')}"


def space_tags(space: str) -> str:
    """What `SPACE` holds of an entry whose question was read in `space`."""
    return f"{ASKED},{hashed(space)}"


def fields_of(tenant: str, entry: Entry, *, vector: Vector | None, space: str) -> dict[str, str | bytes]:
    """The hash of an entry."""
    named = {name: getattr(entry, name) for name in _NAMES if name not in _APART}
    meta = {name: value.hex() if name in _BYTES else value for name, value in named.items()} | {"tenant": tenant}
    held: dict[str, str | bytes] = {
        META: orjson.dumps(meta),
        BODY: entry.body,
        EXPIRES_AT: repr(float(entry.expires_at)),
        "tenant": hashed(tenant),
        SIZE: str(len(entry.body) + len(entry.question or "") + (0 if vector is None else vector.nbytes)),
        "id": hashed(entry.cache_id),
        "pinned": str(int(entry.pinned)),
        "namespace": hashed(entry.namespace),
        "model_group": hashed(entry.model_group),
    }
    if entry.tags:
        held["tags"] = ",".join(map(hashed, entry.tags))
    if vector is not None:
        held["partition"] = entry.partition.hex()
        held[vector_field(space, len(vector))] = vector.tobytes()
        if entry.question is not None:
            held[SPACE] = space_tags(space)
    return held


def lifetime_ms(expires_at: float, now: float) -> int:
    """How long the server is to keep what expires then; 0 where that is over.

    A span, not a moment: the server's clock may differ from ours.
    """
    return max(0, min(math.ceil((expires_at - now) * 1_000), _LONGEST_MS)) if expires_at > now else 0


@dataclass(frozen=True, slots=True)
class Found:
    """An entry as the server had it, and whose it is."""

    tenant: str
    entry: Entry

    def lives(self, now: float) -> bool:
        """Whether it may still be served."""
        return self.entry.pinned or self.entry.expires_at > now

    def neighbour(self, similarity: float) -> Neighbour | None:
        """As a candidate for a question; None where it has none."""
        e = self.entry
        if e.question is None:
            return None
        return Neighbour(e.key, e.question, similarity, e.answer_id, e.origin, e.created_at)


Raw = str | bytes | None  # as the server said it, decoded or not


def found(meta: Raw, expires_at: Raw, extended_to: Raw = None, body: bytes | None = None) -> Found | None:
    """What the fields of that name and the extension say; None where the entry is gone, or was maimed."""
    if meta is None or expires_at is None:
        return None
    told = orjson.loads(meta)
    values: dict[str, Any] = {name: told[name] for name in _NAMES if name in told}
    values |= {name: bytes.fromhex(values[name]) for name in _BYTES & values.keys()}
    ends = float(expires_at) if extended_to is None else max(float(expires_at), float(extended_to))
    values |= {"tags": tuple(values.get("tags", ())), "expires_at": ends, "body": body or b""}
    return Found(told["tenant"], Entry(**values))


def names(selector: Selector, tenant: str, entry: Entry) -> bool:
    """Whether `selector` means this entry: every field that is given holds."""
    return (
        selector.tenant in (None, tenant)
        and (selector.cache_id is None or selector.cache_id.lower() == entry.cache_id)
        and selector.namespace in (None, entry.namespace)
        and selector.model_group in (None, entry.model_group)
        and selector.pinned in (None, entry.pinned)
        and (selector.tag is None or selector.tag in entry.tags)
        and selector.without_tag not in entry.tags
        and (selector.text is None or _within(selector.text, entry.question))
    )


def _within(text: str, question: str | None) -> bool:
    return question is not None and text.casefold() in question.casefold()
