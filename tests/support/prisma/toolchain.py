"""npm packages, the generated client and the query engine, in folders named after what went into them."""

from __future__ import annotations

import compileall
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.cache_folder import cache_folder, only_one

_HERE = Path(__file__).resolve().parent
_ENGINE_FILES = ("server.js", "engine.js", "translate.js")
_NPM_TIMEOUT_S, _GENERATE_TIMEOUT_S = 100.0, 60.0
_OLDEST_NODE = 18
_DONE = ".complete"


class PrismaMissing(Exception):
    """This machine cannot run LiteLLM's database client; the message says what it lacks."""


def prisma_env() -> dict[str, str]:
    """What a proxy's environment needs beside `DATABASE_URL`. Makes everything ready on the machine's first call.

    Raises: PrismaMissing.
    """
    _node()
    folder = cache_folder() / f"prisma-{_digest(_schema(), *(_HERE / name for name in _inputs()))}"
    with only_one("prisma"):
        if not (folder / _DONE).exists():
            _make(folder)
    found = {"PYTHONPATH": _before("PYTHONPATH", folder / "python"), "PATH": _before("PATH", folder / "path")}
    if (folder / _DONE).read_text(encoding="utf-8") != "native":
        found["PRISMA_QUERY_ENGINE_BINARY"] = str(folder / "bin/query-engine")
    # The tables are there already, and LiteLLM's own way of making them needs another program of Prisma's.
    return {**found, "DISABLE_SCHEMA_UPDATE": "true"}


def why_no_prisma() -> str | None:
    """What this machine lacks; None where it lacks nothing. Makes everything ready."""
    try:
        prisma_env()
    except PrismaMissing as exc:
        return str(exc)
    return None


def _inputs() -> tuple[str, ...]:
    return ("package-lock.json", "toolchain.py", *_ENGINE_FILES)


def _digest(*files: Path) -> str:
    try:
        version = importlib.metadata.version("prisma")
    except importlib.metadata.PackageNotFoundError:
        raise PrismaMissing("prisma is not installed (it is in requirements/dev.lock)") from None
    digest = hashlib.sha256(f"{version} {sys.version_info[:2]}".encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _node() -> str:
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise PrismaMissing(f"no {program} on the PATH (LiteLLM's database client is generated with it)")
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(said.lstrip("v").split(".")[0]) < _OLDEST_NODE:
        raise PrismaMissing(f"node is {said}, and {_OLDEST_NODE} is the oldest that will do")
    return said


def _schema() -> Path:
    found = importlib.util.find_spec("litellm")
    assert found is not None, "the tests need litellm"
    assert found.origin is not None, "it is a package"
    return Path(found.origin).parent / "proxy/schema.prisma"


def _make(folder: Path) -> None:
    modules = _npm_packages()
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("bin", "path"):
        (folder / name).mkdir(parents=True)
    for name in _ENGINE_FILES:
        shutil.copy(_HERE / name, folder / "bin")
    _write_program(folder / "bin/query-engine", f'NODE_PATH="{modules}" exec node "{folder}/bin/server.js" "$@"')
    _write_program(folder / "bin/schema-engine", "exit 0")  # looked for, and never run
    # At boot LiteLLM asks Prisma's CLI what its tables lack. They are this version's, and the CLI would be downloaded.
    _write_program(folder / "path/prisma", "exit 0")
    schema = folder / "schema.prisma"
    lines = _schema().read_text(encoding="utf-8").splitlines(keepends=True)
    schema.write_text("".join(line for line in lines if "binaryTargets" not in line), encoding="utf-8")  # this machine
    native = _generate(folder, modules, {}) is None and _names_an_engine(folder / "python/prisma/client.py")
    if not native:
        ours = {
            "PRISMA_CLI_QUERY_ENGINE_TYPE": "binary",
            "PRISMA_QUERY_ENGINE_BINARY": str(folder / "bin/query-engine"),
            "PRISMA_SCHEMA_ENGINE_BINARY": str(folder / "bin/schema-engine"),
        }
        fault = _generate(folder, modules, ours)
        if fault:
            raise PrismaMissing(f"LiteLLM's database client cannot be generated: {fault}")
    compileall.compile_dir(folder / "python", quiet=2)  # eight megabytes of types: no proxy's boot is to wait for that
    (folder / _DONE).write_text("native" if native else "wasm", encoding="utf-8")


def _names_an_engine(client: Path) -> bool:
    """Whether Prisma's CLI downloaded the program that the generated client starts."""
    found = re.search(r"'queryEngine': \{'[^']+': '([^']+)'", client.read_text(encoding="utf-8"))
    return found is not None and os.access(found.group(1), os.X_OK)


def _npm_packages() -> Path:
    """The packages of package-lock.json, each checked against its hash."""
    folder = cache_folder() / f"npm-{_digest(_HERE / 'package-lock.json')}"
    if not (folder / _DONE).exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_HERE / name, folder)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        fault = _run(command, folder, dict(os.environ), _NPM_TIMEOUT_S)
        if fault:
            raise PrismaMissing(f"the npm packages of LiteLLM's database client cannot be installed: {fault}")
        (folder / _DONE).touch()
    return folder / "node_modules"


def _generate(folder: Path, modules: Path, more: dict[str, str]) -> str | None:
    """Generate the client into a fresh copy of its package. What went wrong, or None."""
    found = importlib.util.find_spec("prisma")
    assert found is not None, "its version was read"
    assert found.origin is not None, "it is a package"
    shutil.rmtree(folder / "python", ignore_errors=True)
    package = folder / "python/prisma"
    shutil.copytree(Path(found.origin).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    env = {name: value for name, value in os.environ.items() if not name.startswith("PRISMA_")} | {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
        "PYTHONPATH": str(package.parent),  # the generator is the copy's, and writes beside itself
        "CHECKPOINT_DISABLE": "1",  # Prisma's own news
        **more,
    }
    command = ["node", str(modules / "prisma/build/index.js"), "generate", "--schema", str(folder / "schema.prisma")]
    fault = _run(command, folder, env, _GENERATE_TIMEOUT_S)
    return fault if fault or (package / "client.py").exists() else "it said nothing, and wrote no client"


def _run(command: list[str], folder: Path, env: dict[str, str], timeout_s: float) -> str | None:
    """The last line that a failed command said; None where it did not fail."""
    try:
        done = subprocess.run(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=timeout_s,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"it took longer than {timeout_s:g} s"
    if not done.returncode:
        return None
    return next(iter((done.stderr or done.stdout).strip().splitlines()[-1:]), f"exit status {done.returncode}")


def _before(variable: str, folder: Path) -> str:
    return os.pathsep.join(filter(None, (str(folder), os.environ.get(variable))))


def _write_program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    path.chmod(0o755)
