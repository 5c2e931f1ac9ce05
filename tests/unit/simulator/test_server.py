"""Starting and stopping."""

import socket

import httpx
import pytest
from litellm.constants import AIOHTTP_KEEPALIVE_TIMEOUT

from litellm_plugins.simulator import Simulator, SimulatorProcess, SimulatorSettings
from litellm_plugins.simulator.server import _server

AT_ONCE = SimulatorSettings(latency_scale=0)


def test_it_listens_on_this_machine_only() -> None:
    """A server that answers anybody must not be reachable by anybody."""
    with Simulator(AT_ONCE) as simulator:
        assert simulator.url.startswith("http://127.0.0.1:")


def test_it_is_gone_after_the_stop() -> None:
    """A test suite starts many of them."""
    with Simulator(AT_ONCE) as simulator:
        url = simulator.url
        assert httpx.get(f"{url}/health").status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")
    with pytest.raises(RuntimeError, match="not running"):
        _ = simulator.url


def test_a_taken_port_is_said_at_once() -> None:
    """A demo that waits for a server that cannot start tells nobody anything."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        Simulator(AT_ONCE, port=taken.getsockname()[1]).start()


def test_it_runs_in_a_process_of_its_own() -> None:
    """Benchmarks must not count the provider's work as the proxy's."""
    with SimulatorProcess(SimulatorSettings(latency_scale=0, api_key="sk-1")) as simulator:
        assert simulator.pid is not None
        assert simulator.count() == 0
        listed = httpx.get(f"{simulator.url}/v1/models", headers={"authorization": "Bearer sk-1"})
        assert listed.status_code == 200
        assert simulator.count("models") == 1
        url = simulator.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")


def test_a_process_that_cannot_start_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    """Its own words are on stderr."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(RuntimeError, match="not start"):
        SimulatorProcess(AT_ONCE, port=taken.getsockname()[1]).start()
    assert "in use" in capfd.readouterr().err


def test_a_negative_scale_is_refused() -> None:
    """Settings fail where they are made, not where they are used."""
    with pytest.raises(ValueError, match="latency_scale"):
        SimulatorSettings(latency_scale=-1)


def test_it_keeps_connections_for_longer_than_the_proxy_does() -> None:
    """Closed first by the provider, one is gone just as a request is sent on it: "Connection error.", HTTP 500."""
    assert _server(AT_ONCE).config.timeout_keep_alive > AIOHTTP_KEEPALIVE_TIMEOUT
