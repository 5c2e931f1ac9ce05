"""When a server that failed is tried again."""

from __future__ import annotations

import pytest

from litellm_plugins.storage.circuit import Circuit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    return Circuit(clock=clock)


def pause_of(circuit: Circuit, clock: Clock) -> float:
    """How long nobody is let through from now on."""
    began = clock.now
    while circuit.refusal() is not None:
        clock.now += 0.125
    return clock.now - began


def test_a_server_that_answers_is_asked(circuit: Circuit) -> None:
    assert circuit.refusal() is None
    circuit.succeeded()
    assert circuit.refusal() is None


def test_after_a_failure_nobody_tries_and_is_told_the_reason(circuit: Circuit) -> None:
    circuit.failed("gone", at_once=True)
    assert [circuit.refusal() for _ in range(3)] == ["gone"] * 3


def test_when_the_pause_is_over_one_is_let_through(circuit: Circuit, clock: Clock) -> None:
    circuit.failed("gone", at_once=True)
    clock.now += 0.5
    assert [circuit.refusal() for _ in range(3)] == [None, "gone", "gone"]


def test_a_success_lets_everybody_through_again(circuit: Circuit, clock: Clock) -> None:
    circuit.failed("gone", at_once=True)
    clock.now += 0.5
    assert circuit.refusal() is None
    circuit.succeeded()
    assert [circuit.refusal() for _ in range(3)] == [None] * 3


def test_pauses_grow_while_it_fails_up_to_five_seconds_and_begin_anew_after_a_success(
    circuit: Circuit, clock: Clock
) -> None:
    pauses = []
    for _ in range(6):
        circuit.failed("gone", at_once=True)
        pauses.append(pause_of(circuit, clock))
    assert pauses == [0.5, 1, 2, 4, 5, 5]
    circuit.succeeded()
    circuit.failed("gone", at_once=True)
    assert pause_of(circuit, clock) == 0.5


def test_many_who_fail_together_are_one_failure(circuit: Circuit, clock: Clock) -> None:
    """They had all begun before the first of them failed."""
    for _ in range(50):
        circuit.failed("gone", at_once=True)
    assert pause_of(circuit, clock) == 0.5


def test_one_who_was_let_through_and_never_came_back_blocks_nobody_for_long(circuit: Circuit, clock: Clock) -> None:
    """Its request was cancelled."""
    circuit.failed("gone", at_once=True)
    clock.now += 0.5
    assert circuit.refusal() is None
    assert pause_of(circuit, clock) == 0.5


def test_a_slow_answer_or_two_are_no_failure(circuit: Circuit) -> None:
    """Our own event loop may have been busy."""
    for _ in range(2):
        circuit.failed("slow", at_once=False)
    assert circuit.refusal() is None
    circuit.succeeded()
    for _ in range(2):
        circuit.failed("slow", at_once=False)
    assert circuit.refusal() is None
    circuit.failed("slow", at_once=False)
    assert circuit.refusal() == "slow"


def test_a_slow_answer_to_the_one_let_through_is_a_failure(circuit: Circuit, clock: Clock) -> None:
    circuit.failed("gone", at_once=True)
    clock.now += 0.5
    assert circuit.refusal() is None
    circuit.failed("slow", at_once=False)
    assert circuit.refusal() == "slow"
    assert pause_of(circuit, clock) == 1
