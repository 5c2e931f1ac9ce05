"""`/plugins/budgets…`, the command line, the gauges and the alerts of a running proxy."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from litellm_plugins.cache.admin.events import SIGNATURE_HEADER, verify
from litellm_plugins.insight.backends.sqlite import SqliteUsage
from litellm_plugins.insight.store import Batch
from litellm_plugins.insight.usage import DIMENSIONS, Sums, hour_of
from litellm_plugins.proxy.insight.stores import INSIGHT_SCHEMA
from litellm_plugins.storage.sqlite import SqliteFile
from tests.support import Keys, Provider, RunningProxy, command_line, eventually, proxy_config
from tests.support.fixtures import new_question
from tests.support.receiver import Receiver

ROOT = "/plugins/budgets"
SECRET = "whsec-test-" + "7" * 32
TEAM = "team-day/team=support"
BUDGETS: list[dict[str, Any]] = [
    {"name": "company", "limit_usd": 100},
    {"name": "team-day", "scope": "team", "limit_usd": 5, "limit_requests": 4, "soft": [0.5], "timezone": "Asia/Tokyo"},
    {"name": "chat", "scope": {"feature": "chat/1 a"}, "limit_tokens": 1_000_000, "window": "30d"},
]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


@pytest.fixture(scope="module")
def proxy(provider: Provider, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    folder = tmp_path_factory.mktemp("budgets")
    pack = {
        "storage": {"url": f"sqlite:///{folder / 'data' / 'litellm_plugins.db'}"},
        "budgets": BUDGETS,
        "alerts": {"webhooks": [{"url_env": "TEST_HOOK", "secret_env": "TEST_HOOK_SECRET"}], "every_s": 0.5},
    }
    env = {"TEST_HOOK": receiver.url, "TEST_HOOK_SECRET": SECRET}
    config = proxy_config(provider.url, pack=pack)
    with RunningProxy(config, folder, provider_url=provider.url, env=env) as running:
        yield running


def call(proxy: RunningProxy, method: str, path: str = "", body: Any = None, code: int = 200, **query: Any) -> Any:
    """As the admin; the answer's JSON."""
    arguments: dict[str, Any] = {"params": query} if query else {}
    if body is not None:
        arguments["json"] = body
    response = proxy.http(method, ROOT + path, proxy.master_key, **arguments)
    assert response.status_code == code, response.text
    return response.json()


def cli(
    proxy: RunningProxy,
    *arguments: str,
    code: int = 0,
    on_store: bool = False,
    says: str = "",
    group: str = "budgets",
) -> str:
    if on_store:
        done = command_line.on_store(proxy, group, *arguments)
    else:
        done = command_line.on_proxy(proxy, group, *arguments, says=says)
    assert done.code == code, done
    return done.out if code == 0 else done.out + done.err


def spent(proxy: RunningProxy, account: str) -> int:
    requests: int = call(proxy, "GET", f"/{account}")["requests"]["spent"]
    return requests


def spend(proxy: RunningProxy, key: str, times: int, account: str = TEAM) -> None:
    """As many answers that nobody asked for before; returns once they are booked."""
    before = spent(proxy, account)
    for _ in range(times):
        proxy.ask(key, new_question())
    eventually(lambda: spent(proxy, account) == before + times, what="the calls to be booked")


def test_budgets_that_nobody_used_yet_stand_there_and_in_the_gauges(proxy: RunningProxy) -> None:
    told = call(proxy, "GET")["budgets"]
    accounts = [each["account"] for each in told]
    assert accounts == [
        "chat/feature=chat%2F1%20a",
        "company",
        *(f"team-day/team={t}" for t in ("legal", "sales", "support")),
    ]
    assert all(each["usd"]["spent"] == 0 and each["state"] == "ok" for each in told)
    assert [each["account"] for each in call(proxy, "GET", name="company")["budgets"]] == ["company"]
    assert len(call(proxy, "GET", account="team-day/team=s")["budgets"]) == 2
    chat = call(proxy, "GET", "/chat/feature=chat%252F1%2520a")
    assert (chat["holder"], chat["tokens"]["limit"], chat["usd"]["limit"]) == ("feature chat/1 a", 1_000_000, None)
    assert chat["window"]["rolling"] is True
    team = call(proxy, "GET", f"/{TEAM}")["window"]
    assert team["start"].endswith("T00:00:00+09:00")

    def gauges() -> bool:
        seen = proxy.metrics()
        return seen.value("litellm_plugins_budget_limit_usd", budget="company", holder="everybody") == 100

    eventually(gauges, what="the gauges")
    page = proxy.http("GET", "/metrics/", proxy.master_key).text
    ours = [line for line in page.splitlines() if line.startswith("litellm_plugins_budget_") and "_bucket" not in line]
    assert 'litellm_plugins_budget_spent_usd{budget="team-day",holder="team support"} 0.0' in ours
    assert 'litellm_plugins_budget_remaining_tokens{budget="chat",holder="feature chat/1 a"} 1e+06' in ours
    assert not [line for line in ours if "limit_usd" in line and "chat" in line]
    assert not [line for line in ours if "Inf" in line]


def test_what_is_spent_is_seen_everywhere_and_each_mark_is_told_once(
    proxy: RunningProxy, keys: Keys, receiver: Receiver
) -> None:
    spend(proxy, keys.support, 2)
    team = call(proxy, "GET", f"/{TEAM}")
    assert (team["state"], team["requests"]["share_used"], team["requests"]["remaining"]) == ("soft", 0.5, 2)
    assert team["nano_usd"]["spent"] == round(team["usd"]["spent"] * 1e9) > 0
    labels = {"budget": "team-day", "holder": "team support"}
    eventually(
        lambda: proxy.metrics().value("litellm_plugins_budget_spent_requests", **labels) == 2,
        what="the gauge to follow",
    )
    assert proxy.metrics().value("litellm_plugins_budget_spent_usd", **labels) == pytest.approx(team["usd"]["spent"])
    eventually(lambda: receiver.marks == [0.5], what="the alert")
    _, told, headers = receiver.got[0]
    assert (told["type"], told["account"], told["metric"]) == ("budget.mark", TEAM, "requests")
    received = httpx.Headers(headers)
    verify(SECRET, receiver.bodies[0], received[SIGNATURE_HEADER], now=_time_of(received), tolerance_s=1)

    spend(proxy, keys.support_colleague, 2)
    assert call(proxy, "GET", f"/{TEAM}")["state"] == "hard"
    with pytest.raises(Exception, match="team-day"):
        proxy.ask(keys.support, new_question())
    eventually(lambda: len(receiver.got) == 3, what="the alerts")
    assert sorted(told["type"] for _, told, _ in receiver.got) == ["budget.mark", "budget.mark", "budget.no_room"]
    assert receiver.url.rpartition("/")[2] not in proxy.log()
    logged = [json.loads(line) for line in proxy.log().splitlines() if '"budget_alert"' in line]
    assert sorted(str(each.get("mark")) for each in logged) == ["0.5", "1.0", "None"]
    told_count = proxy.metrics().value("litellm_plugins_budget_alerts_total", receiver="TEST_HOOK", outcome="sent")
    assert told_count == 3


def test_a_limit_by_hand_lets_them_on_until_it_is_taken_back(proxy: RunningProxy, keys: Keys) -> None:
    raised = call(proxy, "POST", "/limit", {"account": TEAM, "limit_requests": 1_000})
    assert (raised["limit_by"], raised["requests"]["limit"], raised["usd"]["limit"]) == ("admin", 1_000, 5)
    spend(proxy, keys.support, 1)
    back = call(proxy, "POST", "/limit", {"account": TEAM, "limit_requests": None})
    assert (back["limit_by"], back["requests"]["limit"], back["state"]) == ("settings", 4, "hard")


def test_a_reset_forgets_what_was_spent_and_is_in_the_journal(proxy: RunningProxy, keys: Keys) -> None:
    would = call(proxy, "POST", "/reset", {"account": TEAM, "dry_run": True})
    assert (would["would_reset"], would["budgets"][0]["account"]) == (1, TEAM)
    assert spent(proxy, TEAM) == 5
    assert call(proxy, "POST", "/reset", {"account": TEAM})["reset"] == 1
    assert spent(proxy, TEAM) == 0
    spend(proxy, keys.support, 1)
    assert spent(proxy, "company") == 6
    assert call(proxy, "POST", "/reset", {"budget": "team-day"})["reset"] == 3
    assert spent(proxy, TEAM) == 0
    records = proxy.http("GET", "/plugins/cache/audit", proxy.master_key).json()["records"]
    assert [each["action"] for each in records][:4] == ["budget_reset", "budget_reset", "budget_limit", "budget_limit"]


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "param"),
    [
        ("GET", "?name=nobody", None, 404, None),
        ("GET", "?nam=company", None, 400, "nam"),
        ("GET", "/nobody/team=x", None, 404, None),
        ("POST", "/reset", {}, 400, "account"),
        ("POST", "/reset", {"account": "company", "budget": "company"}, 400, "account"),
        ("POST", "/reset", {"budget": "nobody"}, 404, None),
        ("POST", "/reset", {"account": "company", "dryrun": True}, 400, "dryrun"),
        ("POST", "/limit", {"limit_usd": 1}, 400, "account"),
        ("POST", "/limit", {"account": "company"}, 400, "limit_usd"),
        ("POST", "/limit", {"account": "company", "limit_usd": -1}, 400, "limit_usd"),
        ("POST", "/limit", {"account": "company", "limit_usd": "NaN"}, 400, "limit_usd"),
        ("POST", "/limit", {"account": "company", "limit_tokens": 1.5}, 400, "limit_tokens"),
        ("POST", "/limit", {"account": "company", "limit_usd": True}, 400, "limit_usd"),
        ("POST", "/limit", {"account": "nobody", "limit_usd": 1}, 404, None),
        ("POST", "/limit", ["company"], 400, "body"),
    ],
)
def test_what_makes_no_sense_is_refused_in_openais_shape(
    proxy: RunningProxy, method: str, path: str, body: Any, code: int, param: str | None
) -> None:
    error = call(proxy, method, path, body, code=code)["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] == (param or error["param"])


def test_nobody_but_an_admin_may_look_or_change(proxy: RunningProxy, keys: Keys) -> None:
    for method, path in (("GET", ""), ("GET", "/company"), ("POST", "/reset"), ("POST", "/limit")):
        body = {"json": {"account": "company", "limit_usd": 1}} if method == "POST" else {}
        assert proxy.http(method, ROOT + path, keys.support, **body).status_code == 403
        assert proxy.http(method, ROOT + path, "sk-wrong", **body).status_code == 401
    assert call(proxy, "GET", "/company")["usd"]["limit"] == 100


def test_the_command_line_lists_shows_sets_and_resets(proxy: RunningProxy, keys: Keys) -> None:
    call(proxy, "POST", "/reset", {"budget": "team-day"})
    spend(proxy, keys.support, 3)
    listed = cli(proxy, "list")
    assert "team support" in listed
    assert "75%" in listed
    assert "█" * 9 + "░" * 3 in listed
    rows = json.loads(cli(proxy, "list", "--json", "--name", "team-day"))["budgets"]
    assert {row["account"]: row["requests"]["spent"] for row in rows}[TEAM] == 3
    assert "Asia/Tokyo" in cli(proxy, "show", TEAM)
    assert "feature chat/1 a" in cli(proxy, "show", "chat/feature=chat%2F1%20a")
    assert "Error: 404" in cli(proxy, "show", "nobody", code=1)

    assert json.loads(cli(proxy, "set", TEAM, "--requests", "3", "--json"))["limit_by"] == "admin"
    assert "hard" in cli(proxy, "list", code=1)
    assert json.loads(cli(proxy, "set", TEAM, "--requests", "settings", "--json"))["limit_by"] == "settings"
    assert "expected a number" in cli(proxy, "set", TEAM, "--usd", "much", code=1)

    assert "1 would be reset" in cli(proxy, "reset", TEAM, "--dry-run")
    assert "Aborted" in cli(proxy, "reset", TEAM, code=1, says="n\n")
    assert spent(proxy, TEAM) == 3
    assert "1 reset" in cli(proxy, "reset", TEAM, says="y\n")
    assert spent(proxy, TEAM) == 0


def test_the_ledger_itself_beside_the_proxy(proxy: RunningProxy, keys: Keys) -> None:
    spend(proxy, keys.sales, 1, "team-day/team=sales")
    rows = json.loads(cli(proxy, "list", "--json", on_store=True))["budgets"]
    assert {row["account"]: row["requests"]["spent"] for row in rows}["team-day/team=sales"] == 1
    assert "3 reset" in cli(proxy, "reset", "--budget", "team-day", "--yes", on_store=True)
    assert spent(proxy, "team-day/team=sales") == 0


async def test_costs_are_told_to_admins_by_the_route_and_the_command_line(proxy: RunningProxy, keys: Keys) -> None:
    """Here, since the cost monitor is on unless it is switched off, and one proxy is enough for both."""
    store = SqliteUsage(
        SqliteFile(proxy.folder / "data" / "litellm_plugins.insight.db", schema=INSIGHT_SCHEMA), keep_hours=100
    )
    now_ms = time.time_ns() // 1_000_000
    given = {"feature": "planted", "team": "legal", "layer": "miss", "ending": "success", "model": "gpt"}
    words = tuple(given.get(name, "") for name in DIMENSIONS)
    batch = Batch("b1", {(hour_of(now_ms), words): Sums(requests=3, prompt_tokens=10, spent_nano_usd=1_500_000_000)})
    await store.add(batch, now_ms=now_ms)
    await store.aclose()

    def costs(key: str, **query: str) -> httpx.Response:
        return proxy.http("GET", "/plugins/costs", key, params=query)

    def sales() -> list[tuple[Any, ...]]:
        rows = costs(proxy.master_key, by="team,layer,ending", since="24h").json()["rows"]
        return [
            (row["requests"], row["usd"] > 0) for row in rows if (row["team"], row["ending"]) == ("sales", "success")
        ]

    proxy.ask(keys.sales, new_question())
    eventually(lambda: any(paid and count for count, paid in sales()), what="the call to be counted")
    told = costs(proxy.master_key, by="feature,team", since="24h").json()
    (row,) = [each for each in told["rows"] if each["feature"] == "planted"]
    assert (row["team"], row["usd"], row["requests"], row["tokens"]) == ("legal", 1.5, 3, 10)
    assert costs(keys.support).status_code == 403
    assert costs("sk-wrong").status_code == 401
    refused = costs(proxy.master_key, by="colour")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "by")
    for on_store in (False, True):
        rows = json.loads(cli(proxy, "--by", "feature", "--json", on_store=on_store, group="costs"))["rows"]
        assert {each["feature"]: each["usd"] for each in rows}["planted"] == 1.5
    assert "planted" in cli(proxy, "--by", "feature", group="costs")


def _time_of(headers: httpx.Headers) -> float:
    return float(headers[SIGNATURE_HEADER].partition(",")[0].removeprefix("t="))
