"""Another embedder after a restart: what was stored before is found by its meaning again."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from tests.support import Keys, Provider, RunningProxy, eventually, proxy_config
from tests.support.config import write_config

HOST_MODEL = "text-embedding-3-small"
QUESTION, ASKED_AGAIN = "How do I block a lost card?", "How can I block a lost card?"


def config(provider: Provider, embedder: str) -> dict[str, Any]:
    pack = {"cache": {"semantic": {"embedder": embedder, "threshold": 0.8}}}
    return proxy_config(provider.url, pack=pack)


def test_after_a_change_of_the_embedder_the_stored_questions_are_read_again(
    provider: Provider, keys: Keys, tmp_path: Path
) -> None:
    with RunningProxy(config(provider, "local"), tmp_path, provider_url=provider.url) as proxy:
        taught = proxy.teach(keys.support, QUESTION)
        write_config(tmp_path, config(provider, HOST_MODEL))
        proxy.restart()

        told = f"re-embedded 1 of 1 questions for litellm:{HOST_MODEL}"
        eventually(lambda: told in proxy.log(), what="the question to be read again", timeout_s=60)
        again = proxy.ask(keys.support, ASKED_AGAIN)
        assert (again.cache, again.body.id) == ("semantic", taught.body.id)
        assert proxy.stop() in {0, -signal.SIGTERM}
        assert "Traceback" not in proxy.log()

    embedded = [request["body"]["input"] for request in provider.requests() if request["endpoint"] == "embeddings"]
    assert embedded.count([QUESTION]) == 1
