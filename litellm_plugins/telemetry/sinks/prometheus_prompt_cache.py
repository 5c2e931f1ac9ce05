"""The metrics of the provider's prompt cache. Reasons come from an enum, model groups are bounded."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter

from litellm_plugins.telemetry.events import PromptCacheDecided, PromptCacheUsed


class PromptCacheMetrics:
    """Counts marks and what came of them."""

    def __init__(self, registry: CollectorRegistry, label: Callable[[str], str]) -> None:
        self._label = label
        self._decided = Counter(
            "litellm_plugins_prompt_cache_decisions_total",
            "Requests by why they got marks for the provider's prompt cache, or got none",
            ["reason", "model_group"],
            registry=registry,
        )
        self._tokens = Counter(
            "litellm_plugins_prompt_cache_tokens_total",
            "Prompt tokens by what the provider's cache did with them: read, written_5m, written_1h, uncached",
            ["kind", "model_group"],
            registry=registry,
        )
        self._saved = Counter(
            "litellm_plugins_prompt_cache_saved_usd_total",
            "Dollars that reading from the provider's cache saved",
            ["model_group"],
            registry=registry,
        )
        self._extra = Counter(
            "litellm_plugins_prompt_cache_extra_usd_total",
            "Dollars that writing into the provider's cache cost beyond the price of input",
            ["model_group"],
            registry=registry,
        )

    def record(self, event: PromptCacheDecided | PromptCacheUsed) -> None:
        """Count one."""
        group = self._label(event.model_group)
        if isinstance(event, PromptCacheDecided):
            self._decided.labels(event.reason, group).inc()
            return
        kinds = {
            "read": event.read_tokens,
            "written_5m": event.written_5m_tokens,
            "written_1h": event.written_1h_tokens,
        }
        kinds["uncached"] = max(0, event.prompt_tokens - sum(kinds.values()))
        for kind, tokens in kinds.items():
            self._tokens.labels(kind, group).inc(tokens)
        self._saved.labels(group).inc(event.saved_nano_usd / 1e9)
        self._extra.labels(group).inc(event.extra_nano_usd / 1e9)
