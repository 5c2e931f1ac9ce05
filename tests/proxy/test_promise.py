"""`max_error_rate`: a real proxy that learns from its own traffic what it may serve."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import Keys, Provider, RunningProxy, command_line, mark_of, proxy_config
from tests.support.fixtures import new_question
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import httpx

SIMILARITY, PROBABILITY = "x-litellm-plugins-cache-similarity", "x-litellm-plugins-cache-probability"
TOPICS = (
    "How do I reset my password?", "How do I cancel my subscription?", "How do I track my parcel?",
    "How do I delete my account?", "How do I update the app?", "How do I turn off notifications?",
    "How do I redeem a voucher?", "How do I contact support?", "How do I change my address?",
    "How do I download an invoice?",
)  # fmt: skip
WORDINGS = ("{}", "Hello, {}", "Hi, {}", "So {}", "Well, {}", "OK, {}", "Hey, {}", "Right, {}", "Sorry, {}", "Good, {}")
EXPLAINED = {
    "unsure", "numbers_differ", "negation_differs", "opposed", "codes_differ", "names_differ", "question_differs",
    "language_differs",
}  # fmt: skip
COLD = 80  # questions, each of which teaches one label at most: the first fit comes with the hundredth


def worded(topic: str, how: str) -> str:
    return how.format(topic if how == "{}" else topic[0].lower() + topic[1:])


def said(text: str) -> str:
    """An answer without the mark of the question that it was written for."""
    opening, _, rest = text.partition("[ref ")
    return opening + rest.partition("]")[2]


@dataclass
class Told:
    """One answer, streamed or not."""

    text: str
    headers: httpx.Headers
    pieces: int = 1

    @property
    def outcome(self) -> tuple[str | None, str | None]:
        return self.headers.get("x-litellm-plugins-cache"), self.headers.get("x-litellm-plugins-cache-reason")


@dataclass
class Shop:
    """A proxy, and a provider that says the same of the same topic."""

    provider: Provider
    one: RunningProxy
    config: dict[str, Any]
    taught: set[str] = field(default_factory=set)  # what may be served: answers without their marks

    def ask(self, key: str, text: str, *, streamed: bool = False, proxy: RunningProxy | None = None) -> Told:
        """Ask, and wait until a fresh answer is stored."""
        asked = proxy or self.one
        if streamed:
            stream = asked.ask_streamed(key, text)
            told, answer_id = Told(stream.text, stream.headers, len(stream.chunks)), stream.chunks[0].id
        else:
            answer = asked.ask(key, text)
            told, answer_id = Told(answer.text or "", answer.headers), answer.body.id
        if told.outcome[0] == "miss":
            eventually(lambda: self.one.has_stored(answer_id), what="the answer to be stored")
            self.taught.add(said(told.text))
        return told

    def verifier(self, proxy: RunningProxy) -> dict[str, Any]:
        """What the statistics say of it."""
        stats = proxy.http("GET", "/plugins/cache/stats", proxy.master_key).raise_for_status().json()
        found: dict[str, Any] = stats["verifier"]
        return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Sales and one freelancer insist on a fixed threshold."""
    folder = tmp_path_factory.mktemp("promise")
    fixed = {"cache": {"semantic": {"threshold": 0.8}}}
    pack = {
        "storage": {"url": f"sqlite:///{folder / 'one' / 'data' / 'litellm_plugins.db'}"},
        "cache": {"semantic": {"threshold": None, "max_error_rate": 0.01}},
        "per_team": {"sales": fixed},
        "per_key": {"freelancer": fixed},
    }
    topics = {worded(topic, how): topic for topic in TOPICS for how in WORDINGS}
    with Provider(topics=topics) as provider:
        config = proxy_config(provider.url, pack=pack)
        with RunningProxy(config, folder / "one", provider_url=provider.url) as one:
            yield Shop(provider, one, config)


@pytest.fixture(scope="module")
def other(shop: Shop) -> Iterator[RunningProxy]:
    """A second proxy on the same database file."""
    folder = shop.one.folder.parent / "other"
    with RunningProxy(shop.config, folder, provider_url=shop.provider.url) as proxy:
        yield proxy


def test_cold_only_what_is_all_but_the_same_is_served_and_about_half_of_it_is_checked(shop: Shop, keys: Keys) -> None:
    """Every second question is streamed. What is served is an answer of that very topic."""
    counted: Counter[str] = Counter()
    answers: dict[str, str] = {}
    asked = [(topic, worded(topic, how)) for how in WORDINGS for topic in TOPICS]
    for number, (topic, question) in enumerate(asked[:COLD]):
        told = shop.ask(keys.support, question, streamed=number % 2 == 1)
        layer, reason = told.outcome
        counted[reason or ""] += 1
        answers.setdefault(topic, said(told.text))
        assert said(told.text) == answers[topic]
        if reason == "empty":
            assert PROBABILITY not in told.headers
            continue
        similarity, probability = float(told.headers[SIMILARITY]), float(told.headers[PROBABILITY])
        assert 0 <= probability <= 1
        if reason in {"verified", "shadow_check"}:
            assert similarity >= 0.95
            assert probability >= 0.9
        else:
            assert reason in EXPLAINED
        if reason == "verified":
            assert layer == "semantic"
            assert shop.provider.times_asked(question) == 0
            assert told.pieces > 1 or number % 2 == 0
        else:
            assert layer == "miss"
            assert told.headers.get("x-litellm-plugins-cache-would") == (
                "semantic" if reason == "shadow_check" else None
            )
            assert shop.provider.times_asked(question) == 1
            assert mark_of(question) in told.text
    assert counted["empty"] == 1
    assert counted["verified"] >= 2
    assert counted["shadow_check"] >= 2
    answered = [each for each in shop.provider.requests() if each["endpoint"] == "chat"]
    assert len(answered) == COLD - counted["verified"]


def test_another_case_spacing_or_closing_mark_is_the_same_question(shop: Shop, keys: Keys) -> None:
    """No odds are needed for that, and no check: twenty of them, half streamed, and the provider hears of none."""
    for number, topic in enumerate(TOPICS):
        for question in (topic.upper(), f"  {topic.lower().replace(' ', '  ')} ?"):
            told = shop.ask(keys.support, question, streamed=number % 2 == 1)
            assert told.outcome == ("semantic", "same_words")
            assert PROBABILITY not in told.headers
            assert said(told.text) in shop.taught
            assert shop.provider.times_asked(question) == 0
            assert told.pieces > 1 or number % 2 == 0


@pytest.mark.parametrize(
    ("cached", "near", "reasons"),
    [
        ("How do I cancel my order?", "Can I cancel after 48 hours?", EXPLAINED),
        ("How do I cancel my order?", "Can I cancel my order after 48 hours?", EXPLAINED),
        ("How do I cancel 1 order?", "How do I cancel 2 orders?", {"numbers_differ"}),
        ("Is the depot open on Monday at 9?", "Is the depot open on Monday at 5?", {"numbers_differ"}),
        ("Is the kiosk open on Monday?", "Is the kiosk not open on Monday?", {"negation_differs"}),
        ("Can I pay with a card?", "Can I pay without a card?", {"negation_differs", "opposed"}),
        ("How do I open a case?", "How do I close a case?", EXPLAINED),
        ("Who pays before delivery?", "Who pays after delivery?", EXPLAINED),
        ("Does it run on version v2?", "Does it run on version v3?", {"codes_differ"}),
        ("¿Cómo cancelo un pedido?", "¿Puedo cancelar después de 48 horas?", EXPLAINED),
        ("¿Cuánto cuesta enviar 2 cajas?", "¿Cuánto cuesta enviar 3 cajas?", {"numbers_differ"}),
        ("¿Se puede pagar con tarjeta?", "¿No se puede pagar con tarjeta?", {"negation_differs"}),
        ("¿Cómo activo las alertas?", "¿Cómo desactivo las alertas?", EXPLAINED),
        ("How do I send money to Spain?", "How do I send money from Spain?", {"opposed"}),
        ("¿Cómo mando dinero a España?", "¿Cómo mando dinero desde España?", {"opposed"}),
        ("How do I pay?", "¿Cómo pago?", EXPLAINED),
    ],
)  # fmt: skip
def test_a_near_miss_is_never_served_and_says_why(
    shop: Shop, keys: Keys, cached: str, near: str, reasons: set[str]
) -> None:
    shop.ask(keys.support, cached)
    told = shop.ask(keys.support, near)
    assert told.outcome[0] == "miss"
    assert told.outcome[1] in reasons
    assert mark_of(near) in told.text
    assert shop.provider.times_asked(near) == 1


@pytest.mark.parametrize("holder", ["sales", "freelancer"])
def test_a_fixed_threshold_beside_the_promise(shop: Shop, keys: Keys, holder: str) -> None:
    """By team and by key: no verifier is asked, and none is told."""
    key = getattr(keys, holder)
    shop.ask(key, "How do I renew my passport?")
    told = shop.ask(key, "How can I renew my passport?")
    assert told.outcome == ("semantic", "above_threshold")
    assert PROBABILITY not in told.headers


def test_both_proxies_learn_from_each_others_labels(shop: Shop, other: RunningProxy, keys: Keys) -> None:
    """Neither brings a hundred by itself, and with the hundredth there is a fit that both go by."""
    for proxy in itertools.islice(itertools.cycle((shop.one, other)), 60):
        shop.ask(keys.support, new_question(), proxy=proxy)
    fitted = eventually(lambda: shop.verifier(other)["fit"], what="the first fit", timeout_s=30)
    assert 100 <= fitted <= shop.verifier(shop.one)["labels"]
    here, there = shop.verifier(shop.one), shop.verifier(other)
    assert here == there
    point = here["promises"]["0.01"]
    assert 0 <= point["error_rate"] <= 0.01
    assert 0 <= point["hit_rate"] <= 1


def test_what_was_learned_survives_a_restart(shop: Shop, other: RunningProxy, keys: Keys) -> None:
    before = shop.verifier(shop.one)
    shop.one.restart()
    assert shop.verifier(shop.one) == before
    told = shop.ask(keys.support, "Where can I download an invoice?")
    assert told.outcome[1] in {"verified", "shadow_check"} | EXPLAINED
    assert 0 <= float(told.headers[PROBABILITY]) <= 1
    if told.outcome[0] == "miss":
        eventually(lambda: shop.verifier(other)["labels"] == before["labels"] + 1, what="one label more")


def test_the_command_line_shows_what_was_learned(shop: Shop, keys: Keys) -> None:
    del keys
    told = json.loads(_stats(shop, "--json"))["verifier"]
    assert told == shop.verifier(shop.one)
    assert f"fitted after {told['fit']:,}" in _stats(shop)
    assert "1.00%" in _stats(shop)


def _stats(shop: Shop, *arguments: str) -> str:
    done = command_line.on_proxy(shop.one, "cache", "stats", *arguments)
    assert done.code == 0, done
    return done.out
