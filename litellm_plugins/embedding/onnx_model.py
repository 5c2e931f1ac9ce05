"""A sentence model, verified and loaded: text in, unit vector out. Blocks; `local` gives it a thread."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from litellm_plugins.embedding.embedder import EmbedderUnavailable, Embedding

if TYPE_CHECKING:
    from pathlib import Path

    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

DIMENSIONS = 384
# English runs at 4 to 5 characters a token: past this, what is left over is not worth tokenising to count it.
CHARACTERS_PER_TOKEN = 20


class OnnxModel:
    """Tokenizer and weights in memory. `folder` holds `model.onnx`, `tokenizer.json` and `SHA256SUMS`.

    Raises:
        EmbedderUnavailable: a file is missing or is not what SHA256SUMS names, or nothing here can run it.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        weights, vocabulary = _verified(folder, "model.onnx"), _verified(folder, "tokenizer.json")
        try:
            self._tokenizer = _tokenizer(vocabulary)
            self._session = _session(weights, threads)
        except ImportError as error:
            raise EmbedderUnavailable("runtime_missing", str(error)) from error
        except Exception as error:
            raise EmbedderUnavailable("model_unusable", f"{folder}: {error}") from error
        self._unknown = self._tokenizer.token_to_id("[UNK]")
        width = self._session.get_outputs()[0].shape[-1]
        if width != DIMENSIONS:
            raise EmbedderUnavailable("model_unusable", f"{folder}: {width} dimensions, not {DIMENSIONS}")

    def embed(self, text: str, max_tokens: int) -> Embedding:
        """The embedding of the first `max_tokens` tokens of `text`, the two frame tokens included."""
        ids, partial = self._read(text.strip(), max_tokens)
        try:
            (vectors,) = self._session.run(None, {"input_ids": [ids]})
        except Exception as error:
            raise EmbedderUnavailable("model_unusable", str(error)) from error
        return Embedding(vectors[0], partial)

    def _read(self, text: str, max_tokens: int) -> tuple[list[int], bool]:
        """The ids the model sees, [CLS] first and [SEP] last, and whether some of the text is not in them."""
        head = text[: max_tokens * CHARACTERS_PER_TOKEN]
        # JSON may carry half a surrogate pair, which no UTF-8 tokenizer takes.
        encoding = self._tokenizer.encode(head.encode("utf-8", "replace").decode("utf-8"))
        ids = encoding.ids
        # [UNK] stands for any emoji, unknown script or overlong word alike: where those differ, the vector cannot tell.
        partial = len(head) < len(text) or len(ids) > max_tokens or self._unknown in ids
        return ids if len(ids) <= max_tokens else [*ids[: max_tokens - 1], ids[-1]], partial


def _tokenizer(vocabulary: bytes) -> Tokenizer:
    from tokenizers import Tokenizer  # noqa: PLC0415 - loaded by the worker thread, at first use

    tokenizer = Tokenizer.from_str(vocabulary.decode("utf-8"))
    tokenizer.no_truncation()  # the file may carry its own; whether a text was cut is for us to see and say
    tokenizer.no_padding()
    return tokenizer


def _session(weights: bytes, threads: int) -> InferenceSession:
    import onnxruntime  # noqa: PLC0415 - likewise

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Several threads that sleep between two steps of one text take as long as one does; a thread that spins on between
    # two texts burns a core of the proxy's.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if threads > 1 else "0")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def _verified(folder: Path, name: str) -> bytes:
    """The file's bytes, once seen to be those that SHA256SUMS names: what is used is what was hashed."""
    content = read(folder / name)
    sums = dict(line.split()[::-1] for line in read(folder / "SHA256SUMS").decode().splitlines())
    if hashlib.sha256(content).hexdigest() != sums.get(name):
        raise EmbedderUnavailable("sums_mismatch", f"{folder / name} is not the file that SHA256SUMS names")
    return content


def read(path: Path) -> bytes:
    """The file's bytes, or `EmbedderUnavailable("files_missing")`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise EmbedderUnavailable("files_missing", str(error)) from error
