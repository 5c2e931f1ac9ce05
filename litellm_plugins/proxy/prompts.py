"""Dynamic prompts in the running proxy: the sections that apply are put into a request that is going to be sent.

This stage fails closed. A model that is asked without its system prompt answers all the same, and nobody would notice:
so a request that cannot get its sections is refused, and never sent without them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from litellm_plugins.model import Reason, RefusalReason
from litellm_plugins.prompts.choosing import Facts, applying, chosen, may_name
from litellm_plugins.prompts.placing import ENDPOINTS, Unplaceable, found, placed, replaced
from litellm_plugins.prompts.reading import read_prompts
from litellm_plugins.proxy.host.token_counts import counted
from litellm_plugins.proxy.host.tokenizers import O200K
from litellm_plugins.proxy.refusal import Refusal
from litellm_plugins.proxy.routing.reading import conversation_of
from litellm_plugins.routing.intents import intent_of
from litellm_plugins.settings import ROOT
from litellm_plugins.telemetry.events import PromptAssembled, RequestRefused
from litellm_plugins.telemetry.sinks.headers import PREFIX, refusal_headers

if TYPE_CHECKING:
    from litellm_plugins.model import Request
    from litellm_plugins.prompts.declared import Prompt, Section
    from litellm_plugins.proxy.ticket import Ticket
    from litellm_plugins.settings import Settings
    from litellm_plugins.telemetry.events import Telemetry

PROMPT_HEADER = f"{PREFIX}prompt"
_OURS = "litellm_plugins"  # in the client's metadata
_AFTER_ROUTING = ("model", "tier")
_STAGE = "prompts"


@dataclass(frozen=True, slots=True)
class Prompted:
    """Of one request: what was put into it, and what its client had sent."""

    prompt: Prompt
    facts: Facts
    sections: tuple[Section, ...]
    original: Mapping[str, Any]  # the fields that were replaced
    event: PromptAssembled
    told: Callable[[PromptAssembled], None]

    def at_tier(self, data: dict[str, Any], endpoint: str, tier: str, model: str) -> Prompted:
        """With the sections of another tier, which `data` gets. Raises: Unplaceable."""
        facts = replace(self.facts, tier=tier, models=(self.facts.models[0], model))
        sections = applying(self.prompt, facts)
        if sections == self.sections:
            return self
        before, now = ([each.text for each in those] for those in (self.sections, sections))
        data.update(replaced(endpoint, data, before, now, self.prompt.place))
        event = _event(self.event, self.prompt, sections)
        self.told(event)
        return replace(self, facts=facts, sections=sections, event=event)


class HostPrompts:
    """One for all requests of a worker."""

    def __init__(self, settings: Settings, prompts: Mapping[str, Prompt], telemetry: Telemetry) -> None:
        self._settings, self._prompts, self._telemetry = settings.prompts, prompts, telemetry
        self._headers = settings.telemetry.headers

    def before_lookup(self, request: Request, data: Mapping[str, Any], *, is_routed: bool) -> Request:
        """Keep answers apart that other sections had a part in. Raises: Refusal."""
        try:
            prompt, facts = self._prompt_of(request, data)
            if prompt is None:
                return request
            if request.endpoint not in ENDPOINTS:
                if self._named(data) is not None:
                    raise Unplaceable(f"{request.endpoint} has no system prompt")
                return request
            placed(request.endpoint, data, [each.text for each in prompt.sections], prompt.place)
        except Unplaceable as exc:
            self._refuse(request, RefusalReason.NO_PLACE_FOR_PROMPT, f"the system prompt cannot be put in: {exc}")
        except Refusal:
            raise
        except Exception as exc:  # noqa: BLE001 - fail closed: this is the stage's edge
            self._broken(request, exc)
        is_open = is_routed and prompt.reads(*_AFTER_ROUTING)
        if is_open and not self._settings[prompt.name].share_across_tiers:
            return replace(request, unshared=Reason.PROMPT_BY_TIER)
        sections = applying(prompt, facts)
        names = "+".join(each.name for each in sections)
        return replace(request, prompt_mark=f"{prompt.name}:{prompt.version}:{names}") if names or is_open else request

    def apply(self, ticket: Ticket, data: dict[str, Any]) -> None:
        """Put the sections into `data`, which is about to be sent, and tell. Raises: Refusal."""
        request = ticket.decision.request
        try:
            prompt, facts = self._prompt_of(request, data)
            if prompt is None or request.endpoint not in ENDPOINTS:
                return
            if ticket.routed is not None and not ticket.routed.event.shadow:
                facts = replace(facts, tier=ticket.routed.event.tier, models=(*facts.models, request.routed_to))
            sections = applying(prompt, facts)
            fields = placed(request.endpoint, data, [each.text for each in sections], prompt.place)
            event = _event(_asked(request), prompt, sections)
        except Exception as exc:  # noqa: BLE001 - as above
            self._broken(request, exc)
        original = {name: data.get(name) for name in fields}
        data.update(fields)
        ticket.prompted = Prompted(prompt, facts, sections, original, event, self._telemetry.emit)
        self._telemetry.emit(event)

    def _prompt_of(self, request: Request, data: Mapping[str, Any]) -> tuple[Prompt | None, Facts]:
        facts = Facts(
            models=(request.model_group,),
            teams=tuple(each for each in (request.identity.team_id, request.identity.team_alias) if each),
            feature=request.feature,
            tools=_tools(request.parameters),
        )
        name = self._named(data)
        if name is None:
            name = chosen(self._settings, facts)
        elif name not in self._settings or not may_name(self._settings[name], facts):
            self._refuse(request, RefusalReason.UNKNOWN_PROMPT, f"{PROMPT_HEADER}: there is no prompt {name!r}")
        if name is None:
            return None, facts
        prompt = self._prompts[name]
        if prompt.reads("intent"):
            facts = replace(facts, intent=intent_of(conversation_of(request).question) or "none")
        return prompt, facts

    @staticmethod
    def _named(data: Mapping[str, Any]) -> str | None:
        """The prompt that the client names, in a header or in its metadata."""
        said = [_mapping(_mapping(data.get("proxy_server_request")).get("headers")).get(PROMPT_HEADER)]
        places = ("metadata", "litellm_metadata")
        said += [_mapping(_mapping(data.get(place)).get(_OURS)).get("prompt") for place in places]
        return next((str(each) for each in said if each is not None and each != ""), None)

    def _broken(self, request: Request, exc: Exception) -> NoReturn:
        self._telemetry.broke(_STAGE, exc)
        self._refuse(request, RefusalReason.PROMPT_FAILED, "the system prompt could not be put together", code=500)

    def _refuse(self, request: Request, reason: RefusalReason, message: str, *, code: int = 400) -> NoReturn:
        team, key = request.identity.team_name, request.identity.key_name
        event = RequestRefused(reason, request.endpoint, request.model_group, team=team, key=key)
        self._telemetry.emit(event)
        raise Refusal(
            str(reason),
            message=message,
            type="invalid_request_error" if code < 500 else "internal_server_error",
            param=None,
            code=code,
            openai_code=str(reason),
            headers=refusal_headers(event) if self._headers else {},
        )


def unprompted(ticket: Ticket | None, data: dict[str, Any]) -> None:
    """Take the sections out of a request that the host prepares once more: it is decided anew."""
    prompted = None if ticket is None else ticket.prompted
    if ticket is None or prompted is None:
        return
    texts = [each.text for each in prompted.sections]
    for name, original in prompted.original.items():
        held = data.get(name)
        is_there = "\n\n".join(texts) in held if isinstance(held, str) else found(held, texts) is not None
        if is_there or name == "input":
            data[name] = original
            if original is None:
                del data[name]


def host_prompts(settings: Settings, config: Path | None, telemetry: Telemetry) -> HostPrompts | None:
    """None where none is declared. Raises: SettingsError where a file cannot be read."""
    if not settings.prompts:
        return None
    folder = Path() if config is None else config.parent
    prompts = read_prompts(settings.prompts, folder=folder, root=ROOT)
    for each in prompts.values():
        for section in each.sections:
            _tokens(section.text)  # now: while a long one is counted, every other request would wait
    return HostPrompts(settings, prompts, telemetry)


def _asked(request: Request) -> PromptAssembled:
    return PromptAssembled(
        prompt="",
        endpoint=request.endpoint,
        model_group=request.model_group,
        feature=request.feature,
        team=request.identity.team_name,
        key=request.identity.key_name,
    )


def _event(asked: PromptAssembled, prompt: Prompt, sections: tuple[Section, ...]) -> PromptAssembled:
    left = [each for each in prompt.sections if each not in sections]
    return replace(
        asked,
        prompt=prompt.name,
        sections=tuple(each.name for each in sections),
        left_out=tuple(each.name for each in left),
        tokens=sum(_tokens(each.text) for each in sections),
        tokens_left_out=sum(_tokens(each.text) for each in left),
    )


_counted: dict[str, int] = {}  # by text: those of the settings, so they are few


def _tokens(text: str) -> int:
    """As GPT-4o counts them."""
    if text not in _counted:
        _counted[text] = counted(text, O200K)
    return _counted[text]


def _tools(parameters: Mapping[str, Any]) -> frozenset[str]:
    tools = [*_list(parameters.get("tools")), *_list(parameters.get("functions"))]
    named = [_mapping(tool) for tool in tools]
    return frozenset(str(_mapping(each.get("function")).get("name") or each.get("name") or "") for each in named)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
