"""Does a clause ask for the user's own data, or for something to be done with it? Pure; English and Spanish.

"How do I cancel my order?" is a question of everybody's, though it says "my": a general frame stands before the
possessive. "Where is my order?", "cancel my order" and "I ordered a jacket and it is not here" want one user's
record. Where the words do not settle it, the answer is yes: that costs hits, and leaks nothing.
"""

from __future__ import annotations

import re
from collections.abc import Set
from itertools import islice

from litellm_plugins.cache.volatility.folding import lexicon

# Things of which a business keeps a record by user.
_RECORDS = lexicon(
    "orders? packages? parcels? shipments? deliver(?:y|ies) purchases? refunds? returns? accounts? balances? invoices? "
    "bills? billing payments? transactions? transfers? deposits? withdrawals? cards? che(?:que|ck)s? statements? "
    "receipts? subscriptions? plans? memberships? contracts? polic(?:y|ies) claims? cases? tickets? bookings? "
    "reservations? flights? trips? itinerary seats? appointments? prescriptions? results? diagnosis salary payslips? "
    "paychecks? wages? pay vacations? bonus pensions? taxes mortgages? loans? credit credits points rewards? coupons? "
    "vouchers? warrant(?:y|ies) applications? visas? passports? licen[cs]es? permits? grades? scores? exams? schedule "
    "calendar meetings? shifts? messages? inbox cart basket wishlist notifications? documents? iban tracking "
    "registration insurance premiums? coverage data tariff usage quota history profile address(?:es)? email birthday "
    "number name identity complaints? requests? "
    "pedidos? paquetes? envios? entregas? compras? reembolsos? devoluci(?:on|ones) cuentas? saldos? facturas? recibos? "
    "pagos? transacci(?:on|ones) transferencias? depositos? fianzas? tarjetas? suscripci(?:on|ones) planes contratos? "
    "polizas? siniestros? reclamaci(?:on"
    "|ones) casos? incidencias? reservas? vuelos? viajes? billetes? asientos? citas? "
    "recetas? resultados? diagnostico analiticas? nominas? salario sueldo vacaciones pension impuestos hipotecas? "
    "prestamos? creditos? puntos cupon(?:es)? vales? garantias? solicitud(?:es)? visado pasaporte permisos? notas? "
    "examen(?:es)? horario calendario turnos? mensajes? carrito cesta notificaci(?:on|ones) documentos? datos tarifas? "
    "consumo historial perfil direcci(?:on|ones) correo cumpleanos numero nombre expedientes? multas? lineas? seguros?"
)
_RECORD = f"(?:{'|'.join(sorted(_RECORDS))})"
# Between the possessive and the record: "my last three invoices". Not a verb: that would be another thing of mine.
_BETWEEN = (
    r"(?:(?!(?:is|are|was|were|to|for|in|on|at|from|with|and|or|if|when|has|have|had|did|does|do|will|can|not|,"
    r"|my|our|mis?|es|esta|estan|para|en|con|y|o|si|ha|han|no|que|se) )\S+ ){0,3}?"
)
_EN_MY, _ES_MY = r"(?:my|our)", r"(?:mis?|nuestr[oa]s?)"
_OF_RECORD = re.compile(rf' "?(?:{_EN_MY}|{_ES_MY}) {_BETWEEN}"?{_RECORD}(?:\'s)?"? ')
_POSSESSIVE = re.compile(rf' "?(?:{_EN_MY}|{_ES_MY}) ')
_MENTION = re.compile(rf' "(?:{_EN_MY}|{_ES_MY}) \S+" ')

# A question about how things are done, for whoever asks it. What follows it is not the user's own matter.
_GENERAL_EN = (
    r"how (?:do|can|could|should|would|to|may|might|must|does|long does it|much does it cost|much would it cost)"
    r"|how (?:i|we|one) (?:can|could|should|do)|how long (?:do|should|must) i"
    r"|(?:where|when) (?:can|could|should|must|may|would) (?:i|we|one|you)|where (?:do (?:i|we|you)|to)"
    r"|what (?:do (?:i|we) (?:need|have to|do)|should (?:i|we)|can (?:i|we)|could (?:i|we)|must (?:i|we)|happens|if)"
    r"|what(?: is|'s| are) the (?:\S+ )?(?:way|ways|steps|process|procedure|rules|deadline|fee|fees|penalty)"
    r"|(?:which|what) \S+ (?:\S+ )?(?:do|can|should|must|may) (?:i|we) (?:need|use|have to|bring|send|provide|choose)"
    r"|(?:can|could|may|might|should|must|shall) (?:i|we|one|someone|somebody|anyone|a|an|my) (?!(?:see|know|have) )"
    r"|do (?:i|we) (?:need|have) to|(?:am i|are we) (?:allowed|able|supposed|required|obliged) to"
    r"|is it (?:\S+ )?(?:possible|ok|okay|safe|legal|allowed|necessary|normal|worth|better|best|late|enough)"
    r"|(?:is there|are there) (?:a|an|any|some) (?:\S+ )?(?:way|ways|option|possibility|fees?|charges?|penalty)"
    r"|who (?:can|should|must|do i)|why (?:should|must|do) (?:i|we) (?:need|have)"
    r"|(?:way|ways|steps) (?:to|of|for)|instructions (?:to|for|on)|guide (?:to|for)"
)
_GENERAL_ES = (
    r"como (?!(?:va|van|esta|estan|sigue|siguen|quedo|fue) (?:mis?|nuestr[oa]s?) )"
    r"|de que (?:forma|manera|modo)"
    r"|donde (?!(?:esta|estan|anda|andan|quedo|va|van|se encuentran?|fue) )"
    r"|(?:cuando|cuanto) (?:puedo|debo|tengo que|se puede|se debe|se tarda|tarda en|cuesta)"
    r"|que (?:necesito|hago|tengo que|debo|puedo|hay que|pasa si|ocurre si|sucede si|pasos|papeles|documentos|tramites)"
    r"|(?:puedo|podria|podemos|debo|deberia|debemos|tengo que|tenemos que|hay que|hace falta"
    r"|se puede) (?!(?:ver|saber) )"
    r"|puede (?:mi|un|una|otra|alguien)|(?:es|seria) (?:posible|obligatorio|necesario|legal|seguro|mejor|normal)"
    r"|hay (?:\S+ )?(?:forma|manera|modo|posibilidad) de|quien (?:puede|debe)"
)
_GENERAL = re.compile(rf" (?:{_GENERAL_EN}|{_GENERAL_ES}) ?")
# "How does my bill look", "if my parcel is lost": the frame touches the possessive.
_OWN_HOW = re.compile(rf" (?:how (?:do|does)|como) {_EN_MY} ")
_CONDITION = re.compile(
    r" (?:if|in case|unless|whenever|once|after|before|until|suppose|as soon as|si|en caso de que|al|tras) $"
)
# Of the possessive only ("when my parcel is lost"): "cuándo me toca" asks. "Tell me when my contract ends" asks, too.
_WHEN = re.compile(r"(?<! me)(?<! know)(?<! say)(?<! saber)(?<! dime) (?:when|cuando) $")
_ASIDE = re.compile(
    r" (?:in (?:my|our) (?:case|opinion|view|experience)|en mi (?:caso|opinion|experiencia)|mi opinion) "
)

# Asking for the thing itself, whatever it is called ("where is my locker code").
_OWN_FRAME = re.compile(
    r" (?:(?:where|what|which|who|when|how much|how old|how many)(?:'s|'re| is| are| was| were| did| has| have| of)"
    r"|(?:has|have|did|was|were)"
    r"|(?:donde|cual|cuales|cuando|cuanto|cuanta|cuantos|cuantas|quien) (?:es|son|esta|estan|anda|era|fue|va|van|vence)"
    r"|que (?:paso|pasa|ha pasado) con) "
    rf"(?:the \S+ of )?(?:{_EN_MY}|{_ES_MY}) "
)
# What the user hands over with the prompt: the answer rests on that alone.
_HANDED_OVER = re.compile(
    rf" (?:{_EN_MY}|{_ES_MY}) (?:code|function|script|program|query|regex|class|method|loop|test|tests"
    r"|essay|text|letter|draft|sentence|paragraph|poem|speech|resume|cv|cover|thesis|grammar|english|spanish|mistake"
    r"|codigo|funcion|programa|consulta|ensayo|texto|carta|borrador|frase|parrafo|poema|discurso|curriculum|tesis) "
)

# What the user did, has or is owed, with no possessive. That he bought something is no question yet.
_DEED_EN = r"(?:ordered|bought|purchased|booked|reserved|paid|subscribed|cancelled|canceled|returned|withdrew)"
_STATE_EN = re.compile(
    rf" (?:i|we|i've|we've) (?:(?:have|had|just|already|recently|only|once) )*{_DEED_EN} "
    r".{1,100} (?:and|but|yet|still|not|no|never|isn't|hasn't) "
    r"| (?:i|we)(?:'ve)? (?:(?:have|had|still) )*(?:never|not|haven't|hadn't|didn't"
    r"|don't) (?:\S+ )?(?:received?|got|get|have it) "
    r"| (?:haven't|have not|have|had|did|was|were|am|are) (?:i|we) (?:\S+ )?(?:been )?(?:charged|billed"
    r"|refunded|paid?|order"
    r"|ordered|buy|bought|booked?|received?|spend|spent|transferr?e?d?|earn|earned|owed?|subscribed?|approved|accepted"
    r"|rejected|insured|covered|enrolled|registered|eligible|entitled|qualified|on|due|log in|logged in) "
    r"| (?:i|we) (?:was|were|am|got|have been|'ve been|am being)(?: being)? (?:charged|billed|overcharged"
    r"|refunded|fined) "
    r"| (?:i've|we've) been (?:charged|billed|overcharged|refunded|fined) "
    r"| how much (?:\S+ )?(?:do|did|have|will) (?:i|we) (?:owe|have (?!to )|spend|spent|earn|earned|used?|left) ?"
    r"| how many (?:\S+ ){0,3}(?:do|did|have) (?:i|we) (?:still )?(?:have (?!to )|owned?|used?|earned|taken|left|got) ?"
    r"| how (?:much|many) (?:\S+ ){0,3}(?:i|we) (?:still )?(?:owe|have (?!to )|spent|earned|used) ?"
    r"| (?:do|did) (?:i|we) (?:still )?(?:owe|qualify|have (?:any|an?|enough|unpaid|pending|outstanding|left)) "
    r"| (?:what|when|where) did (?:i|we) (?:last )?(?:buy|order|pay|say|tell|book|sign|log|get|send|spend) "
    r"| (?:which|what) (?:\S+ )?(?:am i|are we) (?:on|in|paying|subscribed|covered) "
    r"| (?:charged|billed|overcharged|invoiced|owes?|sent|about|have for|know of) me "
    r"| (?:i|we) (?:want|need|demand|would like) (?:a|the|to get a) refund "
    r"| who am i | where do i (?:live|work) | how old am i | (?:is|are|was|has|have|for|about) mine "
)
_STATE_ES = re.compile(
    r" me llamo | quien soy | (?:de|sobre|para) mi_ $"
    r"| (?:he|hemos) (?:\S+ )?(?:pedido|comprado|pagado|devuelto|reservado|contratado|gastado|recibido|solicitado) "
    r"| (?:me|nos) (?:ha|han|habeis|has|hayan|habian|han hecho) (?:\S+ )?(?:\S+ )?(?:cobrado|cargado"
    r"|llegado|enviado|devuelto"
    r"|facturado|ingresado|mandado|hecho|llamado|subido|cortado|denegado|aprobado|perdido) "
    r"| (?:me|nos) (?:cobraron|cobrasteis|cargaron|llego|enviaron|devolvieron|debeis|deben|devolvais|devolvio) "
    r"| no (?:me|nos) (?:llega|llego|aparece|funciona la cuenta) "
    r"| (?:me|nos) (?:quedan?|tocan?|corresponden?|falta por pagar|sale el pedido) "
    r"| cuant[oa]s? (?:\S+ )?(?:debo|tengo|debemos|tenemos|me queda|he gastado|llevo) (?!que )"
    r"| que (?:\S+ ){1,2}(?:tengo|tenemos|teneis) (?:contratad|apuntad|registrad|pendiente|activ)\S* "
    r"| (?:que|lo|la|los|las|cuando|donde) (?:compre|pedi|pague|reserve|contrate) "
    r"| (?:compre|pedi|pague|devolvi|reserve) (?:un|una|unos|unas|el|la|los|las|hace) "
    r"| (?:estoy|estamos) (?:suscrit|dad|cubiert|asegurad|inscrit|registrad|al corriente)\S* "
    r"| tengo (?:algun|alguna|un|una|pedidos|facturas|pagos|multas|citas) (?:\S+ )?(?:cita|reserva|pedido"
    r"|deuda|multa|pago|"
    r"factura|pendientes?) "
)
# One record by its number. A year is none.
_NUMBERED = re.compile(
    r" (?:orders?|booking|reservation|invoice|ticket|claim|account|customer|shipment|parcel|package"
    r"|tracking|transaction"
    r"|policy|membership|refund|pedido|reserva|factura|incidencia|expediente|cuenta|cliente|envio|paquete|seguimiento"
    r"|transaccion|poliza|siniestro|localizador) (?:(?:number|no|nr|num|numero|id|ref|code|codigo|con) ){0,2}"
    r"(?!(?:19|20)\d\d )(?=\S*\d\S*\d\S*\d)[\w/-]+ "
)
HAS_NUMBER = re.compile(r"\d\S*\d\S*\d")
_MAIL = re.compile(r"[\w.+-]+@(?!example\.)[\w-]+\.[a-z]{2,}")


_POSSESSIVES = lexicon("my our mi mis nuestro nuestra nuestros nuestras")
_QUOTED = frozenset(f'"{word}' for word in _POSSESSIVES)
_WORDS_EN = lexicon("i i've we we've me mine")
_WORDS_ES = lexicon(
    "me mi_ nos he hemos tengo tenemos teneis estoy estamos soy debo debemos llevo compre pedi pague devolvi reserve "
    "contrate gastado"
)
NUMBERED_WORDS = lexicon(
    "order orders booking reservation invoice ticket claim account customer shipment parcel package tracking "
    "transaction "
    "policy membership refund pedido reserva factura incidencia expediente cuenta cliente envio paquete seguimiento "
    "transaccion poliza siniestro localizador"
)
# Each rule needs one of these in its clause.
WORDS = _POSSESSIVES | _QUOTED | _WORDS_EN | _WORDS_ES | NUMBERED_WORDS
_REACH = 200  # characters back, for a general frame
_MOST = 8  # possessives looked at in one clause


def is_personal(clause: str, found: Set[str]) -> bool:
    """Whether the clause, one of `folding.clauses`, is about this user's own records; `found` are its `WORDS`."""
    if not found.isdisjoint(NUMBERED_WORDS) and HAS_NUMBER.search(clause) and _NUMBERED.search(clause):
        return True
    for words, rule in ((_WORDS_EN, _STATE_EN), (_WORDS_ES, _STATE_ES)):
        state = None if found.isdisjoint(words) else rule.search(clause)
        if state and not _is_excused(clause, state.start()):
            return True
    if found.isdisjoint(_POSSESSIVES) and found.isdisjoint(_QUOTED):
        return False
    return any(_is_own(clause, one) for one in islice(_POSSESSIVE.finditer(clause), _MOST))


def names_a_person(folded: str) -> bool:
    """Whether a mail address stands in the text."""
    return "@" in folded and _MAIL.search(folded) is not None


def _is_own(clause: str, possessive: re.Match[str]) -> bool:
    at = possessive.start()
    if _is_excused(clause, at) or _WHEN.search(clause, max(0, at - 16), at + 1) or _MENTION.match(clause, at):
        return False
    if _ASIDE.search(clause, max(0, at - 4), at + 20):
        return False
    if _OF_RECORD.match(clause, at):
        return True
    return not _HANDED_OVER.match(clause, at) and any(
        frame.end() == possessive.end() for frame in _OWN_FRAME.finditer(clause, max(0, at - 40))
    )


def _is_excused(clause: str, at: int) -> bool:
    """Whether a general frame, or a condition that touches it, stands before the place `at`."""
    if _CONDITION.search(clause, max(0, at - 20), at + 1):
        return True
    general = _GENERAL.search(clause, max(0, at - _REACH), at + 24)
    return general is not None and general.start() < at and not _OWN_HOW.search(clause)
