"""Two ways to the same operations: the running proxy's routes, or the store itself where no proxy runs."""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import click
import httpx

from litellm_plugins.cli import config_file
from litellm_plugins.errors import PluginError

if TYPE_CHECKING:
    from litellm_plugins.proxy.boot import Pack

_ROOT = "/plugins/cache"
_TIMEOUT_S = 300.0  # a batch of rows is embedded before the answer comes

Json = dict[str, Any]


class Client(Protocol):
    """Asks for one operation. Raises: click.ClickException in words."""

    def call(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> Json:
        """`given` is the query of a GET, the body of a POST."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class RemoteClient:
    """The proxy at `url`, as the admin who holds `key`."""

    def __init__(self, url: str, key: str, *, root: str = _ROOT) -> None:
        self._root = root
        self._url = url.rstrip("/")
        headers = {"authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=self._url, headers=headers, timeout=_TIMEOUT_S)

    def call(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> Json:
        arguments: dict[str, Any] = {"params": given} if method == "GET" else {"json": given}
        try:
            response = self._http.request(method, self._root + path, **arguments)
        except httpx.HTTPError as exc:
            raise click.ClickException(
                f"no proxy answers at {self._url} ({type(exc).__name__}); name another with --url, or give --config "
                "proxy_config.yaml to work on the store itself"
            ) from exc
        if response.status_code != httpx.codes.OK:
            raise click.ClickException(_message(response))
        body: Json = response.json()
        return body

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.close()


class LocalClient:
    """The store that a config names, opened in this process; a proxy may run beside it."""

    def __init__(self, path: Path) -> None:
        settings = config_file.our_settings(config_file.load(path))
        if settings is None:
            raise click.ClickException(f"{path}: no callback_settings.litellm_plugins block: there is no cache")
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # no download
        from litellm_plugins.proxy.boot import build

        self._pack: Pack = build(settings)
        logging.getLogger("litellm_plugins").setLevel(logging.WARNING)
        self._embeds_here = settings.cache.semantic.embedder == "local"
        self._runner = asyncio.Runner()

    def call(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> Json:
        if path in ("/curate", "/warm") and not self._embeds_here:
            raise click.ClickException(
                "cache.semantic.embedder is a model of the proxy's: this needs it running (--url)"
            )
        try:
            return self._runner.run(self._operation(method, path, given or {}))
        except PluginError as exc:
            raise click.ClickException(str(exc)) from exc

    async def _operation(self, method: str, path: str, given: Mapping[str, Any]) -> Json:
        admin, actor = self._pack.cache_admin, f"cli:{getpass.getuser()}"
        _, operation, *rest = path.split("/", 2)
        if method == "DELETE":
            return await admin.uncurate(rest[0], actor=actor)
        if rest:
            return await admin.entry(rest[0])
        if method == "GET":
            reading = {"stats": admin.stats, "entries": admin.entries, "audit": admin.audit, "gate": admin.gate}
            return await reading[operation](given)
        writing = {"invalidate": admin.invalidate, "curate": admin.curate, "warm": admin.warm}
        return await writing[operation](given, actor=actor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._runner.run(self._pack.pipeline.aclose())
        self._runner.close()


def _message(response: httpx.Response) -> str:
    try:
        return f"{response.status_code}: {response.json()['error']['message']}"
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} from {response.url}: is this a proxy with the pack, and this part of it on?"
