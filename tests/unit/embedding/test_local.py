"""The bundled model as the cache and the router meet it. Its files are read; nothing else is."""

import asyncio
import hashlib
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from litellm_plugins.embedding import onnx_model
from litellm_plugins.embedding.embedder import EmbedderUnavailable
from litellm_plugins.embedding.local import BUNDLED, LocalEmbedder
from litellm_plugins.embedding.onnx_model import OnnxModel

ORIGINAL = [0.0069, -0.063, -0.072, -0.0325, -0.0427, 0.0704, 0.0091, 0.0154]


@pytest.fixture
async def embedder() -> AsyncIterator[LocalEmbedder]:
    embedder = LocalEmbedder()
    yield embedder
    await embedder.aclose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the bundled files, to be broken."""
    return Path(shutil.copytree(BUNDLED, tmp_path / "model"))


def sign(folder: Path) -> None:
    """Make SHA256SUMS fit the files, as whoever brings a model of their own would."""
    names = ("model.onnx", "tokenizer.json")
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(lines))


async def refusal(embedder: LocalEmbedder) -> str:
    with pytest.raises(EmbedderUnavailable) as caught:
        await embedder.embed("hello")
    await embedder.aclose()
    return caught.value.reason


def test_importing_the_package_loads_no_numeric_library() -> None:
    """The command line and a proxy with the semantic cache off must not pay for numpy and onnxruntime."""
    code = (
        "import sys, litellm_plugins.embedding.local, litellm_plugins.embedding.memo\n"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'onnxruntime', 'tokenizers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_a_constructed_embedder_has_opened_nothing(tmp_path: Path) -> None:
    """Wiring builds objects before it knows which are used; a missing folder is told when it is needed."""
    threads = threading.active_count()
    embedder = LocalEmbedder(folder=tmp_path / "nowhere")
    assert threading.active_count() == threads
    assert await refusal(embedder) == "files_missing"


async def test_more_threads_give_the_very_same_vectors(embedder: LocalEmbedder) -> None:
    """Workers with other settings share one store: one space, whatever the number of threads."""
    two = LocalEmbedder(threads=2)
    try:
        for text in ("2+2", "How do I reset my password?", "word " * 200):
            assert (await two.embed(text)).vector.tobytes() == (await embedder.embed(text)).vector.tobytes()
    finally:
        await two.aclose()


async def test_a_vector_is_float32_and_of_unit_length(embedder: LocalEmbedder) -> None:
    """Stores compute cosine as a plain dot product and keep 4 bytes a number."""
    embedding = await embedder.embed("How do I reset my password?")
    assert embedding.vector.dtype == np.float32
    assert embedding.vector.shape == (embedder.dimensions,) == (384,)
    assert float(np.linalg.norm(embedding.vector)) == pytest.approx(1.0, abs=1e-5)
    assert not embedding.partial


async def test_a_paraphrase_is_nearer_than_another_question(embedder: LocalEmbedder) -> None:
    """That the graph means something at all: a broken pooling or tokenizer still gives unit vectors."""
    texts = ("How do I reset my password?", "I forgot my password, how do I change it?", "Where is my car?")
    asked, paraphrase, other = [(await embedder.embed(text)).vector for text in texts]
    assert asked @ paraphrase > 0.75
    assert asked @ other < 0.3


async def test_the_vectors_are_those_of_the_original_model(embedder: LocalEmbedder) -> None:
    """First numbers of fp32 sentence-transformers' vector: a new export must stay in its space."""
    vector = (await embedder.embed("How do I reset my password?")).vector
    assert vector[:8] == pytest.approx(ORIGINAL, abs=0.02)


async def test_the_same_text_has_the_same_vector_whoever_asks_beside_it(embedder: LocalEmbedder) -> None:
    """In a batch the int8 scales are shared: another tenant's text would move this one's vector."""
    alone = (await embedder.embed("Where is my parcel?")).vector
    texts = ["x" * 50, "Where is my parcel?", "z z z"]
    crowd = await asyncio.gather(*(embedder.embed(text) for text in texts))
    assert np.array_equal(crowd[1].vector, alone)


@pytest.mark.parametrize(("words", "partial"), [(254, False), (255, True)])
async def test_a_text_is_partial_from_the_first_token_that_does_not_fit(
    embedder: LocalEmbedder, words: int, partial: bool
) -> None:
    """256 tokens less [CLS] and [SEP]. An unseen cut serves one long prompt the answer to another."""
    assert (await embedder.embed("word " * words)).partial is partial


async def test_what_is_cut_does_not_move_the_vector(embedder: LocalEmbedder) -> None:
    """The cut keeps the closing [SEP], as the model was trained, whether tokens or characters were cut."""
    short, long = [(await embedder.embed("word " * words)).vector for words in (255, 100_000)]
    assert short @ long == pytest.approx(1.0, abs=1e-5)


async def test_megabytes_are_cut_before_they_are_tokenised(embedder: LocalEmbedder) -> None:
    """Tokenising 20 MB takes seconds, in which the one worker would serve nobody else."""
    await embedder.warm()
    embedding = await asyncio.wait_for(embedder.embed("why is that so " * 1_400_000), timeout=2)
    assert embedding.partial


async def test_signs_that_the_model_cannot_tell_apart_make_the_embedding_partial(embedder: LocalEmbedder) -> None:
    """Every emoji is [UNK] to it: a lobster's answer must not be served for a smile."""
    assert (await embedder.embed("what is 🦞")).partial
    assert not (await embedder.embed("what is a lobster")).partial


async def test_a_word_too_long_to_be_read_makes_the_embedding_partial(embedder: LocalEmbedder) -> None:
    """Any word over 100 characters is the same [UNK], so two keys or hashes would look alike."""
    assert (await embedder.embed(f"decode {'a' * 101}")).partial
    assert not (await embedder.embed(f"decode {'a' * 100}")).partial


async def test_white_space_alone_embeds_as_the_empty_text(embedder: LocalEmbedder) -> None:
    """An empty prompt is no error of the embedder's; the caller decides whether to look anything up."""
    empty = await embedder.embed("")
    blank = await embedder.embed(" \n\t " * 10_000)
    assert np.array_equal(empty.vector, blank.vector)
    assert float(np.linalg.norm(empty.vector)) == pytest.approx(1.0, abs=1e-5)
    assert not blank.partial


async def test_half_a_surrogate_pair_is_embedded_like_any_text(embedder: LocalEmbedder) -> None:
    """JSON may carry one, and no UTF-8 tokenizer takes it."""
    assert (await embedder.embed("hello \ud83d there")).vector.shape == (384,)


async def test_the_event_loop_runs_on_while_texts_are_embedded(embedder: LocalEmbedder) -> None:
    """Every other request of the proxy lives on this loop."""
    await embedder.warm()
    ticks = 0
    job = asyncio.gather(*(embedder.embed(f"question {number} " * 80) for number in range(10)))
    while not job.done():
        await asyncio.sleep(0.001)
        ticks += 1
    assert ticks > 10


async def test_the_model_is_loaded_once_however_many_ask_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cold start under load must not read 23 MB for every waiting request."""
    loads = 0

    class Counted(OnnxModel):
        def __init__(self, folder: Path, threads: int) -> None:
            nonlocal loads
            loads += 1
            super().__init__(folder, threads)

    monkeypatch.setattr("litellm_plugins.embedding.local.OnnxModel", Counted)
    embedder = LocalEmbedder()
    await asyncio.gather(*(embedder.embed(str(number)) for number in range(20)))
    await embedder.aclose()
    assert loads == 1


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
async def test_an_altered_file_is_refused(folder: Path, name: str) -> None:
    """Other weights give other vectors under the same model id; a half-copied image layer does just that."""
    with (folder / name).open("ab") as file:
        file.write(b" ")
    assert await refusal(LocalEmbedder(folder=folder)) == "sums_mismatch"


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "SHA256SUMS"])
async def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    """The operator reads this in the log."""
    (folder / name).unlink()
    embedder = LocalEmbedder(folder=folder)
    with pytest.raises(EmbedderUnavailable, match=name):
        await embedder.embed("hello")
    await embedder.aclose()


async def test_a_file_that_is_no_model_is_refused_even_when_its_sum_fits(folder: Path) -> None:
    """What onnxruntime throws has many types; callers know one."""
    (folder / "model.onnx").write_bytes(b"not a model")
    sign(folder)
    assert await refusal(LocalEmbedder(folder=folder)) == "model_unusable"


async def test_a_missing_runtime_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are platforms without an onnxruntime wheel: the rest of the pack works on."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert await refusal(LocalEmbedder()) == "runtime_missing"


async def test_a_load_that_failed_is_not_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot mend itself, and hashing the weights for every request would burn the proxy's processor."""
    (folder / "model.onnx").write_bytes(b"")
    embedder = LocalEmbedder(folder=folder)
    for _ in range(2):
        with pytest.raises(EmbedderUnavailable, match="sums_mismatch"):
            await embedder.embed("hello")
        monkeypatch.setattr(onnx_model, "read", lambda path: pytest.fail(f"{path} was read again"))
    await embedder.aclose()


async def test_a_full_queue_refuses_at_once_and_frees_up_again() -> None:
    """A burst must not pile up behind one thread: the cache fails open, the request goes on without it."""
    embedder = LocalEmbedder(max_queue=3)
    answers = await asyncio.gather(*(embedder.embed(str(n)) for n in range(10)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, EmbedderUnavailable)]
    assert [error.reason for error in refused] == ["queue_full"] * 7
    assert all(error.retryable for error in refused)
    assert (await embedder.embed("again")).vector.shape == (384,)
    await embedder.aclose()


async def test_an_asker_who_gives_up_leaves_its_place_in_the_queue() -> None:
    """Clients disconnect; a slot that is never given back closes the embedder bit by bit."""
    embedder = LocalEmbedder(max_queue=2)
    for _ in range(5):
        asks = [asyncio.create_task(embedder.embed("hello")) for _ in range(2)]
        await asyncio.sleep(0)
        for ask in asks:
            ask.cancel()
        await asyncio.gather(*asks, return_exceptions=True)
        await asyncio.to_thread(embedder._worker.submit(int).result)  # what had begun has ended
    assert (await embedder.embed("hello")).vector.shape == (384,)
    await embedder.aclose()


async def test_closing_tells_those_who_wait_and_those_who_come_later() -> None:
    """Not a CancelledError: that would look as if the client had gone. Closing twice is harmless."""
    embedder = LocalEmbedder()
    waiting = asyncio.gather(*(embedder.embed(str(n)) for n in range(50)), return_exceptions=True)
    await asyncio.sleep(0)
    await embedder.aclose()
    await embedder.aclose()
    closed = [answer for answer in await waiting if isinstance(answer, BaseException)]
    assert closed
    assert {type(error) for error in closed} == {EmbedderUnavailable}
    assert await refusal(embedder) == "closed"


def test_the_model_id_names_the_weights_and_needs_no_load(folder: Path) -> None:
    """Stored vectors are filed under it: other weights must never be compared with them."""
    bundled = LocalEmbedder().model_id
    name, digest = bundled.rsplit(":", 1)
    assert name == "local:all-MiniLM-L6-v2-int8"
    assert digest == hashlib.sha256((BUNDLED / "SHA256SUMS").read_bytes()).hexdigest()[:8]
    (folder / "model.onnx").write_bytes(b"other weights")
    sign(folder)
    assert LocalEmbedder(folder=folder).model_id.rsplit(":", 1)[1] != digest


@pytest.mark.parametrize("max_tokens", [0, 2, 513])
def test_a_length_the_model_cannot_read_is_refused_at_once(max_tokens: int) -> None:
    """The position table has 512 rows; a setting beyond it would fail on the first long prompt only."""
    with pytest.raises(ValueError, match="max_tokens"):
        LocalEmbedder(max_tokens=max_tokens)


async def test_a_text_as_long_as_the_position_table_is_read() -> None:
    """512 is what the range check promises."""
    embedder = LocalEmbedder(max_tokens=512)
    assert not (await embedder.embed("word " * 510)).partial
    assert (await embedder.embed("word " * 511)).partial
    await embedder.aclose()
