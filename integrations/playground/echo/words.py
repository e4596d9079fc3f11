"""What was said as words that can be compared: no case, no punctuation, numbers as digits."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_UNITS = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn "
    "siebzehn achtzehn neunzehn",
}
_TENS = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "de": "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
}
_ALSO = {"en": {"oh": 0, "o": 0}, "de": {"ein": 1, "eine": 1, "zwo": 2}}
_HUNDRED = {"en": {"hundred": 100, "thousand": 1000}, "de": {"hundert": 100, "tausend": 1000}}


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[str, ...]:
    """Split into words: `The A.P.I.'s` is `the api's`."""
    text = unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")
    text = re.sub(r"\b((?:\w\.)+)", lambda found: found[0].replace(".", ""), text)
    return tuple(found[0] for found in _WORD.finditer(text))


def number(said: Sequence[str], locale: str) -> int | None:
    """Read a number: digits, words, or figures one by one ("four eight one"); None if it is none.

    "four eighty one" is 481 and "twenty twenty four" 2024, as people say build numbers.
    """
    language = locale[:2]
    units = _small(language)
    if language == "de":
        said = [part for word in said for part in _apart(word, units)]
    groups: list[int] = []
    follows_tens = False
    for word in said:
        if word == "and" and groups:
            continue
        if word.isdecimal():
            groups.append(int(word))
            follows_tens = False
        elif word in units:
            value = units[word]
            if follows_tens and 0 < value < 10:
                groups[-1] += value
            else:
                groups.append(value)
            follows_tens = 20 <= value < 100
        elif scale := _HUNDRED.get(language, {}).get(word):
            groups.append((groups.pop() if groups else 1) * scale)
            follows_tens = False
        else:
            return None
    return _together(groups) if groups else None


def _together(groups: list[int]) -> int:
    total = groups[0]
    for group in groups[1:]:
        room = 10 ** len(str(group))
        # "four hundred" leaves room for "eighty one"; "four" does not, so its figures stand before.
        total = total + group if total % room == 0 and total >= room else total * room + group
    return total


@lru_cache(maxsize=8)
def _small(language: str) -> dict[str, int]:
    small = {word: value for value, word in enumerate(_UNITS.get(language, "").split())}
    small |= {word: 20 + 10 * at for at, word in enumerate(_TENS.get(language, "").split())}
    return small | _ALSO.get(language, {})


def _apart(word: str, units: dict[str, int]) -> list[str]:
    """Take a German number apart: `einundachtzig` is `achtzig eins`, `vierhundert` is `vier hundert`."""
    if word in units or word in _HUNDRED["de"] or word.isdecimal():
        return [word]
    for scale in ("tausend", "hundert"):
        before, found, after = word.partition(scale)
        if found:
            return [part for each in (before, found, after.removeprefix("und")) if each for part in _apart(each, units)]
    one, found, ten = word.partition("und")
    if found and one in units and ten in units:
        return [ten, "eins" if one == "ein" else one]
    return [word]
