"""What a provider would charge for what it was asked.

Errors cost nothing, nor does an answer that was whole on its way and got lost: that is the provider's own fault. Of a
stream that broke off, what had been sent is charged, whoever broke it; who leaves before there is an answer has had
the prompt read.
"""

from collections.abc import Iterable

from litellm_plugins.simulator.recorder import Record

_SUCCESS = 200


def bill_for(records: Iterable[Record]) -> dict[str, dict[str, int]]:
    """By model: how many requests, and their tokens."""
    bill: dict[str, dict[str, int]] = {}
    for record in records:
        tokens = charged(record)
        if tokens is not None:
            of_model = bill.setdefault(record.model, {"requests": 0, "prompt_tokens": 0, "completion_tokens": 0})
            of_model["requests"] += 1
            of_model["prompt_tokens"] += tokens[0]
            of_model["completion_tokens"] += tokens[1]
            for name, cached in _cached(record).items():  # of the prompt, at prices of their own
                of_model[name] = of_model.get(name, 0) + cached
    return bill


def _cached(record: Record) -> dict[str, int]:
    used = record.cached
    told = {
        "cache_read_tokens": used.read,
        "cache_written_5m_tokens": used.written_5m,
        "cache_written_1h_tokens": used.written_1h,
    }
    return told if used.read or used.written else {}


def charged(record: Record) -> tuple[int, int] | None:
    """Prompt and completion tokens; None: nothing."""
    if not record.model or record.outcome == "open":
        return None
    if record.outcome == "client_left":
        return record.prompt_tokens, record.tokens_sent
    if record.status != _SUCCESS or (record.outcome != "complete" and not record.tokens_sent):
        return None
    return record.prompt_tokens, record.tokens_sent
