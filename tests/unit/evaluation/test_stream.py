"""A stream of labelled requests through the real cache."""

from __future__ import annotations

import random

import pytest

from litellm_plugins.evaluation.stream import Asked, Outcomes, arrival, replay
from tests.unit.cache.fakes import FakeEmbedder


def stream(count: int, *, groups: int = 6, seed: int = 0) -> tuple[list[Asked], FakeEmbedder]:
    """Groups far apart on the circle, each question within half a degree of its group's middle."""
    chance = random.Random(seed)
    embedder, asked = FakeEmbedder(), []
    for n in range(count):
        group = chance.randrange(groups)
        text = f"group{group} question{n}"
        embedder.angles[text] = group * 360 / groups + chance.uniform(-0.5, 0.5)
        asked.append(Asked(text, f"group {group}"))
    return asked, embedder


def test_rates_are_shares_of_all_requests_and_of_the_hits() -> None:
    outcomes = Outcomes([False, True, True, True], [False, False, False, True])
    assert outcomes.rates() == {"hit_rate": 0.75, "error_rate": 0.25, "error_per_hit": 0.33333}
    assert outcomes.rates(2) == {"hit_rate": 1.0, "error_rate": 0.5, "error_per_hit": 0.5}
    nothing = {"hit_rate": 0.0, "error_rate": 0.0, "error_per_hit": 0.0}
    assert outcomes.rates(4) == outcomes.rates(99) == nothing
    assert Outcomes([False], [False]).rates() == nothing


def test_the_order_of_arrival_is_the_file_s_or_the_seed_s() -> None:
    asked, _ = stream(50)
    assert arrival(asked, None) == asked
    assert arrival(asked, 0) == arrival(asked, 0) != arrival(asked, 1) != asked
    assert sorted(arrival(asked, 0), key=str) == sorted(asked, key=str)
    assert arrival(asked, None) is not asked


async def test_the_same_text_is_a_hit_and_wrong_only_where_its_group_is_another() -> None:
    asked = [Asked("one", "a"), Asked("one", "a"), Asked("one", "b"), Asked("two", "b")]
    outcomes = await replay(asked, embedder=FakeEmbedder(one=0.0, two=90.0), max_error_rate=0.01)
    assert outcomes == Outcomes([False, True, True, False], [False, False, True, False])


async def test_every_request_is_told_of_and_none_is_left_out() -> None:
    asked, embedder = stream(30)
    told: list[None] = []
    outcomes = await replay(asked, embedder=embedder, max_error_rate=0.01, progress=lambda: told.append(None))
    assert len(told) == len(outcomes.hit) == len(outcomes.wrong) == 30


async def test_labels_are_learnt_and_the_promise_is_kept() -> None:
    """Of an embedder that no prior is shipped for: nothing is served before the first fit, and most after some."""
    asked, embedder = stream(500)
    outcomes = await replay(asked, embedder=embedder, max_error_rate=0.01)
    assert not any(outcomes.hit[:100])
    assert outcomes.rates(300)["hit_rate"] > 0.5
    assert outcomes.rates()["error_rate"] <= 0.01


async def test_no_label_is_seen_before_the_cache_could_see_it() -> None:
    """What comes later changes nothing of what came before."""
    asked, embedder = stream(260)
    turned = [*asked[:200], *(Asked(one.text, "another") for one in asked[200:])]
    one, other = [await replay(each, embedder=embedder, max_error_rate=0.05) for each in (asked, turned)]
    assert one.hit[:200] == other.hit[:200]
    assert any(one.hit[:200])
    assert one.wrong != other.wrong


async def test_labels_of_which_half_are_turned_teach_to_serve_nothing() -> None:
    """So the noise does reach what the cache learns from, and only that: nothing is wrong where nothing is served."""
    asked, embedder = stream(400)
    clean, noisy = [
        await replay(asked, embedder=embedder, max_error_rate=0.01, label_noise=noise) for noise in (0.0, 0.5)
    ]
    assert clean.rates()["hit_rate"] > 0.2
    assert noisy.rates()["hit_rate"] < 0.02


@pytest.mark.parametrize("seed", [0, 3])
async def test_a_replay_is_the_same_each_time(seed: int) -> None:
    asked, embedder = stream(220)
    one, again = [
        await replay(asked, embedder=embedder, max_error_rate=0.02, seed=seed, label_noise=0.02) for _ in range(2)
    ]
    assert one == again
