"""The whole demo, from an empty folder to a report, with everything that was started stopped again."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from litellm_plugins.demo import arrivals, questions, traffic
from litellm_plugins.demo.failure import DemoFailed
from litellm_plugins.demo.judging import judge
from litellm_plugins.demo.overlay import overlay
from litellm_plugins.demo.prices import price_of
from litellm_plugins.demo.progress import counting, spinning
from litellm_plugins.demo.proxy import Proxy
from litellm_plugins.demo.report import Report, add_up
from litellm_plugins.simulator import Simulator, SimulatorSettings
from litellm_plugins.virtual_keys.key_ring import new_secret

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import Console

    from litellm_plugins.settings import Settings

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line decides."""

    model: str
    requests: int
    latency_scale: float
    keep: bool = False


def run(config: Mapping[str, Any], options: Options, console: Console) -> tuple[Report, Settings]:
    """The report, and the settings that it was made with. `console` shows the progress.

    Raises: DemoFailed. SettingsError. KeyboardInterrupt, once nothing runs any more.
    """
    with _ended_by_signals(), _folder(console, keep=options.keep) as folder:
        keys = {team: new_secret() for team in arrivals.TEAMS}
        made = overlay(config, model=options.model, secrets=keys, database=f"{folder}/demo.db")
        price = price_of(made.priced_as)
        for note in made.notes:
            console.print(note, highlight=False)
        provider_key = secrets.token_urlsafe(24)
        provider_settings = SimulatorSettings(
            latency_scale=options.latency_scale,
            api_key=provider_key,
            topics={question.text: question.intent for question in questions.load()},
        )
        with (
            Simulator(provider_settings) as provider,
            Proxy(made.config, folder=folder, provider_url=provider.url, provider_key=provider_key) as proxy,
        ):
            began_s = time.monotonic()
            with spinning(console, "starting the stock LiteLLM proxy; that takes about half a minute"):
                proxy.wait_until_ready()
            console.print(f"the proxy was ready after {time.monotonic() - began_s:.0f} s", highlight=False)
            outcomes = _ask(proxy, keys, options, console)
            calls = provider.count("chat")
    return add_up(outcomes, judge(outcomes), price, provider_calls=calls), made.settings


def _ask(proxy: Proxy, keys: Mapping[str, str], options: Options, console: Console) -> list[traffic.Outcome]:
    asks = arrivals.draw(questions.load(), options.requests)
    with counting(console, len(asks)) as told:
        outcomes = asyncio.run(traffic.send(asks, url=proxy.url, model=options.model, keys=keys, told=told))
    if not proxy.running:
        raise DemoFailed(f"the proxy ended half way ({proxy.ending}). The end of its log:\n\n{proxy.tail()}")
    return outcomes


@contextmanager
def _folder(console: Console, *, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="litellm-plugins-demo-"))
    try:
        yield folder
    finally:
        if keep:
            console.print(f"kept: {folder} (the proxy's config and log, the cache's database)", highlight=False)
        else:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """The first signal to end unwinds everything as Ctrl-C does; a second does not cut the clean-up short."""

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        for ending in _ENDINGS:
            signal.signal(ending, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {ending: signal.signal(ending, end) for ending in _ENDINGS}
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
