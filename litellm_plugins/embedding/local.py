"""The bundled sentence model (all-MiniLM-L6-v2, int8 ONNX): no network, no torch, one thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path

from litellm_plugins.embedding.embedder import EmbedderUnavailable, Embedding
from litellm_plugins.embedding.onnx_model import DIMENSIONS, OnnxModel, read

BUNDLED = Path(__file__).parent / "models" / "all-MiniLM-L6-v2"
POSITIONS = 512  # rows of the model's position table; tokens beyond it cannot be numbered


class LocalEmbedder:
    """An `Embedder` on ONNX Runtime that serves texts one by one in a single worker thread.

    One by one, since the model scales its int8 activations by their largest value: in a batch, a text's
    vector would depend on whose texts happened to be beside it (cosine 0.992 to itself alone), for at most
    14 % more throughput.

    Args:
        folder: holds `model.onnx`, `tokenizer.json` and `SHA256SUMS`; the bundled model if None.
        threads: how many ONNX Runtime computes one text with. Two take 0.7 to 0.8 of the time of one where both have
            a core of their own, and half as much work again; on a busy machine they are slower.
        max_tokens: read of a text, the two frame tokens included; 3 to 512. The model was trained on 128 and
            published for 256.
        max_queue: texts that may wait or run at once; one more is refused with `queue_full`.
    """

    def __init__(
        self, *, folder: Path | None = None, threads: int = 1, max_tokens: int = 256, max_queue: int = 256
    ) -> None:
        if not 3 <= max_tokens <= POSITIONS:
            raise ValueError(f"max_tokens is {max_tokens}; the model reads 3 to {POSITIONS}")
        self._folder = folder or BUNDLED
        self._name = self._folder.name if folder else f"{BUNDLED.name}-int8"
        self._threads = threads
        self._max_tokens = max_tokens
        self._slots = threading.BoundedSemaphore(max_queue)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="local-embedder")
        self._loaded: OnnxModel | EmbedderUnavailable | None = None  # touched by the worker thread alone
        self._closed = False

    @cached_property
    def model_id(self) -> str:
        """As in `Embedder`. Its digest is that of SHA256SUMS, which names those of weights and tokenizer."""
        return f"local:{self._name}:{hashlib.sha256(read(self._folder / 'SHA256SUMS')).hexdigest()[:8]}"

    @property
    def dimensions(self) -> int:
        return DIMENSIONS

    async def embed(self, text: str) -> Embedding:
        """As in `Embedder`. White space embeds as the empty text does, which has a vector like any other."""
        if self._closed:
            raise EmbedderUnavailable("closed")
        if not self._slots.acquire(blocking=False):
            raise EmbedderUnavailable("queue_full")
        # A future of the loop's own: to wrap the job's would chain two, under a lock, for every look-up.
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Embedding] = loop.create_future()
        job = self._worker.submit(self._embed_for, loop, future, text)
        job.add_done_callback(self._free_slot)  # also when the asker gave up while it waited
        return await future

    async def warm(self) -> None:
        """Load the model now (about half a second), so that no request waits for it.

        Raises:
            EmbedderUnavailable: it cannot be loaded.
        """
        await self.embed("")

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        # What still waits runs first, and is told `closed`: cancelling it would look like the asker's doing.
        await asyncio.wrap_future(self._worker.submit(self._unload))
        self._worker.shutdown(wait=False)

    def _free_slot(self, _: Future[None]) -> None:
        self._slots.release()

    def _embed_for(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Embedding], text: str) -> None:
        if future.done():  # the asker gave up while it waited
            return
        try:
            settle = partial(_settle, future, self._embed(text), None)
        except BaseException as error:  # noqa: BLE001 - it is the asker's
            settle = partial(_settle, future, None, error)
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(settle)

    def _embed(self, text: str) -> Embedding:
        if self._closed:
            raise EmbedderUnavailable("closed")
        if self._loaded is None:
            try:
                self._loaded = OnnxModel(self._folder, self._threads)
            except EmbedderUnavailable as error:
                self._loaded = error  # hashing 23 MB again for every request would not mend it
        if isinstance(self._loaded, EmbedderUnavailable):
            raise EmbedderUnavailable(self._loaded.reason, self._loaded.detail) from self._loaded
        return self._loaded.embed(text, self._max_tokens)

    def _unload(self) -> None:
        self._loaded = None


def _settle(future: asyncio.Future[Embedding], embedding: Embedding | None, error: BaseException | None) -> None:
    if future.done():  # the asker gave up
        return
    if embedding is None:
        future.set_exception(error or EmbedderUnavailable("model_unusable"))
    else:
        future.set_result(embedding)
