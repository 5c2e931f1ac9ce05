"""The words that tell questions apart, English and Spanish; without accents, as `text` reads them."""

from __future__ import annotations

import re


def _words(text: str) -> list[str]:
    return text.split()


NEGATIONS = frozenset(
    _words(
        """not no never none nobody nothing neither nor without cannot unable except dont doesnt didnt isnt arent wasnt
    werent wont wouldnt cant couldnt shouldnt hasnt havent hadnt sin nunca jamas nadie nada ningun ninguna ninguno
    tampoco ni excepto salvo"""
    )
)
# Words of opposite meaning; each pair is one dimension, its two sides by "|".
OPPOSITES = re.split(
    r"  |\n",
    """before|after since  increase raise grow|decrease reduce lower  more|less  most|least  best|worst  good|bad
better|worse  advantage benefit pro|disadvantage drawback con  enable activate|disable deactivate  open|close
start begin|stop end finish  lock block freeze|unlock unblock unfreeze  buy purchase|sell  send|receive
deposit|withdraw  add|remove delete  create|delete  install|uninstall  connect|disconnect  subscribe|unsubscribe
upgrade|downgrade  login|logout  gain|lose  win|lose  import|export  upload|download
encode encrypt|decode decrypt  legal|illegal  safe|dangerous  possible|impossible
male man boy|female woman girl  husband|wife  father|mother  parent|child  hot warm|cold  high|low  long|short
big large|small  fast|slow  early|late  old|new young  cheap|expensive  rich|poor  left|right  north|south
east|west  up|down  in|out  inside|outside  on|off  above over|below under  first|last  minimum min|maximum max
public|private  free|paid  accept approve|reject decline deny  allow|forbid prohibit  positive|negative
true|false  arrive|depart leave  borrow|lend  employer|employee  buyer|seller  teacher|student  debit|credit
single|married  antes|despues desde  aumentar subir|disminuir reducir bajar  mas|menos  mejor|peor
bueno buena|malo mala  activar|desactivar  abrir|cerrar  empezar comenzar|terminar acabar  bloquear|desbloquear
comprar|vender  enviar|recibir  ingresar|retirar  agregar anadir|quitar eliminar borrar  instalar|desinstalar
ganar|perder  ventaja|desventaja  legal|ilegal  alto alta|bajo baja  largo larga|corto corta
grande|pequeno pequena  rapido|lento  primero primera|ultimo ultima  minimo minima|maximo maxima
publico|privado  gratis|pago  aceptar|rechazar  permitir|prohibir  con|sin  marido|mujer
abro abre|cierro cierra  compro|vendo  envio|recibo  agrego anado|quito elimino borro  acepto|rechazo  subo|bajo
empiezo comienzo|termino acabo  entro|salgo  deposito|retiro  gano|pierdo  to into|from  a hacia|desde
monthly|yearly annual  mensual|anual""",
)
KINDS_OF_QUESTION = {
    "how": "how", "como": "how", "what": "what", "que": "what", "which": "which", "cual": "which", "cuales": "which",
    "why": "why", "when": "when", "cuando": "when", "where": "where", "donde": "where", "adonde": "where",
    "who": "who", "whom": "who", "whose": "who", "quien": "who", "quienes": "who", "cuanto": "how_much",
    "cuanta": "how_much", "cuantos": "how_much", "cuantas": "how_much",
    "can": "whether", "could": "whether", "do": "whether", "does": "whether", "did": "whether", "is": "whether",
    "are": "whether", "will": "whether", "would": "whether", "should": "whether", "may": "whether", "has": "whether",
    "have": "whether", "puedo": "whether", "puede": "whether", "pueden": "whether", "es": "whether", "hay": "whether",
    "tengo": "whether", "debo": "whether",
}  # fmt: skip
AMOUNTS = frozenset({"much", "many", "long", "far", "often", "old", "big", "tall", "fast", "soon"})
ENGLISH = frozenset(
    _words(
        """the a an of to in is are do does i my you your it what how why when where can and or for on with this that be
    not me if from have has which who"""
    )
)
SPANISH = frozenset(
    _words(
        """el la los las un una de del en es son que como cual cuando donde por para con mi tu su se no me si puedo
    puede hay lo le al y o mas cuanto esta este"""
    )
)
WORDS_FOR_NUMBERS = {
    name: str(value)
    for value, names in enumerate(
        _words(
            """zero/cero one two/dos three/tres four/cuatro five/cinco six/seis seven/siete eight/ocho nine/nueve
            ten/diez eleven/once twelve/doce"""
        )
    )
    for name in names.split("/")
}
