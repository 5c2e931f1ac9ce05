"""Judged hits decided anew by the settings of the running proxy, and verdicts as a Langfuse dataset."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from litellm_plugins.cache.deciding import decide
from litellm_plugins.cache.store import Neighbour
from litellm_plugins.errors import PluginError, RequestError
from litellm_plugins.model import Identity, Reason
from litellm_plugins.proxy.langfuse.project import project_of
from litellm_plugins.proxy.review.undoing import hit_of
from litellm_plugins.review.given import limit_of
from litellm_plugins.review.items import Item
from litellm_plugins.review.langfuse_client import LangfuseClient
from litellm_plugins.review.replay import Decided, case, counted, dataset_item, left_out, one_each, with_text

if TYPE_CHECKING:
    from litellm_plugins.cache.pairs import PairStore
    from litellm_plugins.cache.verifier.verifiers import Verifiers
    from litellm_plugins.embedding.embedder import Embedder
    from litellm_plugins.review.store import ItemStore
    from litellm_plugins.settings import Cache, Policies

_DATASETS, _ITEMS = "/v2/datasets", "/dataset-items"
_ABOUT = "Answers that people have judged: kept by litellm-plugins."
_LONGEST_NAME = 100
_LIMIT = 1_000
_OF = ("limit", "days", "team", "tenant")  # which verdicts

Json = dict[str, Any]


class PromptsWithheld(PluginError):
    """The settings say that Langfuse is told no texts of users."""

    code = "prompts_withheld"
    http_status = 409


class HostReplay:
    """One per worker. `prompts`: may texts of users be told to Langfuse?"""

    def __init__(
        self,
        store: ItemStore,
        policies: Policies,
        pairs: PairStore,
        *,
        embedder: Embedder | None,
        verifiers: Callable[[], Verifiers | None],
        prompts: Callable[[], bool],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._store, self._policies, self._pairs = store, policies, pairs
        self._embedder, self._verifiers, self._prompts, self._environ = embedder, verifiers, prompts, environ

    async def run(self, given: Mapping[str, Any]) -> Json:
        """`GET /plugins/review/replay`: the newest verdicts first. Nothing is asked of a model, and nothing learnt."""
        items, of = await self._judged(given, _OF)
        cases = [await self._case(item) for item in items]
        out = Counter(str(each["left_out"]) for each in cases if each["left_out"])
        return {"of": of, "counts": counted(cases), "left_out": dict(out), "cases": cases}

    async def dataset(self, given: Mapping[str, Any], *, actor: str) -> Json:
        """`POST /plugins/review/dataset`: made once, and each verdict is one item of it, however often it is sent.

        Raises: RequestError, PromptsWithheld, LangfuseUnset, LangfuseFailed.
        """
        name = given.get("name")
        if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
            raise RequestError(f"name: expected 1 to {_LONGEST_NAME} characters", param="name")
        if not self._prompts():
            raise PromptsWithheld("telemetry.prompts is off: Langfuse is told no texts, and a dataset is made of them")
        found, of = await self._judged(given, ("name", *_OF))
        items = with_text(found)
        project = project_of(self._environ)
        client = LangfuseClient(project)
        try:
            await _dataset(client, name)
            for item in items:
                word = f"{project.public_key}\0{name}\0{item.pair}"  # an id is of one dataset
                id_ = hashlib.blake2b(word.encode(), digest_size=16, person=b"review-dataset").hexdigest()
                await client.put(_ITEMS, dataset_item(item, dataset=name, id_=id_))
        finally:
            await client.aclose()
        return {"dataset": name, "items": len(items), "of": of}

    async def _judged(self, given: Mapping[str, Any], names: tuple[str, ...]) -> tuple[list[Item], int]:
        """The newest, and how many there are."""
        for name in given:
            if name not in names:
                raise RequestError(f"{name}: unknown; known here: {', '.join(names)}", param=name)
        team, tenant = (_word(given, name) for name in ("team", "tenant"))
        since_s = 0.0 if given.get("days") is None else time.time() - _days(given["days"]) * 86_400
        known = await self._store.judged(since_s=since_s, team=team, tenant=tenant)
        each_once = await asyncio.to_thread(one_each, known)
        found = [await self._store.find(each.id) for each in each_once[: limit_of(given, _LIMIT)]]
        return [each for each in found if each is not None], len(each_once)

    async def _case(self, item: Item) -> Json:
        return case(item, None if left_out(item) else await self._decided(item))

    async def _decided(self, item: Item) -> Decided:
        hit = hit_of(item)
        barred = hit is not None and bool(hit.pairs) and await self._pairs.is_barred(hit.tenant, hit.pairs)
        team, key = item.team or None, item.key or None
        asker = Identity(key_alias=key, team_id=team, team_alias=team)
        policy = self._policies.cache_for(asker, item.model_group)
        aside = self._aside(policy)
        if aside is not None or self._embedder is None:
            return Decided(served=False, reason=str(aside or Reason.EXACT_ONLY), barred=barred)
        asked = await self._embedder.embed(item.question)
        matched = await self._embedder.embed(item.matched_question)
        if asked.partial:
            return Decided(served=False, reason=str(Reason.QUESTION_NOT_READ), barred=barred)
        similarity = float(asked.vector @ matched.vector)
        answer_id = b"" if hit is None else hit.answer_id
        neighbour = Neighbour(b"", item.matched_question, similarity, answer_id=answer_id)
        verifiers = self._verifiers()
        verifier = None if verifiers is None else verifiers.of("" if hit is None else hit.owner)
        judged = await decide(item.question, [neighbour], policy.semantic, verifier=verifier, checks=False)
        return Decided(judged.neighbour is not None, str(judged.reason), barred, similarity, judged.probability)

    def _aside(self, policy: Cache) -> Reason | None:
        if not policy.enabled:
            return Reason.DISABLED
        return None if policy.semantic.enabled else Reason.EXACT_ONLY


async def _dataset(client: LangfuseClient, name: str) -> None:
    async for page in client.pages(_DATASETS):
        if any(each.get("name") == name for each in page):
            return
    await client.put(_DATASETS, {"name": name, "description": _ABOUT})  # one of that name is kept as it is


def _word(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise RequestError(f"{name}: expected a text", param=name)
    return value or None


def _days(given: object) -> float:
    try:
        days = float(str(given))
    except ValueError:
        days = 0.0
    if not 0 < days <= 3_650:
        raise RequestError("days: expected a number of days", param="days")
    return days
