"""Addresses, as they are found in a text: by us when we cut it, and by the checker on its own."""

from __future__ import annotations

import re

# Full-width signs end an address: Chinese writes no blank after one.
_NEVER = r"\s<>\"'`\uff0c\u3002\uff1b\uff09\u300d"
URL = re.compile(rf"\b(?:[A-Za-z][A-Za-z0-9+.-]{{1,20}}://|www\.)[^{_NEVER}]+[^{_NEVER}.,;:!?)\]}}]")
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
