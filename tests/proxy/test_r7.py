from __future__ import annotations
import json
from typing import Any
import pytest
from tests.support import KEYS, Provider, RunningProxy
from tests.proxy.test_early_stop import *
from tests.proxy import test_early_stop as T
from tests.support.fixtures import new_question

@pytest.fixture(scope="module")
def stopping(paced: Provider, tmp_path_factory):
    c = T.config_of(paced.url)
    p = c["callback_settings"]["litellm_plugins"]
    p["prompts"] = {"long": {"features": ["prompted"], "sections": [{"name": "a", "text": "You help the customers of a shop. Be kind. " * 60}]}}
    p["compression"] = {"enabled": True}
    with RunningProxy(c, tmp_path_factory.mktemp("stop"), provider_url=paced.url) as proxy:
        yield proxy

for n in [n for n in list(globals()) if n.startswith("test_")]:
    del globals()[n]

@pytest.mark.parametrize("endpoint", ["chat", "responses", "messages"])
@pytest.mark.parametrize("kind", ["prompted", "compressed", "tools"])
def test_x(stopping, paced, endpoint, kind):
    q = f"{new_question()} {T.LOOP}"
    more = {}
    if kind == "compressed":
        q = json.dumps([{"id": n, "name": f"n{n}", "value": None} for n in range(60)], indent=4) + "\n\n" + q
    if kind == "tools":
        fn = {"name": "get_weather", "description": "Gets the weather of a city. " * 20, "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "the city " * 20}}}}
        more["tools"] = [{"type": "function", "function": fn}] if endpoint == "chat" else [{"type": "function", **fn}] if endpoint == "responses" else [{"name": fn["name"], "description": fn["description"], "input_schema": fn["parameters"]}]
    before = held_by(stopping, endpoint)
    r, ev = T.streamed(stopping, endpoint, q, kind, **more)
    seen = T.record_of(paced, q.split("\n")[-1])
    line = T.logged(stopping, "call_finished", endpoint=endpoint, early_stop="repetition", feature=kind)
    us = [e.get("usage") or (e.get("response") or {}).get("usage") for e in ev]
    print("RES", kind, endpoint, r.headers.get("x-litellm-plugins-compression"), "provider", seen["prompt_tokens"], seen["tokens_sent"], "logged", line["prompt_tokens"], line["completion_tokens"], line["cost_usd"], "told", [u for u in us if u][-1:])
