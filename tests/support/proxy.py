"""A running stock LiteLLM proxy, and the real OpenAI SDK to ask it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, Literal

import anthropic
import httpx
import openai

from tests.support.answers import Answer, Metrics, StreamedAnswer
from tests.support.process import ProxyProcess
from tests.support.waiting import eventually

Route = Literal["v1", "bare", "host"]
ROUTES: tuple[Route, ...] = ("v1", "bare", "host")
_TIMEOUT_S = 60.0


class RunningProxy(ProxyProcess):
    """A context manager that starts and stops it. Its clients never retry, and are closed with it."""

    def __init__(
        self,
        config: Mapping[str, Any],
        folder: Path,
        *,
        provider_url: str,
        num_workers: int = 1,
        env: Mapping[str, str] | None = None,
        forked: bool = True,
    ) -> None:
        super().__init__(config, folder, provider_url=provider_url, num_workers=num_workers, env=env, forked=forked)
        self._anthropics: dict[str, anthropic.Anthropic] = {}
        self._clients: dict[tuple[str, Route], openai.OpenAI] = {}
        # A connection for each request: after an error of its own the host closes one that the client thinks is alive.
        one_each = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(base_url=self.url, timeout=_TIMEOUT_S, trust_env=False, limits=one_each)

    def close(self) -> None:
        """Stop it and close the clients."""
        super().close()
        for client in self._clients.values():
            client.close()
        for other in self._anthropics.values():
            other.close()
        self._http.close()

    # Asking

    def client(self, key: str, route: Route = "v1") -> openai.OpenAI:
        """The OpenAI SDK with `key`.

        `v1` and `bare` take the pack's front route, `host` (Azure's spelling) the host's own cache look-up.
        """
        if (key, route) not in self._clients:
            self._clients[key, route] = self._new_client(key, route)
        return self._clients[key, route]

    def anthropic(self, key: str) -> anthropic.Anthropic:
        """Anthropic's SDK with `key`."""
        if key not in self._anthropics:
            http = httpx.Client(trust_env=False, timeout=_TIMEOUT_S)
            self._anthropics[key] = anthropic.Anthropic(base_url=self.url, api_key=key, max_retries=0, http_client=http)
        return self._anthropics[key]

    def async_client(self, key: str) -> openai.AsyncOpenAI:
        """The asynchronous SDK, for `async with`."""
        http = httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_S)
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, http_client=http)

    def ask(self, key: str, text: str = "", *, model: str = "gpt-4.1", route: Route = "v1", **body: Any) -> Answer:
        """One chat completion. `text` is the whole conversation unless `messages` are given."""
        body.setdefault("messages", [{"role": "user", "content": text}])
        raw = self.client(key, route).chat.completions.with_raw_response.create(model=model, **body)
        return Answer(raw.parse(), raw.headers, raw.http_response.json())

    def ask_streamed(
        self, key: str, text: str = "", *, model: str = "gpt-4.1", route: Route = "v1", **body: Any
    ) -> StreamedAnswer:
        """The same, streamed to its end."""
        body.setdefault("messages", [{"role": "user", "content": text}])
        raw = self.client(key, route).chat.completions.with_raw_response.create(model=model, stream=True, **body)
        with raw.parse() as stream:
            return StreamedAnswer(list(stream), raw.headers)

    def teach(self, key: str, text: str = "", **body: Any) -> Answer:
        """Ask, and return once the answer has been stored: storing is asynchronous."""
        answer = self.ask(key, text, **body)
        eventually(lambda: self.has_stored(answer.body.id), what="the answer to be stored")
        return answer

    def teach_streamed(self, key: str, text: str = "", **body: Any) -> StreamedAnswer:
        """The same, streamed."""
        answer = self.ask_streamed(key, text, **body)
        eventually(lambda: self.has_stored(answer.chunks[0].id), what="the streamed answer to be stored")
        return answer

    def http(self, method: str, path: str, key: str | None = None, **arguments: Any) -> httpx.Response:
        """Any request, for what the SDK cannot say."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return self._http.request(method, path, headers={**headers, **arguments.pop("headers", {})}, **arguments)

    def stream(self, method: str, path: str, **arguments: Any) -> AbstractContextManager[httpx.Response]:
        """Any request whose answer is read bit by bit, or left."""
        return self._http.stream(method, path, **arguments)

    # Looking

    @property
    def database(self) -> Path:
        """The pack's file."""
        return self.folder / "data" / "litellm_plugins.db"

    def has_stored(self, words: str) -> bool:
        """Whether the file holds an answer with these words (its id, or the simulator's mark, see `mark_of`)."""
        if not self.database.exists():
            return False
        with closing(sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True, timeout=5)) as db:
            try:
                rows = db.execute("SELECT 1 FROM cache_entries WHERE instr(CAST(body AS TEXT), ?)", (words,))
                return rows.fetchone() is not None
            except sqlite3.OperationalError:  # the schema is not there yet
                return False

    def metrics(self) -> Metrics:
        """What /metrics says now."""
        return Metrics.parse(self.http("GET", "/metrics/", self.master_key).raise_for_status().text)

    def _new_client(self, key: str, route: Route) -> openai.OpenAI:
        http = httpx.Client(trust_env=False, timeout=_TIMEOUT_S)
        common: dict[str, Any] = {"api_key": key, "max_retries": 0, "http_client": http}
        if route == "host":
            return openai.AzureOpenAI(azure_endpoint=self.url, api_version="2024-10-21", **common)
        return openai.OpenAI(base_url=f"{self.url}/v1" if route == "v1" else self.url, **common)
