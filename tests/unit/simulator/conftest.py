"""One simulator that answers at once, and the real SDKs against it."""

from collections.abc import AsyncIterator, Iterator

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from litellm_plugins.simulator import Simulator, SimulatorSettings


@pytest.fixture(scope="session")
def running() -> Iterator[Simulator]:
    with Simulator(SimulatorSettings(latency_scale=0)) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    """The running one, with nothing recorded."""
    running.clear()
    return running


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{simulator.url}/v1", api_key="sk-secret", max_retries=0) as client:
        yield client


@pytest.fixture
async def claude(simulator: Simulator) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=simulator.url, api_key="sk-secret", max_retries=0) as client:
        yield client
