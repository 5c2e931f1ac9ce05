"""Does the answer to a clause change by the minute, the hour or the day? Pure; English and Spanish.

Words of time have other uses ("in today's world", "hoy en día", "the current directory", "from now on"): those that
are common are named here. What is left over and mentions the time counts as time-bound.
"""

from __future__ import annotations

import re
from collections.abc import Set

from litellm_plugins.cache.volatility.folding import lexicon

# Whatever else the clause says: the words that lead to a rule, and the rule between two spaces.
_STRONG = (
    ("now", "right now|as of now|happening now|(?:open|closed|available|free) now|now open"),
    ("moment minute", "at (?:this|the) (?:very )?moment|up to the minute"),
    (
        "news headlines",
        (
            r"(?:latest|breaking|newest|current|recent|top|today's|tonight's) (?:\S+ )?(?:news|headlines)"
            "|(?:news|headlines) (?:today|about|on|from|in|this|of)|any news|in the news"
        ),
    ),
    (
        "latest newest current recent",
        (
            r"(?:latest|newest|current|most recent) (?:\S+ ){0,2}?(?:versions?|releases?|updates?|patch|stable)"
            r"|versions? (?:\S+ ){0,3}(?:is|are) the (?:latest|newest|current)"
        ),
    ),
    (
        "weather rain raining snow snowing sunny forecast",
        (
            "weather (?:in|for|at|like|forecast|today|tonight|tomorrow|this|now|right)|(?:the|how's"
            "|what's) weather(?= $)"
            "|(?:is|will) it (?:going to )?(?:rain|be raining|raining|snow|snowing|be sunny)|forecast for"
        ),
    ),
    (
        "price prices quote value",
        (
            "(?:stock|share|bitcoin|btc|ethereum|eth|gold|silver|oil|crypto|petrol|diesel) (?:prices?|quote|value)"
            r"|prices? of (?:an? \S+ of )?(?:bitcoin|btc|ethereum|eth|gold|silver|oil|brent|petrol|diesel|gas)"
        ),
    ),
    (
        "current",
        (
            r"current (?:\S+ )?(?:prices?|rates?|weather|temperature|news|scores?|standings|president|prime|pope"
            r"|king|ceo"
            "|champions?|stock|traffic|value|offers|promotions|interest|inflation|situation|waiting|wait)"
        ),
    ),
    (
        "rate exchange",
        (
            "the (?:present |actual )?exchange rate(?= $)|exchange rate (?:today|now)"
            "|exchange rate (?:for|of|from|between) (?:the )?(?:dollar|euro|pound|yen|peso|usd|eur|gbp|jpy|mxn)s?"
            r"|\S+ to (?:the )?(?:dollar|euro|pound|yen|peso|usd|eur|gbp|jpy)s? (?:rate|exchange)"
        ),
    ),
    ("time", "what time is it|what(?:'s| is) the time(?= $| in | now | right )"),
    ("day year date", "what day is (?:it|today)|what year is it|what(?:'s| is) (?:the|today's) date(?= $)"),
    ("live", "live (?:scores?|traffic|updates?|results?|prices?|stream|status)"),
    ("winning leading leads", "who(?:'s| is) (?:winning|leading)|who leads"),
    ("until", "(?:days|weeks|hours) (?:left )?until"),
    ("stock out available trending", "in stock(?= $)|sold out|still available|trending|hay stock|queda stock"),
    (
        "down running offline",
        r"(?:is|are) (?:\S+ ){1,5}(?:down|up and running|offline)(?= $| today | right | again | for )",
    ),
    ("flight flights outage outages", r"flight [a-z]{2}\d{2,4}|flights? (?:\S+ )?delayed|outages?"),
    ("ahora", "ahora mismo"),
    ("momento momentos dia", "en (?:este|estos) (?:mismo )?momentos?|a dia de hoy|que dia es(?= $)"),
    ("vivo directo", "en (?:vivo|directo)"),
    (
        "ultima ultimas ultimo ultimos",
        (
            r"ultim[oa]s? (?:\S+ )?(?:noticias?|versi(?:on|ones)|novedades|actualizaci(?:on|ones)|resultados?|partidos?"
            "|precios?|datos|cifras|jornada|hora)"
        ),
    ),
    ("novedades noticias", "novedades (?:hay|de|sobre|en)|noticias (?:de|del|sobre|en)|dame las noticias"),
    ("tiempo llover nevar", "que tiempo (?:hace|hara|va a|tenemos)|(?:va|vaya) a (?:llover|nevar)"),
    ("lloviendo nevando llovera nevara", "lloviendo|nevando|llovera|nevara"),
    ("prevision pronostico", r"(?:prevision|pronostico) (?:del tiempo|meteorologic\S|para)"),
    ("grados hora fecha", "cuantos grados (?:hace|hay)|que hora es|que fecha es(?= $)"),
    (
        "actual actuales",
        (
            "(?:precio|valor|tipo de cambio|president[ea]|temperatura|cotizacion|estado) actual(?:es)?"
            r"|actual (?:president[ea]|precio|campeon|rey|papa|ministr\S|director\S*|entrenador\S*|alcalde\S*|gobierno)"
        ),
    ),
    ("cambio", "(?:el|al|del) tipo de cambio"),
    ("cotizacion cotizaciones cotiza cotizan", "cotizacion(?:es)? del?|cotizan?"),
    ("cuanto", "a cuanto (?:esta|van?)|cuanto (?:falta|queda) para"),
    (
        "queda quedan habiendo agotado agotada agotados agotadas",
        r"quedan? (?:\S+ )?(?:stock|entradas|plazas|unidades)|sigue habiendo|agotad[oa]s?(?= $)",
    ),
    (
        "ganando primero primera primer lider cabeza partido liga carrera bolsa",
        "quien (?:va|esta) (?:ganando|primer[oa]?|lider|en cabeza)|como va (?:el|la) (?:partido|liga|carrera|bolsa)",
    ),
    ("caido caida caidos caidas", "estan? caid[oa]s?"),
    ("abierto abierta abiertos abiertas", r"estan? (?:\S+ ){0,3}?abiert[oa]s?(?= $| ahora | hoy )"),
    ("retraso", "retraso el (?:vuelo|tren)"),
)
# Relative to the day of asking; has other uses.
_WEAK_EN = re.compile(
    r" (?:today|tonight|tomorrow|yesterday)(?:'s)? | this (?:morning|afternoon|evening|week"
    r"|weekend)(?:'s)? | last night"
    r"(?:'s)? | now $| currently | (?:the )?latest \S+ | recent (?:news|events|developments|changes|earthquakes?) "
    r"| current (?:time|date|day|year|month|week|version) "
)
_WEAK_ES = re.compile(
    r" hoy | (?<!la )(?<!cada )(?<!las )(?<!el )(?<!de )manana | (?:de|para|el de) manana $| ayer | anoche | ahora $"
    r"| actualmente | est[ae] (?:misma? )?(?:manana|tarde|noche|semana|finde|fin de semana) | hora actual "
)
_OTHER_USES = re.compile(
    r" (?:until|till|to|from|even|still \S+|used|relevant|exists?|important|matters?|survives?|known|remembered|spoken"
    r"|seen|usa|society|world|people) today "
    r"| today's (?:\S+ )?(?:world|society|lesson|lessons|standards|youth|culture|era|age|economy"
    r"|technology|terms|climate"
    r"|generation|kids|children|landscape|money|dollars) "
    r"| (?:from|until|till|for|by|before|up to|done|do|what) now "
    r"| today (?:show|function|button|widget|tab|view|column|field) "
    r"| (?:at|by) the latest "
    r"| hoy (?:en|por) (?:dia|hoy) | de hoy en adelante | hasta hoy | (?:mundo|sociedad|juventud|jovenes"
    r"|epoca) (?:\S+ )?hoy "
    r"| (?:por|hasta|desde|de) ahora "
)
# "I have an exam tomorrow, how do I calm down?": the day is a circumstance, not what is asked for.
_TOLD = re.compile(r" (?:i|i'm|i've|i'll|we|we're|my|he|she|they|tengo|tenemos|estoy|mi|voy|soy|he) ")
_ASKS = re.compile(
    r" (?:what|what's|who|who's|when|where|which|tell|show|give|know|see|list|find"
    r"|que|quien|cual|cuando|donde|cuanto|hay|dime|dame|saber|abris|abre|abren) "
)
# In a prompt about code these are about what code does, and not about the day.
ABOUT_CODE = lexicon(
    "python javascript js typescript java kotlin swift rust golang php ruby sql mysql postgres postgresql "
    "sqlite bash shell "
    "powershell linux excel sheets pandas numpy node react django flask git docker kubernetes regex css html cron "
    "function method script code codigo funcion formula datetime timestamp"
)


def _by_word() -> dict[str, re.Pattern[str]]:
    rules: dict[str, list[str]] = {}
    for words, rule in _STRONG:
        for word in words.split():
            rules.setdefault(word, []).append(rule)
    return {word: re.compile(f" (?:{'|'.join(some)}) ") for word, some in rules.items()}


_STRONG_OF = _by_word()
_WEAK_WORDS = lexicon(
    "today today's tonight tonight's tomorrow tomorrow's yesterday yesterday's morning morning's afternoon afternoon's "
    "evening evening's week week's weekend weekend's night night's now currently latest recent current "
    "hoy manana ayer anoche ahora actualmente tarde noche semana finde fin hora"
)
# What leads to any rule of this file.
WORDS = _WEAK_WORDS | _STRONG_OF.keys()


def is_time_bound(clause: str, found: Set[str], *, about_code: bool) -> bool:
    """Whether the clause, one of `folding.clauses`, asks for what holds now only; `found` are its `WORDS`."""
    if any(_STRONG_OF[word].search(clause) for word in found & _STRONG_OF.keys()):
        return True
    if about_code or found.isdisjoint(_WEAK_WORDS):
        return False
    return any(_asks_of_the_day(f"{part} ") for part in clause.rstrip().split(" ,"))


def _asks_of_the_day(part: str) -> bool:
    if not (_WEAK_EN.search(part) or _WEAK_ES.search(part)) or _OTHER_USES.search(part):
        return False
    return not _TOLD.match(part) or bool(_ASKS.search(part))
