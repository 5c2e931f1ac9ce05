"""A tiny model of the architecture that LLMLingua-2's models have, made on this machine: nothing is downloaded.

Two layers of BERT or XLM-RoBERTa that label tokens, a vocabulary of a few hundred pieces, weights that find each word
worth something else, and small words less than all others. It says nothing of what the real models are worth; what the
package does with one, it shows.
"""

from __future__ import annotations

import itertools
import random
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import (
    BertConfig,
    BertForTokenClassification,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForTokenClassification,
)

Kind = Literal["bert", "xlm-roberta"]
KINDS: tuple[Kind, ...] = ("bert", "xlm-roberta")
SMALL = tuple(
    ("the a an of and to in that it was is very really for on with as at by about this").split()  # noqa: SIM905
)
LARGE = tuple(
    (  # noqa: SIM905 - easier to read than forty quotations
        "committee library roof budget winter storm engineer report bridge river council market garden hospital doctor"
        " patient school teacher train station ticket museum painting harbour captain letter village farmer harvest"
        " plan last Monday month spoke hours costs met need approve year place note"
    ).split()
)
_SEEN = "".join(dict.fromkeys(string.ascii_letters + string.digits + string.punctuation + "éñü我们今天开会没不"))


def make(folder: Path, kind: Kind) -> Path:
    """A folder with config, weights and tokenizer."""
    torch.manual_seed(7)
    tokenizer = _bert_tokenizer() if kind == "bert" else _xlm_tokenizer()
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "num_labels": 2,
    }
    model: Any
    if kind == "bert":
        model = BertForTokenClassification(BertConfig(max_position_embeddings=512, pad_token_id=0, **shape))
    else:
        config = XLMRobertaConfig(max_position_embeddings=514, pad_token_id=1, type_vocab_size=1, **shape)
        model = XLMRobertaForTokenClassification(config)
    _taught(model, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _taught(model: Any, tokenizer: Any) -> None:
    """Weights that tell small words from large ones: the embedding says it, and two layers hardly change that.

    Set and not learned: a test run is no place for that. No two words are worth the same, from 0.88 for the first of
    `LARGE` down to 0.12 for the first of `SMALL`, so that every rate cuts between words, and not through the noise of
    float32 among words that are worth the same.
    """
    words, classifier = model.base_model.embeddings.word_embeddings.weight, model.classifier
    width = words.shape[1]
    says = torch.nn.functional.layer_norm(torch.randn(width), (width,))
    with torch.no_grad():
        for word, worth in [*_spread(LARGE, 1), *_spread(SMALL, -1)]:
            aside = torch.randn(width)
            aside -= aside.mean() + says * (says @ aside) / (says @ says)  # says nothing of the worth
            aside = torch.nn.functional.layer_norm(aside, (width,))
            words[tokenizer.convert_tokens_to_ids(_spelled(tokenizer, word))] = (
                worth * says + (1 - worth**2) ** 0.5 * aside
            )
        classifier.weight[0], classifier.weight[1] = -says / width, says / width


def _spread(words: tuple[str, ...], sign: int) -> Iterator[tuple[str, float]]:
    """Each with a worth of its own, from 1 to 0.3 or -1 to -0.3."""
    for at, word in enumerate(words):
        yield word, sign * (1 - 0.7 * at / (len(words) - 1))


def _spelled(tokenizer: Any, word: str) -> str:
    pieces: list[str] = tokenizer.tokenize(word)
    return pieces[0]


def _bert_tokenizer() -> PreTrainedTokenizerFast:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*special, *_SEEN, *(f"##{sign}" for sign in _SEEN), *SMALL, *LARGE]
    model = models.WordPiece({piece: at for at, piece in enumerate(dict.fromkeys(pieces))}, unk_token="[UNK]")
    made = Tokenizer(model)
    made.normalizer = normalizers.BertNormalizer(lowercase=False)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def _xlm_tokenizer() -> PreTrainedTokenizerFast:
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words = [(f"▁{word}", -1.0) for word in dict.fromkeys([*SMALL, *LARGE])]
    signs = [(sign, -4.0) for sign in ["▁", *_SEEN]]
    vocabulary = [(name, 0.0) for name in special] + words + signs
    made = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=False))
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token="<mask>",
    )


def prose(chars: int) -> str:
    """Sentences that the models know the words of, each one different."""
    numbers = itertools.count(1)
    chance = random.Random(11)
    out = ""
    while len(out) < chars:
        words = [chance.choice(SMALL if chance.random() < 0.5 else LARGE) for _ in range(14)]
        out += f"Note {next(numbers)}: {' '.join(words)}.\n"
    return out[:chars]
