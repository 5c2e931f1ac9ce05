"""OpenAI's files and batches over HTTP, from a provider that is real, or says what a test wants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import litellm
import orjson
import pytest
from litellm import Router

from litellm_plugins.batch.provider import File, ProviderFault
from litellm_plugins.batch.queue import Batch, Deferred, Stage
from litellm_plugins.proxy.batch.provider import OpenAiBatches
from tests.support import Provider
from tests.support.certificates import certificate_of
from tests.support.receiver import Receiver

pytestmark = pytest.mark.filterwarnings("ignore:Items? .* on TypedDict class:UserWarning")  # the host's own
GROUP = "gpt-4.1-mini"
BODY = orjson.dumps({"model": GROUP, "messages": [{"role": "user", "content": "Hello"}]})
BATCH = Batch("b1", GROUP, 0.0, Stage.CREATING)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def refusing() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def batches(url: str, id_: str = "one") -> OpenAiBatches:
    where = {"model": f"openai/{GROUP}", "api_base": f"{url}/v1", "api_key": "sk-x"}
    router = Router(model_list=[{"model_name": GROUP, "litellm_params": where, "model_info": {"id": id_}}])
    return OpenAiBatches(lambda: router)


@pytest.fixture
def sealed_by_our_own(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server behind a certificate that nobody signed but itself, and that certificate."""
    key, file = tmp_path / "key.pem", tmp_path / "ca.pem"
    certificate_of("127.0.0.1", key=key, file=file)
    receiver = Receiver(certificate=(file, key))
    receiver.status = 400
    yield receiver.url, file
    receiver.close()


@pytest.mark.parametrize("told", ["litellm_settings", "SSL_VERIFY", "SSL_CERT_FILE", "off"])
async def test_it_trusts_whom_the_host_trusts(
    sealed_by_our_own: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    """A gateway of one's own on the way to the provider, with a certificate of one's own."""
    url, file = sealed_by_our_own
    for name in ("SSL_VERIFY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ProviderFault) as strange:
        await batches(url).create(BATCH, File("file-x", "one"))
    assert strange.value.kind == "provider_unreachable"

    if told.startswith("SSL_"):
        monkeypatch.setenv(told, str(file))
    else:
        monkeypatch.setattr(litellm, "ssl_verify", False if told == "off" else str(file))
    with pytest.raises(ProviderFault) as heard:
        await batches(url).create(BATCH, File("file-x", "one"))
    assert heard.value.kind == "provider_refused"


async def test_a_batch_is_only_looked_for_in_vain_where_it_was_sent(provider: Provider) -> None:
    """With another account it cannot be, and sending it there would pay for it twice."""
    asked = batches(provider.url)
    file = await asked.upload(BATCH, [Deferred("a", "t", GROUP, BODY, b"{}", 0, 1)])
    sent = replace(BATCH, deployment=file.deployment)
    assert await asked.look_up(sent) is None
    other = batches(provider.url, "two")  # as a config with a new key has it
    with pytest.raises(ProviderFault, match="no_deployment"):
        await other.look_up(sent)
    made = await asked.create(sent, file)
    assert await other.look_up(sent) == made


@pytest.mark.parametrize(
    ("status", "is_certain", "is_lasting"),
    [
        (400, True, True),
        (401, True, True),
        (429, True, False),
        (408, False, False),
        (409, False, False),
        (503, False, False),
    ],
)
async def test_what_may_have_been_begun_is_not_begun_again_without_a_look(
    refusing: Receiver, status: int, is_certain: bool, is_lasting: bool
) -> None:
    """A time-out may be told by something between us and a provider that is still at it."""
    refusing.status = status
    with pytest.raises(ProviderFault) as caught:
        await batches(refusing.url).create(BATCH, File("file-x", "one"))
    assert (caught.value.is_certain, caught.value.is_lasting) == (is_certain, is_lasting)


@pytest.mark.parametrize("place", ["base_url", "OPENAI_BASE_URL", "OPENAI_API_BASE"])
async def test_it_is_sent_where_the_host_would_send_it(
    refusing: Receiver, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """A server of one's own, or in one's own region, however the host was told of it."""
    refusing.status = 400
    where = f"{refusing.url}/v1"
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    own = {"base_url": where} if place == "base_url" else {}
    if not own:
        monkeypatch.setenv(place, where)
    parameters = {"model": f"openai/{GROUP}", "api_key": "sk-x", **own}
    router = Router(model_list=[{"model_name": GROUP, "litellm_params": parameters}])
    before = len(refusing.bodies)
    with pytest.raises(ProviderFault):
        await OpenAiBatches(lambda: router, timeout_s=5).create(BATCH, File("file-x", "one"))
    assert len(refusing.bodies) == before + 1
