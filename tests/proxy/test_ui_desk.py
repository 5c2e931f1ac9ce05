"""The review queue at `/plugins/ui/review` in a real browser, on a desk and stores of the test's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import pytest

from litellm_plugins.cache.verifier.standing import Promise, Standing
from litellm_plugins.errors import StoreUnavailable
from tests.support.chromium import PHONE, Console
from tests.support.contrasts import narrow_targets, unreadable
from tests.support.shown_day import Desk, item
from tests.support.ui_server import UiServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

COOKIE = "litellm_plugins_ui"
HOSTILE = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UiServer]:
    """Its ledger is away."""

    async def no_ledger() -> list[dict[str, Any]]:
        raise StoreUnavailable("store_file_gone", "/var/lib/ours/ledger.db")

    with UiServer(tmp_path_factory.mktemp("desk"), Desk([]), budgets=no_ledger, standing=_standing) as running:
        yield running


async def _standing(_: object) -> Standing:
    """Before the first fit."""
    return Standing(98, None, 0.0, {"0.01": Promise(None)})


@pytest.fixture
def desk(server: UiServer) -> Desk:
    """The server's, with three items that nobody has judged."""
    server.desk.items[:] = [item(1), item(2, team="sales"), item(3)]
    server.desk.judged.clear()
    return server.desk


def reviewer(page: Page, server: UiServer, team: str | None = None, *, by: str = "ada", asked: str = "") -> None:
    page.context.add_cookies([{"name": COOKIE, "value": server.session(team, by=by), "url": server.url}])
    page.goto(f"{server.url}/review{asked}")


def is_in_sight(page: Page, selector: str) -> bool:
    """Nothing else lies upon its middle, and that is on the screen."""
    found: bool = page.evaluate(
        """(selector) => {
            const seen = document.querySelector(selector), at = seen.getBoundingClientRect();
            const top = document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2);
            return top !== null && (seen.contains(top) || top.contains(seen));
        }""",
        selector,
    )
    return found


def test_verdicts_are_given_by_keyboard_alone(page: Page, server: UiServer, desk: Desk) -> None:
    desk.items[2]["answer"] = desk.items[1]["answer"] = "A long answer. " * 200
    page.set_viewport_size({"width": 1280, "height": 560})
    reviewer(page, server)
    assert page.evaluate("document.activeElement.id") == "item-1"
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id") == "item-2"
    with page.expect_navigation():
        page.keyboard.press("w")
    assert desk.judged == [(item(2)["id"], "wrong", "ada")]
    assert "this pair never hits again" in page.inner_text(".done").lower()
    assert page.evaluate("document.activeElement.id") == "item-2"  # what was the third
    assert is_in_sight(page, ".done")
    assert is_in_sight(page, "#item-2 button.right")
    for _ in range(2):
        page.keyboard.press("Shift+Tab")  # up to what lay under that line, and is scrolled by itself
    assert is_in_sight(page, ":focus")
    page.keyboard.press("k")
    with page.expect_navigation():
        page.keyboard.press("r")
    assert [verdict for _, verdict, _ in desk.judged] == ["wrong", "right"]
    assert page.locator("article.item").count() == 1


def test_keys_judge_the_item_that_has_the_focus_once_and_nothing_else(page: Page, server: UiServer, desk: Desk) -> None:
    reviewer(page, server)
    for elsewhere in (".who button", "#team", "nav a >> nth=0"):
        page.focus(elsewhere)
        for key in ("w", "r", "j"):
            page.keyboard.press(key)
        assert page.evaluate(f"document.activeElement === document.querySelector('{elsewhere.partition(' >>')[0]}')")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("w")  # on nothing
    posted: list[str] = []
    page.on("request", lambda request: posted.append(request.url) if request.method == "POST" else None)
    page.keyboard.press("k")
    with page.expect_navigation():
        page.evaluate(
            """() => { for (const key of ["R", "r", "w"])  // caps lock; a second and a third press
                 document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true})); }"""
        )
    assert len(posted) == 1
    assert [verdict for _, verdict, _ in desk.judged] == ["right"]


def test_words_that_only_one_question_has_are_marked(page: Page, server: UiServer, desk: Desk) -> None:
    desk.items[:] = [item(1, question="Can I <b>not</b> park here?", matched_question="can i park here")]
    reviewer(page, server)
    assert page.locator(".said mark").all_inner_texts() == ["<b>not</b>"]
    assert page.inner_text(".said >> nth=0") == "Can I <b>not</b> park here?"


def test_of_an_item_whose_texts_are_not_kept_the_trace_is_named(page: Page, server: UiServer, desk: Desk) -> None:
    desk.items[:] = [item(1, question="", matched_question=None, answer="", trace_id="ab" * 16)]
    reviewer(page, server)
    assert "texts are not kept" in page.inner_text("#item-1")
    assert "ab" * 16 in page.inner_text("#item-1")
    assert page.locator(".said").count() == 0
    assert page.locator("button.right").count() == 1  # who looks there may judge


def test_a_mistaken_verdict_is_changed_by_a_key(page: Page, server: UiServer, desk: Desk) -> None:
    reviewer(page, server)
    with page.expect_navigation():
        page.keyboard.press("w")
    with page.expect_navigation():
        page.keyboard.press("u")
    assert [each[:2] for each in desk.judged] == [(item(1)["id"], word) for word in ("wrong", "right")]
    assert page.inner_text(".done p").startswith("Recorded as right.")


def test_of_two_tabs_the_second_overrules_the_first_only_when_it_knows(
    page: Page, server: UiServer, desk: Desk
) -> None:
    reviewer(page, server)
    other = page.context.new_page()
    other.goto(f"{server.url}/review")
    for tab, key in ((page, "w"), (other, "r")):
        with tab.expect_navigation():
            tab.keyboard.press(key)
    assert [verdict for _, verdict, _ in desk.judged] == ["wrong"]
    assert "Somebody judged that item as wrong while you looked at it" in other.inner_text(".fault")
    with other.expect_navigation():
        other.click("button.again")
    assert [verdict for _, verdict, _ in desk.judged] == ["wrong", "right"]
    page.goto(f"{server.url}/review")  # and the same word of both is one
    other.goto(f"{server.url}/review")
    for tab in (page, other):
        with tab.expect_navigation():
            tab.keyboard.press("w")
    assert "Recorded as wrong" in other.inner_text(".done")


def test_of_a_verdict_that_cannot_be_taken_in_the_reviewer_is_told(
    page: Page, server: UiServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewer(page, server)
    desk.items.pop(0)  # it has made room
    with page.expect_navigation():
        page.keyboard.press("w")
    assert "nothing was recorded" in page.inner_text(".fault")
    assert page.evaluate("document.activeElement.id") == "item-1"  # and goes on with the next

    async def away(*_: object, **__: object) -> dict[str, Any]:
        raise StoreUnavailable("store_full", "/var/lib/ours/pack.db")

    monkeypatch.setattr(desk, "judge", away)
    given = {"word": page.locator("input[name=word]").first.get_attribute("value") or "", "item": item(2)["id"]}
    told = page.request.post(f"{server.url}/review", form={**given, "verdict": "wrong"})
    assert told.status == 503
    assert "store_full" in told.text()
    assert "/var/lib" not in told.text()
    assert desk.judged == []


def test_who_signs_in_again_is_told_what_became_of_the_verdict_and_goes_on_there(
    page: Page, server: UiServer, desk: Desk
) -> None:
    reviewer(page, server)
    page.context.clear_cookies()  # as after session_minutes
    with page.expect_navigation():
        page.keyboard.press("w")
    assert "your verdict was not recorded" in page.inner_text(".fault")
    page.fill("#key", server.token("sales"))
    page.click("main button")
    page.wait_for_selector("article.item")
    assert page.url == f"{server.url}/review"
    assert desk.judged == []


def test_after_signing_in_one_goes_nowhere_but_on_this_page(server: UiServer) -> None:
    with httpx.Client(trust_env=False) as http:
        for to, kept in (
            ("/review?team=sales", "/review?team=sales"),
            ("?span=30d", "?span=30d"),
            ("//elsewhere.example.com", ""),
            ("https://elsewhere.example.com", ""),
            (".elsewhere.example.com", ""),
            ("/review\r\nset-cookie: a=b", ""),
            ("/review/../../x", ""),
        ):
            form = http.get(f"{server.url}/sign-in?{urlencode({'to': to})}").text
            assert f'name="to" value="{kept}"' in form, to
        form = http.get(f"{server.url}/review?team=sales&done=wrong").text
        assert 'name="to" value="/review?team=sales"' in form
        word = re.search(r'name="word" value="([0-9a-f]+)"', form)
        assert word is not None
        given = {"word": word[1], "key": server.token("sales"), "to": "//elsewhere.example.com"}
        assert http.post(f"{server.url}/sign-in", data=given).headers["location"] == "/plugins/ui"


def test_a_section_whose_store_is_away_takes_no_other_with_it(page: Page, server: UiServer) -> None:
    reviewer(page, server)
    page.goto(server.url)
    told = page.inner_text("main")
    assert "cannot be read right now (store_file_gone)" in told
    assert "/var/lib" not in page.content()
    assert page.locator(".tiles").count() == 1
    assert "97.8% of hits right" in told
    assert "1.0% of requests at most may get a wrong answer" in told  # what is promised stands before the first fit
    assert "No request was counted in this time." in told


def test_the_keyboard_alone_is_enough(page: Page, server: UiServer, desk: Desk) -> None:
    reviewer(page, server)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "right"  # of the first item
    page.goto(server.url)
    seen = []
    for _ in range(8):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.innerText || document.activeElement.id"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", seen
    assert seen[:4] == ["Skip to the content", "Overview", "Review", "Sign out"]
    assert seen[4:] == ["24h", "7d", "30d", "team"]
    page.goto(server.url)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_without_scripts_the_buttons_do_the_same(browser: Browser, server: UiServer, desk: Desk) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": COOKIE, "value": server.session(), "url": server.url}])
    visitor = context.new_page()
    visitor.goto(f"{server.url}/review")
    visitor.click("#item-1 button.right")
    visitor.wait_for_selector(".done")
    context.close()
    assert [each[:2] for each in desk.judged] == [(item(1)["id"], "right")]


def test_a_teams_owner_sees_their_items_and_cannot_judge(page: Page, server: UiServer, desk: Desk) -> None:
    reviewer(page, server, "sales")
    assert page.locator("article.item").count() == 1
    assert page.locator("form.verdict").count() == 0
    assert page.request.get(f"{server.url}/review?team=support").status == 403
    cookie = "; ".join(f"{each['name']}={each['value']}" for each in page.context.cookies())
    word = page.locator("input[name=word]").first.get_attribute("value")
    given = {"word": word, "item": item(2)["id"], "verdict": "wrong"}
    refused = httpx.post(f"{server.url}/review", data=given, headers={"cookie": cookie}, trust_env=False)
    assert refused.status_code == 403
    assert desk.judged == []


def test_a_judge_s_opinion_is_there_for_who_asks_for_it(page: Page, server: UiServer, desk: Desk) -> None:
    desk.items[:] = [item(1, opinion="wrong"), item(2)]
    reviewer(page, server)
    assert page.locator("details.opinion").count() == 1
    assert not page.locator(".opinion p").is_visible()  # who reads it first leans towards it
    page.click("#item-1 .opinion summary")
    assert page.inner_text(".opinion p").startswith("Wrong, it says")


def test_what_took_over_is_shown_before_and_after_but_not_to_a_team(page: Page, server: UiServer) -> None:
    reviewer(page, server)
    page.goto(server.url)
    assert page.locator(".changes tbody tr").count() == 2
    assert "+3.9 points (+0.7 to +8.2)" in page.inner_text(".changes")
    reviewer(page, server, "sales")
    page.goto(server.url)
    assert page.locator(".changes").count() == 0


def test_what_users_typed_stays_text(page: Page, server: UiServer, desk: Desk) -> None:
    turned = "pay \u202enruter\u202c now"
    desk.items[:] = [
        item(
            1, question=HOSTILE, matched_question="javascript:alert(1)", answer=f"<a href='javascript:x'>{HOSTILE}</a>"
        ),
        item(2, question=turned, answer="x" * 1_000_000, feature="\"><script>document.title='owned'</script>"),
        item(3, team=HOSTILE, model=f"{HOSTILE}\x00", tier="w" * 500, kind=HOSTILE, why=HOSTILE, opinion=HOSTILE),
    ]
    page.set_viewport_size(PHONE)
    reviewer(page, server, by=HOSTILE)
    assert page.locator(".who bdi").inner_text().startswith("<script>")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.title() == "Review · litellm-plugins"
    assert page.inner_text("#item-1 .said >> nth=0") == HOSTILE
    assert page.locator("main script, main img, main a").count() == 0
    assert page.inner_text("#item-2 .said >> nth=0") == "pay [U+202E]nruter[U+202C] now"
    assert "(1,000,000 characters)" in page.inner_text("#item-2 .answer .said")
    assert len(page.content()) < 60_000
    reviewer(page, server, asked="?" + urlencode({"team": HOSTILE, "done": HOSTILE, "effects": HOSTILE}))
    assert page.input_value("#team") == HOSTILE
    assert page.title() == "Review · litellm-plugins"
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


# How it looks


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_judged_can_be_read_and_touched(browser: Browser, server: UiServer, desk: Desk, scheme: Any) -> None:
    context = browser.new_context(color_scheme=scheme, viewport=PHONE)
    visitor = context.new_page()
    console = Console(visitor)
    for address in ("", f"?done=wrong&item={item(9)['id']}", "?not=gone&team=support"):
        reviewer(visitor, server, asked=address)
        assert unreadable(visitor) == []
        assert narrow_targets(visitor, 44) == []
    visitor.set_viewport_size({"width": 320, "height": 640})
    width = visitor.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert width <= 320
    assert console.said == []


# The door


def test_many_keys_guessed_at_once_are_no_more_guesses_than_one_after_the_other(server: UiServer) -> None:
    with httpx.Client(trust_env=False) as http:
        word = re.search(r'name="word" value="([0-9a-f]+)"', http.get(f"{server.url}/sign-in").text)
        assert word is not None
        cookies = dict(http.cookies)

    def guess(number: int) -> int:
        form = {"word": word[1], "key": f"lpui-{number}"}
        return httpx.post(f"{server.url}/sign-in", data=form, cookies=cookies, trust_env=False).status_code

    with ThreadPoolExecutor(12) as pool:
        codes = list(pool.map(guess, range(12)))
    assert sorted(codes) == [401] * 3 + [429] * 9
