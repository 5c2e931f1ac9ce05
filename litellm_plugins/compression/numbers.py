"""Numbers as people write them: signs, money, dates, ordinals, paragraphs of law, and the units that follow."""

from __future__ import annotations

import re

_LATIN = (
    "percent|per cent|por ciento|percentage points|bps|basis points|"
    "milligrams?|micrograms?|kilograms?|grams?|kg|mg|µg|μg|mcg|ng|g|lbs?|pounds?|oz|ounces?|tons?|tonnes?|stone|"
    "millilit(?:er|re)s?|lit(?:er|re)s?|litros?|ml|mL|dL|cl|µL|μL|L|l|gallons?|"
    "kilomet(?:er|re)s?|centimet(?:er|re)s?|millimet(?:er|re)s?|met(?:er|re)s?|metros?|kil[oó]metros?|km|cm|mm|nm|µm|μm|m|"
    "miles?|mi|feet|foot|ft|inch(?:es)?|in|yards?|yd|acres?|hectares?|ha|"
    "milliseconds?|microseconds?|seconds?|segundos?|secs?|ms|µs|μs|ns|s|minutes?|minutos?|mins?|min|hours?|horas?|hrs?|h|"
    "days?|d[ií]as?|weeks?|semanas?|months?|mes(?:es)?|years?|yrs?|años?|decades?|centur(?:y|ies)|quarters?|"
    "a\\.?m\\.?|p\\.?m\\.?|AM|PM|UTC|GMT|"
    "[kKMGTP]i?B|[kMGT]?bits?|bytes?|[kMGT]bps|tokens?|"
    "[kMGT]?Hz|k?V|mA|A|[kMG]?Wh?|k?J|kcal|cal|N|k?Pa|hPa|bar|psi|atm|mmHg|mmol|µmol|mol|mEq|mM|µM|M|IU|UI|U|K|dB|rpm|bpm|px|pt|em|"
    "USD|EUR|GBP|CHF|JPY|CNY|MXN|dollars?|d[oó]lares|euros?|cents?|pesos?|pence|"
    "thousand|mil|million|millones|mill[oó]n|billion|bn|trillion|dozen|"
    "times|veces|x|patients|people|persons|users|units|items|doses?|tablets?|puffs?|drops?"
)
_UNIT = (
    rf"(?:[%‰\uff05]|°\s?[CFK]?|[²³]|(?:{_LATIN})(?:[²³]|\^-?\d)?(?:[/·](?:{_LATIN})[²³]?){{0,3}}(?![A-Za-z])"
    r"|[年月日号號时時分秒人个個名次度元块萬万亿億千百米克升吨岁歲天周週倍条條章节款]{1,4})"
)
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?"
    r"|Dec(?:ember)?|enero|febrero|marzo|abril|mayo|junio|julio|agosto|se(?:p)?tiembre|octubre|noviembre|diciembre)\b\.?"
)

NUMBER = re.compile(
    rf"(?<![A-Za-z0-9_])(?:"
    # A date with the name of its month, before or after the day.
    rf"\d{{1,2}}(?:st|nd|rd|th)?\.?\s(?:of\s|de\s)?{_MONTH}(?:,?\s(?:del?\s)?\d{{4}})?"
    rf"|{_MONTH}\s\d{{1,4}}(?:st|nd|rd|th)?(?:,\s?\d{{4}})?(?!\d)"
    # Digits in groups, as of a telephone or an account.
    r"|\+?\(?\d[\d ().-]{5,22}\d(?![\d.,]*\d)"
    # Any other, with its sign, its currency and its unit.
    r"|(?:§§?\s?)?(?:[-+\u2212±~≈≤≥<>]\s?)?(?:(?:US|CA|AU|MX)?[$€£¥₹₽#]\s?|(?:USD|EUR|GBP|CHF)\s)?"
    r"(?:[-\u2212])?\d+(?:[.,:/'\u2019]\d+)*(?:[eE][-+]?\d+)?(?:st|nd|rd|th|º|ª)?(?:\(\w{1,4}\)){0,4}"
    rf"(?:[ \u00a0\u202f-]?{_UNIT}){{0,3}}(?:\s?[€£])?"
    r")"
)
