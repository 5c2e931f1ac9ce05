"""A simulator that runs somewhere, as those who use it see it."""

from abc import ABC, abstractmethod
from typing import Any, Self

import httpx


class RunningSimulator(ABC):
    """A context manager that starts and stops it. What was asked of it is told over HTTP."""

    def __init__(self, api_key: str | None) -> None:
        self._base_url: str | None = None
        self._headers = {} if api_key is None else {"authorization": f"Bearer {api_key}"}

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def stop(self) -> None:
        """Does nothing where it does not run."""

    @property
    def url(self) -> str:
        """Without the `/v1`. Raises: RuntimeError, where it does not run."""
        if self._base_url is None:
            raise RuntimeError("the simulator is not running")
        return self._base_url

    def requests(self) -> list[dict[str, Any]]:
        """What was received, oldest first; see `recorder.Record`."""
        received: list[dict[str, Any]] = self._get("/simulator/requests").json()
        return received

    def count(self, endpoint: str | None = None) -> int:
        """How many requests there were since `clear`.

        `endpoint` is chat, completions, responses, input_tokens, messages, count_tokens, embeddings, models, files,
        file_content, create_batch, batches, cancel_batch or unknown.
        """
        counted = self._get("/simulator/count").json()
        return int(counted["count"] if endpoint is None else counted["by_endpoint"].get(endpoint, 0))

    def bill(self) -> dict[str, dict[str, int]]:
        """By model: what it would charge for what it was asked since `clear`: requests, prompt, completion tokens."""
        charged: dict[str, dict[str, int]] = self._get("/simulator/bill").json()["by_model"]
        return charged

    def batch_bill(self) -> dict[str, dict[str, int]]:
        """The same for requests of batches, since it was started: they cost half."""
        charged: dict[str, dict[str, int]] = self._get("/simulator/bill").json()["batches_by_model"]
        return charged

    def clear(self) -> None:
        """Forgets what was received."""
        httpx.delete(f"{self.url}/simulator/requests", headers=self._headers, trust_env=False).raise_for_status()

    def _get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers=self._headers, trust_env=False).raise_for_status()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
