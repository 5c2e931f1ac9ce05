"""`litellm-plugins review replay`: the verdicts as a regression set."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click
import httpx

from litellm_plugins.cli.connection import Client, admin_key_of, plain, show, through_proxy
from litellm_plugins.review.replay import Flip, answered_anew

if TYPE_CHECKING:
    from rich.console import Console

_ROOT = "/plugins/review"
_TIMEOUT_S = 120.0
_SHOWN = 60  # characters of a text
_TOLD = (Flip.WRONG_AGAIN, Flip.LOST, Flip.CHANGED, "failed")  # what somebody should look at

Json = dict[str, Any]


@click.command()
@click.option("--limit", type=click.IntRange(1, 1_000), default=1_000, show_default=True, help="The newest so many.")
@click.option("--days", type=float, help="What was judged in the last so many days; default: all that is kept.")
@click.option("--team", help="Of this team only.")
@click.option("--ask", is_flag=True, help="Ask each question anew, through the proxy: it costs what it costs.")
@click.option("--ask-key", envvar="LITELLM_PLUGINS_ASK_KEY", help="The key to ask with; default: the admin's.")
@click.option("--dataset", metavar="NAME", help="Put the verdicts into this Langfuse dataset instead.")
@through_proxy(_ROOT)
@click.pass_context
def replay(  # noqa: PLR0913, PLR0917 - one for each option, by name
    ctx: click.Context,
    client: Client,
    limit: int,
    days: float | None,
    team: str | None,
    ask: bool,
    ask_key: str | None,
    dataset: str | None,
    as_json: bool,
) -> None:
    """What would become of judged answers by the settings of now; exit code 1 where a wrong one would be served again.

    Without --ask the cache decides anew about each pair of questions, alone: no model is asked.
    """
    given: Json = {"limit": limit, **({} if days is None else {"days": days}), **({"team": team} if team else {})}
    if dataset:
        told = client.call("POST", "/dataset", {"name": dataset, **given})
        show(
            told,
            as_json,
            lambda out: out.print(f"{told['items']} verdicts in the dataset {told['dataset']}{_of(told, limit)}"),
        )
        return
    told = client.call("GET", "/replay", given)
    if ask:
        told = _asked(told, ctx.params["url"], ask_key or admin_key_of(ctx.params["admin_key"]))
    show(told, as_json, lambda out: _draw(told, out, limit))
    if told["counts"][str(Flip.WRONG_AGAIN)]:
        raise SystemExit(1)


def _asked(told: Json, url: str, key: str | None) -> Json:
    if not key:
        raise click.ClickException("no key to ask with: give --ask-key")
    cases = [each for each in told["cases"] if each["question"] and each["answer"]]
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=_TIMEOUT_S) as http:
        done = [{**each, **_answer(http, each)} for each in cases]
    flips = Counter(each["flip"] for each in done)
    counts = {"verdicts": len(done), **{str(flip): flips.get(str(flip), 0) for flip in Flip}, "failed": flips["failed"]}
    return {
        "of": told.get("of"),
        "counts": counts,
        "left_out": {"no_text": len(told["cases"]) - len(cases)},
        "cases": done,
    }


def _answer(http: httpx.Client, case: Json) -> Json:
    """Its last question alone, as one message: what stood before it is not kept."""
    body = {
        "model": case["model_group"],
        "messages": [{"role": "user", "content": case["question"]}],
        "cache": {"no-store": True},
    }
    try:
        response = http.post("/v1/chat/completions", json=body)
        response.raise_for_status()
        text = str(response.json()["choices"][0]["message"]["content"] or "")
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as exc:
        return {"flip": "failed", "now": {"reason": type(exc).__name__}}
    told = {name: response.headers.get(f"x-litellm-plugins-{header}") for name, header in _HEADERS.items()}
    return {"flip": str(answered_anew(case["verdict"], case["answer"], text)), "now": {**told, "answer": text}}


_HEADERS = {"layer": "cache", "reason": "cache-reason"}


def _draw(told: Json, out: Console, limit: int) -> None:
    from rich.table import Table

    counts = told["counts"]
    out.print(", ".join(f"{name} {count}" for name, count in counts.items()) + _of(told, limit))
    if told["left_out"]:
        out.print("left out: " + ", ".join(f"{name} {count}" for name, count in told["left_out"].items()))
    rows = [each for each in told["cases"] if each["flip"] in _TOLD]
    if not rows:
        return
    table = Table("id", "verdict", "now", "reason", "question", "matched")
    for each in rows:
        texts = [_short(each[name] or "") for name in ("question", "matched_question")]
        table.add_row(each["id"], each["verdict"], each["flip"], str(each["now"]["reason"]), *texts)
    out.print(table)


def _of(told: Json, shown: int) -> str:
    """Where there are more than were looked at."""
    of = told.get("of") or 0
    return f" (the newest {shown} of {of})" if of > shown else ""


def _short(text: str) -> str:
    line = plain(" ".join(text.split()))
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
