"""What a user installs: the locks, the size they were promised, and a wheel with everything in it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import litellm_plugins

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ["runtime", "dev", "build", "llmlingua"]
MB = 1_000_000


def lock_text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.lock").read_text()


def pins(name: str) -> list[str]:
    """The lock's requirements, each on one line with its hashes, without comments."""
    text = re.sub(r"^\s*#.*\n", "", lock_text(name), flags=re.MULTILINE)
    return text.replace("\\\n", " ").splitlines()


def pinned(name: str) -> list[Requirement]:
    return [Requirement(line.split("--hash")[0].strip()) for line in pins(name)]


def pinned_names(name: str) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in pinned(name)}


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_in_a_lock_is_one_version_with_hashes(name: str) -> None:
    for line in pins(name):
        assert re.match(r"^[a-z0-9-]+==[^ ;]+( ; [^-]*)? +(--hash=sha256:[0-9a-f]{64} *)+$", line), line


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_index_no_host_and_no_folder(name: str) -> None:
    assert not re.search(r"https?:|file:|--index|--extra-index|--find-links|--trusted|@ ", lock_text(name))


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_brings_torch_or_cuda(name: str) -> None:
    kinds = r"(torch|nvidia|cuda|triton)" if name == "llmlingua" else r"(torch|nvidia|cuda|triton|transformers)"
    heavy = {found for found in pinned_names(name) if re.match(kinds, found)}
    assert not heavy


def test_the_runtime_lock_satisfies_what_the_project_asks_for() -> None:
    locked = {canonicalize_name(pin.name): pin for pin in pinned("runtime")}
    for wanted in map(Requirement, PROJECT["project"]["dependencies"]):
        version = str(locked[canonicalize_name(wanted.name)].specifier).removeprefix("==")
        assert version in wanted.specifier, f"{wanted} is locked at {version}: run `make lock`"


def test_the_dev_lock_satisfies_the_dev_extra_and_holds_the_runtime_lock_unchanged() -> None:
    """Tests run on exactly what users get."""
    assert set(map(str, pinned("runtime"))) <= set(map(str, pinned("dev")))
    dev = {canonicalize_name(Requirement(text).name) for text in PROJECT["project"]["optional-dependencies"]["dev"]}
    assert dev <= pinned_names("dev")


def test_the_build_lock_holds_the_build_backend_in_versions_that_agree_with_the_dev_lock() -> None:
    assert (ROOT / "requirements/build.in").read_text().split() == PROJECT["build-system"]["requires"]
    dev = {pin.name: str(pin.specifier) for pin in pinned("dev")}
    for pin in pinned("build"):
        assert dev.get(pin.name, str(pin.specifier)) == str(pin.specifier)


def test_the_llmlingua_lock_agrees_with_what_users_get_and_holds_the_extra_but_for_torch() -> None:
    """`.venv-llmlingua` lies on top of `.venv`."""
    dev = {(pin.name, str(pin.marker)): str(pin.specifier) for pin in pinned("dev")}
    for pin in pinned("llmlingua"):
        assert dev.get((pin.name, str(pin.marker)), str(pin.specifier)) == str(pin.specifier)
    extra = {
        canonicalize_name(Requirement(text).name) for text in PROJECT["project"]["optional-dependencies"]["llmlingua"]
    }
    assert extra - pinned_names("llmlingua") == {"torch"}


def needs(root: Requirement) -> set[str]:
    """Names of the installed distributions that a requirement brings on this machine, itself included."""
    found: set[tuple[str, frozenset[str]]] = set()
    todo = [root]
    while todo:
        wanted = todo.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key in found:
            continue
        found.add(key)
        try:
            inner = distribution(wanted.name).requires or []
        except PackageNotFoundError:  # another platform's
            continue
        todo += [each for each in map(Requirement, inner) if applies(each, wanted.extras)]
    return {name for name, _ in found}


def applies(wanted: Requirement, extras: set[str]) -> bool:
    return wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in extras or {""})


def installed_bytes(name: str) -> int:
    """Size on disk of one distribution's files."""
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        return 0
    return sum(path.stat().st_size for path in map(Path, map(str, (f.locate() for f in files))) if path.is_file())


def test_the_default_install_adds_at_most_200_mb_to_the_hosts_own() -> None:
    host = needs(Requirement("litellm[proxy]"))
    ours = set.union(*(needs(Requirement(text)) for text in PROJECT["project"]["dependencies"]))
    sizes = {name: installed_bytes(name) for name in ours - host}
    sizes["litellm_plugins itself"] = sum(path.stat().st_size for path in (ROOT / "litellm_plugins").rglob("*"))
    assert sizes["onnxruntime"] > MB, "measured nothing: is this the locked environment?"
    assert sum(sizes.values()) <= 200 * MB, dict(sorted(sizes.items(), key=lambda item: -item[1])[:8])


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, litellm_plugins; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(loaded) & {
        "litellm",
        "pydantic",
        "numpy",
        "onnxruntime",
        "openai",
        "langfuse",
        "asyncio",
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(made).namelist())


def test_the_wheel_carries_the_code_the_model_the_sql_and_the_questions(wheel: set[str]) -> None:
    package = ROOT / "litellm_plugins"
    expected = {
        str(path.relative_to(ROOT))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert expected <= wheel
    assert "litellm_plugins/py.typed" in wheel


def test_the_wheel_carries_both_licence_files_and_no_tests(wheel: set[str]) -> None:
    info = f"litellm_plugins-{litellm_plugins.__version__}.dist-info"
    assert {f"{info}/licenses/LICENSE", f"{info}/licenses/NOTICE"} <= wheel
    assert {name.split("/")[0] for name in wheel} == {"litellm_plugins", info}


def run_make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make as from a shell of its own: not as a child of the make that runs these tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def bare_tree(tmp_path: Path) -> Path:
    """A copy of what `make setup` reads, with no .venv."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    return tmp_path


def test_make_alone_lists_every_target(bare_tree: Path) -> None:
    listed = run_make(bare_tree).stdout
    for target in ("setup", "demo", "run", "test", "lint", "lock", "bench", "clean"):
        assert re.search(rf"^  make {target} ", listed, flags=re.MULTILINE), target


def test_make_says_which_pythons_will_do_when_none_is_there(bare_tree: Path) -> None:
    refused = run_make(bare_tree, "setup", "PYTHON=/nonexistent/python")
    assert refused.returncode != 0
    assert "Python 3.11 or 3.12 is needed" in refused.stderr
    assert not (bare_tree / ".venv").exists()
