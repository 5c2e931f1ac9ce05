"""`litellm-plugins cache …` against a running proxy, and on its store beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import Keys, Provider, RunningProxy, command_line, proxy_config

FAQ = """questions,answer,tags,team,category
How long does delivery to the islands take?,Five working days.,"delivery; islands",support,shipping
,No question here.,,support,
"Which cards do you take?|What can I pay with?",Visa and Mastercard.,payment,,money
Where do I find my customer number?,On every invoice.,,support,,too much
"""


@pytest.fixture(scope="module")
def shop(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """Its database is named by its full path, so that the command line finds it from anywhere."""
    folder = tmp_path_factory.mktemp("shop")
    url = f"sqlite:///{folder / 'data' / 'litellm_plugins.db'}"
    config = proxy_config(provider.url, pack={"storage": {"url": url}})
    with RunningProxy(config, folder, provider_url=provider.url) as proxy:
        yield proxy


def cli(shop: RunningProxy, *arguments: str, code: int = 0, on_store: bool = False) -> str:
    """What the command printed."""
    ask = command_line.on_store if on_store else command_line.on_proxy
    done = ask(shop, "cache", *arguments)
    assert done.code == code, done
    return done.out if code == 0 else done.out + done.err


def as_json(shop: RunningProxy, *arguments: str, **how: Any) -> Any:
    return json.loads(cli(shop, *arguments, "--json", **how))


@pytest.fixture
def faq(tmp_path: Path) -> str:
    path = tmp_path / "faq.csv"
    path.write_text(FAQ, encoding="utf-8")
    return str(path)


def test_a_faq_is_stored_its_bad_rows_are_listed_and_a_second_run_adds_nothing(
    shop: RunningProxy, provider: Provider, keys: Keys, faq: str
) -> None:
    told = cli(shop, "warm", faq, "--everyone", code=1)
    assert "row 3: questions: expected 1 to 100" in told
    assert "row 5: more cells than columns" in told
    assert "2 stored, 0 were there already, 2 bad" in told
    assert "0 stored, 2 were there already, 2 bad" in cli(shop, "warm", faq, "--everyone", code=1)

    islands = "How long does delivery to the islands take?"
    warm = shop.ask(keys.support, islands, temperature=0.9)
    assert (warm.cache, warm.reason, warm.body.choices[0].message.content) == ("exact", "curated", "Five working days.")
    assert shop.ask(keys.sales, "What can I pay with?").reason == "curated"
    assert shop.ask(keys.sales, islands).cache == "miss"
    assert provider.times_asked(islands) == 1

    listed = cli(shop, "get", "--tag", "delivery")
    assert "How long does" in listed
    assert "source:shelf" in listed
    assert "team:support" in listed
    (entry,) = as_json(shop, "get", "--tag", "islands")["entries"]
    assert "Five working days." in cli(shop, "get", entry["cache_id"])
    assert "1 would be removed" in cli(shop, "invalidate", "--tag", "islands", "--dry-run")
    assert cli(shop, "invalidate", "--tag", "islands").strip() == "1 removed"
    assert as_json(shop, "get", "--tag", "islands")["entries"] == []


def test_a_curated_answer_by_hand_comes_and_goes(shop: RunningProxy, keys: Keys) -> None:
    question = "Do you ship musical instruments?"
    (cache_id,) = cli(shop, "curate", "--question", question, "--answer", "Yes, insured.", "--team", "sales").split()
    told = as_json(shop, "stats")
    assert told["pinned"] >= 1
    assert "of these curated" in cli(shop, "stats")
    assert cli(shop, "curate", "--remove", cache_id).strip() == "1 removed"
    assert "404" in cli(shop, "curate", "--remove", cache_id, code=1)
    assert [each["action"] for each in as_json(shop, "audit", "--limit", "2")["records"]] == ["uncurate", "curate"]
    assert "uncurate" in cli(shop, "audit")


def test_the_store_itself_beside_the_proxy(shop: RunningProxy, keys: Keys, tmp_path: Path) -> None:
    """The embedder runs in the command then; what it stored the proxy serves, at once where it knows of any."""
    path = tmp_path / "faq.yaml"
    path.write_text(
        "faqs:\n- {question: 'Is there a showroom?', answer: 'In Bremen.', team: legal}\n", encoding="utf-8"
    )
    assert as_json(shop, "warm", str(path), "--pin", on_store=True) == {"stored": 1, "present": 0, "bad": []}
    (kept,) = as_json(shop, "get", "--team", "legal", "--curated", on_store=True)["entries"]
    assert kept["expires_at"] is None
    assert shop.ask(keys.legal, "is there a SHOWROOM?").reason == "curated"
    record = as_json(shop, "audit", "--limit", "1")["records"][0]
    assert record["actor"].startswith("cli:")
    assert as_json(shop, "invalidate", "--all", "--yes", on_store=True)["dry_run"] is False
    assert shop.ask(keys.legal, "is there a showroom?").reason == "curated"


def test_what_goes_wrong_is_said_in_a_line(shop: RunningProxy, tmp_path: Path) -> None:
    assert "give at least one of" in cli(shop, "invalidate", code=1)
    (tmp_path / "faq.txt").write_text("?")
    assert "expected a file that ends in" in cli(shop, "warm", str(tmp_path / "faq.txt"), code=1)
    assert "Aborted" in cli(shop, "invalidate", "--all", code=1)
    wrong = cli(shop, "stats", "--key", "sk-wrong", code=1)
    assert wrong.startswith("Error: 401")
    assert "Traceback" not in wrong
    env = {**os.environ, "LITELLM_MASTER_KEY": "sk-x"}
    command = [sys.executable, "-c", "from litellm_plugins.cli import main; main()", "cache", "stats"]
    nobody = subprocess.run(
        [*command, "--url", "http://127.0.0.1:1"], env=env, capture_output=True, text=True, check=False
    )
    assert nobody.returncode == 1
    assert "no proxy answers at http://127.0.0.1:1" in nobody.stderr
