"""Draws what Langfuse gets of a few requests, as trees: `PYTHONPATH=. python tools/draw_trace.py` (docs/langfuse.md).

A real proxy sends to the tests' recorder; Langfuse itself is not needed.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support import Provider, RunningProxy, model, proxy_config
from tests.support.config import KEYS
from tests.support.langfuse import Generation, LangfuseRecorder, Span

_QUESTION = "How do I reset my card PIN?"
_OTHER_WORDS = "How can I reset my card PIN?"


def drawn(spans: Sequence[Span]) -> str:
    """One line for each span, under the one that it hangs under."""
    root = next(span for span in spans if not span.parent_id)
    lines = [_line(root, root, "")]

    def below(parent: Span, indent: str) -> None:
        children = sorted((s for s in spans if s.parent_id == parent.span_id), key=lambda span: span.began_ns)
        for child in children:
            last = child is children[-1]
            lines.append(_line(child, root, indent + ("└─ " if last else "├─ ")))
            below(child, indent + ("   " if last else "│  "))

    below(root, "")
    return "\n".join(lines)


def _line(span: Span, root: Span, indent: str) -> str:
    at, took = (span.began_ns - root.began_ns) / 1e6, (span.ended_ns - span.began_ns) / 1e6
    told = Generation.of(span)
    if told is not None:
        said = f"{told.model}, ${told.cost_usd or 0:.6f}" + (", ERROR" if told.is_error else "")
    else:
        shown = ("cache", "cache_reason", "cache_similarity", "budget_state")
        said = ", ".join(str(span.metadata[name]) for name in shown if name in span.metadata)
    tags = "  " + " ".join(span.tags) if not span.parent_id else ""
    return f"{indent}{span.name}".ljust(34) + f"{at:>8.1f} ms {took:>8.1f} ms  {said}{tags}".rstrip()


def main() -> None:
    """Print the trees of a miss, a semantic hit and a fallback."""
    with LangfuseRecorder() as recorder, Provider() as provider:
        config = proxy_config(
            provider.url,
            pack={"budgets": [{"name": "company", "scope": "global", "limit_usd": 100}]},
            more_models=[model("gpt-4.1-again", provider.url, "gpt-4.1")],
            litellm_settings={"callbacks": ["langfuse_otel", "litellm_plugins.proxy.handler"]},
        )
        folder = Path(tempfile.mkdtemp())
        with RunningProxy(config, folder, provider_url=provider.url, env=recorder.env()) as proxy:
            proxy.teach(KEYS.sales, "Where is the nearest branch?")  # the first of all is slow
            answers = {
                "A miss": proxy.teach(KEYS.support, _QUESTION),
                "A hit by meaning": proxy.ask(KEYS.support, _OTHER_WORDS),
                "A fallback": proxy.ask(KEYS.support, "What is an IBAN?", model="fragile"),
            }
            time.sleep(3)
    for name, answer in answers.items():
        spans = recorder.trace(answer.headers["x-litellm-call-id"].replace("-", ""))
        print(f"{name}\n\n{drawn(spans)}\n")


if __name__ == "__main__":
    main()
