"""`litellm-plugins run`, up to the moment where it becomes the proxy."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from litellm_plugins.cli import main, run


class Became(Exception):
    """The process would now be this program."""

    def __init__(self, program: str, arguments: list[str], env: dict[str, str]) -> None:
        super().__init__(program)
        self.arguments, self.env = arguments, env


def become(program: str, arguments: list[str], env: dict[str, str]) -> None:
    raise Became(program, arguments, env)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config in it, without a master key anywhere, where exec is only noted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LITELLM_MASTER_KEY", raising=False)
    monkeypatch.delenv("LITELLM_LOCAL_MODEL_COST_MAP", raising=False)
    monkeypatch.setattr("os.execve", become)
    monkeypatch.setattr(run, "is_taken", lambda _host, port: port == "4999")
    (tmp_path / "proxy_config.yaml").write_text("model_list: []\n")
    return tmp_path


def start(*arguments: str) -> Became:
    result = invoke(*arguments)
    assert isinstance(result.exception, Became), result.output
    return result.exception


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["run", *arguments])


def test_the_first_start_makes_a_strong_master_key_and_keeps_it_private(folder: Path) -> None:
    """A default key would be everybody's."""
    key = start().env["LITELLM_MASTER_KEY"]
    assert key.startswith("sk-")
    assert len(key) > 40
    env_file = folder / ".env"
    assert env_file.read_text() == f"LITELLM_MASTER_KEY={key}\n"
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600


def test_the_master_key_is_not_printed(folder: Path) -> None:
    """Only where it was put: the screen may be shared."""
    result = invoke()
    assert ".env" in result.stderr
    assert start().env["LITELLM_MASTER_KEY"] not in result.output


def test_the_second_start_uses_the_same_key(folder: Path) -> None:
    """Clients keep it."""
    first, second = start(), start()
    assert first.env["LITELLM_MASTER_KEY"] == second.env["LITELLM_MASTER_KEY"]
    assert (folder / ".env").read_text().count("LITELLM_MASTER_KEY") == 1


def test_a_key_from_the_environment_is_taken_and_not_written_down(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container, where the file system may be read-only."""
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-mine")
    assert start().env["LITELLM_MASTER_KEY"] == "sk-mine"
    assert not (folder / ".env").exists()


def test_the_environment_comes_before_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As everywhere."""
    (folder / ".env").write_text("LITELLM_MASTER_KEY=sk-file\nOPENAI_API_KEY=from-file\n")
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-environment")
    env = start().env
    assert (env["LITELLM_MASTER_KEY"], env["OPENAI_API_KEY"]) == ("sk-environment", "from-file")


def test_an_empty_variable_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files pass variables on that are not set: the key that was made must not be made again."""
    first = start().env["LITELLM_MASTER_KEY"]
    monkeypatch.setenv("LITELLM_MASTER_KEY", "")
    assert start().env["LITELLM_MASTER_KEY"] == first


@pytest.mark.parametrize(
    "before", ["OPENAI_API_KEY=a\n", "OPENAI_API_KEY=a", "# keys\n\nLITELLM_MASTER_KEY=\nOPENAI_API_KEY=a"]
)
def test_a_key_is_added_to_a_file_that_has_others_and_spoils_none(folder: Path, before: str) -> None:
    """Also where the last line does not end, as many editors leave it."""
    (folder / ".env").write_text(before)
    first, second = start().env, start().env
    assert first["LITELLM_MASTER_KEY"] == second["LITELLM_MASTER_KEY"] != ""
    assert first["OPENAI_API_KEY"] == second["OPENAI_API_KEY"] == "a"


def test_a_file_that_others_could_read_is_closed_to_them_before_a_key_goes_in(folder: Path) -> None:
    """It was made by hand, for a provider's key that was just as secret."""
    (folder / ".env").write_text("")
    (folder / ".env").chmod(0o644)
    start()
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600


def test_the_proxy_listens_on_this_machine_only_unless_it_is_told_otherwise(folder: Path) -> None:
    """Opening it to a network is a decision."""
    assert start().arguments[-2:] == ["--host", "127.0.0.1"]
    for host in (["--host", "0.0.0.0"], ["--host=0.0.0.0"]):
        arguments = start(*host).arguments
        assert "127.0.0.1" not in arguments
        assert arguments[-len(host) :] == host


def test_further_options_are_the_proxys_own(folder: Path) -> None:
    """Whatever they are called."""
    arguments = start("--port", "4001", "--num_workers", "2", "--detailed_debug").arguments
    assert arguments[1:8] == [
        "--config",
        "proxy_config.yaml",
        "--port",
        "4001",
        "--num_workers",
        "2",
        "--detailed_debug",
    ]


@pytest.mark.parametrize("given", [["--port", "4999"], ["--port", "1", "--port=4999"], []])
def test_a_port_that_is_taken_is_told_before_anything_starts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, given: list[str]
) -> None:
    """The host says so after a minute, and where it is its default port, goes to one that it draws."""
    monkeypatch.setenv("PORT", "" if given else "4999")
    result = invoke(*given)
    assert (result.exit_code, result.exception.__class__) == (1, SystemExit)
    assert "something listens on 127.0.0.1:4999 already" in result.stderr
    start("--health", *given)  # starts no server, so it needs no port


def test_whether_a_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        assert run.is_taken("127.0.0.1", port)
    assert not run.is_taken("127.0.0.1", port)
    assert not run.is_taken("127.0.0.1", "many")


def test_nothing_is_downloaded_at_boot_unless_somebody_wants_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host would fetch its price list from the net."""
    assert start().env["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "False")
    assert start().env["LITELLM_LOCAL_MODEL_COST_MAP"] == "False"


def test_a_config_that_is_not_there_is_told_before_anything_is_made(folder: Path) -> None:
    """No key is left behind in the wrong folder."""
    result = invoke("--config", "nowhere.yaml")
    assert result.exit_code == 1
    assert "nowhere.yaml does not exist" in result.stderr
    assert not (folder / ".env").exists()


ENV_FILE = """
# A=comment
  # B=indented comment
PLAIN=a
SPACED = b
DOUBLE="c d"
SINGLE='e'
EQUALS=a=b=c
EMPTY=
HASH=sk-a#b
export EXPORTED=f
no equals sign
INNER=it's "so"
"""


def test_a_file_of_names_and_values_is_read_as_shells_and_dotenv_read_it(tmp_path: Path) -> None:
    """`set -a; . .env` in a script must give the same keys."""
    path = tmp_path / ".env"
    path.write_text(ENV_FILE)
    assert run.read_env_file(path) == {
        "PLAIN": "a",
        "SPACED": "b",
        "DOUBLE": "c d",
        "SINGLE": "e",
        "EQUALS": "a=b=c",
        "EMPTY": "",
        "HASH": "sk-a#b",
        "EXPORTED": "f",
        "INNER": 'it\'s "so"',
    }


def test_no_file_is_no_names(tmp_path: Path) -> None:
    """A fresh clone."""
    assert run.read_env_file(tmp_path / ".env") == {}
