"""The line `call_finished`: one for each request. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litellm_plugins.telemetry.sinks.headers import usd

if TYPE_CHECKING:
    from litellm_plugins.telemetry.events import CallFinished

_ALWAYS = ("endpoint", "model_group", "ending", "team", "key", "stream", "attempts", "call_id")
_WHERE_SAID = ("reason", "fault", "model", "deployment", "provider", "feature", "route", "trace_id", "early_stop")
_TOKENS = ("prompt_tokens", "cached_prompt_tokens", "completion_tokens", "saved_tokens")
_DOLLARS = ("own", "saved", "history", "prompt_cache")


def finished(event: CallFinished, *, users: bool) -> dict[str, Any]:
    """Never a prompt, an answer or a key; who it was for only with `users`."""
    fields: dict[str, Any] = {"event": "call_finished", "cache": event.layer}
    fields |= {name: getattr(event, name) for name in _ALWAYS}
    fields |= {"cost_usd": usd(event.spent_nano_usd), "took_ms": round(event.took_ms, 1)}
    fields |= {name: value for name in _WHERE_SAID if (value := getattr(event, name))}
    fields |= {name: value for name in _TOKENS if (value := getattr(event, name))}
    fields |= {f"{name}_usd": usd(value) for name in _DOLLARS if (value := getattr(event, f"{name}_nano_usd"))}
    if event.first_token_ms is not None:
        fields["first_token_ms"] = round(event.first_token_ms, 1)
    if users:
        fields |= {name: value for name in ("user", "end_user") if (value := getattr(event, name))}
    return fields
