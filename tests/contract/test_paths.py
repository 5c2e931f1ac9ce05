"""Every path of the host's has a place: covered by budgets, refused under them, or nobody's bill.

A path that a new version brings along is in none of these, and fails here, until somebody has looked at what it costs.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from litellm_plugins.proxy.budgets.covered import FREE, coverage_of
from litellm_plugins.proxy.budgets.paths import COSTLESS, HEARD, HEARD_ALL_THE_SAME, _any_of, is_gated

# Whoever looks after the proxy: keys, teams, settings, reports. They ask no model, but to see whether it is there.
LOOKED_AFTER = re.compile(
    r"litellm\.proxy\.(management_endpoints|spend_tracking|health_endpoints|ui_crud_endpoints|config_management_endpoints"
    r"|credential_endpoints|public_endpoints|discovery_endpoints|analytics_endpoints|caching_routes|guardrails"
    r"|policy_engine|prompts|cloudzero|vantage|common_utils|memory|lens|moyai_endpoints|plugin_routes|tracing_endpoints"
    r"|logging_endpoints|search_endpoints\.search_tool_management"
    r"|_experimental|_lazy_features|agent_endpoints\.endpoints|a2a\.endpoints"
    r"|anthropic_endpoints\.(claude_code_endpoints|gateway_endpoints|endpoints)"
    r"|vector_store_endpoints\.(management_endpoints|endpoints)"
    r"|pass_through_endpoints\.pass_through_endpoints|proxy_server)\b"
)
PREPARED = (
    "base_process_llm_request",
    "common_processing_pre_call_logic",
    "pre_call_hook",
    "_process_request",
)
_WRITES = {"POST", "PUT", "PATCH", "WEBSOCKET"}
_HEARD, _COSTLESS = _any_of((*HEARD, *HEARD_ALL_THE_SAME)), _any_of(COSTLESS)


# Words for calls that are refused under a budget, by `ledger.uncovered`; see docs/budgets.md.
REFUSED = [
    *("_arealtime", "acompact_responses", "acreate_agent", "acreate_batch", "acreate_container"),
    *("acreate_fine_tuning_job", "acreate_interaction", "acreate_realtime_client_secret"),
    *("acreate_realtime_transcription_session", "acreate_run", "adecisions", "agenerate_content"),
    *("agenerate_content_stream", "aiplatform", "aocr", "apply_guardrail", "arealtime_calls", "asearch"),
    *("asend_message", "asystemone", "avector_store_create", "avector_store_file_create", "avector_store_search"),
    *("avideo_create_character", "avideo_edit", "avideo_extension", "avideo_generation", "avideo_remix"),
    *("completion", "discovery"),
]


@dataclass(frozen=True)
class Path:
    """One of the host's, with one method."""

    path: str
    method: str
    module: str
    name: str
    endpoint: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.module}.{self.name})"


def _walk(routes: Any, prefix: str = "") -> Iterator[Path]:
    for route in routes:
        if hasattr(route, "original_router"):  # FastAPI's, of a router in a router
            yield from _walk(route.original_router.routes, prefix + route.include_context.prefix)
        elif (endpoint := getattr(route, "endpoint", None)) is not None:
            methods = getattr(route, "methods", None) or {"WEBSOCKET"}
            for method in sorted(methods & _WRITES):
                path = prefix + route.path
                yield Path(path, method, endpoint.__module__, endpoint.__name__, endpoint)


@pytest.fixture(scope="module")
def paths(host: Any) -> list[Path]:
    """All that a proxy may serve: also what the host registers when it is first asked for."""
    from fastapi import FastAPI
    from litellm.proxy._lazy_features import LAZY_FEATURES

    app = FastAPI()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the host's own
        for feature in LAZY_FEATURES:
            feature.register_fn(app, importlib.import_module(feature.module_path))
    found = [*_walk(host.app.routes), *_walk(app.routes)]
    return [each for each in dict.fromkeys(found) if each.module.startswith("litellm.")]


def _example(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "x", path)


def test_the_walk_finds_what_the_host_serves(paths: list[Path]) -> None:
    told = {str(each.path) for each in paths}
    assert len(told) > 400
    assert {"/v1/chat/completions", "/v1/batches", "/v1/threads/{thread_id}/runs", "/v1/videos", "/v1/realtime"} <= told


def test_every_path_is_heard_of_refused_or_nobody_s_bill(paths: list[Path]) -> None:
    """We stand on this because what is none of them would be free by accident."""
    unknown = [
        str(each)
        for each in paths
        if not is_gated(_example(each.path), each.method)
        and not _HEARD.fullmatch(_example(each.path))
        and not _COSTLESS.fullmatch(_example(each.path))
        and not _is_looked_after(each)
    ]
    assert unknown == []


def test_what_we_take_to_be_heard_of_is_prepared_where_our_hook_is(paths: list[Path]) -> None:
    """We stand on this because whatever goes to a provider without it is not refused, either."""
    silent = [
        str(each)
        for each in paths
        if _HEARD.fullmatch(_example(each.path))
        and not is_gated(_example(each.path), each.method)
        and not _COSTLESS.fullmatch(_example(each.path))
        and not any(word in _source(each.endpoint) for word in PREPARED)
        and not _is_looked_after(each)
    ]
    assert silent == []


def test_every_word_for_a_call_has_a_place(paths: list[Path]) -> None:
    """We stand on this because a word that nobody knows is refused, and that may be one that costs nothing."""
    words = {word for each in paths for word in _call_types(each.endpoint)}
    assert {"acompletion", "aresponses", "acreate_batch", "aimage_edit"} <= words
    refused = {word for word in words if coverage_of(word) == "none"}
    assert sorted(refused) == REFUSED


def test_what_is_free_is_known_to_the_host(host: Any) -> None:
    """We stand on this because a word that the host does not use any more hides one that it uses instead."""
    import litellm.proxy.common_request_processing as processing
    from litellm.types.utils import CallTypes

    known = {each.value for each in CallTypes} | set(re.findall(r'"([a-z_]+)"', inspect.getsource(processing)))
    assert sorted(FREE - known) == []


def _source(endpoint: Any) -> str:
    return inspect.getsource(inspect.unwrap(endpoint))


def _is_looked_after(each: Path) -> bool:
    return bool(LOOKED_AFTER.match(each.module)) and not _asks_a_model(each.endpoint)


def _asks_a_model(endpoint: Any) -> bool:
    """Whether it goes to a provider by itself."""
    source = _source(endpoint)
    return any(word in source for word in (*PREPARED, "route_request(", "acompletion(", "arun_thread(", "aembedding("))


def _call_types(endpoint: Any) -> Iterator[str]:
    tree = ast.parse(textwrap.dedent(_source(endpoint)))
    for call in ast.walk(tree):
        for keyword in call.keywords if isinstance(call, ast.Call) else ():
            if keyword.arg in ("route_type", "call_type") and isinstance(keyword.value, ast.Constant):
                yield str(keyword.value.value)
