"""How a decision travels with its request through the host: inside the request's metadata, as an opaque word.

Pre-call hook, cache look-up, deployment hooks and header hook are handed different dicts, and the only thing they
share is the metadata. Other loggers see that too, so what lies there reads and serialises as a random word. The
decision itself rides on the object: nothing a client can send becomes one, and it is gone when the request is.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litellm_plugins.model import StopRule
    from litellm_plugins.pipeline import Decision
    from litellm_plugins.proxy.batch.wishes import PutOff
    from litellm_plugins.proxy.budgets.held import Held
    from litellm_plugins.proxy.budgets.unreserved import Unheld
    from litellm_plugins.proxy.calls.call import Call
    from litellm_plugins.proxy.compression.replaced import Compressed, Shortened
    from litellm_plugins.proxy.host.deployment import Deployment
    from litellm_plugins.proxy.langfuse.trace import Trace
    from litellm_plugins.proxy.output.stage import Limited
    from litellm_plugins.proxy.prompt_caching.stage import PromptCached
    from litellm_plugins.proxy.prompts import Prompted
    from litellm_plugins.proxy.routing.stage import Routed
    from litellm_plugins.proxy.routing.trial import Trial

METADATA_KEY = "litellm_plugins_ticket"
# Where the host keeps metadata, by endpoint; calls further in nest the same under litellm_params.
_PLACES = ("litellm_metadata", "metadata")


class Ticket(str):
    """A random word that carries its request's decision."""

    __slots__ = (
        "call", "chunks", "compressed", "decision", "deployment", "handled", "held", "history", "noted", "output",
        "prompt_cached", "prompted", "put_off", "reviewed", "routed", "source", "stopped", "stream", "streams", "told",
        "trace", "trial", "unheld",
    )  # fmt: skip
    decision: Decision
    call: Call | None  # the client request that it belongs to; a fallback of the host's may give that another ticket
    chunks: list[Any] | None  # of a stream, as the provider sent them
    compressed: Compressed | None  # what became of its prompt, where it may be made shorter
    deployment: Deployment | None  # the last that was asked; not for chat completions, whose answers bring it along
    handled: bool  # its fresh answer came in: the host hands a stream's over twice
    held: Held | None  # of the budgets
    history: Shortened | None  # what became of its old turns, where there is a budget for them
    output: Limited | None  # what its answer is held to
    prompt_cached: PromptCached | None  # of the call that was made last
    prompted: Prompted | None  # the sections of a declared system prompt that it got
    put_off: PutOff | None  # what became of its client's wish to wait, where it has one
    reviewed: str  # its trace, in which it may be reviewed
    routed: Routed | None  # by a router of ours
    stream: Any  # of another endpoint, as the host has it on its way out
    source: Callable[[], Any] | None  # its stream, as the host has it on its way out, while that is read
    stopped: StopRule | None  # why its stream was ended early
    streams: bool  # its answer has begun to be streamed
    told: Mapping[str, Any]  # of the trace to the host's callbacks: not all of them see it later
    trace: Trace | None  # in Langfuse
    trial: Trial | None  # of a call whose answer may not be the one that is served
    unheld: Unheld | None  # of a hit: who books what is asked all the same
    noted: bool  # the trace notes were written: retries must not write them again

    def __new__(cls, decision: Decision) -> Ticket:
        ticket = super().__new__(cls, secrets.token_hex(8))
        ticket.compressed = ticket.history = None
        ticket.call = ticket.chunks = ticket.deployment = ticket.held = None
        ticket.prompted = ticket.prompt_cached = ticket.output = ticket.source = ticket.stopped = None
        ticket.put_off = None
        ticket.routed = ticket.stream = ticket.trace = ticket.trial = ticket.unheld = None
        ticket.reviewed = ""
        ticket.handled = ticket.noted = ticket.streams = False
        ticket.decision, ticket.told = decision, {}
        return ticket

    def __copy__(self) -> Ticket:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Ticket:
        return self  # the host deep-copies metadata for fallbacks

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def attach(metadata: MutableMapping[str, Any], decision: Decision) -> Ticket:
    """Put a fresh ticket into `metadata`, over whatever a client had put there."""
    ticket = Ticket(decision)
    metadata[METADATA_KEY] = ticket
    return ticket


def another(ticket: Ticket, metadata: MutableMapping[str, Any]) -> Ticket:
    """For another call of the same request: what is held, and what is told of its end, stay one."""
    made = attach(metadata, ticket.decision)
    made.call, made.held, made.routed, made.trace = ticket.call, ticket.held, ticket.routed, ticket.trace
    made.compressed, made.history = ticket.compressed, ticket.history
    made.output = ticket.output
    made.reviewed = ticket.reviewed
    made.prompt_cached = ticket.prompt_cached
    made.prompted = ticket.prompted
    made.put_off = ticket.put_off
    return made


def find(data: Mapping[str, Any]) -> Ticket | None:
    """The ticket of a request, wherever the host keeps its metadata at this point."""
    for holder in (data, data.get("litellm_params")):
        if not isinstance(holder, Mapping):
            continue
        for place in _PLACES:
            metadata = holder.get(place)
            if isinstance(metadata, Mapping) and isinstance(ticket := metadata.get(METADATA_KEY), Ticket):
                return ticket
    return None


def metadata_of(data: Mapping[str, Any]) -> MutableMapping[str, Any] | None:
    """The metadata dict that the host's own code writes to for this request; None where there is none."""
    return next((data[place] for place in _PLACES if isinstance(data.get(place), MutableMapping)), None)


def pass_on(ticket: Ticket, data: Mapping[str, Any]) -> None:
    """Put it where the host will log the request from: of a tool that it carries out it prepares a copy."""
    logged = getattr(data.get("litellm_logging_obj"), "model_call_details", None)
    parameters = logged.get("litellm_params") if isinstance(logged, dict) else None
    metadata = metadata_of(parameters) if isinstance(parameters, Mapping) else None
    if metadata is not None:
        metadata[METADATA_KEY] = ticket
