"""The memory of the server, as it says itself."""

from __future__ import annotations

from redis import Redis

from litellm_plugins.storage.redis import RedisServer as Connection
from tests.support.redis_server import RedisServer


async def test_the_server_says_how_much_it_uses_and_may_use(redis_server: RedisServer) -> None:
    with Redis.from_url(redis_server.url) as client:
        before = client.config_get("maxmemory")["maxmemory"]
        connection = Connection(redis_server.url, timeout_s=5, max_connections=2)
        try:
            client.config_set("maxmemory", 0)
            used, most = await connection.memory()
            assert used > 100_000
            assert most is None
            client.config_set("maxmemory", 256 * 1024 * 1024)
            assert (await connection.memory())[1] == 256 * 1024 * 1024
        finally:
            client.config_set("maxmemory", before)
            await connection.aclose()
