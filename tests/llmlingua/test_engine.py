"""The real package on a tiny model: each of its traps, and that we do not fall into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.compression.checker import losses
from litellm_plugins.compression.llmlingua.engine import EngineUnavailable, LinguaEngine
from litellm_plugins.compression.llmlingua.protecting import stretches
from litellm_plugins.compression.llmlingua.protocol import Refusal, Refused, Wanted
from litellm_plugins.compression.tokens import cl100k
from tests.llmlingua.tiny_model import KINDS, LARGE, SMALL, prose

Engines = dict[str, LinguaEngine]
TEXT = "The committee met on the last Monday of the month and spoke for hours about the library's roof and its costs."

pytestmark = pytest.mark.parametrize("kind", KINDS)


def package(engine: LinguaEngine) -> Any:
    """The package's own object."""
    return engine._lingua


def words(text: str) -> list[str]:
    return text.split()


def tokens(text: str) -> int:
    """As the rate is meant."""
    return cl100k()(text)


def test_small_words_go_and_the_others_stay_in_their_order(engines: Engines, kind: str) -> None:
    made = words(engines[kind].compress(Wanted(text=TEXT, rate=0.5)))
    assert {"committee", "Monday", "library's", "roof"} <= set(made)
    assert not {"of", "and", "about"} & set(made)
    rest = iter(words(TEXT))
    assert all(any(word.rstrip(".") == other.rstrip(".") for other in rest) for word in made)


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.7])
def test_about_the_rate_is_kept(engines: Engines, kind: str, rate: float) -> None:
    text = prose(3_000)
    made = engines[kind].compress(Wanted(text=text, rate=rate))
    kept = tokens(made) / tokens(text)
    print(f"{kind}: {kept:.3f} of the tokens kept at {rate}")  # noqa: T201 - a measurement
    assert rate - 0.05 < kept < rate + 0.12


def test_the_same_text_becomes_the_same_bytes(engines: Engines, kind: str) -> None:
    engine, wanted = engines[kind], Wanted(text=prose(2_500), rate=0.5)
    first = engine.compress(wanted)
    engine.compress(Wanted(text=TEXT))
    assert engine.compress(wanted) == first


def test_the_package_drops_a_question_without_a_word_so_it_never_gets_one(engines: Engines, kind: str) -> None:
    made = package(engines[kind]).compress_prompt([TEXT], rate=0.5, question="Why did the harbour close?")
    assert "harbour" not in made["compressed_prompt"]
    text = f"{TEXT}\n\nWhy did the harbour close?"
    asked = (len(TEXT), len(text))
    assert engines[kind].compress(Wanted(text=text, keep=(asked,))).endswith("\n\nWhy did the harbour close?")


def test_the_package_pads_to_512_and_we_only_to_what_is_needed(engines: Engines, kind: str) -> None:
    seen: list[int] = []
    lingua = package(engines[kind])
    hook = lingua.model.register_forward_pre_hook(
        lambda _module, _args, kwargs: seen.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    try:
        before, lingua.max_seq_len = lingua.max_seq_len, 512
        lingua.compress_prompt([TEXT], rate=0.5)
        lingua.max_seq_len = before
        engines[kind].compress(Wanted(text=TEXT, rate=0.5))
    finally:
        hook.remove()
    assert seen[0] == 512
    assert seen[1] < 150


def test_the_package_at_rate_one_is_not_the_identity_and_we_are(engines: Engines, kind: str) -> None:
    text = "First  line: it's 3.50.\n\n  - second\tline…"
    assert package(engines[kind]).compress_prompt([text], rate=1.0)["compressed_prompt"] != text
    assert engines[kind].compress(Wanted(text=text, rate=1.0)) == text
    assert engines[kind].compress(Wanted(text=text, target_tokens=500)) == text


def test_structured_mode_raises_or_does_nothing_and_is_never_used(engines: Engines, kind: str) -> None:
    text = f"<llmlingua, compress=False>Note:</llmlingua><llmlingua, rate=0.4>{TEXT}</llmlingua>"
    structured = package(engines[kind]).structured_compress_prompt
    if kind == "bert":  # its tokenizer writes `< llmlingua` for the tag, which then is none
        with pytest.raises(ZeroDivisionError):
            structured([text], rate=0.5)
    else:
        made = structured([text], rate=0.5)["compressed_prompt"]
        assert "".join(made.split()) == "".join(f"Note:{TEXT}".split())  # rate=0.4 is passed over: no word has gone
    assert "compress=False" in engines[kind].compress(Wanted(text=text, keep=((0, 27),)))


def test_line_breaks_stay(engines: Engines, kind: str) -> None:
    text = "\n".join(f"- the {LARGE[at]} of the {LARGE[at + 1]} was very {LARGE[at + 2]}" for at in range(12))
    made = engines[kind].compress(Wanted(text=text, rate=0.6))
    assert made.count("\n") == text.count("\n")
    assert "\n\n" in engines[kind].compress(Wanted(text=f"{TEXT}\n\n{TEXT}", rate=0.5))


@pytest.mark.parametrize("text", ["", " ", "\n\n", "roof", "the", "☃", "☃ ☃ ☃"])
def test_an_empty_or_tiny_text_comes_back_or_is_refused_and_never_vanishes(
    engines: Engines, kind: str, text: str
) -> None:
    said: object = None
    try:
        said = engines[kind].compress(Wanted(text=text, rate=0.5)).split()
    except Refused as refusal:
        said = refusal.reason
    assert said in (text.split(), Refusal.UNREADABLE)


def test_what_the_tokenizer_does_not_know_stays(engines: Engines, kind: str) -> None:
    text = f"{TEXT} ☃ ჯანმრთელობა {TEXT}"
    made = engines[kind].compress(Wanted(text=text, rate=0.5))
    assert "☃" in made
    assert "ჯანმრთელობა" in made


def test_a_text_longer_than_the_window_is_read_to_its_end_and_no_word_is_cut(engines: Engines, kind: str) -> None:
    text = prose(12_000)
    assert len(package(engines[kind]).tokenizer.tokenize(text)) > 3 * 512
    made = engines[kind].compress(Wanted(text=text, rate=0.5))
    known = {"", *(word.strip(".:") for word in words(text))}
    assert {word.strip(".:") for word in words(made)} <= known
    last = text[-2_000:]
    assert len(words(made[-len(last) // 2 :])) > 50
    assert sum(word in SMALL for word in words(made)) < 0.3 * sum(word in SMALL for word in words(text))


def test_a_long_text_is_given_up_between_windows_when_nobody_waits_any_more(engines: Engines, kind: str) -> None:
    asked = iter([False, False, True])
    with pytest.raises(Refused) as refusal:
        engines[kind].compress(Wanted(text=prose(12_000), rate=0.5), late=lambda: next(asked))
    assert refusal.value.reason == Refusal.DEADLINE


def test_every_window_of_a_long_text_is_read_alike(engines: Engines, kind: str) -> None:
    lines = engines[kind].compress(Wanted(text=prose(8_000), rate=0.5)).splitlines()
    sizes = [len(words(line)) for line in lines[:-1]]
    assert min(sizes) >= 3


def test_of_two_texts_in_a_call_the_package_leaves_one_out_so_it_gets_one(engines: Engines, kind: str) -> None:
    """A filter of whole texts is on by default. It took the second window of a text for a text of its own."""
    text = prose(3_000)
    lingua = package(engines[kind])
    before, lingua.max_seq_len = lingua.max_seq_len, 512
    try:
        half = text.index("\n", 1_200)
        left, all_of = (
            lingua.compress_prompt([text[:half], text[half:]], rate=0.5, **more)["compressed_prompt_list"]
            for more in ({}, {"use_context_level_filter": False})
        )
    finally:
        lingua.max_seq_len = before
    assert len(left) == 1
    assert min(len(words(each)) for each in all_of) > 50


def test_words_without_an_end_are_read_in_windows_as_well(engines: Engines, kind: str) -> None:
    text = "".join(LARGE) * 12 + " " + TEXT
    try:
        said = engines[kind].compress(Wanted(text=text, rate=0.5))
    except Refused as refusal:
        said = refusal.reason
    assert said == Refusal.UNREADABLE or "".join(LARGE) in said


def test_special_tokens_in_a_text_are_plain_text(engines: Engines, kind: str) -> None:
    """`<|endoftext|>` makes the package raise."""
    text = f"{TEXT} <|endoftext|> [SEP] </s> {TEXT}"
    made = engines[kind].compress(Wanted(text=text, rate=0.5, keep=((len(TEXT), len(text) - len(TEXT)),)))
    assert " <|endoftext|> [SEP] </s> " in made


def test_digits_and_forced_words_stay(engines: Engines, kind: str) -> None:
    text = f"{TEXT} It was at 12 of the 45 and of 7890. {TEXT}"
    made = engines[kind].compress(Wanted(text=text, rate=0.4, force_tokens=("and", "\n", "?")))
    assert {"12", "45"} <= set(words(made))
    assert "7890" in made
    assert words(made).count("and") == words(text).count("and")


def test_no_number_takes_on_a_word_that_stood_further_on(engines: Engines, kind: str) -> None:
    """`Note 15: year` became `15 year`, the checker saw that 15 was gone, and the whole text went out as it was."""
    text = prose(8_000)
    [stretch] = stretches(text)
    made = engines[kind].compress(Wanted(text=text, rate=0.5, keep=stretch.keep))
    assert losses(text, made) == ()
    assert tokens(made) < 0.65 * tokens(text)


def test_nothing_that_the_checker_looks_for_is_lost(engines: Engines, kind: str) -> None:
    text = f'{TEXT} They did not approve of $3.50, "as it is", at https://example.org/a?b=1 by ann@example.org. {TEXT}'
    [stretch] = stretches(text)
    made = engines[kind].compress(Wanted(text=text, rate=0.4, keep=stretch.keep))
    assert losses(text, made) == ()
    assert len(made) < 0.8 * len(text)


@pytest.mark.parametrize("most", [200, 450])
def test_a_target_in_tokens_is_kept_to(engines: Engines, kind: str, most: int) -> None:
    """With XLM-RoBERTa's tokenizer the package keeps more than it is asked to, the more the less is to stay."""
    made = tokens(engines[kind].compress(Wanted(text=prose(3_000), target_tokens=most)))
    print(f"{kind}: {made} tokens kept of {tokens(prose(3_000))} where {most} were asked for")  # noqa: T201
    assert 0.9 * most < made < (1.1 if kind == "bert" else 1.4) * most


def test_a_folder_may_have_any_name_and_no_code_of_its_own_runs(models: dict[str, Path], kind: str) -> None:
    """The package wants the model's name in the folder's, and trusts remote code unless it is told not to."""
    from unittest.mock import patch

    from transformers import AutoConfig, AutoTokenizer

    asked: list[Any] = []
    real = (AutoConfig.from_pretrained, AutoTokenizer.from_pretrained)

    def config(*args: Any, **more: Any) -> Any:
        asked.append(more.get("trust_remote_code"))
        return real[0](*args, **more)

    def tokenizer(*args: Any, **more: Any) -> Any:
        asked.append(more.get("trust_remote_code"))
        return real[1](*args, **more)

    assert "bert" not in models[kind].name
    with patch.object(AutoConfig, "from_pretrained", config), patch.object(AutoTokenizer, "from_pretrained", tokenizer):
        LinguaEngine(str(models[kind]), device="cpu").load()
    assert len(asked) >= 3
    assert set(asked) == {False}


def test_a_model_that_is_not_here_is_not_fetched(kind: str) -> None:
    with pytest.raises(EngineUnavailable, match="nothing is downloaded unless"):
        LinguaEngine(f"somebody/llmlingua-2-{kind}", device="cpu").load()
