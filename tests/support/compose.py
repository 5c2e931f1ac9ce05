"""What can be known of a compose file without a Docker engine, and what a Dockerfile says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml


def schema_faults(file: Path) -> str:
    """What the Compose specification has against it; nothing where it has nothing."""
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    checked = subprocess.run(check, capture_output=True, text=True, check=False)
    return "" if checked.returncode == 0 else checked.stdout + checked.stderr


def as_compose_reads(folder: Path, *files: Path, project: Path) -> dict[str, Any]:
    """The files together, as Compose itself understands them, from `project`, a folder inside `folder`.

    Debian's Compose is 1.29, which knows all that they use but the project's `name`.
    """
    if not shutil.which("docker-compose"):
        pytest.skip("docker-compose is not installed")
    project.mkdir(parents=True, exist_ok=True)
    command = ["docker-compose"]
    for file in files:
        without_name = re.sub(r"^name:.*\n", "", file.read_text(), flags=re.MULTILINE)
        (project / file.name).write_text(without_name)
        command += ["-f", str((project / file.name).relative_to(folder))]
    told = subprocess.run([*command, "config"], cwd=folder, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    found: dict[str, Any] = yaml.safe_load(told.stdout)
    return found


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """The instructions in order, continuation lines joined, comments gone."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest) for word, _, rest in (line.strip().partition(" ") for line in text.splitlines()) if word]


def copied_from_the_tree(dockerfile: Path) -> list[str]:
    """What it copies from the build's context."""
    copies = [shlex.split(rest) for word, rest in instructions(dockerfile) if word == "COPY"]
    return [source for words in copies if not words[0].startswith("--from") for source in words[:-1]]


def let_through(dockerignore: Path, source: str) -> bool:
    """Whether a file that is copied gets into the context at all."""
    patterns = [line[1:] for line in dockerignore.read_text().splitlines() if line.startswith("!")]
    return any(Path(source).match(pattern) for pattern in patterns)


def installs(dockerfile: Path, program: str) -> list[str]:
    """The arguments of each `PROGRAM install …` that it runs, whatever folder the program is in."""
    parts = [part for word, rest in instructions(dockerfile) if word == "RUN" for part in rest.split("&&")]
    pattern = re.compile(rf"(?:^|[\s/]){re.escape(program)} install (.*)")
    return [" ".join(found[1].split()) for part in parts if (found := pattern.search(part))]
