"""`litellm-plugins` itself."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from litellm_plugins import __version__
from litellm_plugins.cli import main


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_lists_every_command_with_what_it_is_for(option: str) -> None:
    """Each loads: a command that cannot be imported would break the help of all."""
    result = CliRunner().invoke(main, [option])
    assert result.exit_code == 0
    for command in ("check", "keys", "run", "simulator"):
        assert f"\n  {command} " in result.stdout


def test_the_version_is_the_packages() -> None:
    assert __version__ in CliRunner().invoke(main, ["--version"]).stdout


def test_a_command_that_is_not_there_is_said_to_be_so() -> None:
    result = CliRunner().invoke(main, ["chekc"])
    assert result.exit_code == 2
    assert "chekc" in result.stderr


def test_a_command_loads_only_what_it_needs() -> None:
    """`keys new` in a script must not take the seconds that the proxy takes to import."""
    code = (
        "import sys\n"
        "from litellm_plugins.cli import main\n"
        "main(['keys', 'new', '--name', 'a'], standalone_mode=False)\n"
        "sys.exit(any(name in sys.modules for name in ('litellm', 'numpy', 'onnxruntime', 'fastapi')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
