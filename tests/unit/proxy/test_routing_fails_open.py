"""A request that cannot be routed goes on exactly as it was asked."""

from __future__ import annotations

from typing import Any

import pytest
from litellm.proxy import common_request_processing as host_processing

from litellm_plugins.model import Identity, Request
from litellm_plugins.proxy import routing

pytestmark = pytest.mark.filterwarnings("ignore")  # the host's, of its own models
REQUEST = Request("chat", "auto", (), {}, Identity(key_id="k"), stream=True)


def test_what_fails_on_the_way_to_a_tier_has_changed_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> dict[str, Any]:
        raise TypeError("another version of the host")

    monkeypatch.setattr(host_processing, "_stream_usage_tracking_updates", fails)
    data: dict[str, Any] = {"model": "auto", "stream": True}
    with pytest.raises(TypeError):
        routing._send(data, "small", REQUEST)
    assert data == {"model": "auto", "stream": True}


@pytest.mark.parametrize("endpoint", ["chat", "messages"])
def test_the_model_of_the_tier_is_asked(endpoint: str) -> None:
    data: dict[str, Any] = {"model": "auto"}
    routing._send(data, "small", Request(endpoint, "auto", (), {}, Identity(key_id="k")))
    assert data["model"] == "small"
