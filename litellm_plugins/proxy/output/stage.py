"""Output limits in the running proxy: an answer that is still to be made is kept short (docs/output.md)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import litellm

from litellm_plugins.model import OutputBy, OutputLimit
from litellm_plugins.output.plan import Plan, digest, plan
from litellm_plugins.output.wording import briefed, own_stops, stopped, stops_field
from litellm_plugins.proxy.cache.host_judge import host_router
from litellm_plugins.proxy.output.keys import keys_shortened
from litellm_plugins.proxy.routing.answers import is_limited, limit, thinks
from litellm_plugins.telemetry.events import OutputLimited

if TYPE_CHECKING:
    from litellm_plugins.model import Request
    from litellm_plugins.output.schema_keys import Shortened
    from litellm_plugins.proxy.ticket import Ticket
    from litellm_plugins.settings import Policies, Settings
    from litellm_plugins.telemetry.events import Telemetry

_STAGE = "output"
_OPENAI = frozenset({"openai", "azure"})


class Limited:
    """Of one request: what is wanted, and what was done about it so far."""

    __slots__ = ("_asked", "_endpoint", "_given", "_plan", "_team_id", "brief", "heard", "keys", "long", "most", "stop")

    def __init__(self, wanted: Plan, request: Request, data: Mapping[str, Any]) -> None:
        self._plan, self._endpoint, self._asked = wanted, request.endpoint, request.model_group
        self._team_id = request.identity.team_id
        field = stops_field(request.endpoint)
        self._given = None if field is None else data.get(field)  # the client's own stop sequences
        self.most: OutputLimit | None = None
        self.brief: OutputLimit | None = None
        self.stop: OutputLimit | None = None
        self.keys: OutputLimit | None = None
        self.long: Shortened | None = None  # the way back to the names that its client asked for
        self.heard: list[str] = []  # of a stream with short names: what its provider said

    @property
    def limits(self) -> tuple[OutputLimit, ...]:
        """What was set, and what could not be."""
        return tuple(each for each in (self.most, self.brief, self.stop, self.keys) if each is not None)

    def say(self, data: dict[str, Any]) -> None:
        """Put the instruction into `data`: once, for it suits any model."""
        if self._plan.brief:
            fields = briefed(self._endpoint, data, self._plan.brief)
            data.update(fields)
            by = self._plan.brief_by if fields else OutputBy.UNSUPPORTED
            self.brief = OutputLimit("brief", by, "" if fields else "none")

    def shorten(self, data: dict[str, Any]) -> None:
        """Have the answer say short names of properties: once, for it suits any model."""
        if self._plan.structured is not None:
            self.keys, self.long, fields = keys_shortened(self._endpoint, data, self._plan.structured)
            data.update(fields)

    def fit(self, data: dict[str, Any]) -> None:
        """Hold `data` to what its model allows; again, whenever that has changed."""
        model = str(data.get("model") or "")
        most = self._plan.most_of(model, self._asked)
        if most is not None and thinks(data.get("thinking")):
            self.most = OutputLimit("max_tokens", OutputBy.THINKING, "none")
        elif most is not None and limit(data, self._endpoint, most.tokens):
            self.most = OutputLimit("max_tokens", most.by, str(most.tokens))
        if self._plan.stop:
            self._stop(data, model)

    def _stop(self, data: dict[str, Any], model: str) -> None:
        field = stops_field(self._endpoint)
        if field is None or not takes_stop(self._endpoint, model, self._team_id):
            if field is not None and self.stop is not None and self.stop.by is self._plan.stop_by:
                data[field] = self._given  # it was added for another model
                if self._given is None:
                    del data[field]
            self.stop = OutputLimit("stop", OutputBy.UNSUPPORTED, "none")
            return
        own = {**data, field: self._given}
        if added := stopped(own, field, self._plan.stop):
            data[field] = [*(own_stops(own, field) or ()), *added]
            self.stop = OutputLimit("stop", self._plan.stop_by, str(len(added)))
        elif not set(self._plan.stop) <= set(map(str, own_stops(own, field) or ())):
            self.stop = OutputLimit("stop", OutputBy.CLIENT, "none")


class HostOutput:
    """One for all requests of a worker."""

    def __init__(self, policies: Policies, telemetry: Telemetry) -> None:
        self._policies, self._telemetry = policies, telemetry

    def before_lookup(self, request: Request, data: Mapping[str, Any]) -> Request:
        """Keep answers apart that are held to different limits. Never raises."""
        try:
            wanted = self._wanted(request)
            marks = () if wanted is None else tuple(_marks(wanted, request.endpoint, data))
        except Exception as exc:  # noqa: BLE001 - fail open: this is the stage's edge
            self._failed(exc)
            return request
        return replace(request, output_marks=marks) if marks else request

    def apply(self, ticket: Ticket, data: dict[str, Any], *, is_in_front: bool = False) -> None:
        """Hold `data`, which is about to be reserved for and sent, to its limits. Never raises.

        `is_in_front`: the front route delivers its answer, where long names can be put back.
        """
        request = ticket.decision.request
        try:
            wanted = self._wanted(request)
            if wanted is None or not is_limited(request.endpoint):
                return
            changed = dict(data)  # what breaks half-way has changed nothing
            limited = Limited(wanted, request, changed)
            limited.say(changed)
            if is_in_front:
                limited.shorten(changed)
            limited.fit(changed)
            data.update(changed)
            _forget(data, changed)
            ticket.output = limited
        except Exception as exc:  # noqa: BLE001 - as above
            self._failed(exc)

    def tell(self, ticket: Ticket, data: dict[str, Any]) -> None:
        """Say what was done, once a budget has had its say of the model. Never raises."""
        limited = ticket.output
        if limited is None or ticket.decision.verdict.is_hit:
            return
        request = ticket.decision.request
        try:
            limited.fit(data)
            if limited.limits:
                self._telemetry.emit(
                    OutputLimited(
                        limits=limited.limits,
                        endpoint=request.endpoint,
                        model_group=request.model_group,
                        feature=request.feature,
                        team=request.identity.team_name,
                        key=request.identity.key_name,
                    )
                )
        except Exception as exc:  # noqa: BLE001 - as above
            self._failed(exc)

    def _wanted(self, request: Request) -> Plan | None:
        return plan(self._policies.output_for(request.identity, request.model_group), request.feature)

    def _failed(self, exc: Exception) -> None:
        self._telemetry.broke(_STAGE, exc)


def host_output(settings: Settings, policies: Policies, telemetry: Telemetry) -> HostOutput | None:
    """None where no answer is limited."""
    tables = (settings.per_team, settings.per_key, settings.per_model)
    over = any(each.output.get("enabled") for table in tables for each in table.values())
    return HostOutput(policies, telemetry) if settings.output.enabled or over else None


def _marks(wanted: Plan, endpoint: str, data: Mapping[str, Any]) -> list[str]:
    """Only of what changes this request: one that asks for less anyway shares its answers with everybody's."""
    if not is_limited(endpoint):
        return []
    marks, field = [wanted.models_mark] if wanted.models_mark else [], stops_field(endpoint)
    if wanted.most is not None and limit(dict(data), endpoint, wanted.most.tokens):
        marks.append(f"max_tokens:{wanted.most.tokens}")
    if wanted.brief and briefed(endpoint, data, wanted.brief):
        marks.append(f"brief:{digest(wanted.brief)}")
    if wanted.stop and field is not None and (added := stopped(data, field, wanted.stop)):
        marks.append(f"stop:{digest(repr(added))}")
    return marks


def _forget(data: dict[str, Any], changed: Mapping[str, Any]) -> None:
    for name in data.keys() - changed.keys():
        del data[name]


def takes_stop(endpoint: str, group: str, team_id: str | None) -> bool:
    """Whether each deployment of the model group does; of what is not known: no, for the provider would refuse it."""
    router = host_router()
    models = () if router is None else router.resolved_litellm_models(group, team_id=team_id)
    return bool(models) and all(_takes_stop(model, endpoint) for model in models)


@functools.lru_cache(maxsize=1_024)
def _takes_stop(model: str, endpoint: str = "chat") -> bool:
    name, provider, *_ = litellm.get_llm_provider(model)
    if provider in _OPENAI and litellm.supports_reasoning(name, provider):
        return False  # OpenAI's o3 and later refuse it, which the host's list of parameters does not say of all
    if name.startswith("responses/"):
        return False  # a bridge to the Responses API
    if endpoint == "messages" and provider == "openai" and not litellm.use_chat_completions_url_for_anthropic_messages:
        return False  # the host asks OpenAI's Responses API, which has none, and leaves them out
    return "stop" in (litellm.get_supported_openai_params(name, provider) or ())
