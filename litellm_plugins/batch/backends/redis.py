"""Deferred requests in Redis, for any number of machines. Every key has the same part in braces: one cluster node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellm_plugins.batch.queue import MOST_BYTES, Batch, Deferred, Put, Stage, Status, Waiting, oldest_first

if TYPE_CHECKING:
    from litellm_plugins.storage.redis import RedisServer

VERSION = 1  # of this layout
_STEPS = (Path(__file__).with_name("lua") / "queue.lua").read_text(encoding="utf-8")
_BYTES = frozenset({"body", "about", "answer"})
_SWEPT_AT_ONCE = 1_000


class RedisQueue:
    """Keeps `Queue`. The server's connections belong to the entries' store, which closes them."""

    def __init__(self, server: RedisServer, prefix: str) -> None:
        self._server = server
        self._base = f"{prefix}:{VERSION}:{{deferred}}:"

    async def put(self, request: Deferred, *, most: int, most_of_tenant: int | None = None) -> Put:
        bounds = (most, "" if most_of_tenant is None else most_of_tenant)
        head = (request.id, repr(request.created_s), repr(request.expires_s), request.model_group, request.tenant)
        return Put((await self._do("put", *bounds, *head, *_pairs(request))).decode())

    async def find(self, id_: str, *, tenant: str) -> Deferred | None:
        found = await self._read(id_)
        return found if found is not None and found.tenant == tenant else None

    async def cancel(self, id_: str, *, tenant: str, now_s: float) -> Deferred | None:
        await self._do("cancel", id_, tenant, repr(now_s))
        return await self.find(id_, tenant=tenant)

    async def lease(self, owner: str, *, now_s: float, for_s: float) -> bool:
        return bool(await self._do("lease", owner, repr(now_s), repr(now_s + for_s)))

    async def release(self, owner: str) -> None:
        await self._do("release", owner)

    async def waiting(self) -> list[Waiting]:
        told = await self._do("waiting")
        return sorted(
            (Waiting(group.decode(), int(count), float(since)) for group, count, since in told),
            key=lambda each: each.model_group,
        )

    async def claim(self, batch: Batch, *, most: int, most_bytes: int = MOST_BYTES) -> list[Deferred]:
        return await self._all(await self._do("claim", batch.id, batch.model_group, most, most_bytes, *_pairs(batch)))

    async def batches(self) -> list[Batch]:
        ids: Any = await self._server.run(lambda redis: redis.zrange(f"{self._base}batches", 0, -1))
        found = [await self._fields(f"b:{id_.decode()}") for id_ in ids]
        return [_batch(told) for told in found if told]

    async def members(self, batch_id: str) -> list[Deferred]:
        ids: Any = await self._server.run(lambda redis: redis.zrange(f"{self._base}m:{batch_id}", 0, -1))
        return [each for each in await self._all(ids) if each.ended_s is None]

    async def note(self, batch: Batch) -> None:
        await self._do("note", batch.id, int(batch.stage is Stage.SUBMITTED), *_pairs(batch))

    async def drop(self, batch_id: str) -> None:
        await self._do("drop", batch_id)

    async def finish(
        self, id_: str, status: Status, *, now_s: float, reason: str = "", answer: bytes = b""
    ) -> Deferred | None:
        changed = await self._do("finish", id_, str(status), repr(now_s), reason, answer)
        return await self._read(id_) if changed else None

    async def overdue(self, *, now_s: float, most: int) -> list[Deferred]:
        return oldest_first(await self._all(await self._do("overdue", repr(now_s), most)))

    async def sweep(self, *, before_s: float) -> int:
        return int(await self._do("sweep", repr(before_s), _SWEPT_AT_ONCE))

    async def standing(self) -> dict[Status, int]:
        everything, submitted = await self._do("standing")
        return {Status.QUEUED: everything - submitted, Status.SUBMITTED: submitted}

    async def aclose(self) -> None:
        """Nothing is its own."""

    async def _do(self, step: str, *given: str | int | float | bytes) -> Any:  # noqa: ANN401 - as the step answers
        return await self._server.run(lambda redis: redis.register_script(_STEPS)([self._base], [step, *given]))

    async def _all(self, ids: list[bytes]) -> list[Deferred]:
        found = [await self._read(id_.decode()) for id_ in ids]
        return [each for each in found if each is not None]

    async def _read(self, id_: str) -> Deferred | None:
        told = await self._fields(f"r:{id_}")
        return _deferred(told) if told else None

    async def _fields(self, name: str) -> dict[str, bytes]:
        told: Any = await self._server.run(lambda redis: redis.hgetall(f"{self._base}{name}"))
        return {field.decode(): value for field, value in told.items()}


def _pairs(of: Deferred | Batch) -> list[str | bytes]:
    pairs: list[str | bytes] = []
    for field in fields(of):
        value = getattr(of, field.name)
        if not isinstance(value, bytes):
            value = "" if value is None else repr(value) if isinstance(value, float) else str(value)
        pairs += [field.name, value]
    return pairs


def _deferred(told: Mapping[str, bytes]) -> Deferred:
    texts = {name: value if name in _BYTES else value.decode() for name, value in told.items()}
    ended_s = told["ended_s"]
    return Deferred(
        **texts  # type: ignore[arg-type] # the numbers and the status come after
        | {
            "created_s": float(told["created_s"]),
            "expires_s": float(told["expires_s"]),
            "ended_s": float(ended_s) if ended_s else None,
            "status": Status(told["status"].decode()),
        }
    )


def _batch(told: Mapping[str, bytes]) -> Batch:
    texts = {name: value.decode() for name, value in told.items()}
    return Batch(
        **texts  # type: ignore[arg-type] # as above
        | {"touched_s": float(texts["touched_s"]), "stage": Stage(texts["stage"]), "tries": int(texts["tries"])}
    )
