"""The page's own routes on a server of their own: for what needs a desk, or a clock, that a proxy does not have."""

from __future__ import annotations

import asyncio
import threading
import time
import warnings
from pathlib import Path
from typing import Any, Self

import uvicorn
from fastapi import FastAPI

from litellm_plugins.proxy.insight.stores import InsightStores, open_insight
from litellm_plugins.settings import parse
from litellm_plugins.ui.door import Door, Opened
from litellm_plugins.ui.reading import Reader, Sources
from litellm_plugins.ui.teams import Team
from litellm_plugins.virtual_keys.live_keys import LiveKeys
from tests.support.process import free_port
from tests.support.shown_day import Desk

_STARTS_IN_S = 20.0


class _NoJournal:
    async def append(self, record: Any) -> None:
        """Nothing is written down here."""

    async def latest(self, **_: Any) -> list[Any]:
        return []


class UiServer:
    """A context manager; real routes, door and stores, in a thread."""

    def __init__(self, folder: Path, desk: Desk, **sources: Any) -> None:
        self.desk = desk
        pack = {
            "storage": {"url": f"sqlite:///{folder / 'pack.db'}"},
            "ui": {"enabled": True},
            "virtual_keys": {"teams": [{"id": "support"}, {"id": "sales"}]},
        }
        self.settings = parse(pack)
        self.stores: InsightStores = open_insight(self.settings)
        self.door = Door(
            self.stores.passes,
            master_key=lambda: "sk-master-of-the-tests",
            clock_ms=lambda: time.time_ns() // 1_000_000,
            session_ms=3_600_000,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the host's own
            from litellm_plugins.proxy.ui.entry import Entry
            from litellm_plugins.proxy.ui.page import HostUi
            from litellm_plugins.proxy.ui.routes import ui_routes

        reader = Reader(Sources(self.stores.usage, self.stores.anomalies, desk=desk, **sources))
        keys = LiveKeys(self.settings.virtual_keys)
        ui = HostUi(self.settings, self.door, Entry(self.door), reader, desk, keys, _NoJournal())
        app = FastAPI()
        app.router.routes[0:0] = ui_routes(ui)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/plugins/ui"
        config = uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="warning", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def session(self, team: str | None = None, *, by: str = "ada") -> str:
        """The cookie of an admin, or of who holds a token of this team."""
        return str(self._in_loop(self._opened(team, by)).secret)

    def token(self, team: str) -> str:
        """One for this team's owner."""
        return str(self._in_loop(self.door.hand_out(Team(team), days=1, by="ada")).secret)

    async def _opened(self, team: str | None, by: str) -> Opened:
        if team is None:
            return await self.door.open_for_admin(by)
        opened = await self.door.open_with((await self.door.hand_out(Team(team), days=1, by=by)).secret)
        assert opened is not None
        return opened

    def _in_loop(self, work: Any) -> Any:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=20)

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + _STARTS_IN_S
        while not self._server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self._in_loop(self.stores.usage.aclose())
        self._server.should_exit = True
        self._thread.join(timeout=20)

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await self._server.serve()

        asyncio.run(serve())
