"""The end of each request, what the pack spent on it, and requests that were not fit to be asked."""

from __future__ import annotations

from dataclasses import dataclass

from litellm_plugins.model import Layer, RefusalReason


@dataclass(frozen=True, slots=True)
class CallFinished:
    """A client's request is over, whichever way it ended; one for each, whatever was retried or fell back."""

    at_s: float  # UNIX seconds, of its end
    endpoint: str
    model_group: str  # as asked
    layer: Layer
    ending: str  # success, failure, gone (its client left), refused (by the pack, before a provider was asked)
    reason: str = ""  # of a failure the host's class of error, of a refusal the pack's reason
    fault: str = ""  # of a failure: client (what was asked, or who asked) or server (a provider, or this proxy)
    model: str = ""  # the group that answered, after fallbacks and degrading; none where no model did
    deployment: str = ""  # the provider's name of the model
    provider: str = ""
    team: str = ""
    key: str = ""
    user: str = ""
    end_user: str = ""
    feature: str = ""
    stream: bool = False
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0  # those of them that the provider read from its cache
    completion_tokens: int = 0
    spent_nano_usd: int = 0  # what the provider bills, as the host prices it; 0 on hits
    own_nano_usd: int = 0  # embedding and judge calls made for it
    saved_nano_usd: int = 0  # on hits what the answer would have cost, else what compression saved
    saved_tokens: int = 0
    history_nano_usd: int = (
        0  # what leaving out old turns saved, less what their summary cost (a part of `own_nano_usd`)
    )
    history_tokens: int = 0
    prompt_cache_nano_usd: int = 0  # what reading from the provider's prompt cache saved, less what writing cost extra
    took_ms: float = 0.0
    first_token_ms: float | None = None
    attempts: int = 0  # calls of deployments
    call_id: str = ""  # the host's
    trace_id: str = ""
    route: str = ""  # of `Request`
    early_stop: str = ""  # the rule that ended its stream before its model was done


@dataclass(frozen=True, slots=True)
class OwnSpent:
    """The pack's own calls (an embedding, a judge) cost something for a request that is over: more than was told."""

    call: CallFinished
    nano_usd: int
    for_history: bool = False  # for a summary of old turns


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """A request was not fit to be asked."""

    reason: RefusalReason
    endpoint: str
    model_group: str
    team: str = ""
    key: str = ""
