"""Is the answer to a prompt settled, or even history? Pure; English and Spanish.

These classes live a day and longer, so only plain, short questions are taken for them, and none that names anything
of a business: prices, plans and policies change.
"""

from __future__ import annotations

import re

LONGEST = 300  # characters: past it a prompt says more than a question of fact
_LAST_PAST_YEAR = 2023  # a constant, so that a prompt has the same class tomorrow

_OF_A_BUSINESS = re.compile(
    r" (?:you|my|mis?|your|yours|we|us|our|plans?|pricing|prices?|cost|costs|fees?|tariffs?"
    r"|subscriptions?|polic(?:y|ies)|store"
    r"|shop|accounts?|orders?|refunds?|shipping|deliver(?:y|ies)|service|services|offer|offers|app"
    r"|support|warranty|rules"
    r"|minimum|maximum|limit|limits|law|laws|tax|taxes|version|versions|who is|quien es"
    r"|tu|vuestr[oa]s?|vosotros|ustedes|su|sus|plan|planes|precios?|cuesta|cuestan|coste|tarifas?|suscripci(?:on|ones)"
    r"|politicas?|tienda|cuenta|cuentas|pedidos?|reembolsos?|envios?|entregas?|servicios?|oferta|ofertas"
    r"|soporte|garantia"
    r"|normas|minimo|maximo|limite|limites|ley|leyes|impuestos?|versi(?:on|ones)) "
)
_IN_CODE = (
    r"(?:python|javascript|typescript|java|kotlin|swift|rust|golang|go|php|ruby|sql|mysql|postgres|bash|excel|regex"
    r"|c\+\+|html|css|git|pandas)"
)
_STATIC = re.compile(
    r"^ (?:please )?(?:define|definition of|translate|conjugate|convert|spell|(?:\S+ )?(?:synonyms?"
    r"|antonyms?) (?:of|for)"
    r"|what(?:'s| is| are) an? (?!(?:good|typical|normal|fair|reasonable|typical|average) )"
    r"|what does \S+ (?:\S+ ){0,3}mean|what(?:'s| is) the (?:meaning|definition|capital|square root|formula|chemical"
    r"|boiling|melting|speed of (?:light|sound)|difference between|plural|opposite) "
    r"|how do (?:you|i|we) say|how many \S+ (?:are|is)(?: there)? in an? "
    r"|(?:explain )?the difference between|explain the "
    r"difference between|what does http"
    r"|define|definicion de|traduce|traducir|conjuga|convierte|deletrea|(?:\S+ )?(?:sinonimos?|antonimos?) de"
    r"|que (?:es|son) un[oa]?s? |que (?:significa|quiere decir)|significado de|como se dice|que diferencia hay entre"
    r"|cual es (?:el|la) (?:capital|raiz cuadrada|formula|simbolo quimico|significado|definicion"
    r"|diferencia entre|plural) "
    r"|a que temperatura (?:hierve|se funde|funde)|cuant[oa]s \S+ (?:tiene|hay en|son) un[oa]? )"
    rf"| (?:how (?:do|can|to)|como) .{{0,80}} (?:in|en|with|con) {_IN_CODE} "
    r"|^ (?:what(?:'s| is)|cuanto es|calculate|calcula)? ?\d[\d.,]* ?(?:[-+x^%/*]|por|mas|menos|entre|times|plus|minus"
    r"|divided by)? ?\d"
)
_SAID = re.compile(r' (?:how do (?:you|i|we) say|como se dice|(?:please )?translate "|traduce ")')
_YEAR = re.compile(r" (?:in |en |del? |el )?(?:the )?(?:(?:year|ano) )?(1\d{3}|20\d\d)(?:'s)? ")
_PAST = re.compile(
    r" (?:was|were|did|won|happened|happen|wrote|ruled|ended|began|fue|fueron|era|eran|gano|ganaron|paso|ocurrio|tenia"
    r"|tenian|habia|hubo|murio|nacio|reinaba|gobernaba|presidia) "
)
_HISTORY = re.compile(
    r"^ (?:who (?:wrote|painted|invented|discovered|composed|sculpted|built|designed|assassinated|directed)"
    r"|quien (?:escribio|pinto|invento|descubrio|compuso|esculpio|construyo|diseno|asesino|dirigio)) "
    r"|^ (?:when (?:was|were|did)|(?:in|on)? ?(?:what|which) year) .{2,60} (?:born|die|died|built|founded|invented"
    r"|discovered|signed|published|written|fought|assassinated|begin|start|end|sink|fall|happen|independent|abolished) "
    r"|^ (?:cuando|en que ano) (?:se )?(?:nacio|murio|construyo|fundo|invento|descubrio|firmo|publico|escribio|hundio"
    r"|termino|empezo|cayo|abolio|independizo|descubrieron|produjo) "
    r"|(?:^| )(?:(?:summari[sz]e|tell me|explain) )?(?:the )?history of |(?:^| )(?:la )?historia (?:de|del) "
)


def is_archival(clause: str) -> bool:
    """Whether the prompt, one clause, asks for a fact of the past."""
    if _OF_A_BUSINESS.search(clause):
        return False
    if _HISTORY.search(clause):
        return True
    year = _YEAR.search(clause)
    return year is not None and int(year[1]) <= _LAST_PAST_YEAR and bool(_PAST.search(clause))


def is_static(clause: str) -> bool:
    """Whether the prompt, one clause, asks for a definition, a translation, a calculation or the like."""
    if _SAID.match(clause):
        return True
    return bool(_STATIC.search(clause)) and not _OF_A_BUSINESS.search(clause)
