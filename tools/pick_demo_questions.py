"""Picks the demo's questions from BANKING77, the same on every run: writes litellm_plugins/demo/questions.jsonl.

    python tools/pick_demo_questions.py --from /path/to/banking77.jsonl.gz [--check]

The source is gzipped JSON lines with `text` and `intent`, made from PolyAI-LDN/task-specific-datasets (CC BY
4.0). The intents stand below: neighbouring topics of a bank's support desk, so that a similarity cache has
something to get wrong. Which questions of an intent are taken follows from the SHA-256 of their texts alone:
nobody looked at how alike they are, or at what the cache makes of them. `--check` writes nothing and compares.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
from pathlib import Path

TARGET = Path(__file__).parents[1] / "litellm_plugins" / "demo" / "questions.jsonl"
PER_INTENT = 20
MAX_CHARS = 160  # a few of the set run to 400; a screen shows these whole
INTENTS = (
    "card_arrival",
    "card_delivery_estimate",
    "lost_or_stolen_card",
    "pending_transfer",
    "transfer_timing",
    "transfer_not_received_by_recipient",
    "pending_top_up",
    "top_up_failed",
    "top_up_reverted",
    "pending_cash_withdrawal",
    "declined_cash_withdrawal",
    "cash_withdrawal_charge",
    "exchange_rate",
    "change_pin",
    "pin_blocked",
)


def pick(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The chosen questions, intent by intent, unchanged."""
    chosen: list[dict[str, str]] = []
    seen: set[str] = set()
    for intent in INTENTS:
        texts = sorted({row["text"] for row in rows if row["intent"] == intent}, key=_digest)
        fresh = [text for text in texts if _fits(text) and text.casefold() not in seen][:PER_INTENT]
        if len(fresh) < PER_INTENT:
            raise SystemExit(f"only {len(fresh)} usable questions of intent {intent}")
        seen.update(text.casefold() for text in fresh)
        chosen += [{"text": text, "intent": intent} for text in fresh]
    return chosen


def _fits(text: str) -> bool:
    return text == " ".join(text.split()) and len(text) <= MAX_CHARS


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--check", action="store_true", help="compare with the committed file instead of writing it")
    given = parser.parse_args()
    with gzip.open(given.source, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in pick(rows))
    if not given.check:
        TARGET.write_text(text, encoding="utf-8")
    same = TARGET.read_text(encoding="utf-8") == text
    print(f"{TARGET.name}: {text.count(chr(10))} questions, {'as picked' if same else 'NOT as picked'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
