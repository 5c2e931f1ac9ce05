"""Which models a routed name stands for, cheapest tier first, and who may be sent where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from litellm_plugins.settings.block import Block, twice
from litellm_plugins.settings.cascade import Cascade
from litellm_plugins.settings.route_judge import RouteJudge
from litellm_plugins.settings.route_trials import Experiment, Session, faults_of
from litellm_plugins.settings.routing_rules import MOST_RULES, Rule
from litellm_plugins.settings.routing_rules import faults as faults_of_rules
from litellm_plugins.settings.share import Share

Scorer = Literal["heuristic", "trained", "adapted", "judge"]
TierName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]


class Tier(Block):
    """Models that are good for about the same; the first that can take a request gets it."""

    name: TierName
    models: tuple[str, ...] = Field(min_length=1)
    about: str = Field(default="", max_length=500)  # what the judge is told that it is for
    max_tokens: int | None = Field(default=None, ge=1)  # of an answer: what a request gets that says none, and the most

    @model_validator(mode="after")
    def _each_once(self) -> Tier:
        if faults := twice("model", self.models):
            raise ValueError("; ".join(faults))
        return self


class Router(Block):
    """A model name that stands for several. A score from `thresholds[i]` on takes tier i + 1."""

    tiers: tuple[Tier, ...] = Field(min_length=2, max_length=6)  # the cheapest first
    thresholds: tuple[
        Share, ...
    ] = ()  # between the tiers, rising; none: where the scorer would part traffic of which it knows nothing
    rules: tuple[Rule, ...] = Field(default=(), max_length=MOST_RULES)
    scorer: Scorer | None = None  # that its thresholds are for; None: as for all
    experiments: tuple[Experiment, ...] = Field(default=(), max_length=32)
    session: Session | None = None
    cascade: Cascade | None = None  # ask again, one tier up, where an answer is not good enough

    @model_validator(mode="after")
    def _in_order(self) -> Router:
        if faults := twice("tier", [tier.name for tier in self.tiers]):
            raise ValueError("; ".join(faults))
        between = len(self.tiers) - 1
        if self.thresholds and len(self.thresholds) != between:
            many = "threshold" if between == 1 else "thresholds"
            raise ValueError(f"{len(self.tiers)} tiers have {between} {many} between them, not {len(self.thresholds)}")
        if list(self.thresholds) != sorted(set(self.thresholds)):
            raise ValueError("thresholds must rise, as the tiers do: [0.3, 0.7]")
        models = [model for tier in self.tiers for model in tier.models]
        names = [tier.name for tier in self.tiers]
        if faults := [*faults_of_rules(self.rules, names, models), *faults_of(self.experiments, names)]:
            raise ValueError("; ".join(faults))
        return self


class RoutingLimits(Block):
    """What holds for all, or what differs for one team or key; what is not given: as it is for all."""

    may_force: bool | None = None  # the client may name the tier itself
    max_tier: str | None = None  # the dearest that it is sent to; null, where it is given: no limit
    routable: dict[str, str] | None = None  # an old model's name to the router that may serve it


class Routing(Block):
    """The block `routing`. Without routers nothing is routed."""

    enabled: bool = True  # the kill switch
    mode: Literal["active", "shadow"] = "active"  # shadow: decide and record, change nothing
    scorer: Scorer = "heuristic"
    adapted: str | None = Field(default=None, min_length=1)  # the file that `litellm-plugins routing train` wrote
    judge: RouteJudge | None = None  # of `scorer: judge`
    embed_timeout_ms: float = Field(default=250, gt=0, le=10_000)  # then a prompt is judged without its embedding
    routers: dict[str, Router] = Field(default_factory=dict)  # by the model name that the host knows
    may_force: bool = False
    max_tier: str | None = None
    routable: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sound(self) -> Routing:
        faults = [
            f"routers.{name}.tiers: {model} is a router itself"
            for name, router in self.routers.items()
            for tier in router.tiers
            for model in tier.models
            if model in self.routers
        ]
        if "adapted" in self.scorers and self.adapted is None:
            faults.append("adapted: is required by scorer: adapted; it is the file of a scorer fitted to your prompts")
        if "judge" in self.scorers and self.judge is None:
            faults.append("judge: is required by scorer: judge, with the model to ask: {model: gpt-4.1-nano}")
        if self.judge is not None and self.judge.model in self.routers:
            faults.append(f"judge.model: {self.judge.model} is a router itself")
        faults += [
            f"routers.{name}.experiments.{each.name}: {arm.model} is a router itself"
            for name, router in self.routers.items()
            for each in router.experiments
            for arm in each.arms
            if arm.model in self.routers
        ]
        of_all = RoutingLimits(max_tier=self.max_tier, routable=self.routable)
        if faults := [*faults, *(f"{path}: {what}" for path, what in self.faults_of(of_all))]:
            raise ValueError("; ".join(faults))
        return self

    @property
    def tier_names(self) -> tuple[str, ...]:
        """Of all routers, each once."""
        return tuple(dict.fromkeys(tier.name for router in self.routers.values() for tier in router.tiers))

    def fault_of_tier(self, name: str) -> str | None:
        """What is wrong with `name` where a tier is to be named; None: some router has it."""
        if name in self.tier_names:
            return None
        return f"no router has a tier {name!r}; there are: {_told(self.tier_names)}"

    @property
    def needs_vectors(self) -> bool:
        """Whether anything looks at the embedding of a question."""
        rules = (rule for router in self.routers.values() for rule in router.rules)
        return bool(self.scorers & {"trained", "adapted"}) or any(rule.match.like for rule in rules)

    @property
    def scorers(self) -> frozenset[Scorer]:
        """Those that some router uses."""
        return frozenset(map(self.scorer_of, self.routers))

    def models_named(self) -> Iterator[tuple[str, str]]:
        """Every model that the host has to know: where it is named, and its name."""
        yield from ((f"routers.{name}", name) for name in self.routers)
        for name, router in self.routers.items():
            for tier in router.tiers:
                yield from ((f"routers.{name}.tiers.{tier.name}", model) for model in tier.models)
            for each in router.experiments:
                yield from ((f"routers.{name}.experiments.{each.name}.{arm.name}", arm.model) for arm in each.arms)
        if "judge" in self.scorers and self.judge is not None:
            yield "judge.model", self.judge.model

    def scorer_of(self, router: str) -> Scorer:
        """The one that the router called `router` uses."""
        return self.routers[router].scorer or self.scorer

    def faults_of(self, limits: RoutingLimits) -> Iterator[tuple[str, str]]:
        """What in `limits` names nothing that there is: where, and what is wrong."""
        if limits.max_tier is not None and limits.max_tier not in self.tier_names:
            yield "max_tier", f"no tier is called {limits.max_tier!r}; there are: {_told(self.tier_names)}"
        for model, router in (limits.routable or {}).items():
            if router not in self.routers:
                yield f"routable.{model}", f"no router is called {router!r}; there are: {_told(tuple(self.routers))}"
            elif model in self.routers:
                yield f"routable.{model}", "is a router itself"

    def limits_with(self, *over: RoutingLimits) -> RoutingLimits:
        """What holds for one request: the later of `over` wins."""
        merged = {"may_force": self.may_force, "max_tier": self.max_tier, "routable": self.routable}
        for each in over:
            merged |= {name: value for name, value in each if value is not None}
            if "max_tier" in each.model_fields_set:
                merged["max_tier"] = each.max_tier
        return RoutingLimits.model_validate(merged)


def _told(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"
