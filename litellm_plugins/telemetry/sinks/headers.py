"""Response headers, `x-litellm-plugins-*`. Pure."""

from __future__ import annotations

import string
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from litellm_plugins.model import OutputLimit
    from litellm_plugins.telemetry.events import (
        BudgetDecided,
        CacheDecided,
        HistoryCut,
        PromptAssembled,
        PromptCacheDecided,
        PromptCompressed,
        RequestRefused,
        RouteDecided,
    )

PREFIX = "x-litellm-plugins-"
_NANO = Decimal(1_000_000_000)
_PLAIN = string.punctuation.replace("%", "")


def headers_for(event: CacheDecided) -> dict[str, str]:
    """The headers that tell a client, or somebody with curl, what was decided and why."""
    headers = {
        f"{PREFIX}cache": str(event.layer),
        f"{PREFIX}cache-reason": str(event.reason),
        f"{PREFIX}decision-ms": f"{event.decision_ms:.2f}",
    }
    if event.volatility:
        headers[f"{PREFIX}cache-class"] = event.volatility
    if event.would is not None:
        headers[f"{PREFIX}cache-would"] = str(event.would)
    if event.waited_ms:
        headers[f"{PREFIX}waited-ms"] = f"{event.waited_ms:.0f}"
    if event.similarity is not None:
        headers[f"{PREFIX}cache-similarity"] = f"{event.similarity:.4f}"
    if event.probability is not None:
        headers[f"{PREFIX}cache-probability"] = f"{event.probability:.4f}"
    if event.cache_id is not None:
        headers[f"{PREFIX}cache-id"] = event.cache_id
        headers[f"{PREFIX}saved-usd"] = usd(event.saved_nano_usd)
    return headers


def budget_headers(event: BudgetDecided) -> dict[str, str]:
    """How the request stands with the budgets that cover it."""
    headers = {f"{PREFIX}budget-state": str(event.state), f"{PREFIX}budget-reason": str(event.reason)}
    if event.budget:
        headers[f"{PREFIX}budget"] = event.budget
    if event.remaining_nano_usd is not None:
        headers[f"{PREFIX}budget-remaining-usd"] = header_usd(event.remaining_nano_usd)
    if event.degraded_to:
        headers[f"{PREFIX}budget-degraded-to"] = header_text(event.degraded_to)
    return headers


def route_headers(event: RouteDecided) -> dict[str, str]:
    """Where a router sent the request, and why; in shadow mode, where it would have."""
    if event.shadow:
        return {f"{PREFIX}route-would": event.tier, f"{PREFIX}route-score": f"{event.score:.4f}"}
    headers = {
        f"{PREFIX}route-tier": event.tier,
        f"{PREFIX}route-model": header_text(event.model),
        f"{PREFIX}route-reason": str(event.reason),
        f"{PREFIX}route-score": f"{event.score:.4f}",
        f"{PREFIX}route-scorer": event.scorer,
        f"{PREFIX}route-because": header_text(",".join(event.because)),
        **_cascade_headers(event),
    }
    if event.arm:
        headers |= {f"{PREFIX}route-arm": event.arm, f"{PREFIX}route-experiment": event.experiment}
    if event.max_tokens is not None:
        headers[f"{PREFIX}route-max-tokens"] = str(event.max_tokens)
    return headers


def output_headers(limits: Iterable[OutputLimit]) -> dict[str, str]:
    """What its answer is held to."""
    told = ",".join(map(str, limits))
    return {f"{PREFIX}output": told} if told else {}


def prompt_headers(event: PromptAssembled) -> dict[str, str]:
    """Which sections of a declared prompt it got, and the tokens of those that it did not need."""
    told = {"prompt": prompt_words(event), "prompt-tokens-left-out": str(event.tokens_left_out)}
    return {f"{PREFIX}{name}": value for name, value in told.items()}


def prompt_words(event: PromptAssembled) -> str:
    """Name and sections, as header and trace say them: support=role+faq."""
    return f"{event.prompt}={'+'.join(event.sections) or 'none'}"


def _cascade_headers(event: RouteDecided) -> dict[str, str]:
    told = {"route-path": ">".join(event.path), "route-escalated": event.escalated, "route-kept": event.kept}
    return {f"{PREFIX}{name}": value for name, value in told.items() if value}


def compression_headers(event: PromptCompressed) -> dict[str, str]:
    """Whether a prompt went out shorter, why not, and its tokens."""
    headers = {f"{PREFIX}compression": event.reason}
    if event.tokens_before is not None:
        headers |= {
            f"{PREFIX}compression-tokens-before": str(event.tokens_before),
            f"{PREFIX}compression-tokens-after": str(event.tokens_after),
        }
    return headers


def history_headers(event: HistoryCut) -> dict[str, str]:
    """Whether a conversation went out without its old turns, why, and the tokens of its turns."""
    headers = {f"{PREFIX}history": str(event.outcome), f"{PREFIX}history-reason": str(event.reason)}
    if event.tokens_before is not None:
        headers |= {
            f"{PREFIX}history-turns": str(event.turns),
            f"{PREFIX}history-turns-gone": str(event.turns_gone),
            f"{PREFIX}history-tokens-before": str(event.tokens_before),
            f"{PREFIX}history-tokens-after": str(event.tokens_after),
        }
    return headers


def prompt_cache_headers(event: PromptCacheDecided) -> dict[str, str]:
    """Whether marks were put for the provider's prompt cache, and why or why not."""
    headers = {
        f"{PREFIX}prompt-cache": "marked" if event.marks else "none",
        f"{PREFIX}prompt-cache-reason": str(event.reason),
    }
    if event.family:
        headers |= {f"{PREFIX}prompt-cache-family": event.family, f"{PREFIX}prompt-cache-tokens": str(event.tokens)}
    if event.marks:
        headers |= {f"{PREFIX}prompt-cache-marks": str(event.marks), f"{PREFIX}prompt-cache-ttl": event.ttl}
    if event.volatile is not None:
        headers |= {
            f"{PREFIX}prompt-cache-volatile": event.volatile,
            f"{PREFIX}prompt-cache-moved": str(event.moved or 0),
        }
    return headers


def call_headers(attempts: int, own_nano_usd: int) -> dict[str, str]:
    """What is known of a request's end before its answer goes out: the rest is in the log, under the same call id."""
    headers = {f"{PREFIX}attempts": str(attempts)} if attempts else {}
    return headers | ({f"{PREFIX}own-usd": usd(own_nano_usd)} if own_nano_usd else {})


def refusal_headers(event: RequestRefused) -> dict[str, str]:
    """Of a request that was not let in."""
    return {f"{PREFIX}admission": "refused", f"{PREFIX}admission-reason": str(event.reason)}


def header_text(text: str) -> str:
    """Any text as a header may hold it: what is not visible ASCII, and the percent sign, percent-encoded as UTF-8."""
    return quote(text, safe=_PLAIN, errors="replace")


def header_usd(nano_usd: int) -> str:
    """Six decimals, rounded down and never below zero."""
    micro = max(0, nano_usd) // 1_000
    return f"{micro // 1_000_000}.{micro % 1_000_000:06d}"


def usd(nano_usd: int) -> str:
    """Nano-dollars as plain decimal dollars: 1234 gives "0.000001234"."""
    text = f"{Decimal(nano_usd) / _NANO:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
