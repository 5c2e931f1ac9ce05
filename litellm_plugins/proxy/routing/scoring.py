"""What a router makes of a conversation, before the policy: which rule holds, and the score of the scorer in force."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_plugins.cache.judge_budget import JudgeBudget
from litellm_plugins.embedding.embedder import EmbedderUnavailable
from litellm_plugins.errors import SettingsError
from litellm_plugins.proxy.cache.host_judge import HostJudge
from litellm_plugins.proxy.review.tenant import tenant_of
from litellm_plugins.proxy.routing.judge import TierJudge
from litellm_plugins.proxy.routing.vectors import RequestVectors, route_embedder
from litellm_plugins.routing.judge import Offered, case_of, rules_of, score_of
from litellm_plugins.routing.rules import possible, read
from litellm_plugins.routing.rules import rules_of as compiled_rules
from litellm_plugins.routing.scorers import build
from litellm_plugins.routing.scoring import thresholds_of
from litellm_plugins.settings import ROOT
from litellm_plugins.telemetry.events import StageFailed

if TYPE_CHECKING:
    from litellm_plugins.cache.judge import JudgeSpend
    from litellm_plugins.cache.verdict import Verdict
    from litellm_plugins.embedding.embedder import Embedder
    from litellm_plugins.model import Identity
    from litellm_plugins.proxy.routing.vectors import RouteEmbedder
    from litellm_plugins.routing.conversation import Conversation
    from litellm_plugins.routing.policy import Ladder
    from litellm_plugins.routing.rules import Bounds
    from litellm_plugins.routing.scoring import Score, Scorer
    from litellm_plugins.settings import Settings
    from litellm_plugins.telemetry.events import Telemetry


OTHER_SPACE = "embedding_of_another_model"


@dataclass(frozen=True, slots=True)
class Weighed:
    """A score, who gave it, and the rule that holds beside it."""

    score: Score
    scorer: str
    rule: Bounds | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """What is weighed, and for whom."""

    router: str
    ladder: Ladder
    conversation: Conversation
    identity: Identity
    verdict: Verdict | None = None  # of the cache's look-up, which may have embedded the question already


class HostScoring:
    """One for all requests of a worker."""

    def __init__(
        self, settings: Settings, telemetry: Telemetry, *, embedder: RouteEmbedder | None, judge: TierJudge | None
    ) -> None:
        routing = settings.routing
        self._telemetry, self._embedder, self._judge = telemetry, embedder, judge
        self._readable = build("heuristic")
        self._is_in_space: dict[str, bool] = {}  # by scorer, once it was looked at
        self._scorers = {name: _scorer(name, settings.routing.adapted) for name in routing.scorers - {"judge"}}
        self._scorer_of = {name: routing.scorer_of(name) for name in routing.routers}
        self.thresholds = {
            name: router.thresholds or self._parts(name, len(router.tiers)) for name, router in routing.routers.items()
        }
        """By router, those of the settings or of its scorer."""
        self._rules = {name: compiled_rules(router.rules) for name, router in routing.routers.items()}
        words = "" if routing.judge is None else routing.judge.instructions
        self._told = {
            name: rules_of([Offered(tier.name, tier.about) for tier in router.tiers], words)
            for name, router in routing.routers.items()
        }

    def _parts(self, router: str, tiers: int) -> tuple[float, ...]:
        return thresholds_of(self._scorers.get(self._scorer_of[router], self._readable), tiers)

    def start(self) -> None:
        """Read the rules' examples, and so load the model, before the first request. Raises: RuntimeError: no loop."""
        if self._embedder is not None:
            of_all = (text for rules in self._rules.values() for rule in rules for text in rule.like)
            self._embedder.learn([*dict.fromkeys(of_all)] or ["hello"])

    async def aclose(self) -> None:
        """Let go of what it holds."""
        if self._embedder is not None:
            await self._embedder.aclose()

    async def weigh(self, asking: Asking) -> Weighed:
        """A rule that holds before the score spares it: then the readable score is told, which costs nothing."""
        vectors = None if self._embedder is None else self._embedder.of_request(asking.verdict)
        rule = await self._rule(asking, vectors, before=True)
        if rule is not None:
            return Weighed(self._readable.score(asking.conversation, None), self._readable.name, rule)
        weighed = await self._scored(asking, vectors)
        return replace(weighed, rule=await self._rule(asking, vectors, before=False))

    async def _rule(self, asking: Asking, vectors: RequestVectors | None, *, before: bool) -> Bounds | None:
        rules = self._rules[asking.router]
        if not any(rule.is_before is before for rule in rules):
            return None
        prompt = read(asking.conversation)
        for rule in possible(rules, prompt, before=before):
            if not rule.like:
                return rule.bounds
            vector = None if vectors is None else await vectors.of(prompt.whole)
            if vectors is not None and vector is not None and rule.is_near(vector, await vectors.examples(rule.like)):
                return rule.bounds
        return None

    async def _scored(self, asking: Asking, vectors: RequestVectors | None) -> Weighed:
        name = self._scorer_of[asking.router]
        if name == "judge" and self._judge is not None:
            return await self._judged(self._judge, asking)
        scorer = self._scorers[name]
        if vectors is None or not scorer.needs_embedding:
            return Weighed(scorer.score(asking.conversation, None), name)
        if name not in self._is_in_space:
            self._is_in_space[name] = self._looked_at(scorer)
        if not self._is_in_space[name]:
            score = scorer.score(asking.conversation, None)
            return Weighed(replace(score, because=(OTHER_SPACE, *score.because)), name)
        vector = await vectors.of(asking.conversation.question)
        score = scorer.score(asking.conversation, vector)
        why = () if vector is not None or not vectors.why_none else (vectors.why_none,)
        return Weighed(replace(score, because=(*why, *score.because)), name)

    def _looked_at(self, scorer: Scorer) -> bool:
        """Whether it was fitted to vectors of the embedder that there is; told where it was not, once."""
        made = fitted = getattr(scorer, "space", None)
        if self._embedder is not None and fitted is not None:
            try:
                made = self._embedder.model_id
            except EmbedderUnavailable:  # it has no vectors either, and says so
                return True
        if made != fitted:
            detail = f"{scorer.name} is fitted to {fitted}, and the embedder is {made}: it goes by the load alone"
            self._telemetry.emit(StageFailed("route", OTHER_SPACE, detail))
        return made == fitted

    async def _judged(self, judge: TierJudge, asking: Asking) -> Weighed:
        rungs, tenant = asking.ladder.rungs, tenant_of(asking.identity)
        named = await judge.ask(self._told[asking.router], case_of(asking.conversation), len(rungs), tenant=tenant)
        if named.place is not None:
            return Weighed(score_of(named.place, asking.ladder.thresholds, rungs[named.place].name), "judge")
        self._telemetry.emit(StageFailed("route", named.reason, named.detail))
        score = self._readable.score(asking.conversation, None)
        return Weighed(replace(score, because=(named.reason, *score.because)), self._readable.name)


def host_scoring(settings: Settings, telemetry: Telemetry, of_cache: Embedder | None, spend: JudgeSpend) -> HostScoring:
    """As the settings have it; `spend` is what judging has cost. Raises: SettingsError: no fitted scorer to be read."""
    wanted = settings.routing
    judge = None
    if "judge" in wanted.scorers and wanted.judge is not None:
        most = wanted.judge.budget_nano_usd
        budget = None if most is None else JudgeBudget(spend, most, of=" routing")
        judge = TierJudge(wanted.judge, HostJudge(wanted.judge.model), budget=budget)
    embedder = route_embedder(settings, of_cache, telemetry)
    return HostScoring(settings, telemetry, embedder=embedder, judge=judge)


def _scorer(name: str, fitted: str | None) -> Scorer:
    if name == "adapted":
        return adapted(Path(fitted or ""))
    if name == "heuristic":
        return build(name)
    from litellm_plugins.routing.scorers.trained import ArtefactUnusable

    try:
        return build(name)
    except ArtefactUnusable as exc:
        raise SettingsError([f"{ROOT}.routing.scorer: {exc}"]) from exc


def adapted(path: Path) -> Scorer:
    """The fitted scorer of the settings. Raises: SettingsError."""
    from litellm_plugins.routing.scorers.adapted import read as read_fitted
    from litellm_plugins.routing.scorers.trained import ArtefactUnusable

    try:
        return read_fitted(path)
    except ArtefactUnusable as exc:
        raise SettingsError([f"{ROOT}.routing.adapted: {path}: {exc}"]) from exc
