"""The page at `/plugins/ui` in a real browser, on a proxy that counts a month of traffic."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.support import Keys, Provider, RunningProxy, command_line, eventually, model, proxy_config
from tests.support.chromium import LAPTOP, PHONE, chromium, why_no_chromium
from tests.support.contrasts import narrow_targets, unreadable
from tests.support.shown_day import fill

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

ROOT = "/plugins/ui"
COOKIE = "litellm_plugins_ui"
FEWEST_REQUESTS = 100_000
NARROWEST = 320  # CSS pixels: WCAG 1.4.10, and a laptop at 400%
BUDGETS: list[dict[str, Any]] = [
    {"name": "company", "limit_usd": 100},
    {"name": "team-day", "scope": "team", "limit_usd": 5, "soft": [0.5]},
    {"name": "key-day", "scope": "key", "limit_usd": 4},
]
TIERS = [{"name": "cheap", "models": ["gpt-4.1-mini"]}, {"name": "strong", "models": ["gpt-4.1"]}]


@pytest.fixture(scope="module")
def mine(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    folder = tmp_path_factory.mktemp("ui")
    pack = {
        "storage": {"url": f"sqlite:///{folder / 'data' / 'litellm_plugins.db'}"},
        "ui": {"enabled": True},
        "insight": {"keep_days": 40},
        "review": {"enabled": True, "control_share": "100%"},
        "budgets": BUDGETS,
        "routing": {"routers": {"auto": {"tiers": TIERS}}},
    }
    router = model("auto", provider.url, "gpt-4.1")  # which nobody asks here
    with RunningProxy(
        proxy_config(provider.url, pack=pack, more_models=[router]), folder, provider_url=provider.url
    ) as running:
        (folder / "data").mkdir(exist_ok=True)
        path = folder / "data" / "litellm_plugins.insight.db"
        with ThreadPoolExecutor(1) as beside:  # Playwright runs a loop in this thread
            assert beside.submit(lambda: asyncio.run(fill(path))).result() > FEWEST_REQUESTS
        yield running


def sign_in(page: Page, proxy: RunningProxy, key: str | None = None) -> None:
    page.goto(f"{proxy.url}{ROOT}")
    page.fill("#key", key or proxy.master_key)
    page.click("main button")
    page.wait_for_selector(".tiles")


def token_of(proxy: RunningProxy, *arguments: str) -> dict[str, Any]:
    """By the command line, as an admin makes it."""
    made: dict[str, Any] = json.loads(cli(proxy, "token", *arguments, "--json"))
    return made


def cli(proxy: RunningProxy, *arguments: str, code: int = 0) -> str:
    done = command_line.on_proxy(proxy, "ui", *arguments)
    assert done.code == code, done
    return done.out


def tiles(page: Page) -> dict[str, str]:
    return {
        name.inner_text(): value.inner_text()
        for name, value in zip(page.locator(".tiles dt").all(), page.locator(".tiles dd:not(.note)").all(), strict=True)
    }


# What an admin sees


def test_an_admin_signs_in_and_sees_what_was_saved_and_the_budgets(page: Page, mine: RunningProxy) -> None:
    sign_in(page, mine)
    assert page.url == f"{mine.url}{ROOT}"  # no key in it
    assert re.fullmatch(r"\$[\d,]+\.\d\d", tiles(page)["saved"])
    text = page.inner_text("main")
    assert "same meaning" in text
    assert "auto / strong" in text
    assert "team-day" in text
    assert "team support is 104% above usual" in text
    assert page.locator("figure svg rect.k-semantic").count() > 10


@pytest.mark.parametrize("span", ["24h", "7d", "30d", "30d&team=support"])
def test_the_page_is_there_within_a_second_on_a_hundred_thousand_requests(
    page: Page, mine: RunningProxy, span: str
) -> None:
    sign_in(page, mine)
    took_ms = []
    for _ in range(3):  # other things run on this machine: the best of three is the page's own
        page.goto(f"{mine.url}{ROOT}?span={span}", wait_until="load")
        took_ms.append(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))
    assert page.locator(".tiles").count() == 1
    assert 0 < min(took_ms) < 1_000


def test_a_team_that_an_admin_asks_for_is_less_than_everything(page: Page, mine: RunningProxy) -> None:
    sign_in(page, mine)
    everybodys = tiles(page)["saved"]
    page.fill("#team", "support")
    page.click(".filter button")
    page.wait_for_selector("h1:has-text('support')")
    assert tiles(page)["saved"] not in (everybodys, "$0.00")
    assert "auto / gpt-4.1-mini" in page.inner_text("section:has(h2:text-is('Tiers'))")
    page.goto(f"{mine.url}{ROOT}?team=suport")
    assert "No request of a team that goes by this name" in page.inner_text("main")


# A team's owner


def test_a_teams_token_shows_its_own_numbers_and_no_address_leads_to_anothers(
    page: Page, mine: RunningProxy, keys: Keys
) -> None:
    for key in (keys.sales, keys.support):
        mine.ask(key, "Whose key is this?")
    made = token_of(mine, "--team", "sales", "--days", "1")
    sign_in(page, mine, made["token"])
    assert page.inner_text("h1") == "Team sales"
    mine_shown = tiles(page)
    text = page.inner_text("main")
    assert "hit rate of team sales" in text
    assert page.locator(".budgets tbody th").all_inner_texts() == ["key-day", "team-day"]
    assert "key sales" in page.inner_text(".budgets")
    assert not [word for word in ("support", "agent", "company", "marketing") if word in text]
    assert page.locator("#team").count() == 0

    for asked in ("?team=support", "?span=30d&team=support", "?team=support&team=sales"):
        told = page.request.get(f"{mine.url}{ROOT}{asked}")
        assert "support" not in told.text()
        assert told.status == (200 if asked.endswith("team=sales") else 403), asked
    page.goto(f"{mine.url}{ROOT}?team=sales")
    assert tiles(page) == mine_shown


def test_a_revoked_token_shuts_the_sessions_that_it_opened(page: Page, mine: RunningProxy) -> None:
    made = token_of(mine, "--team", "sales")
    sign_in(page, mine, made["token"])
    assert made["id"] in cli(mine, "tokens")
    assert "revoked: team sales" in cli(mine, "revoke", made["id"])
    page.goto(f"{mine.url}{ROOT}")
    assert page.locator("#key").count() == 1
    assert made["id"] not in cli(mine, "tokens")
    cli(mine, "revoke", made["id"], code=1)


def test_tokens_are_made_by_admins_only(mine: RunningProxy) -> None:
    assert mine.http("POST", f"{ROOT}/tokens", None, json={"team": "sales"}).status_code == 401
    for asked, param in (({"team": "sales", "days": 1_000}, "days"), ({"team": "nobody"}, "team")):
        refused = mine.http("POST", f"{ROOT}/tokens", mine.master_key, json=asked)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


# The door


def test_a_wrong_key_is_told_so_slowed_down_and_written_nowhere(page: Page, mine: RunningProxy) -> None:
    with httpx.Client(base_url=mine.url, trust_env=False) as http:

        def attempt(key: str) -> httpx.Response:
            form = http.get(ROOT).text
            word = re.search(r'name="word" value="([0-9a-f]+)"', form)
            assert word is not None
            return http.post(f"{ROOT}/sign-in", data={"word": word[1], "key": key})

        wrong = "sk-a-wrong-key-of-the-page"
        answers = [attempt(wrong) for _ in range(4)]
        assert [each.status_code for each in answers] == [401, 401, 401, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert attempt(mine.master_key).status_code == 429  # the right one waits as well
        log = mine.log()
        assert "ui_sign_in_refused" in log
        assert wrong not in log
        assert mine.master_key not in log
    page.wait_for_timeout(1_500)


def test_the_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(page: Page, mine: RunningProxy) -> None:
    sign_in(page, mine)
    (cookie,) = [each for each in page.context.cookies() if each["name"] == COOKIE]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", ROOT)
    jar = {"cookie": f"{COOKIE}={cookie['value']}"}
    own = mine.http("GET", ROOT, headers=jar)
    assert "tiles" in own.text
    assert own.headers["cache-control"] == "no-store"
    assert own.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self'")
    for headers in (
        {"origin": "https://elsewhere.example.com"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    ):
        assert mine.http("GET", ROOT, headers=jar | headers).status_code == 403, headers
    behind_tls = mine.http("GET", ROOT, headers={"x-forwarded-proto": "https"})
    assert "Secure" in behind_tls.headers["set-cookie"]


def test_signing_out_needs_the_sessions_own_form_and_ends_it_everywhere(page: Page, mine: RunningProxy) -> None:
    sign_in(page, mine)
    (cookie,) = [each for each in page.context.cookies() if each["name"] == COOKIE]
    jar = {"cookie": f"{COOKIE}={cookie['value']}"}
    assert mine.http("POST", f"{ROOT}/sign-out", headers=jar, data={"word": "0" * 64}).status_code == 403
    assert "tiles" in mine.http("GET", ROOT, headers=jar).text
    page.click("text=Sign out")
    page.wait_for_selector("#key")
    page.go_back()  # to nothing that the browser had kept
    page.wait_for_selector("#key")
    assert "tiles" not in mine.http("GET", ROOT, headers=jar).text


def test_over_plain_http_a_browser_s_own_form_is_not_taken_for_another_site_s(mine: RunningProxy) -> None:
    """There browsers send no Sec-Fetch-Site, but for this machine itself: a name of another is what it takes."""
    with ThreadPoolExecutor(1) as beside:  # one loop of Playwright's runs in this thread already
        assert beside.submit(_signed_in_by_name, mine).result() == "Everything"


def _signed_in_by_name(proxy: RunningProxy) -> str:
    if missing := why_no_chromium():
        pytest.skip(missing)
    with chromium("--host-resolver-rules=MAP page.test 127.0.0.1") as other:
        visitor = other.new_page()
        visitor.goto(f"{proxy.url.replace('127.0.0.1', 'page.test')}{ROOT}")
        visitor.fill("#key", proxy.master_key)
        visitor.click("main button")
        visitor.wait_for_load_state()
        return visitor.inner_text("h1")


# The review queue, of the proxy itself


def test_a_verdict_by_keyboard_evicts_what_the_proxy_served(page: Page, mine: RunningProxy, keys: Keys) -> None:
    stored, asked, next_one = (f"{how} I top up my travel card?" for how in ("How do", "How can", "How could"))
    mine.teach(keys.support, stored)
    assert [mine.ask(keys.support, each).cache for each in (next_one, asked)] == ["semantic"] * 2
    sign_in(page, mine)
    page.click("nav >> text=Review")

    def said(tab: Page, text: str) -> Locator:
        return tab.locator(".said").filter(has_text=re.compile(f"^{re.escape(text)}$"))

    def shown_on(tab: Page) -> Locator:
        return tab.locator("article.item").filter(has=said(tab, stored)).filter(has=said(tab, asked))

    def mine_on_it() -> bool:
        page.goto(f"{mine.url}{ROOT}/review")
        return shown_on(page).count() == 1

    eventually(mine_on_it, what="the hit to be in the queue: it is kept beside the request")
    other = page.context.new_page()  # of another reviewer, who takes longer
    other.goto(page.url)
    page.bring_to_front()
    wanted = shown_on(page).get_attribute("id")
    while page.evaluate("document.activeElement.id") != wanted:
        page.keyboard.press("j")
    with page.expect_navigation():
        page.keyboard.press("w")
    assert "this pair never hits again" in page.inner_text(".done").lower()
    assert said(page, asked).count() == 0
    assert mine.ask(keys.support, next_one).cache == "miss"
    shown_on(other).locator("button.right").click()
    assert "Somebody judged that item as wrong" in other.inner_text(".told")


# How it looks


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_readers_colours(browser: Browser, mine: RunningProxy, scheme: Any) -> None:
    context = browser.new_context(color_scheme=scheme, viewport=LAPTOP)
    visitor = context.new_page()
    visitor.goto(f"{mine.url}{ROOT}")
    faint = unreadable(visitor)
    sign_in(visitor, mine)
    faint += unreadable(visitor)
    ground, ink = (visitor.evaluate(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color"))
    context.close()
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ground, ink)]
    assert (brightness[0] > brightness[1]) is (scheme == "light")
    assert faint == []


def test_on_a_phone_nothing_runs_off_to_the_side(browser: Browser, mine: RunningProxy) -> None:
    context = browser.new_context(viewport=PHONE)
    visitor = context.new_page()
    sign_in(visitor, mine)
    widths = []
    for width in (PHONE["width"], NARROWEST):
        visitor.set_viewport_size({"width": width, "height": 640})
        widths += [width - visitor.evaluate("document.documentElement.scrollWidth")]
    narrow = narrow_targets(visitor, 44)
    context.close()
    assert min(widths) >= 0
    assert narrow == []
