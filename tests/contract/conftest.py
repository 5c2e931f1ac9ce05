"""The host facts that the pack stands on: a new LiteLLM version is tried here first, and what fails says why."""

from __future__ import annotations

import sys
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support import Provider, RunningProxy, eventually, model, proxy_config
from tests.support.fixtures import provider, question, slow_provider

__all__ = ["provider", "question", "slow_provider"]

_PROBE = Path(__file__).parent / "probe"


@pytest.fixture(scope="session")
def host() -> Any:
    """`litellm.proxy.proxy_server`, imported into the tests' own process. Nothing runs in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the host's own
        from litellm import ModelResponse
        from litellm.proxy import proxy_server

        ModelResponse()  # its pydantic schemas are built on first use, with warnings of their own
    return proxy_server


@dataclass
class Contract:
    """A stock proxy with the pack and with a probe that writes down what the host does."""

    proxy: RunningProxy
    provider: Provider
    _names: set[str] = field(default_factory=set)

    def key(self, *claims: str) -> str:
        """A key of its own: `key("rpm=4")`. All are of one team."""
        return ":".join(["sk-contract", *claims, uuid.uuid4().hex])

    def call_id(self) -> dict[str, Any]:
        """An id for one request, to be passed to `ask(**...)`."""
        return {"extra_headers": {"x-litellm-call-id": f"contract-{uuid.uuid4()}"}}

    def events(self, call: dict[str, Any], *, until: str | None = None) -> list[dict[str, Any]]:
        """What was seen of it so far; `until` an event of that kind was."""

        def seen() -> list[dict[str, Any]]:
            path = f"/contract/events/{call['extra_headers']['x-litellm-call-id']}"
            found: list[dict[str, Any]] = self.proxy.http("GET", path).raise_for_status().json()
            return found

        def done() -> bool:
            return until is None or any(event["what"] == until for event in seen())

        eventually(done, what=f"the event {until}")
        return seen()

    def facts(self) -> dict[str, Any]:
        """What the probe saw at import, and what is so now."""
        found: dict[str, Any] = self.proxy.http("GET", "/contract/facts").raise_for_status().json()
        return found

    def set_loud(self, on: bool) -> None:
        """With it on, requests take the host's own route only."""
        self.proxy.http("POST", "/contract/loud", params={"on": on}).raise_for_status()


@pytest.fixture(scope="session")
def contract(
    provider: Provider, slow_provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Contract]:
    """One for the whole suite."""
    config = proxy_config(
        provider.url,
        more_models=[
            model("slow", slow_provider.url, "gpt-4.1"),
            model("flaky", provider.url, "gpt-4.1", extra_headers={"x-simulator-fault": "error:500"}),
            model("flaky", provider.url, "gpt-4.1"),
            model("regional", provider.url, "gpt-4.1", tags=["eu"]),
            model("regional", provider.url, "gpt-4.1-mini", tags=["us"]),
            model(
                "half-regional", provider.url, "gpt-4.1", tags=["eu"], extra_headers={"x-simulator-fault": "error:500"}
            ),
            model("half-regional", provider.url, "gpt-4.1-mini", tags=["eu"]),
            model("half-regional", provider.url, "gpt-4.1-nano", tags=["us"]),
        ],
        litellm_settings={"callbacks": ["litellm_plugins.proxy.handler", "contract_callbacks.quiet"]},
        general_settings={"custom_auth": "contract_auth.identify"},
        router_settings={"num_retries": 1, "enable_tag_filtering": True},
        callback_settings={"contract": {"plain": 1, "secret": "os.environ/CONTRACT_SECRET"}},
    )
    folder = tmp_path_factory.mktemp("contract")
    env = {"PYTHONPATH": str(_PROBE), "CONTRACT_SECRET": "from-the-environment"}
    with RunningProxy(config, folder, provider_url=provider.url, env=env) as proxy:
        yield Contract(proxy, provider)


@pytest.fixture
def loud(contract: Contract) -> Iterator[Contract]:
    """The same while the loud callback takes part."""
    contract.set_loud(True)
    try:
        yield contract
    finally:
        contract.set_loud(False)


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the import path; what was imported from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
