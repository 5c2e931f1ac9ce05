"""What the queue shows first."""

from __future__ import annotations

from dataclasses import replace

from litellm_plugins.review.items import Kind, State, Verdict, Why
from litellm_plugins.review.queue import ranked
from tests.unit.review.samples import NOW, item


def test_people_s_word_goes_before_our_own_doubts() -> None:
    near = item(1, why=Why.NEAR, room=0.001, served=2)
    thumb = item(2, why=Why.THUMB_DOWN)
    old = item(3, why=Why.OLD)

    assert ranked([near, old, thumb], [], 9, now_s=NOW) == [thumb, near, old]


def test_a_doubtful_label_goes_before_a_close_call_and_the_surer_match_first() -> None:
    near, thumb = item(1, why=Why.NEAR, room=0.0, at_s=NOW), item(2, why=Why.THUMB_DOWN, at_s=NOW)
    surer, sure = (item(n, why=Why.DOUBTFUL_LABEL, probability=p, at_s=NOW) for n, p in ((3, 0.99), (4, 0.85)))

    assert ranked([sure, near, surer, thumb], [], 9, now_s=NOW) == [thumb, surer, sure, near]


def test_of_two_alike_the_nearer_to_the_bound_and_the_oftener_served_goes_first() -> None:
    near, far = item(1, why=Why.NEAR, room=0.0, at_s=NOW), item(2, why=Why.NEAR, room=0.029, at_s=NOW)
    often = item(3, why=Why.NEAR, room=0.029, served=40, at_s=NOW)

    assert ranked([far, near, often], [], 9, now_s=NOW) == [often, near, far]


def test_of_two_alike_the_answer_that_was_seldom_given_goes_first_but_people_s_word_before_it() -> None:
    proven, new = (item(n, why=Why.NEAR, room=0.01, given=given, at_s=NOW) for n, given in ((1, 50), (2, 1)))
    unknown = item(3, why=Why.NEAR, room=0.02, at_s=NOW)
    thumb = item(4, why=Why.THUMB_DOWN, room=0.01, given=10**6, at_s=NOW)

    assert [each.id for each in ranked([proven, new, unknown, thumb], [], 9, now_s=NOW)] == [
        thumb.id, new.id, unknown.id, proven.id,
    ]  # fmt: skip


def test_a_share_of_every_list_is_the_control_sample_in_the_order_of_its_draw() -> None:
    waiting = [item(number, why=Why.THUMB_DOWN) for number in range(100)]
    sample = [item(number + 1_000, why=Why.CONTROL) for number in range(50)]
    shown = ranked(waiting, sample, 30, now_s=NOW)

    drawn = [each for each in shown if each.control]
    assert len(shown) == 30
    assert drawn == sorted(sample, key=lambda each: each.draw)[:6]
    assert not shown[0].control
    assert ranked([], sample, 10, now_s=NOW) == sorted(sample, key=lambda each: each.draw)[:10]


def test_the_few_that_somebody_pointed_at_do_not_wait_among_the_sample() -> None:
    pointed = [item(number, why=Why.THUMB_DOWN, at_s=NOW - number) for number in range(6)]
    sample = [item(number + 1_000, why=Why.CONTROL) for number in range(50)]
    drawn = sorted(sample, key=lambda each: each.draw)

    assert ranked(pointed, sample, 30, now_s=NOW) == [*pointed[:4], drawn[0], *pointed[4:], *drawn[1:24]]
    assert ranked(pointed, sample, 1, now_s=NOW) == pointed[:1]


def test_nothing_is_shown_twice_and_what_is_judged_not_again() -> None:
    one = item(1, why=Why.NEAR)
    same_pair = item(2, why=Why.OLD, pair=one.pair)
    judged = item(3, why=Why.CONTROL, verdict=Verdict.RIGHT)
    twice = [item(number, why=Why.CONTROL, pair="p" * 32) for number in (4, 5)]

    assert ranked([one, same_pair], [judged], 9, now_s=NOW) == [one]
    assert len(ranked([], twice, 9, now_s=NOW)) == 1


def test_a_member_of_the_sample_that_somebody_pointed_at_is_ranked_by_that() -> None:
    pointed = replace(item(1, why=Why.CONTROL), state=State(why=Why.THUMB_DOWN))

    assert ranked([], [pointed], 1, now_s=NOW) == [pointed]


def test_one_kind_can_be_asked_for() -> None:
    hit, route = item(1, why=Why.NEAR), item(2, why=Why.LOW_CHECK, kind=Kind.ROUTE)

    assert ranked([hit, route], [], 9, now_s=NOW, kind=Kind.ROUTE) == [route]
    assert ranked([hit, route], [], 0, now_s=NOW) == []
