"""A run says what it skipped, and where nothing may be skipped it fails."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Three tests under our conftest: one passes, two skip for the same reason."""
    shutil.copy(CONFTEST, tmp_path)
    skipping = "def test_{}():\n    pytest.skip('promtool is not installed')\n"
    (tmp_path / "test_it.py").write_text(
        "import pytest\ndef test_a():\n    pass\n" + skipping.format("b") + skipping.format("c")
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def run(suite: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    outside = {name: value for name, value in os.environ.items() if name not in {"CI", "LITELLM_PLUGINS_NO_SKIPS"}}
    outside["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # none takes part here, and each run would import them all
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=suite, env=outside | environment, capture_output=True, text=True, check=False)


def test_one_line_tells_what_was_skipped_and_why(suite: Path) -> None:
    finished = run(suite)
    assert finished.returncode == 0
    assert "skipped 2: promtool is not installed (2)" in finished.stdout.splitlines()
    assert "1 passed, 2 skipped" in finished.stdout.splitlines()[-1]


def test_a_run_without_skips_says_nothing_of_them(suite: Path) -> None:
    assert "skipped" not in run(suite, "-k", "test_a").stdout


@pytest.mark.parametrize("variable", [{"CI": "true"}, {"LITELLM_PLUGINS_NO_SKIPS": "1"}])
def test_a_skip_fails_the_run_where_everything_has_to_be_there(suite: Path, variable: dict[str, str]) -> None:
    finished = run(suite, **variable)
    assert finished.returncode == 1
    assert "no test may be skipped here" in finished.stdout


def test_a_file_skipped_whole_counts_too(suite: Path) -> None:
    (suite / "test_whole.py").write_text("import pytest\npytest.skip('no node', allow_module_level=True)\n")
    assert "no node (1)" in run(suite).stdout
    assert run(suite, CI="true").returncode == 1
