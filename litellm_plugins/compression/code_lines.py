"""Which lines are code though no fence says so: by signs that the common languages share, and by what stands around."""

from __future__ import annotations

import re

from litellm_plugins.compression.lines import Lines

_STRONG, _WEAK, _BLANK, _NONE = 3, 2, 1, 0

# At the beginning of a line. Case matters: "class" begins code, "Class action" a sentence.
_BEGINS = re.compile(
    r"""(?:
      >>>\s | \.\.\.\s | (?:async\s+)?def\s+\w+ | template\s*< | (?:local\s+)?function\s+\w | local\s+\w+\s*=
    | (?:if|for|while|switch|foreach|catch|else\s+if|elseif)\s*\(.*\)$ | (?:if|while|elif)\s\[.*;\s*(?:then|do)$ | class\s+\w+.*[:{(]$ | class\s+\w+(?:\s*<\s*[\w:]+)?$ | module\s+[A-Z][\w:]*$
    | import\s+[\w{*"'(.][\w.{}*,\s"'@/:-]*;?$ | from\s+[\w.]+\s+import\b | \#\s?(?:include|define|ifdef|ifndef|endif|pragma)\b | \#!
    | using\s+[\w.=\s<>]+; | using\s+namespace | namespace\s+[\w.\\]+ | package\s+[\w.]+;?$ | use\s+[\w\\]+(?:::|\\|;)
    | (?:export\s+)?(?:default\s+)?(?:const|let|var|val)\s+[\w{\[(] .*(?:=|;|\{|:|$) | (?:export\s+)?(?:async\s+)?function\b.*[({]
    | (?:public|private|protected|internal|static|final|abstract|override|virtual|readonly|open|suspend|data|sealed)\s+
      (?:[\w<>\[\],.?]+\s+){0,5}[\w<>\[\],.?]+\s*[({=;:] | @\w[\w.]*(?:\(.*\))?$
    | (?:pub(?:\([\w\s]+\))?\s+)?(?:unsafe\s+)?(?:fn|struct|enum|trait|impl|mod|union|type|extern)\b[\s<][^.?!]*[{;(=,>]$
    | func\s*[\w(] | type\s+\w+\s+(?:struct|interface|=) | (?:struct|enum|union|interface|protocol|extension|typedef)\s+\w+.*[{;]?$
    | (?:if|for|while|switch|foreach|catch|else\s+if|elseif|do|try|else|finally|match|loop|unless|guard|defer|go|select|when)\b.*[{:;]$
    | (?:if|elif|while|for|with|except|try|finally|else|match|case|unless|until|when)\b[^?]*[:]$ | for\s+\w+\s+in\b.*(?:do|\{)$
    | \}\s*(?:else|catch|finally|while|from|as\b|,|;|\)).* | (?:return|throw|yield|raise|await|break|continue|goto|delete|new|case)\b.*[;:]$
    | (?:return|raise|yield)\s+[\w.\[("']+[^\s.]*$ | (?:end|fi|done|esac|then|begin|do|else|elsif\b.*|rescue\b.*|ensure|pass|break|continue)$
    | puts\s | (?:print|p|require|require_relative|attr_\w+)\s+[:'"@] | echo\s+["'$\w] | printf?\s*\(
    | <\?php | \?> | \$\w+(?:\[.*\]|->\w+.*)?\s*[-+*/.]?=[^=] | \$this-> | \$\s+\w+ | (?:sudo|pip3?|npm|npx|yarn|docker|kubectl|git|curl|wget|chmod|cd|mkdir|apt-get|cargo|export|source)\s+[\w./$~-]+.*(?:[-/=.|&$]\S*|\b(?:install|init|run|build|push|pull|status|up))
    | (?:SELECT|INSERT\s+INTO|UPDATE|DELETE\s+FROM|CREATE|ALTER|DROP|FROM|WHERE|(?:INNER|LEFT|RIGHT|FULL|CROSS|OUTER)?\s*JOIN|GROUP\s+BY|ORDER\s+BY|HAVING|LIMIT|VALUES|SET|UNION|WITH|AND|OR|BEGIN|COMMIT|GRANT)\b(?:[^a-z]|.*(?:[=();,*]|\bAS\b))
    | select\s.+\sfrom\s | insert\s+into\s | delete\s+from\s | update\s+\w+\s+set\s | create\s+(?:table|index|view)\s
    | /\*|\*/|//(?!\s?\w+\.\w+/) | (?:int|float|double|char|bool|boolean|void|long|short|unsigned|signed|string|String|auto|size_t|u?int\d+_t|byte|var|decimal|Integer|(?:List|Map|Set|Optional|vector)(?=<)|std::\w+)\b[<\[*&]?[\w<>\[\],\s*&:]*\s[*&]?\w+\s*(?:[=;,({\[]|$)
    | [\w.]+:\s*(?:string|number|boolean|any|int|str|float|bool|\w+\[\])\b.*[;,=)]?$ | \w+\s*:=\s
    )""",
    re.VERBOSE,
)
_ASSIGNS = re.compile(r"[\w.$@\[\]'\"]{1,80}(?::\s?[\w\[\].|]{1,40})?\s?(?:[-+*/%&|^.]|\|\||&&|\?\?|<<|>>)?=(?![=~])\s?\S")
_CALLS = re.compile(r"[A-Za-z_$][\w.$:>!?-]{0,80}(?:<[\w, ]{0,40}>)?\(")
_KEY_LINE = re.compile(r"[\"'][^\"']{1,80}[\"']\s?:\s?\S|\[[\w.\"'-]{1,60}\]$|[A-Z][A-Z0-9_]{2,60}=")
_CLOSERS = re.compile(r"[\])}>,;({\[]+$|[\])}]+[;,.)]*$|end\b[.)]?|-->|=>|\?>$")
_COMMENT = re.compile(r"#|//|--|\*|;;|%|\"\"\"|'''|\||<%|\.\w|&&|\+|@|:\w")
_OPERATOR = re.compile(r"=>|->\w|::\w|&&|\|\||!=|===?|\+=|-=|<-\s|\+\+|<<|>>|\?\.|\w\(\)|\w\[\w*\]\s?=|\|\w+(?:, ?\w+)?\|")
_SENTENCE = re.compile(r"[A-Z¿¡][^.?!]{20,}[.?!]$")


def code_runs(lines: Lines, taken: list[bool]) -> list[tuple[int, int]]:
    """First line and the line after the last, of each run of lines that are code."""
    signs = [_BLANK if taken[at] else _sign(lines, at) for at in range(len(lines))]
    runs: list[tuple[int, int]] = []
    at = 0
    while at < len(lines):
        if taken[at] or not _begins(signs, at):
            at += 1
            continue
        last = _last_line(signs, taken, at)
        runs.append((at, last + 1))
        at = last + 1
    return runs


def _begins(signs: list[int], at: int) -> bool:
    """A line of code; or one that may be, directly above a line of code."""
    if signs[at] == _STRONG:
        return True
    return signs[at] == _WEAK and _STRONG in signs[at + 1 : at + 4]


def _last_line(signs: list[int], taken: list[bool], first: int) -> int:
    """Goes on over what may be code, and over up to three other lines where code follows them."""
    last = at = first
    while at + 1 < len(signs) and at - last < 4 and not taken[at + 1]:
        at += 1
        if signs[at] >= _WEAK and (at - last == 1 or signs[at] == _STRONG or _no_prose(signs, last, at)):
            last = at
    return last


def _no_prose(signs: list[int], last: int, at: int) -> bool:
    return _NONE not in signs[last + 1 : at]


def _sign(lines: Lines, at: int) -> int:
    bare = lines.bare[at]
    if not bare:
        return _BLANK
    if lines.indent(at) >= 4:
        return _STRONG
    if lines.ends[at] - lines.starts[at] > len(lines.heads[at]) and _is_dense(lines.whole(at)):
        return _STRONG
    if _SENTENCE.match(bare) and bare[-3:-1].isalpha():
        return _NONE
    if _BEGINS.match(bare) or _ASSIGNS.match(bare) or _KEY_LINE.match(bare):
        return _STRONG
    if bare.endswith((";", ",", "{", ")", "(")) and _CALLS.match(bare):
        return _STRONG
    if _CLOSERS.match(bare) or (bare.endswith((";", "{", "}")) and _OPERATOR.search(bare)):
        return _STRONG
    if lines.indent(at) >= 2 or _COMMENT.match(bare) or _OPERATOR.search(bare) or bare.endswith((";", "{", ",", "(", "\\")):
        return _WEAK
    return _NONE


def _is_dense(line: str) -> bool:
    """A long line of signs as programs have them: minified, or generated."""
    return sum(map(line.count, "{};=()")) * 25 > len(line)
