"""The verifier's labels and fits in Redis: a stream of labels and a hash with the fit, for each domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litellm_plugins.cache.backends.redis_scripts import APPEND, KEEP_NEWER
from litellm_plugins.cache.verifier.labels import Label, unpacked

if TYPE_CHECKING:
    from litellm_plugins.cache.backends.redis_fields import Names
    from litellm_plugins.storage.redis import RedisServer

_KEPT = 10_000  # labels of a domain, about 3 MB; the oldest go first


class RedisLabelStore:
    """Keeps `LabelStore`. The server's connections belong to the entries' store, which closes them."""

    def __init__(self, server: RedisServer, names: Names) -> None:
        self._server, self._names = server, names

    async def add_label(self, domain: str, label: Label) -> int:
        key = self._names.labels(domain)
        fields: dict[str, str | bytes | int] = {
            "features": label.packed(),
            "right": int(label.right),
            "weight": repr(float(label.weight)),
            "requests": label.requests,
            "created_at": repr(float(label.created_at)),
        }
        if label.by:
            fields["by"] = label.by
        item = [_KEPT, *(part for pair in fields.items() for part in pair)]
        return int(await self._server.run(lambda redis: redis.register_script(APPEND)([key], item)))

    async def count_labels(self, domain: str) -> int:
        key = self._names.labels(domain)
        items: Any = await self._server.run(lambda redis: redis.xrevrange(key, count=1))
        return int(items[0][0].partition(b"-")[0]) if items else 0

    async def newest_labels(self, domain: str, limit: int) -> list[Label]:
        key = self._names.labels(domain)
        items: Any = await self._server.run(lambda redis: redis.xrevrange(key, count=limit))
        return [_label(fields) for _, fields in reversed(items)]

    async def save_fit(self, domain: str, version: int, fit: bytes) -> None:
        key = self._names.fit(domain)
        await self._server.run(lambda redis: redis.register_script(KEEP_NEWER)([key], [version, fit]))

    async def newest_fit(self, domain: str, *, above: int) -> tuple[int, bytes] | None:
        key = self._names.fit(domain)
        held: Any = await self._server.run(lambda redis: redis.hmget(key, ["version", "fit"]))
        version, fit = held
        return (int(version), fit) if version is not None and int(version) > above else None


def _label(fields: dict[bytes, bytes]) -> Label:
    return Label(
        features=unpacked(fields[b"features"]),
        right=fields[b"right"] == b"1",
        weight=float(fields[b"weight"]),
        requests=int(fields[b"requests"]),
        created_at=float(fields[b"created_at"]),
        by=fields.get(b"by", b"").decode(),
    )
