"""What lines of code begin with, in the common languages. Case matters: "class" begins code, "Class action" a sentence.

Each is matched against the first 300 characters of a line, so that none can take long.
"""

from __future__ import annotations

import re

_NAME = r"[\w<>\[\],.?]+"
_WORDS_BEFORE = (
    r"public|private|protected|internal|static|final|abstract|override|virtual|readonly|open|suspend|data|sealed"
)
_TYPES = (
    r"int|float|double|char|bool|boolean|void|long|short|unsigned|signed|string|String|auto|size_t|u?int\d+_t|byte|var"
    r"|decimal|Integer|(?:List|Map|Set|Optional|vector)(?=<)|std::\w+"
)
_SHELL = r"sudo|pip3?|npm|npx|yarn|docker|kubectl|git|curl|wget|chmod|cd|mkdir|apt-get|cargo|export|source"
_SQL = (
    r"SELECT|INSERT\s+INTO|UPDATE|DELETE\s+FROM|CREATE|ALTER|DROP|FROM|WHERE|(?:INNER|LEFT|RIGHT|FULL|CROSS|OUTER)?\s*JOIN"
    r"|GROUP\s+BY|ORDER\s+BY|HAVING|LIMIT|VALUES|SET|UNION|WITH|AND|OR|BEGIN|COMMIT|GRANT"
)
_CONTROL = (
    r"if|for|while|switch|foreach|catch|else\s+if|elseif|do|try|else|finally|match|loop|unless|guard|defer|go|select"
    r"|when"
)
_LINES = (
    # Modules
    r"import\s+[\w{*\"'(.][\w.{}*,\s\"'@/:-]*;?$|from\s+[\w.]+\s+c?import\b",
    r"#\s{0,8}(?:include|define|ifdef|ifndef|endif|pragma)|#!",
    r"using\s+[\w.=\s<>]+;|using\s+namespace|namespace\s+[\w.\\]+|package\s+[\w.]+;?$|use\s+[\w\\]+(?:::|\\|;)|<\?php|\?>",
    # Definitions
    r">>>\s|\.\.\.\s|(?:async\s+)?def\s+\w+|template\s*<|(?:local\s+)?function\s+\w|local\s+\w+\s*=",
    r"class\s+\w+.*[:{(]$|class\s+\w+(?:\s*<\s*[\w:]+)?$|module\s+[A-Z][\w:]*$|@\w[\w.]*(?:\(.*\))?$",
    r"(?:export\s+)?(?:default\s+)?(?:const|let|var|val)\s+[\w{\[(].*(?:=|;|\{|:|$)|(?:export\s+)?(?:async\s+)?function\b.*[({]",
    rf"(?:{_WORDS_BEFORE})\s+(?:{_NAME}\s+){{0,5}}{_NAME}\s*[({{=;:]",
    r"(?:pub(?:\([\w\s]+\))?\s+)?(?:unsafe\s+)?(?:fn|struct|enum|trait|impl|mod|union|type|extern)\b[\s<][^.?!]*[{;(=,>]$",
    r"func\s*[\w(]|type\s+\w+\s+(?:struct|interface|=)",
    r"(?:struct|enum|union|interface|protocol|extension|typedef)\s+\w+.*[{;]?$",
    rf"(?:{_TYPES})\b[<\[*&]?[\w<>\[\],\s*&:]*\s[*&]?\w+\s*(?:[=;,({{\[]|$)",
    r"[\w.]+:\s*(?:string|number|boolean|any|int|str|float|bool|\w+\[\])\b.*[;,=)]?$|\w+\s*:=\s",
    r"cp?def\s|cimport\s|my\s+[$@%(]|sub\s+\w+\s*(?:\{|$)|use\s+\w[\w:]*(?:\s.*)?;",
    r"[^{]*\{[^{}]*[;:][^{}]*\}$|.*\\$",
    # Control
    r"(?:if|for|while|switch|foreach|catch|else\s+if|elseif)\s*\(.*\)$|(?:if|while|elif)\s\[.*;\s*(?:then|do)$",
    rf"(?:{_CONTROL})\b.*[{{:;]$|for\s+\w+\s+in\b.*(?:do|\{{)$",
    r"(?:if|elif|while|for|with|except|try|finally|else|match|case|unless|until|when)\b[^?]*:$",
    r"\}\s*(?:else|catch|finally|while|from|as\b|,|;|\)).*",
    r"(?:return|throw|yield|raise|await|break|continue|goto|delete|new|case)\b.*[;:]$|(?:return|raise|yield)\s+[\w.\[(\"']+[^\s.]*$",
    r"(?:end|fi|done|esac|then|begin|do|else|elsif\b.*|rescue\b.*|ensure|pass|break|continue)$",
    # Statements
    r"puts\s|(?:print|p|require|require_relative|attr_\w+)\s+[:'\"@]|echo\s+[\"'$\w]|printf?\s*\(|\$this->",
    r"\$\w+(?:\[.*\]|->\w+.*)?\s*[-+*/.]?=[^=]|/\*|\*/|//(?!\s?\w+\.\w+/)",
    # Shell and SQL
    rf"\$\s+\w+|(?:{_SHELL})\s+[\w./$~-]+.*(?:[-/=.|&$]\S*|\b(?:install|init|run|build|push|pull|status|up))",
    rf"(?:{_SQL})\b(?:[^a-z]|.*(?:[=();,*]|\bAS\b))",
    r"select\s.+\sfrom\s|insert\s+into\s|delete\s+from\s|update\s+\w+\s+set\s|create\s+(?:table|index|view)\s",
)
BEGINS = re.compile("|".join(_LINES))
ASSIGNS = re.compile(
    r"[\w.$@\[\]'\"]{1,80}(?:,\s?\w{1,40}){0,5}(?::\s?[\w\[\]., |]{1,60})?"
    r"\s?(?:[-+*/%&|^.]|\|\||&&|\?\?|<<|>>)?=(?![=~])\s?\S"
)
CALLS = re.compile(r"[A-Za-z_$][\w.$:>!?-]{0,80}(?:<[\w, ]{0,40}>)?\(")
KEY_LINE = re.compile(r"[\"'][^\"']{1,80}[\"']\s?:\s?\S|\[[\w.\"'-]{1,60}\]$|[A-Z][A-Z0-9_]{2,60}=")
CLOSERS = re.compile(r"[\])}>,;({\[]+$|[\])}]+[;,.)]*(?:\s*(?:#|//|--|/\*).*)?$|end\b[.)]?|-->|=>|\?>$")
COMMENT = re.compile(r"#|//|--|\*|;;|%|\"\"\"|'''|\||<%|\.\w|&&|\+|@|:\w")
COMMENT_LINE = re.compile(r"#+|//+|--+|;+|%+")  # before a comment that takes up the line
OPERATOR = re.compile(
    r"=>|->\w|::\w|&&|\|\||!=|===?|\+=|-=|<-\s|\+\+|<<|>>|\?\.|\w\(\)|\w\[\w*\]\s?=|\|\w+(?:, ?\w+)?\|"
)
SENTENCE = re.compile(r"[A-Z¿¡][^.?!]{20,}[.?!]$")
