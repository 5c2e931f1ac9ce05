"""Which fault a request asks for."""

import pytest

from litellm_plugins.simulator.faults import MAX_STALL_S, Fault, parse_fault
from litellm_plugins.simulator.wire import RequestError


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("error:429", Fault(status=429)),
        ("stall:0.5", Fault(stall_s=0.5)),
        ("disconnect", Fault(disconnect=True)),
        ("silent_end", Fault(silent_end=True)),
        ("truncate", Fault(truncate=True)),
        ("content_filter", Fault(content_filter=True)),
        ("loop:2000", Fault(loop_tokens=2_000)),
        ("pause:1.5", Fault(pause_s=1.5)),
    ],
)
def test_a_word_means_the_same_in_the_header_and_in_the_question(word: str, fault: Fault) -> None:
    """A client that cannot set headers, such as a playground, can still ask for every fault."""
    assert parse_fault(word, "") == fault
    assert parse_fault("", f"Hello, simulator:{word}, please") == fault


def test_a_fault_says_how_the_body_ends() -> None:
    """A broken connection is noticed whatever else is asked for."""
    assert parse_fault("", "").ending == "complete"
    assert parse_fault("silent_end", "").ending == "ended_early"
    assert parse_fault("silent_end disconnect", "").ending == "dropped"


def test_words_add_up() -> None:
    """Slow and then failing is how providers fail."""
    assert parse_fault("stall:2 error:503", "") == Fault(status=503, stall_s=2.0)
    assert parse_fault("stall:2, truncate", "simulator:content_filter") == Fault(
        stall_s=2.0, truncate=True, content_filter=True
    )


def test_an_ordinary_question_asks_for_no_fault() -> None:
    """People do ask how to disconnect, and what error:500 means."""
    assert parse_fault("", "How do I disconnect? It says error:500, and stall:3 or truncate.") == Fault()


def test_an_unknown_word_in_the_header_is_refused() -> None:
    """A typo there would make a test pass for no reason."""
    with pytest.raises(RequestError, match="eror:500"):
        parse_fault("eror:500", "")


def test_a_stall_ends_some_time() -> None:
    """A number without a limit could keep a connection for ever."""
    assert parse_fault("stall:99999", "").stall_s == MAX_STALL_S
