"""A simulated fortnight of reviewing: does the queue teach the cache more than random answers do?

    make bench-review ARGS="--requests FILE"    or    .venv/bin/python benchmarks/review_fortnight.py --requests FILE

FILE holds JSON lines {text, group}, plain or gzipped; the group stands for the answer. Every reviewer of one seed sees
the same arrival of requests (shuffled by the seed), spread evenly over 14 days, from an empty cache: `nobody`;
`random`, who judges 30 of each day's served answers by chance; `random-hits`, 30 of each day's hits; `queue`, the
first 30 of `litellm-plugins review queue`. Verdicts are as the groups say, but for a share of mistakes. How it is put
together stands in `fortnight_run.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # no download
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.fortnight_frontier import Gap, Point, drawing, gap, points
from benchmarks.fortnight_picture import Curves, picture
from benchmarks.fortnight_run import NOBODY, QUEUE, RANDOM, REVIEWERS, Day, Plan, simulate
from benchmarks.fortnight_sums import Estimate, by_day, compared, gained, summed
from litellm_plugins.embedding.embedder import Embedding
from litellm_plugins.evaluation.rows import BadRows, read_rows
from litellm_plugins.evaluation.stream import Asked, arrival

_WIDTH = 150  # the tables are wide
_COLUMNS = {
    "hit_rate": "hits a request",
    "hit_rate_second_week": "second week",
    "wrong_per_request": "wrong a request",
    "wrong_per_request_second_week": "second week",
    "days_over_promise": "days over",
    "excess_per_request": "over, a request",
    "found": "wrong found",
    "evicted": "evicted",
    "labels_of_people": "labels of people",
    "overruled": "overruled",
    "second_opinions": "second opinions",
}
_SHARES = ("rate", "per_request")


class Known:
    """An embedder of texts that were embedded before."""

    def __init__(self, model_id: str, vectors: dict[str, Embedding], dimensions: int) -> None:
        self.model_id, self.dimensions, self._vectors = model_id, dimensions, vectors

    async def embed(self, text: str) -> Embedding:
        return self._vectors[text]

    async def aclose(self) -> None:
        return None


_STREAM: list[Asked] = []
_EMBEDDER: list[Known] = []


def main() -> None:
    given = _arguments()
    console = Console(stderr=True, width=_WIDTH)
    try:
        asked = read_rows(given.requests, Asked.parse)
    except BadRows as exc:
        sys.exit(str(exc))
    console.print(f"{len(asked)} requests; load of the machine before: {os.getloadavg()[0]:.1f}")
    began = time.monotonic()
    embedder = asyncio.run(_embedded(asked))
    console.print(f"embedded in {time.monotonic() - began:.0f} s")
    plans = [
        Plan(reviewer, seed, given.days, given.a_day, given.mistaken, given.label_noise, promised)
        for seed in range(given.first_seed, given.first_seed + given.seeds)
        for promised in sorted({given.promised, *given.further})
        for reviewer in (given.reviewers.split(",") if promised == given.promised else (RANDOM, QUEUE))
    ]
    by_promise = _runs(plans, asked, given.count, embedder, given.workers, console)
    runs = by_promise[given.promised]
    console.print(f"in {time.monotonic() - began:.0f} s; load of the machine after: {os.getloadavg()[0]:.1f}")
    if given.draw:
        curves = Curves(by_day(runs), {name: gained(runs, name, NOBODY) for name in runs if NOBODY in runs},
                        given.promised)  # fmt: skip
        given.draw.write_bytes(_png(picture(curves)))
    told = _told(runs, given)
    if given.further:
        curve = {name: points(by_promise, name) for name in (RANDOM, QUEUE)}
        told |= {"frontier": curve, "queue_above_random": gap(by_promise, QUEUE, RANDOM)}
        if given.draw_frontier:
            given.draw_frontier.write_bytes(_png(drawing(curve)))
    if given.json:
        print(json.dumps(told, indent=2, default=asdict))
        return
    out = Console(width=_WIDTH)
    for table in _tables(runs, given):
        out.print(table)
    if given.further:
        out.print(_frontier(told["frontier"], told["queue_above_random"]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=Path, required=True, help="JSON lines {text, group}, plain or gzipped")
    parser.add_argument("--count", type=int, default=2_800,
                        help="so many of them only, after the shuffle (default: %(default)s)")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=3, help="how many (default: %(default)s)")
    parser.add_argument("--first-seed", type=int, default=11, help="(default: %(default)s)")
    parser.add_argument("--reviewers", default=",".join(REVIEWERS), help="(default: %(default)s)")
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--a-day", type=int, default=30, help="items that are judged (default: %(default)s)")
    parser.add_argument("--mistaken", type=float, default=0.03, help="share of the verdicts (default: %(default)s)")
    parser.add_argument("--label-noise", type=float, default=0.03,
                        help="share of the labels that fresh answers make (default: %(default)s)")  # fmt: skip
    parser.add_argument("--promised", type=float, default=0.01, help="wrong a request (default: %(default)s)")
    parser.add_argument("--further", type=_rates, default=(), metavar="RATES",
                        help="more promises, with commas between: how `random` and `queue` trade hits")  # fmt: skip
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--draw", type=Path, help="write the picture here (PNG; takes `chromium`)")
    parser.add_argument("--draw-frontier", type=Path, help="write the picture of the curves here (PNG)")
    given = parser.parse_args()
    if given.further and not {RANDOM, QUEUE} <= set(given.reviewers.split(",")):
        parser.error(f"--further compares {RANDOM} and {QUEUE}: name both in --reviewers")
    return given


def _rates(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split(",")))


async def _embedded(asked: list[Asked]) -> Known:
    from litellm_plugins.embedding.local import LocalEmbedder

    embedder = LocalEmbedder()
    try:
        vectors = {text: await embedder.embed(text) for text in dict.fromkeys(one.text for one in asked)}
        return Known(embedder.model_id, vectors, embedder.dimensions)
    finally:
        await embedder.aclose()


def _runs(
    plans: list[Plan], asked: list[Asked], count: int | None, embedder: Known, workers: int, console: Console
) -> dict[float, dict[str, dict[int, list[Day]]]]:
    """By promise, reviewer and seed."""
    found: dict[Plan, list[Day]] = {}
    with (
        ProcessPoolExecutor(workers, get_context("spawn"), _begin, (asked, embedder)) as pool,
        Progress(console=console) as progress,
    ):
        futures = {pool.submit(_one, plan, count): plan for plan in plans}
        for future in progress.track(as_completed(futures), total=len(futures), description="fortnights"):
            found[futures[future]] = future.result()
    runs: dict[float, dict[str, dict[int, list[Day]]]] = defaultdict(lambda: defaultdict(dict))
    for plan in plans:
        runs[plan.promised][plan.reviewer][plan.seed] = found[plan]
    return {promised: dict(each) for promised, each in runs.items()}


def _begin(asked: list[Asked], embedder: Known) -> None:
    _STREAM[:], _EMBEDDER[:] = asked, [embedder]


def _one(plan: Plan, count: int | None) -> list[Day]:
    return asyncio.run(simulate(arrival(_STREAM, plan.seed)[:count], plan, _EMBEDDER[0]))


def _told(runs: dict[str, dict[int, list[Day]]], given: argparse.Namespace) -> dict[str, Any]:
    return {
        "settings": {name: str(value) if isinstance(value, Path) else value for name, value in vars(given).items()},
        "fortnight": summed(runs, given.promised),
        "queue_above": compared(runs, given.promised, QUEUE) if QUEUE in runs else {},
        "by_day": by_day(runs),
        "runs": runs,
    }


def _tables(runs: dict[str, dict[int, list[Day]]], given: argparse.Namespace) -> list[Table]:
    seeds = len(next(iter(runs.values())))
    whole = _table(
        f"A fortnight, {given.promised:.1%} promised; mean of {seeds} seeds [95 %]", summed(runs, given.promised)
    )
    tables = [whole]
    if QUEUE in runs and len(runs) > 1:
        tables.append(
            _table("The queue above the others, seed by seed", compared(runs, given.promised, QUEUE), "over ")
        )
    days = Table(title="By day: hits, wrong hits a request, evicted, labels of people")
    days.add_column("day", justify="right")
    for name in runs:
        days.add_column(name, justify="right")
    for at, row in enumerate(zip(*by_day(runs).values(), strict=True), 1):
        days.add_row(
            str(at),
            *(
                f"{d['hit_rate'].mean:.1%}  {d['wrong_per_request'].mean:.2%}  {d['evicted'].mean:.1f}"
                f"  {d['labels_of_people'].mean:.1f}"
                for d in row
            ),
        )
    return [*tables, days]


def _frontier(curves: dict[str, list[Point]], above: Gap) -> Table:
    table = Table("reviewer", "promised", "hits a request", "wrong a request", title="The same at other promises")
    for name, each in curves.items():
        for point in each:
            table.add_row(name, f"{point.promised:.2%}", *(_shown(of, "rate") for of in (point.hits, point.wrong)))
    hits, wrong = (_shown(of, "rate") for of in (above.hits_at_equal_wrong, above.wrong_at_equal_hits))
    table.caption = f"queue above random: hits at equal wrong {hits}; wrong at equal hits {wrong}"
    return table


def _table(title: str, rows: dict[str, dict[str, Estimate]], before: str = "") -> Table:
    table = Table(title=title)
    table.add_column("reviewer")
    for name in _COLUMNS.values():
        table.add_column(name, justify="right")
    for reviewer, told in rows.items():
        table.add_row(before + reviewer, *(_shown(told[name], name) for name in _COLUMNS))
    return table


def _shown(of: Estimate, name: str) -> str:
    values = (of.mean, of.low, of.high)
    texts = [f"{v:.2%}" if any(word in name for word in _SHARES) else f"{v:.1f}" for v in values]
    return f"{texts[0]} [{texts[1]}, {texts[2]}]" if np.isfinite(of.low) else texts[0]


def _png(svg: str) -> bytes:
    from tests.support.chromium import chromium

    with chromium() as browser:
        page = browser.new_page(viewport={"width": 980, "height": 400}, device_scale_factor=1.5)
        page.set_content(f"<!doctype html><style>body{{margin:0}}svg{{display:block}}</style>{svg}")
        return page.locator("svg").screenshot()


if __name__ == "__main__":
    main()
