"""What the host's generations say of a request's cost, in whichever order the host logs."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from litellm_plugins.proxy.langfuse.said import Said

ANSWER = {"litellm_call_id": "c1", "response_cost": 0.002, "standard_logging_object": {"id": "a1"}}
ERROR = {"litellm_call_id": "c1", "standard_logging_object": {"response_cost": 0.0005}}


class Log:
    """What the host keeps of a call."""

    def __init__(self, **details: Any) -> None:
        self.model_call_details = {"litellm_call_id": "c1", **details}


def broken() -> Log:
    """A stream that broke: its partial cost is put down before its error is raised."""
    return Log(combined_usage_object=object(), response_cost=0.0005)


def test_an_answer_that_is_logged_twice_by_the_same_id_is_said_once() -> None:
    said = Said()
    said.answer(ANSWER)
    said.answer(ANSWER)
    said.answer({**ANSWER, "standard_logging_object": {"id": "a2"}})
    assert said.nano_usd(errors=False) == said.nano_usd(errors=True) == 4_000_000


@pytest.mark.parametrize("logged", [True, False])
def test_a_broken_stream_s_error_says_the_same_whether_its_log_has_come_or_is_still_to_come(logged: bool) -> None:
    said, log = Said(), broken()
    said.asked({"litellm_logging_obj": log})
    if logged:
        said.error(ERROR)
    assert said.nano_usd(errors=True) == 500_000
    assert said.nano_usd(errors=False) == 0


def test_a_later_try_that_breaks_is_not_said_since_the_host_logs_one_error_of_a_call() -> None:
    said, log = Said(), Log()
    said.asked({"litellm_logging_obj": log})
    said.error({"litellm_call_id": "c1", "standard_logging_object": {"response_cost": 0.0}})
    log.model_call_details |= {"combined_usage_object": object(), "response_cost": 0.0005}
    assert said.nano_usd(errors=True) == 0


def test_an_error_before_the_first_word_says_nothing() -> None:
    said, log = Said(), Log(response_cost=0.0005)
    said.asked({"litellm_logging_obj": log})
    assert said.nano_usd(errors=True) == 0


def test_what_the_host_has_let_go_of_it_will_not_log() -> None:
    said, log = Said(), broken()
    said.asked({"litellm_logging_obj": log})
    assert said.latest["response_cost"] == 0.0005
    del log
    gc.collect()
    assert said.nano_usd(errors=True) == 0
    assert said.latest == {}
