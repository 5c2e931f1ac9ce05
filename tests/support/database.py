"""A proxy with LiteLLM's own virtual keys, and what an admin does with them over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.config import PACK, proxy_config
from tests.support.postgres import PostgresServer, why_no_postgres
from tests.support.prisma import prisma_env, why_no_prisma
from tests.support.proxy import RunningProxy
from tests.support.waiting import eventually


def why_no_database() -> str | None:
    """What this machine lacks for a proxy with a database; None where it lacks nothing."""
    return why_no_postgres() or why_no_prisma()


def database_config(provider_url: str, **pieces: Any) -> dict[str, Any]:
    """`proxy_config` without our keys: the host's are the only ones. `pieces` as there."""
    config = proxy_config(provider_url, **pieces)
    del config["callback_settings"][PACK]["virtual_keys"]
    for ours in ("custom_auth", "custom_auth_run_common_checks"):
        del config["general_settings"][ours]
    return config


class DatabaseProxy(RunningProxy):
    """Asked and watched as any other; its teams and keys are made through the host's own routes."""

    boot_timeout_s = 200.0  # it imports and connects Prisma's client, too

    def new_team(self, alias: str, **fields: Any) -> str:
        """A team; its id."""
        return str(self.admin("POST", "/team/new", team_alias=alias, **fields)["team_id"])

    def new_key(self, *, team: str | None = None, **fields: Any) -> str:
        """A virtual key, of a team or of none; its secret."""
        if team is not None:
            fields["team_id"] = team
        return str(self.admin("POST", "/key/generate", **fields)["key"])

    def key_info(self, key: str) -> dict[str, Any]:
        """What the host knows of a key."""
        found: dict[str, Any] = self.http("GET", "/key/info", self.master_key, params={"key": key}).json()["info"]
        return found

    def delete_keys(self, *keys: str) -> None:
        """Away with them."""
        self.admin("POST", "/key/delete", keys=list(keys))

    def block(self, key: str) -> None:
        """Refused from now on, until it is unblocked."""
        self.admin("POST", "/key/block", key=key)

    def unblock(self, key: str) -> None:
        """As before."""
        self.admin("POST", "/key/unblock", key=key)

    def status_of(self, key: str, text: str, model: str = "gpt-4.1") -> int:
        """The HTTP status with which a question is answered or refused."""
        body = {"model": model, "messages": [{"role": "user", "content": text}]}
        return self.http("POST", "/v1/chat/completions", key, json=body).status_code

    def spend_logs(self, key: str) -> list[dict[str, Any]]:
        """What the host has written down of a key's requests. It writes every so often: see `proxy_batch_write_at`."""
        found = self.http("GET", "/spend/logs", self.master_key, params={"api_key": key}).raise_for_status().json()
        return [row for row in found if isinstance(row, dict)]

    def spent_usd(self, key: str, *, at_least: float) -> float:
        """The host's own sum for a key, once it has come to `at_least`."""
        eventually(lambda: self.key_info(key)["spend"] >= at_least, what="the host to book it", timeout_s=60)
        return float(self.key_info(key)["spend"])

    def admin(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """A request of the master key's that must succeed; its answer."""
        response = self.http(method, path, self.master_key, json=body)
        assert response.status_code == httpx.codes.OK, f"{method} {path}: {response.text}"
        answer: dict[str, Any] = response.json()
        return answer


@contextmanager
def database_proxy(
    postgres: PostgresServer,
    config: Mapping[str, Any],
    folder: Path,
    *,
    provider_url: str,
    num_workers: int = 1,
    env: Mapping[str, str] | None = None,
) -> Iterator[DatabaseProxy]:
    """One that runs on a database of its own."""
    database = {"DATABASE_URL": postgres.database(folder.name), **prisma_env(), **(env or {})}
    proxy = DatabaseProxy(config, folder, provider_url=provider_url, num_workers=num_workers, env=database)
    proxy.boot_timeout_s *= num_workers
    with proxy:
        yield proxy
