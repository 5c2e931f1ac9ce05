"""The words by which the heuristic judges: the table that a user reads, and changes. English and Spanish, some others.

Each rule adds `weight * ln(1 + hits)`; hits are words, whole and in lower case. The weights are set by hand:
docs/routing.md says what they were, and were not, looked at with. A negative weight makes a prompt lighter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """Words that say the same of a prompt."""

    name: str
    weight: float
    words: frozenset[str]


def _rule(name: str, weight: float, words: str) -> Rule:
    return Rule(name, weight, frozenset(words.split()))


RULES = (
    # What must be told apart from its opposite is read wrongly by small models.
    _rule(
        "negation",
        0.45,
        "not no never none neither nor except least false incorrect without cannot don't doesn't didn't isn't aren't"
        " wasn't weren't won't can't couldn't shouldn't wouldn't hasn't haven't"
        " nunca jamás ningún ninguno ninguna sin excepto salvo tampoco ni menos falso falsa incorrecto incorrecta"
        " ne pas sans jamais aucun nicht kein keine keinen ohne não nem sem не нет без никогда ليس لا بدون",
    ),
    # Quantities that are given by other quantities: each is one more step.
    _rule(
        "relations",
        0.6,
        "half twice thrice double triple third quarter times ratio"
        " mitad doble triple tercio cuarto veces razón moitié fois doppelt hälfte metade dobro вдвое втрое",
    ),
    # Persons in a story, whose doings have to be kept apart.
    _rule(
        "persons",
        0.15,
        "i my me he him his she her hers they them their theirs"
        " él ella ellos ellas su sus le les mi yo il elle ils elles leur er sie ihr sein eles ela seu sua он она они",
    ),
    # What is asked for takes more than telling what one knows.
    _rule(
        "demanding",
        0.7,
        "prove proof derive design architect optimize optimise implement refactor debug diagnose analyze analyse"
        " critique justify synthesize reconcile formalize disprove counterexample tradeoff tradeoffs trade-offs"
        " demuestra demostrar demuestre prueba deriva diseña diseñar diseñe optimiza optimizar implementa implementar"
        " refactoriza depura analiza analizar analice justifica justificar critica compara contraejemplo"
        " prouve démontre concevoir analyser optimiser beweise entwirf implementiere analysiere optimiere prove"
        " demonstre projete analise implemente докажи докажите спроектируй реализуй проанализируй أثبت صمم حلل",
    ),
    # Fields in which prompts tend to be hard.
    _rule(
        "technical",
        0.3,
        "theorem lemma algorithm algorithms complexity concurrency concurrent distributed consensus deadlock lock-free"
        " asynchronous invariant integral derivative eigenvalue eigenvalues matrix polynomial convergence stochastic"
        " bayesian likelihood regression differential equation equations kernel compiler transaction transactions"
        " throughput latency cryptographic encryption schema migration kubernetes recursion heuristic topology"
        " teorema lema algoritmo algoritmos complejidad concurrencia concurrente distribuido distribuida consenso"
        " asíncrono invariante derivada matriz polinomio convergencia estocástico verosimilitud regresión diferencial"
        " ecuación ecuaciones compilador transacción transacciones latencia cifrado esquema migración recursión"
        " théorème algorithme satz algorithmus verteilte теорема алгоритм",
    ),
)

# Hits of these count as hits of `demanding`: scripts that are written without spaces.
DEMANDING_IN_CJK = ("证明", "證明", "推导", "设计", "設計", "实现", "優化", "优化", "分析", "比较", "証明", "実装", "증명", "설계", "구현")

RULE_OF_WORD: Mapping[str, int] = {word: number for number, rule in enumerate(RULES) for word in rule.words}

# Words that say nothing of what a prompt is about: they are left out where content is counted.
STOP_WORDS = frozenset(
    "the and for are was were with that this from his her they their them have has had does did what which who how"
    " many much then than will would could should your about into there here when where please some any been being"
    " para por los las una unos unas del con que como cual cuál qué quién cómo este esta esto ese esa eso son era fue"
    " ser está están hay más pero sobre entre muy les des une est qui dans pour der die das und ist mit ein eine".split()
)

# A short prompt that begins so asks for one fact.
LOOKUP_BEGINS = frozenset(
    "what what's whats who who's when where define translate spell convert name list"
    " qué quién cuándo dónde cuál cuánto define traduce traducir deletrea convierte nombra".split()
)
# A short prompt of these alone asks for nothing.
SMALL_TALK = frozenset(
    "hi hello hey thanks thank thx bye goodbye cheers morning great nice cool perfect"
    " hola gracias adiós buenos buenas días tardes noches genial perfecto"
    " bonjour merci salut danke hallo olá obrigado obrigada привет спасибо مرحبا شكرا 你好 谢谢 謝謝 こんにちは".split()
)
# A short turn that begins so leans on what was said before.
CONTINUES = frozenset(
    "yes yeah yep yup ok okay sure go proceed continue do please next and also now again right correct exactly"
    " agreed then why how keep more try finish start run"
    " sí si vale claro dale adelante sigue siga continúa continua continúe procede hazlo hágalo hazla y también ahora"
    " otra correcto exacto entonces venga empieza termina acuerdo oui ja sim weiter d'accord да ок продолжай давай نعم"
    " تابع 是 是的 好 好的 继续 繼續 可以 はい 네".split()
)
# And one that has such a word in it.
POINTS_BACK = frozenset(
    "it that this these those them same above previous former latter one ones"
    " eso esto aquello lo la los las hazlo mismo misma anterior anteriores ese esa".split()
)

# A clause with a word of each of two of these is about routing, not about the question.
SIZE_WORDS = frozenset(
    "small smaller smallest cheap cheaper cheapest weak weaker weakest tiny mini light lightweight fast faster fastest"
    " low lowest basic strong stronger strongest big bigger biggest large larger largest best powerful expensive"
    " premium advanced smart smartest top high highest simple easy trivial hard complex"
    " pequeño pequeña chico barato barata débil ligero rápido básico fuerte grande mejor potente caro cara avanzado"
    " simple sencillo fácil difícil complejo económico".split()
)
MODEL_WORDS = frozenset(
    "model models tier llm router routing route classifier gpt-4 modelo modelos nivel enrutador clasificador".split()
)
ORDER_WORDS = frozenset(
    "use using pick choose select send route answer call classify treat mark rate score consider prefer need needs"
    " requires usa usar use utiliza utilizar elige escoge envía manda enruta responde clasifica trata considera"
    " necesita requiere".split()
)
# A short clause that begins so, and rates, is the asker's own opinion of how hard it is.
RATING_BEGINS = frozenset(
    "this it that it's its that's question task very super really extremely just an a is"
    " esto es eso esta este pregunta tarea muy súper realmente".split()
)
RATING_WORDS = frozenset(
    "simple easy trivial basic straightforward hard difficult complex complicated tricky tough challenging quick"
    " sencillo sencilla fácil trivial básico básica difícil complejo compleja complicado complicada rápido".split()
)
