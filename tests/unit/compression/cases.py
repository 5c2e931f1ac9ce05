"""The safety corpus: what must be there, byte for byte, after any method of compression.

`corpus/*.txt` was written by hand. Code and data stand in noisy prose, as prompts have them: blanks at the end of
lines, doubled ones, heaps of blank lines, Windows line ends. Everything is fixed: no chance, no clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "corpus"
_MARKED = re.compile("⟦(.*?)⟧")
_BEFORE = (
    "Please read  the following,   and keep it in mind.  \n\n\n\n",
    "Here is what we have so far:\n\n",
    "Lea esto con calma.   \n   \n\n",
    "请先阅读下面的内容。\n\n\n",
    "# Context\n\nThe next part was sent by  a customer.\t\n\n",
    "",
    "1. First, look at this.  \n2. Then answer.\n\n\n\n\n",
    "The team wrote:\r\n\r\n",
)
_AFTER = (
    "\n\n\n\nThat is   all of it.  \n",
    "\n",
    "",
    "\n\nDime qué opinas,  por favor.   ",
    "\n\n\n以上就是全部内容。",
    "\n\nThanks in advance.  \n\n\n\nRegards,\n\n\nAnn",
    "\r\n\r\n\r\n\r\nSincerely yours",
)
_FENCES = {"csharp": "cs", "javascript": "js", "cpp": "c++", "bash": "sh"}


@dataclass(frozen=True)
class Case:
    """One text, and what of it must stay."""

    name: str
    category: str
    text: str
    keep: tuple[str, ...]  # byte for byte
    json: str = ""  # to be kept in its strings, numbers, names and their order


def cases() -> list[Case]:
    """All of them, in a fixed order, no two with the same text."""
    found = [*_sentences(), *_blocks(), *_json(), *_documents()]
    return list({case.text: case for case in found}.values())


def blocks_of(file: str) -> list[tuple[str, str]]:
    """Name and text of each block of a file."""
    parts = re.split(r"^=== (.*)\n", (_FOLDER / file).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [(name, text.removesuffix("\n")) for name, text in zip(parts[::2], parts[1::2], strict=True)]


def sentences() -> list[tuple[str, str, tuple[str, ...]]]:
    """Category, sentence, and what of it must stay."""
    out = []
    for line in (_FOLDER / "sentences.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            category, said = line.split(" | ", 1)
            out.append((category, said.replace("⟦", "").replace("⟧", ""), tuple(_MARKED.findall(said))))
    return out


def _sentences() -> Iterator[Case]:
    for at, (category, said, keep) in enumerate(sentences()):
        text = _BEFORE[at % len(_BEFORE)] + said + _AFTER[at % len(_AFTER)]
        yield Case(f"{category}-{at}", category, text, keep)


def _blocks() -> Iterator[Case]:
    for at, (language, code) in enumerate(blocks_of("code.txt")):
        fenced = f"```{_FENCES.get(language, language)}\n{code}\n```"
        for how, block, i in (("bare", code, at), ("fenced", fenced, at + 3)):
            text = _BEFORE[i % len(_BEFORE)] + block + _AFTER[i % len(_AFTER)]
            yield Case(f"{language}-{at}-{how}", language, text, (block,))
    for at, (kind, block) in enumerate(blocks_of("data.txt")):
        text = _BEFORE[(at + 1) % len(_BEFORE)] + block + _AFTER[(at + 2) % len(_AFTER)]
        yield Case(f"{kind}-{at}", kind, text, (block,))


def _json() -> Iterator[Case]:
    for at, (name, block) in enumerate(blocks_of("json.txt")):
        text = _BEFORE[at % len(_BEFORE)] + block + _AFTER[(at + 3) % len(_AFTER)]
        yield Case(f"json-{at}-{name}", "json", text, (), block)
        yield Case(f"json-{at}-{name}-alone", "json", block, (), block)


def _documents() -> Iterator[Case]:
    """Long ones: sentences, then a block, then sentences in another language, with a passage said twice."""
    said = sentences()
    blocks = [*blocks_of("data.txt"), *blocks_of("code.txt")]
    for at in range(100):
        chosen = [said[(at * 7 + k * 31) % len(said)] for k in range(6)]
        _, block = blocks[(at * 5 + 2) % len(blocks)]
        passage = " ".join(sentence for _, sentence, _ in chosen)
        text = "\n\n".join([_BEFORE[at % len(_BEFORE)] + passage, block, chosen[at % 6][1] + "  ", passage])
        yield Case(f"document-{at}", "document", text, (*(part for _, _, keep in chosen for part in keep), block))
