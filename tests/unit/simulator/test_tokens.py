"""Counting tokens without the network."""

import subprocess
import sys

import pytest
import tiktoken

from litellm_plugins.simulator.tokens import EstimatingTokenizer, tokenizer_for

TEXT = "Grüße aus Zürich 🎿, order 4711."


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o-mini", "o200k_base"),
        ("openai/gpt-4.1", "o200k_base"),
        ("gpt-5-nano", "o200k_base"),
        ("o3-mini", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("some-local-model", "cl100k_base"),
    ],
)
def test_a_model_is_counted_with_its_own_encoding(model: str, encoding: str) -> None:
    """The proxy prices what the provider counts: the wrong table would show as a wrong bill."""
    text = "Ein ganz gewöhnlicher Satz über 人工智能 und Rückerstattungen."
    counted = tokenizer_for(model).count(text)
    assert counted == len(tiktoken.get_encoding(encoding).encode_ordinary(text))


@pytest.mark.parametrize("tokenizer", [tokenizer_for("gpt-4o"), EstimatingTokenizer()])
def test_the_pieces_of_a_text_are_the_text(tokenizer: EstimatingTokenizer) -> None:
    """A stream must say exactly what the whole answer says, emoji that span several tokens included."""
    pieces = tokenizer.split(TEXT)
    assert "".join(pieces) == TEXT
    assert len(pieces) == tokenizer.count(TEXT)


def test_without_tables_a_token_is_four_characters() -> None:
    """Where litellm is not installed, the simulator still runs, and still does not download anything."""
    script = (
        "import importlib.util, os\n"
        "os.environ.pop('TIKTOKEN_CACHE_DIR', None)\n"
        "importlib.util.find_spec = lambda name: None\n"
        "from litellm_plugins.simulator.tokens import tokenizer_for\n"
        "print(tokenizer_for('gpt-4o').count('x' * 41))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "11"


def test_the_simulator_does_not_import_the_host() -> None:
    """What it proves about the proxy may not rest on the proxy's own code."""
    script = (
        "import sys, litellm_plugins.simulator as simulator\n"
        "from litellm_plugins.simulator.tokens import tokenizer_for\n"
        "tokenizer_for('gpt-4o')\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'litellm'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
