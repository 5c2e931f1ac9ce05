"""The model: `llmlingua.PromptCompressor` without its traps. Only the sidecar loads this; only here torch is imported.

What the package (0.2.2) does that it should not, and what is done about it:

- it puts the text together from tokens (`3.50` becomes `3 . 50`, line breaks and unknown characters go): only its word
  labels are taken, and the text is cut out of the original (`aligning`);
- `rate=1.0` is not the identity for the same reason: such a text does not come here;
- every text is padded to 512 tokens: `max_seq_len` is set to what a window needs, and each window is a call;
- of several texts in one call it leaves whole ones out before it looks at words: each window is a call, and
  `use_context_level_filter`, which is on by default, is off;
- long texts are cut in the middle of words, and what grows when it is tokenized again is cut off: `windows`;
- `<|endoftext|>` in a text raises: counted as plain text;
- a folder must bear the model's name: `model_name` is set by the architecture;
- `trust_remote_code` is on unless it is told otherwise, and a default argument remembers what it was told;
- the tokenizer of `gpt-3.5-turbo` is fetched from the network: `cl100k` is loaded before, from the disk.

`question` and `instruction` are dropped without a word, structured mode raises (BERT) or does not do what its tags say
(XLM-RoBERTa): neither is used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from litellm_plugins.compression.llmlingua.aligning import located, rebuilt, share
from litellm_plugins.compression.llmlingua.protocol import Refusal, Refused, Wanted
from litellm_plugins.compression.llmlingua.windows import windows
from litellm_plugins.compression.tokens import cl100k
from litellm_plugins.errors import PluginError

if TYPE_CHECKING:
    from litellm_plugins.compression.llmlingua.aligning import Span

# What the package looks for in the model's name, by the architecture that its config names.
_NAMED = {"bert": "bert-base-multilingual-cased", "xlm-roberta": "xlm-roberta-large"}
_WORD_SEP, _LABEL_SEP = "\x1e", "\x1f"
_SPARE = 32  # tokens by which a window may grow when it is tokenized again
_LONGEST = 512
_LEAST_RATE = 0.05
_READABLE = 0.8  # of the words have to be found in the text
_WITH_DIGITS = re.compile(r"\w*\d\w*")
_SAMPLE = "The committee met on Monday and talked for a long while about the plans for the new library. " * 4


class EngineUnavailable(PluginError):
    """The model cannot be loaded; the message says why, and what to do."""

    code = "compressor_unavailable"


class Engine(Protocol):
    """What the sidecar asks. Called by one thread at a time."""

    model: str
    device: str

    def load(self) -> None:
        """Make it ready, and use it once. Raises: EngineUnavailable."""

    def compress(self, wanted: Wanted, *, late: Callable[[], bool]) -> str:
        """What is left of the text. `late`: nobody waits for it any more. Raises: Refused."""


class LinguaEngine:
    """LLMLingua-2 from a folder, or by its name from the machine's Hugging Face cache."""

    def __init__(self, model: str, *, device: str = "auto", download: bool = False) -> None:
        self.model, self.device, self._download = model, device, download
        self._lingua: Any = None
        self._window = 0

    def load(self) -> None:
        if not self._download:  # read when the libraries are imported
            os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
            os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # nothing is fetched, and stderr is the proxy's log
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        cl100k()
        try:
            import torch  # noqa: PLC0415 - in the sidecar only
            from llmlingua import PromptCompressor  # noqa: PLC0415
            from transformers import AutoConfig  # noqa: PLC0415
        except ImportError as exc:
            raise EngineUnavailable(f"{exc}: pip install 'litellm-plugins[llmlingua]' (docs/llmlingua.md)") from exc
        if self.device == "auto":
            self.device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            safe = {"trust_remote_code": False, "local_files_only": not self._download}
            config = AutoConfig.from_pretrained(self.model, **safe)
            self._known(config)
            self._lingua = PromptCompressor(
                self.model,
                device_map=self.device,
                model_config=safe,
                use_llmlingua2=True,
                llmlingua2_config={"max_batch_size": 1, "max_force_token": 1},
            )
        except (OSError, ValueError, RuntimeError, KeyError) as exc:
            raise EngineUnavailable(f"the model {self.model} cannot be loaded: {exc}{self._hint()}") from exc
        self._lingua.model_name = _NAMED[config.model_type]
        self._lingua.oai_tokenizer = _Plain(self._lingua.oai_tokenizer)
        self._lingua.model.eval()
        positions = int(config.max_position_embeddings) - (2 if config.model_type == "xlm-roberta" else 0)
        self._window = min(_LONGEST, positions)
        self.compress(Wanted(text=_SAMPLE))

    def compress(self, wanted: Wanted, *, late: Callable[[], bool] = lambda: False) -> str:
        rate = self._rate(wanted)
        if rate >= 1:
            return wanted.text
        words, kept = self._labels(wanted, rate, late)
        places = located(wanted.text, words)
        found = sum(place is not None for place in places)
        if found < _READABLE * len(words):
            raise Refused(Refusal.UNREADABLE)
        dropped = [place for place, stays in zip(places, kept, strict=True) if place is not None and not stays]
        return rebuilt(wanted.text, dropped, _kept(wanted))

    def _rate(self, wanted: Wanted) -> float:
        """What the model is asked for, so that it is kept together with what stays anyway."""
        rate = wanted.rate
        if wanted.target_tokens is not None:
            rate = min(1.0, wanted.target_tokens / max(1, len(self._lingua.oai_tokenizer.encode(wanted.text))))
        if rate >= 1:
            return 1.0
        held = share(_kept(wanted), len(wanted.text)) - share(_forced_digits(wanted), len(wanted.text))
        return max(_LEAST_RATE, (rate - held) / (1 - held)) if held < 1 else 1.0

    def _labels(self, wanted: Wanted, rate: float, late: Callable[[], bool]) -> tuple[list[str], list[bool]]:
        """The words as the model's tokenizer reads them, and of each whether it stays."""
        tokenizer = self._lingua.tokenizer
        offsets: list[Span] = [
            (start, end)
            for start, end in tokenizer(
                wanted.text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
            )["offset_mapping"]
            if start < end
        ]
        cut = [wanted.text[start:end] for start, end in windows(wanted.text, offsets, self._window - 2 - _SPARE)]
        cut = [window for window in cut if window.strip()]
        if not cut:
            raise Refused(Refusal.UNREADABLE)
        pairs: list[tuple[str, bool]] = []
        for window in cut:
            if late():  # a long text takes minutes, and others wait behind it
                raise Refused(Refusal.DEADLINE)
            pairs += self._of_window(window, rate, digits=wanted.force_digits)
        return [word for word, _ in pairs], [stays for _, stays in pairs]

    def _of_window(self, window: str, rate: float, *, digits: bool) -> list[tuple[str, bool]]:
        """One at a time: not padded to another's length, and what becomes of it does not hang on the others."""
        self._lingua.max_seq_len = min(self._window, 2 + self._tokens_again(window))
        try:
            labelled = self._lingua.compress_prompt(
                [window],
                rate=rate,
                use_context_level_filter=False,
                force_reserve_digit=digits,
                return_word_label=True,
                word_sep=_WORD_SEP,
                label_sep=_LABEL_SEP,
            )["fn_labeled_original_prompt"]
        except IndexError as exc:  # the tokenizer knows no word of it
            raise Refused(Refusal.UNREADABLE) from exc
        parted = [pair.rpartition(_LABEL_SEP) for pair in labelled.split(_WORD_SEP) if pair]
        if not any(label == "1" for *_, label in parted):  # a model that is broken, or a window of one word
            raise Refused(Refusal.UNREADABLE)
        return [(word, label == "1") for word, _, label in parted]

    def _tokens_again(self, window: str) -> int:
        """How many tokens the package makes of a window: it tokenizes what it has put together from tokens."""
        tokenizer = self._lingua.tokenizer
        once = tokenizer.tokenize(window)
        return max(len(once), len(tokenizer.tokenize(tokenizer.convert_tokens_to_string(once))))

    def _known(self, config: Any) -> None:  # noqa: ANN401 - the library's
        if config.model_type not in _NAMED:
            raise EngineUnavailable(f"{self.model} is of the type {config.model_type}, not one of {sorted(_NAMED)}")
        if not any("ForTokenClassification" in name for name in config.architectures or ()):
            raise EngineUnavailable(f"{self.model} does not label tokens (architectures: {config.architectures})")

    def _hint(self) -> str:
        if self._download or Path(self.model).exists():
            return ""
        return f" (nothing is downloaded unless --download is given; a folder {self.model} is not there)"


class _Plain:
    """Counts special tokens in a text as the plain text that they are there."""

    def __init__(self, encoding: Any) -> None:  # noqa: ANN401 - tiktoken's
        self._encoding = encoding

    def encode(self, text: str) -> Sequence[int]:
        made: Sequence[int] = self._encoding.encode_ordinary(text)
        return made


def _kept(wanted: Wanted) -> list[Span]:
    """What stays whatever the model says."""
    spans: list[Span] = [*wanted.keep, *_forced_digits(wanted)]
    for token in wanted.force_tokens:
        spans.extend(_places(wanted.text, token))
    return spans


def _forced_digits(wanted: Wanted) -> list[Span]:
    """The package keeps them as well, and counts them in its rate; but a digit beside other pieces may go."""
    return [found.span() for found in _WITH_DIGITS.finditer(wanted.text)] if wanted.force_digits else []


def _places(text: str, token: str) -> list[Span]:
    """Where `token` stands; a word only where it is one."""
    found: list[Span] = []
    at = 0
    while (at := text.find(token, at)) >= 0:
        end = at + len(token)
        inside = (token[0].isalnum() and text[at - 1 : at].isalnum()) or (
            token[-1].isalnum() and text[end : end + 1].isalnum()
        )
        if not inside:
            found.append((at, end))
        at = end
    return found
