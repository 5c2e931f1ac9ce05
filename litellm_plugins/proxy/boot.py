"""The composition root: from the host's config to running parts, once per worker."""

from __future__ import annotations

import asyncio
import functools
import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import litellm
from litellm.integrations.custom_logger import CustomLogger

from litellm_plugins.admission.coalescing import Coalescing
from litellm_plugins.cache.admin import CacheAdmin
from litellm_plugins.cache.admin.shelving import Shelver
from litellm_plugins.cache.admin.warming import Warmer
from litellm_plugins.cache.answers import EmbeddingComparer
from litellm_plugins.cache.judging import JudgingComparer
from litellm_plugins.cache.layers import CacheLayers
from litellm_plugins.cache.reembedding import Reembedder
from litellm_plugins.cache.reviewed import Reviewed
from litellm_plugins.cache.second_looks import SecondLooks
from litellm_plugins.cache.staleness import Monitor
from litellm_plugins.cache.verifier.prior import shipped_prior
from litellm_plugins.cache.verifier.standing import Standing, standing
from litellm_plugins.cache.verifier.verifier import Verifier
from litellm_plugins.embedding.memo import MemoEmbedder
from litellm_plugins.errors import SettingsError
from litellm_plugins.pipeline import Pipeline, tells_checks, tells_judgements
from litellm_plugins.proxy.admission.stage import HostAdmission, host_admission
from litellm_plugins.proxy.alert_receivers import webhook_problems
from litellm_plugins.proxy.batch.wiring import host_batch, unknown_offered
from litellm_plugins.proxy.budgets.prices import PriceBook
from litellm_plugins.proxy.budgets.sight import BudgetSight
from litellm_plugins.proxy.budgets.stage import HostBudgets, host_budgets
from litellm_plugins.proxy.cache.host_judge import host_router
from litellm_plugins.proxy.cache.log_rows import HostLogs
from litellm_plugins.proxy.cache.storing import all_stored
from litellm_plugins.proxy.calls.costs import CallCosts
from litellm_plugins.proxy.calls.ends import Calls
from litellm_plugins.proxy.compression.history import HostHistory, host_history
from litellm_plugins.proxy.compression.stage import HostCompression, as_set, host_compression
from litellm_plugins.proxy.early_stop.stage import EarlyStops
from litellm_plugins.proxy.gauges import Gauges, host_is_logging, host_log_depth
from litellm_plugins.proxy.host.timed_embedder import TimedEmbedder
from litellm_plugins.proxy.insight.sight import Counting, InsightSight
from litellm_plugins.proxy.output.stage import HostOutput, host_output
from litellm_plugins.proxy.prompt_caching.stage import HostPromptCaching, host_prompt_caching
from litellm_plugins.proxy.prompts import HostPrompts, host_prompts
from litellm_plugins.proxy.review.feedback import FeedbackDesk
from litellm_plugins.proxy.review.feedback_scores import Scores
from litellm_plugins.proxy.review.loop import HostReview
from litellm_plugins.proxy.review.promotions import notes_fits
from litellm_plugins.proxy.review.replay import HostReplay
from litellm_plugins.proxy.routing.checks import unknown_limited, unknown_models
from litellm_plugins.proxy.routing.stage import HostRouting, host_routing
from litellm_plugins.proxy.stores import Stores, open_stores
from litellm_plugins.proxy.ui.desk import HostDesk
from litellm_plugins.proxy.ui.page import HostUi, host_ui, standing_of
from litellm_plugins.review.pace import Pace
from litellm_plugins.settings import (
    Policies,
    Settings,
    cache_anywhere,
    parse,
    promised_rates,
    semantic_anywhere,
    stops_anywhere,
)
from litellm_plugins.telemetry.events import Sink, Telemetry
from litellm_plugins.telemetry.sinks import log
from litellm_plugins.telemetry.sinks.labels import BoundedLabels
from litellm_plugins.virtual_keys.live_keys import LiveKeys

if TYPE_CHECKING:
    from litellm_plugins.admission.flights import FlightStore
    from litellm_plugins.cache.answers import AnswerComparer
    from litellm_plugins.cache.judge import JudgeSpend
    from litellm_plugins.cache.spaces import SpaceStore
    from litellm_plugins.cache.verifier.labels import LabelStore
    from litellm_plugins.embedding.embedder import Embedder
    from litellm_plugins.proxy.batch.stage import HostBatch
    from litellm_plugins.review.feedback import FeedbackStore

_LOG = logging.getLogger(__name__)
_LAST_TOLD_S, _LOOKED_EVERY_S = 4.0, 0.02
_FAILED_TO_BOOT = 3  # uvicorn's own, and the one that keeps gunicorn from starting the worker again and again


@dataclass(frozen=True, slots=True)
class Pack:
    """Everything that runs in one worker."""

    settings: Settings
    keys: LiveKeys
    pipeline: Pipeline
    embedder: Embedder | None
    cache_admin: CacheAdmin
    calls: Calls
    gauges: Gauges
    budgets: HostBudgets | None = None
    sight: BudgetSight | None = None  # of the budgets
    admission: HostAdmission | None = None
    feedback: FeedbackDesk | None = None
    review: HostReview | None = None
    insight: InsightSight | None = None
    routing: HostRouting | None = None
    history: HostHistory | None = None
    prompts: HostPrompts | None = None
    compression: HostCompression | None = None
    prompt_caching: HostPromptCaching | None = None
    output: HostOutput | None = None
    batch: HostBatch | None = None
    early_stop: EarlyStops | None = None
    ui: HostUi | None = None

    async def aclose(self) -> None:
        """Close what its parts hold open: who tells, then who is told, then what they keep it in.

        The host has answered everybody, but tells of a call after its answer: the last ones are waited for, a moment.
        """
        until = time.monotonic() + _LAST_TOLD_S
        await self.gauges.aclose()
        if self.sight is not None:
            await self.sight.aclose()
        while host_is_logging() and time.monotonic() < until - _LAST_TOLD_S / 2:  # noqa: ASYNC110
            await asyncio.sleep(_LOOKED_EVERY_S)
        if self.batch is not None:
            await self.batch.aclose()
        if self.budgets is not None:
            await self.budgets.aclose()
        await self.calls.aclose(until=until, is_logging=host_is_logging)
        await all_stored(within_s=1.0)
        sinks = [each.aclose() for each in (self.feedback, self.review, self.insight) if each is not None]
        await asyncio.gather(*sinks)
        if self.history is not None:
            await self.history.aclose()
        if self.compression is not None:
            await self.compression.aclose()
        if self.prompt_caching is not None:
            await self.prompt_caching.aclose()
        if self.routing is not None:
            await self.routing.aclose()
        await self.pipeline.aclose()


# One of each per process.
_packs: list[Pack | None] = []
_handlers: list[CustomLogger] = []


def loaded_pack() -> Pack | None:
    """This worker's pack, built on the first call; None when the config has no block for us."""
    if not _packs:
        block = (litellm.callback_settings or {}).get("litellm_plugins")
        _packs.append(None if block is None else _built(block))
    return _packs[0]


def load_handler() -> CustomLogger:
    """The callback for the host. Without a block it is one that does nothing at all."""
    if not _handlers:
        pack = loaded_pack()
        if pack is None:
            _handlers.append(CustomLogger())
        else:
            from litellm_plugins.proxy.callbacks import PluginHandler
            from litellm_plugins.proxy.install import install

            _handlers.append(PluginHandler(pack))
            install(pack)
    return _handlers[0]


def build(settings: Settings, *, config: Path | None = None) -> Pack:
    """Put the parts together. Opens no file but the keys' and loads no model: that happens on first use.

    `config` is the file that the settings are from, where there is one. Raises: SettingsError.
    """
    stores, policies = open_stores(settings), Policies(settings)
    counting = Counting.of(settings) if settings.insight.enabled else None
    telemetry = Telemetry([*_sinks(settings), *([] if counting is None else [counting.recorder])])
    reader = _embedder(settings)
    embedder = None if reader is None else MemoEmbedder(TimedEmbedder(reader, telemetry))
    known = _standing(settings, stores.labels, embedder)
    layers = CacheLayers(
        store=stores.entries,
        embedder=embedder,
        verifier=None if embedder is None else _verifier(stores, embedder),
        comparer=None if embedder is None else _comparer(settings, stores.judge_spend, embedder, telemetry),
        checks=stores.checks,
        told=tells_checks(telemetry, Monitor(settings.cache.stale_alarm_rate)),
        window_s=settings.coalesce.window_s if settings.coalesce.enabled else 0.0,
        pairs=stores.pairs if settings.review.enabled else None,
    )
    reembedder = _reembedder(settings, stores.spaces, reader)
    review = _review(settings, stores, layers, telemetry, known, embedder)
    pipeline = Pipeline(
        policies=policies,
        cache=layers,
        telemetry=telemetry,
        reembedder=reembedder,
        coalescing=_coalescing(settings, stores.flights),
    )
    shelver = Shelver(store=stores.entries, embedder=embedder)
    admin = CacheAdmin(
        store=stores.entries,
        journal=stores.journal,
        checks=stores.checks,
        shelver=shelver,
        warmer=Warmer(layers=layers, shelver=shelver, policies=policies, logs=HostLogs()),
        settings=settings,
        standing=known,
    )
    keys = LiveKeys(settings.virtual_keys, config=config)
    sight = BudgetSight(settings, stores, telemetry, keys.listed)
    budgets = host_budgets(settings, sight.ledger, telemetry)
    book = PriceBook(settings.ledger.prices, router=host_router)
    call_costs = CallCosts(book, settings.ledger)
    ui = None
    if settings.ui.enabled and counting is not None:
        ui = host_ui(
            settings,
            counting.stores,
            keys=keys,
            journal=stores.journal,
            budgets=None if budgets is None else sight.admin,
            known=standing_of(settings, stores.labels, embedder),
            desk=None if review is None else HostDesk(review),
        )
    return Pack(
        settings=settings,
        keys=keys,
        pipeline=pipeline,
        embedder=embedder,
        cache_admin=admin,
        calls=Calls(telemetry, call_costs),
        gauges=Gauges(
            telemetry,
            every_s=settings.telemetry.measure_every_s,
            standing=known,
            memory=stores.memory,
            queues={"host_log": host_log_depth},
        ),
        budgets=budgets,
        sight=None if budgets is None else sight,
        admission=host_admission(settings, policies, telemetry),
        feedback=_feedback(settings, stores.feedback, telemetry, review),
        review=review,
        routing=host_routing(settings, policies, book, telemetry, embedder, stores.judge_spend),
        history=host_history(settings, policies, book, telemetry),
        prompts=host_prompts(settings, config, telemetry),
        compression=host_compression(
            settings,
            policies,
            book,
            telemetry,
            embedder=reader,
            rate_factor=as_set if review is None else review.rate_factor,
        ),
        prompt_caching=host_prompt_caching(settings, policies, book, telemetry),
        output=host_output(settings, policies, telemetry),
        batch=host_batch(settings, stores.deferred, book, telemetry, None if budgets is None else sight.ledger),
        early_stop=EarlyStops(policies, call_costs, telemetry) if stops_anywhere(settings) else None,
        insight=None if counting is None else InsightSight(settings, counting, telemetry, stores.feedback),
        ui=ui,
    )


def _review(
    settings: Settings,
    stores: Stores,
    layers: CacheLayers,
    telemetry: Telemetry,
    standing: Callable[[], Awaitable[Standing]] | None,
    embedder: Embedder | None,
) -> HostReview | None:
    if not settings.review.enabled:
        return None
    cache = Reviewed(
        stores.entries,
        stores.pairs,
        lambda: layers.verifiers,
        space=lambda: layers.space,
        doubt_s=settings.review.doubt_days * 86_400,
    )
    review = HostReview(
        settings,
        stores.items,
        cache if cache_anywhere(settings) else None,
        telemetry,
        space=lambda: layers.space,
        sync=stores.sync,
        judge_spend=stores.judge_spend,
        journal=stores.journal,
        replay=HostReplay(
            stores.items,
            Policies(settings),
            stores.pairs,
            embedder=embedder,
            verifiers=lambda: layers.verifiers,
            prompts=lambda: litellm.turn_off_message_logging is not True and settings.telemetry.prompts,
        ),
        standing=standing,
    )
    layers.tell_differences(review.recorder.differed)
    telemetry.also(review)
    return review


def _feedback(
    settings: Settings, store: FeedbackStore, telemetry: Telemetry, review: HostReview | None
) -> FeedbackDesk | None:
    if not settings.feedback.enabled:
        return None
    # Asked each time: the host may read that setting of its own after the line that loads us.
    scores = Scores(
        prompts=lambda: litellm.turn_off_message_logging is not True and settings.telemetry.prompts,
        tell=telemetry.emit,
    )
    # What is encrypted at rest are the texts of users: a comment is one.
    keeps_comments, pace = not settings.storage.encryption_keys_env, Pace(settings.feedback.max_per_minute)
    return FeedbackDesk(
        store, scores, pace=pace, keeps_comments=keeps_comments, heard=None if review is None else review.desk.thumb
    )


def _coalescing(settings: Settings, flights: FlightStore) -> Coalescing | None:
    wanted = settings.coalesce
    if not wanted.enabled or not cache_anywhere(settings):
        return None
    return Coalescing(flights, timeout_s=wanted.timeout_s, lease_s=wanted.lease_s)


def _verifier(stores: Stores, embedder: Embedder) -> Verifier:
    prior, promoted = shipped_prior(embedder.model_id), notes_fits(stores.journal, time.time)
    return Verifier(SecondLooks(stores.labels), space=embedder.model_id, prior=prior, promoted=promoted)


def _comparer(settings: Settings, spend: JudgeSpend, embedder: Embedder, telemetry: Telemetry) -> AnswerComparer:
    by_embedding = EmbeddingComparer(embedder, similarity=settings.cache.semantic.same_answer_similarity)
    judge = settings.cache.semantic.judge
    if judge is None:
        return by_embedding
    from litellm_plugins.proxy.cache.host_judge import HostJudge

    return JudgingComparer(
        by_embedding,
        HostJudge(judge.model),
        spend=spend,
        budget_nano_usd=judge.budget_nano_usd,
        timeout_s=judge.timeout_s,
        told=tells_judgements(telemetry, judge.model),
    )


def _standing(
    settings: Settings, labels: LabelStore, embedder: Embedder | None
) -> Callable[[], Awaitable[Standing]] | None:
    rates = promised_rates(settings)
    if embedder is None or not rates:
        return None
    return functools.partial(standing, labels, space=embedder.model_id, rates=rates)


def _built(block: Any) -> Pack:
    try:
        settings = parse(block)
        config = _config_file()
        unknown = [*unknown_models(settings.routing, config), *unknown_limited(settings, config)]
        unknown += unknown_offered(settings, config)
        if problems := [*webhook_problems(settings), *unknown]:
            raise SettingsError(problems)
        return build(settings, config=config)
    except SettingsError as exc:
        # The host would bury an exception under its own traceback, or carry on without us.
        told = "\n".join(f"  {problem}" for problem in exc.problems)
        sys.stderr.write(f"\nlitellm_plugins cannot start, the settings are wrong:\n{told}\n\n")
        sys.stderr.flush()
        supervisor = multiprocessing.parent_process()
        if supervisor is not None and supervisor.pid is not None:  # uvicorn's would start this worker for ever
            os.kill(supervisor.pid, signal.SIGTERM)
        os._exit(_FAILED_TO_BOOT)


def _config_file() -> Path | None:
    from litellm.proxy import proxy_server

    path = proxy_server.user_config_file_path
    return Path(path) if path else None


def _embedder(settings: Settings) -> Embedder | None:
    if not cache_anywhere(settings):
        return None
    name = settings.cache.semantic.embedder
    if name == "local":
        from litellm_plugins.embedding.local import LocalEmbedder

        return LocalEmbedder(threads=settings.cache.semantic.embedder_threads)
    from litellm_plugins.proxy.host.embedder import HostEmbedder

    return HostEmbedder(name)


def _reembedder(settings: Settings, spaces: SpaceStore, embedder: Embedder | None) -> Reembedder | None:
    """On the embedder itself: what requests asked of late stays in the memo before it."""
    if embedder is None or not settings.cache.semantic.reembed or not semantic_anywhere(settings):
        return None
    return Reembedder(spaces=spaces, embedder=embedder)


def _sinks(settings: Settings) -> list[Sink]:
    log.LOGGER.setLevel(logging.INFO)
    if not log.LOGGER.handlers:  # the host configures its own loggers only
        log.LOGGER.addHandler(logging.StreamHandler())  # to stderr; a decision is a line of bare JSON
        log.LOGGER.propagate = False
    sinks: list[Sink] = [log.LogSink(decisions=settings.telemetry.log, users=settings.telemetry.users)]
    if settings.telemetry.prometheus:
        from litellm_plugins.telemetry.sinks.prometheus import PrometheusSink
        from litellm_plugins.telemetry.sinks.prometheus_anomalies import AnomalySink

        names = {budget.name for budget in settings.budgets}
        teams = BoundedLabels(settings.telemetry.team_labels, settings.telemetry.teams)
        sinks.append(PrometheusSink(known_model=_is_model_group, known_budget=names.__contains__, teams=teams))
        sinks.append(AnomalySink())
    return sinks


def _is_model_group(name: str) -> bool:
    from litellm.proxy import proxy_server

    router = proxy_server.llm_router
    return router is not None and name in router.model_names
