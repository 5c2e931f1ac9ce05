"""What a question says on its face: words, numbers, negations, names. Pure, English and Spanish.

Embeddings hardly see what these see: "2+2" and "2+3", "with" and "without", "C" and "C++" lie side by side.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

READ = 2_000  # characters; longer questions are compared by what stands at their beginning
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*(?:\+\+|#)?|[+*/=<>^%$\u20ac]")
_NUMBER = re.compile(r"(?<![^\W\d_])[-\u2212]?\d+(?:[.,:/]\d+)*")
_QUOTED = re.compile(r"[\"\u201c\u201d\u00ab\u00bb`]([^\"\u201c\u201d\u00ab\u00bb`]{1,200})[\"\u201c\u201d\u00ab\u00bb`]")
_CODE = re.compile(r"[{};]|\w\(|=>|::|</?\w+>|\bdef \b|\bselect \b", re.IGNORECASE)

_NEGATIONS = frozenset(
    """not no never none nobody nothing neither nor without cannot unable except dont doesnt didnt isnt arent wasnt
    werent wont wouldnt cant couldnt shouldnt hasnt havent hadnt sin nunca jamas nadie nada ningun ninguna ninguno
    tampoco ni excepto salvo""".split()
)
# Those whose words of opposite meaning decide what is asked; each pair is one dimension, its two sides by "|".
_OPPOSITES = re.split(
    r"  |\n",
    """before|after  increase raise grow|decrease reduce lower  more|less  most|least  best|worst  good|bad  better|worse
advantage benefit pro|disadvantage drawback con  enable activate|disable deactivate  open|close  start begin|stop end finish
lock block freeze|unlock unblock unfreeze  buy purchase|sell  send|receive  deposit|withdraw  add|remove delete
create|delete  install|uninstall  connect|disconnect  subscribe|unsubscribe  upgrade|downgrade  login|logout
gain|lose  win|lose  import|export  upload|download  encode encrypt|decode decrypt  legal|illegal  safe|dangerous
possible|impossible  male man boy|female woman girl  husband|wife  father|mother  parent|child  hot warm|cold
high|low  long|short  big large|small  fast|slow  early|late  old|new young  cheap|expensive  rich|poor  left|right
north|south  east|west  up|down  in|out  inside|outside  on|off  above over|below under  first|last  minimum min|maximum max
public|private  free|paid  accept approve|reject decline deny  allow|forbid prohibit  positive|negative  true|false
arrive|depart leave  borrow|lend  employer|employee  buyer|seller  teacher|student  debit|credit  single|married
antes|despues  aumentar subir|disminuir reducir bajar  mas|menos  mejor|peor  bueno buena|malo mala  activar|desactivar
abrir|cerrar  empezar comenzar|terminar acabar  bloquear|desbloquear  comprar|vender  enviar|recibir  ingresar|retirar
agregar anadir|quitar eliminar borrar  instalar|desinstalar  ganar|perder  ventaja|desventaja  legal|ilegal
alto alta|bajo baja  largo larga|corto corta  grande|pequeno pequena  rapido|lento  primero primera|ultimo ultima
minimo minima|maximo maxima  publico|privado  gratis|pago  aceptar|rechazar  permitir|prohibir  con|sin  marido|mujer""",
)
_QUESTIONS = {
    "how": "how", "como": "how", "what": "what", "que": "what", "which": "which", "cual": "which", "cuales": "which",
    "why": "why", "when": "when", "cuando": "when", "where": "where", "donde": "where", "adonde": "where",
    "who": "who", "whom": "who", "whose": "who", "quien": "who", "quienes": "who", "cuanto": "how_much",
    "cuanta": "how_much", "cuantos": "how_much", "cuantas": "how_much",
    "can": "whether", "could": "whether", "do": "whether", "does": "whether", "did": "whether", "is": "whether",
    "are": "whether", "will": "whether", "would": "whether", "should": "whether", "may": "whether", "has": "whether",
    "have": "whether", "puedo": "whether", "puede": "whether", "pueden": "whether", "es": "whether", "hay": "whether",
    "tengo": "whether", "debo": "whether",
}  # fmt: skip
_AMOUNTS = frozenset({"much", "many", "long", "far", "often", "old", "big", "tall", "fast", "soon"})
_ENGLISH = frozenset(
    """the a an of to in is are do does i my you your it what how why when where can and or for on with this that be
    not me if from have has which who""".split()
)
_SPANISH = frozenset(
    """el la los las un una de del en es son que como cual cuando donde por para con mi tu su se no me si puedo puede hay
    lo le al y o mas cuanto esta este""".split()
)
_WORDS_FOR_NUMBERS = {
    name: str(value)
    for value, names in enumerate(
        """zero/cero one two/dos three/tres four/cuatro five/cinco six/seis seven/siete eight/ocho nine/nueve ten/diez
        eleven/once twelve/doce""".split()
    )
    for name in names.split("/")
}
_ENDINGS = ("ingly", "edly", "ings", "ing", "ies", "ied", "ed", "es", "ly", "s")


@dataclass(frozen=True, slots=True)
class Text:
    """One question as its words show it."""

    words: tuple[str, ...]  # stems in their order, numbers among them
    word_set: frozenset[str]
    numbers: tuple[str, ...]  # sorted
    codes: frozenset[str]  # words of letters and digits, such as "M605dh", "v2" or "C++"
    names: frozenset[str]  # words with a capital letter that is not the sentence's
    negations: int
    question: str  # "how", "what", "whether", … or ""
    quoted: frozenset[str]
    trigrams: frozenset[str]
    language: str  # "en", "es" or ""
    is_code: bool


@lru_cache(maxsize=16_384)
def read(question: str) -> Text:
    """`question` as its words show it."""
    said = question[:READ].replace("\u2019", "'")
    originals = _WORD.findall(said)
    plain = [_plain(word) for word in originals]
    stems = tuple(map(_stem, plain))
    asks = _question(plain)
    compact = " ".join(stems)
    return Text(
        words=stems,
        word_set=frozenset(stems),
        numbers=tuple(sorted([_figure(n) for n in _NUMBER.findall(said)] + _spelt_out(plain))),
        codes=frozenset(word for word in plain if _is_code_word(word)),
        names=frozenset(
            _stem(_plain(word))
            for previous, word in zip([None, *originals], originals, strict=False)
            if previous is not None and word[0].isupper() and word not in ("I", "I'm", "I'd", "I've", "I'll")
        ),
        negations=sum(word in _NEGATIONS or word.endswith("n't") for word in plain),
        question=asks,
        quoted=frozenset(part.casefold().strip() for part in _QUOTED.findall(said)),
        trigrams=frozenset(compact[i : i + 3] for i in range(len(compact) - 2)),
        language=_language(plain),
        is_code=_CODE.search(said) is not None,
    )


@lru_cache(maxsize=16_384)
def is_opposed(only_a: frozenset[str], only_b: frozenset[str]) -> bool:
    """Whether a word of one and a word of the other are opposites."""
    return any(
        (sides := _SIDES.get(word)) and any(opposite in only_b for side in sides for opposite in side)
        for word in only_a
    )


def _plain(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    """Light: plural and verb endings go, so that "cancelled" and "cancelling" meet."""
    if len(word) < 4 or any(letter.isdigit() for letter in word):
        return word
    word = word.removesuffix("'s")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            root = word.removesuffix(ending)
            if ending in ("ies", "ied"):
                return root + "y"
            if len(root) > 3 and root[-1] == root[-2] and root[-1] not in "lsz":
                root = root[:-1]
            return root.removesuffix("e") or root
    return word.removesuffix("e") if len(word) > 4 else word


def _is_code_word(word: str) -> bool:
    if word.endswith(("+", "#")) and len(word) > 1:
        return True
    return any(letter.isdigit() for letter in word) and any(letter.isalpha() for letter in word)


def _figure(written: str) -> str:
    return written.replace("\u2212", "-").lstrip("+").rstrip(".,:/")


def _spelt_out(words: Iterable[str]) -> list[str]:
    return [_WORDS_FOR_NUMBERS[word] for word in words if word in _WORDS_FOR_NUMBERS]


def _question(words: list[str]) -> str:
    for i, word in enumerate(words[:8]):
        kind = _QUESTIONS.get(word)
        if kind == "how" and i + 1 < len(words) and words[i + 1] in _AMOUNTS:
            return "how_much"
        if kind is not None:
            return kind
    return ""


def _language(words: list[str]) -> str:
    english, spanish = sum(w in _ENGLISH for w in words), sum(w in _SPANISH for w in words)
    if english == spanish:
        return ""
    return "en" if english > spanish else "es"


def _sides() -> dict[str, tuple[frozenset[str], ...]]:
    sides: dict[str, tuple[frozenset[str], ...]] = {}
    for line in _OPPOSITES:
        one, other = (frozenset(_stem(word) for word in side.split()) for side in line.split("|"))
        for here, there in ((one, other), (other, one)):
            for word in here:
                sides[word] = (*sides.get(word, ()), there)
    return sides


_SIDES = _sides()
