"""What is taken down beside an item so that a verdict can be carried out later: as JSON, and read again."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.cache.answers import answer_id_of
from litellm_plugins.cache.keys import owner_of
from litellm_plugins.cache.pairs import pairs_of, same_answer
from litellm_plugins.cache.reviewed import ServedHit, space_of
from litellm_plugins.model import Layer, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litellm_plugins.cache.store import Entry
    from litellm_plugins.pipeline import Decision
    from litellm_plugins.review.items import Item


def of_hit(decision: Decision, entry: Entry, space: str) -> str:
    """Of an answer out of the cache. Digests: no text of anybody stands outside what is sealed."""
    verdict = decision.verdict
    keys, assessed = verdict.keys, verdict.assessment
    by_meaning = verdict.layer is Layer.SEMANTIC and verdict.reason is not Reason.SAME_WORDS
    told: dict[str, Any] = {
        "tenant": "" if keys is None else keys.tenant,
        "partition": "" if keys is None else keys.partition.hex(),
        "owner": owner_of(decision.request.identity),
        "answer_id": entry.answer_id.hex(),
        "curated": entry.pinned,
    }
    if keys is not None and keys.question:
        if by_meaning and verdict.matched_question:
            pairs = pairs_of(keys.partition, keys.question, verdict.matched_question, entry.answer_id)
        else:  # it may lie under another question, too, which would be next
            pairs = [same_answer(keys.partition, keys.question, entry.answer_id)]
        told["pairs"] = [pair.hex() for pair in pairs]
    if assessed is not None and by_meaning:
        features = assessed.features.astype("float32").tobytes()
        told |= {"features": base64.b64encode(features).decode(), "space": space_of(space)}
    return _spelled(told)


def of_fresh(decision: Decision, body: Mapping[str, Any], at_s: float) -> str:
    """Of a model's answer that the cache may have kept for others; empty where it may not."""
    keys = decision.verdict.keys
    if keys is None or decision.verdict.is_hit or not body:
        return ""
    answer_id = answer_id_of(body)
    told: dict[str, Any] = {
        "tenant": keys.tenant,
        "partition": keys.partition.hex(),
        "owner": owner_of(decision.request.identity),
        "answer_id": answer_id.hex(),
        "stored_as": keys.exact.hex()[:32],
        "stored_at_s": at_s,
    }
    if keys.question:
        told["pairs"] = [same_answer(keys.partition, keys.question, answer_id).hex()]
    return _spelled(told)


def hit_of(item: Item) -> ServedHit | None:
    """None where nothing of it was kept for others, or of a tenant that is not known."""
    told = orjson.loads(item.hit) if item.hit else {}
    if not told.get("tenant"):
        return None
    return ServedHit(
        tenant=told["tenant"],
        owner=told.get("owner", ""),
        cache_id=item.cache_id or told.get("stored_as", ""),
        answer_id=bytes.fromhex(told.get("answer_id", "")),
        partition=bytes.fromhex(told.get("partition", "")),
        pairs=tuple(bytes.fromhex(pair) for pair in told.get("pairs", ())),
        is_curated=bool(told.get("curated")),
        features=base64.b64decode(told.get("features", "")),
        space=told.get("space", ""),
        stored_at_s=told.get("stored_at_s"),
    )


def _spelled(told: Mapping[str, Any]) -> str:
    return orjson.dumps({name: value for name, value in told.items() if value}).decode()
