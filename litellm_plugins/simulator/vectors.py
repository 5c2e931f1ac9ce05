"""Embeddings without a model: the words of a text, hashed into the dimensions of a unit vector.

Texts that share words are near each other, and nothing else is: "car" and "automobile" are as far apart as
any two words.
"""

import math
import re
import zlib
from array import array

_WORD = re.compile(r"\w+")


def embed(text: str, dimensions: int) -> "array[float]":
    """A vector of length 1, of 32-bit floats, the same for the same words in any case and order."""
    weights: dict[int, float] = {}
    for word in _WORD.findall(text.casefold()) or [text]:
        hashed = zlib.crc32(word.encode("utf-8", "surrogatepass"))
        # The sign comes from a bit that the remainder hardly depends on, so that collisions cancel out.
        place, sign = hashed % dimensions, 1.0 if hashed & 0x8000_0000 else -1.0
        weights[place] = weights.get(place, 0.0) + sign
    length = math.sqrt(sum(weight * weight for weight in weights.values()))
    vector = array("f", bytes(4 * dimensions))
    for place, weight in weights.items():
        vector[place] = weight / length if length else 0.0
    if not length:  # every word was cancelled by another
        vector[0] = 1.0
    return vector
