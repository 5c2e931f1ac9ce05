"""The caches that `cache.py` compares, each behind the same two calls, with the defaults of its own documentation."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson

from litellm_plugins.cache.answers import text_of
from litellm_plugins.cache.backends import sqlite, sqlite_labels
from litellm_plugins.cache.layers import CacheLayers, Verdict
from litellm_plugins.cache.verifier.prior import shipped_prior
from litellm_plugins.cache.verifier.verifier import Verifier
from litellm_plugins.embedding.local import BUNDLED, LocalEmbedder
from litellm_plugins.embedding.onnx_model import DIMENSIONS, OnnxModel
from litellm_plugins.model import Identity, Reply, Request
from litellm_plugins.settings import Cache
from litellm_plugins.storage.sqlite import SqliteFile

_WHO = Identity(key_id="benchmark", team_id="benchmark")
_NO_REDIS = "no Redis with a search engine on this machine"
_PLENTY = 1_000_000


class Missing(Exception):
    """A contender cannot run here; the message says what it lacks."""


class Contender(Protocol):
    """A cache; the group of a request stands for its answer."""

    async def look_up(self, text: str) -> str | None:
        """The group that is served; None on a miss."""

    async def store(self, text: str, group: str) -> None:
        """Keep the answer to the request that missed last."""

    async def aclose(self) -> None:
        """Let go of everything."""


@dataclass(frozen=True)
class Place:
    """Where contenders may keep things."""

    folder: Path
    redis_url: str | None
    seed: int


def contenders() -> dict[str, Callable[[Place], Contender]]:
    """By name; the first is what the others are compared with."""
    return {
        "ours, promise 0.01, SQLite": partial(Ours, on_redis=False),
        "ours, promise 0.01, Redis": partial(Ours, on_redis=True),
        "GPTCache, its defaults (0.8)": GptCache,
        "redisvl SemanticCache, its default (distance 0.1)": RedisVl,
        "LiteLLM redis-semantic, its docs' 0.8": LiteLlm,
        **{
            f"cosine {threshold:.2f}, in memory": partial(Cosine, threshold=threshold) for threshold in (0.8, 0.9, 0.95)
        },
    }


class Ours:
    """The real layers and stores, as the proxy puts them together."""

    def __init__(self, place: Place, *, on_redis: bool) -> None:
        self._embedder = LocalEmbedder()
        space, draw = self._embedder.model_id, random.Random(place.seed + 1).random
        if on_redis:
            store, labels = _redis_stores(place)
        else:
            file = SqliteFile(place.folder / "ours.db", schema=(*sqlite.SCHEMA, *sqlite_labels.SCHEMA))
            store, labels = sqlite.SqliteCacheStore(file, max_bytes=1 << 40), sqlite_labels.SqliteLabelStore(file)
        self._verifier = Verifier(labels, space=space, prior=shipped_prior(space), draw=draw)
        self._layers = CacheLayers(
            store=store, embedder=self._embedder, verifier=self._verifier, comparer=_ByGroup(), draw=draw
        )
        self._policy = Cache.model_validate(
            {
                "enabled": True,
                "ttl_s": 86_400,
                "lookup_timeout_ms": 60_000,
                "semantic": {"max_error_rate": 0.01},
                "volatility": {"enabled": False},  # the groups say what is the same answer, whoever asks
            }
        )
        self._missed: tuple[Request, Verdict] | None = None

    async def look_up(self, text: str) -> str | None:
        request = Request("chat", "model", ({"role": "user", "content": text},), {}, _WHO)
        verdict = await self._layers.look_up(request, self._policy)
        self._missed = (request, verdict)
        return None if verdict.entry is None else text_of(orjson.loads(verdict.entry.body))

    async def store(self, text: str, group: str) -> None:
        assert self._missed is not None
        request, verdict = self._missed
        answer = {"choices": [{"message": {"role": "assistant", "content": group}, "finish_reason": "stop"}]}
        await self._layers.remember(verdict, request, Reply(answer, "model", "provider", "model"), self._policy)
        await self._verifier.settled()

    async def aclose(self) -> None:
        await self._layers.aclose()


class _ByGroup:
    async def same(self, fresh: Mapping[str, Any], cached: bytes, question: str | None = None) -> bool:
        return text_of(fresh) == text_of(orjson.loads(cached))


def _redis_stores(place: Place) -> tuple[Any, Any]:
    from litellm_plugins.cache.backends.redis import RedisCacheStore
    from litellm_plugins.cache.backends.redis_fields import Names
    from litellm_plugins.cache.backends.redis_labels import RedisLabelStore
    from litellm_plugins.storage.redis import RedisServer

    if place.redis_url is None:
        raise Missing(_NO_REDIS)
    server, names = RedisServer(place.redis_url, timeout_s=60, max_connections=8), Names("benchmark")
    return RedisCacheStore(server, names), RedisLabelStore(server, names)


class _Plain:
    """What those share that are called in the foreground."""

    def __init__(self) -> None:
        self._model = OnnxModel(BUNDLED, threads=1)

    def embed(self, text: str) -> Any:
        return self._model.embed(text, 256).vector

    async def aclose(self) -> None:
        """Nothing is held."""


class Cosine(_Plain):
    """The nearest question's answer wherever its cosine reaches the threshold."""

    def __init__(self, place: Place, *, threshold: float) -> None:
        super().__init__()
        self._threshold = threshold
        self._vectors, self._groups = np.empty((1_024, DIMENSIONS), np.float32), list[str]()

    async def look_up(self, text: str) -> str | None:
        self._asked = self.embed(text)
        if not self._groups:
            return None
        similarities = self._vectors[: len(self._groups)] @ self._asked
        best = int(similarities.argmax())
        return self._groups[best] if similarities[best] >= self._threshold else None

    async def store(self, text: str, group: str) -> None:
        if len(self._groups) == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.empty_like(self._vectors)])
        self._vectors[len(self._groups)] = self._asked
        self._groups.append(group)


class GptCache(_Plain):
    """As its README has it: SQLite and FAISS, the search's distance as evaluation, threshold 0.8.

    0.8 of its scale means a cosine of 0.6. `max_size` alone is not its default: that throws away all but 1,000.
    """

    def __init__(self, place: Place) -> None:
        super().__init__()
        try:
            import faiss  # noqa: F401 - else GPTCache would install it by itself
            import sqlalchemy  # noqa: F401 - likewise
            from gptcache import Cache as TheirCache
            from gptcache.adapter import api
            from gptcache.manager import manager_factory
            from gptcache.processor.pre import get_prompt
            from gptcache.similarity_evaluation import SearchDistanceEvaluation
        except ImportError as exc:
            raise Missing(f"{exc}; pip install gptcache==0.1.44 faiss-cpu sqlalchemy") from exc
        folder = place.folder / "gptcache"
        folder.mkdir()
        self._api, self._cache = api, TheirCache()
        self._cache.init(
            pre_embedding_func=get_prompt,
            embedding_func=lambda text, **_: self.embed(text),
            data_manager=manager_factory(
                "sqlite,faiss", data_dir=str(folder), max_size=_PLENTY, vector_params={"dimension": DIMENSIONS}
            ),
            similarity_evaluation=SearchDistanceEvaluation(),
        )

    async def look_up(self, text: str) -> str | None:
        found = self._api.get(text, cache_obj=self._cache)
        return None if found is None else str(found)

    async def store(self, text: str, group: str) -> None:
        self._api.put(text, group, cache_obj=self._cache)

    async def aclose(self) -> None:
        self._cache.data_manager.close()
        self._cache.data_manager = contextlib.ExitStack()  # it is closed again at exit, when the folder is gone


class RedisVl(_Plain):
    """redisvl's own cache with nothing set."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        if place.redis_url is None:
            raise Missing(_NO_REDIS)
        from redisvl.extensions.cache.llm import SemanticCache
        from redisvl.utils.vectorize import CustomTextVectorizer

        vectorizer = CustomTextVectorizer(lambda text, **_: self.embed(text).tolist())
        self._cache = SemanticCache(name="benchmark-redisvl", redis_url=place.redis_url, vectorizer=vectorizer)

    async def look_up(self, text: str) -> str | None:
        found = self._cache.check(prompt=text)
        return str(found[0]["response"]) if found else None

    async def store(self, text: str, group: str) -> None:
        self._cache.store(prompt=text, response=group)


class LiteLlm(_Plain):
    """LiteLLM's class, fed directly; its embedding calls go through LiteLLM to a provider inside this process.

    All requests get one cache key, so that any may be answered with any other's answer.
    """

    def __init__(self, place: Place) -> None:
        super().__init__()
        if place.redis_url is None:
            raise Missing(_NO_REDIS)
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        import litellm
        from litellm.caching.redis_semantic_cache import RedisSemanticCache

        litellm.custom_provider_map = [{"provider": "benchmark", "custom_handler": _provider(self.embed)}]
        self._cache = RedisSemanticCache(
            redis_url=place.redis_url, similarity_threshold=0.8, embedding_model="benchmark/minilm"
        )

    async def look_up(self, text: str) -> str | None:
        found = self._cache.get_cache("one", messages=[{"role": "user", "content": text}])
        return str(found["group"]) if isinstance(found, dict) else None

    async def store(self, text: str, group: str) -> None:
        self._cache.set_cache("one", {"group": group}, messages=[{"role": "user", "content": text}])


def _provider(embed: Callable[[str], Any]) -> Any:
    from litellm import CustomLLM
    from litellm.types.utils import EmbeddingResponse

    class Provider(CustomLLM):
        def embedding(self, model: str, input: Any, *_: Any, **__: Any) -> EmbeddingResponse:  # noqa: A002
            texts = [input] if isinstance(input, str) else input
            rows = [
                {"object": "embedding", "index": i, "embedding": embed(text).tolist()} for i, text in enumerate(texts)
            ]
            return EmbeddingResponse(model=model, data=rows)

    return Provider()
