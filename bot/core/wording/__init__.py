"""One message catalogue for Slack, voice, CLI and web: `say(key, ...)` gives the sentence in a language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.core.wording.de_voice import MESSAGES as DE
from bot.core.wording.en import MESSAGES as EN

LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": EN, "de": DE}
"""German has what is spoken; everything else is English only."""


class Sentence(str):
    """A sentence that knows its key and values, so that `in_language` can say it again."""

    __slots__ = ("key", "values")
    key: str
    values: Mapping[str, object]


def say(key: str, /, *, lang: str = "en", **values: object) -> str:
    """Give the sentence with this key; `{name}` is filled from `values`.

    A sentence with a number has two forms, `one|many`, chosen by the value `n`. An unknown key or a missing value is
    a mistake of ours and raises `KeyError`.
    """
    sentence = LANGUAGES[lang][key]
    if "n" in values and "|" in sentence:
        one, many = sentence.split("|", 1)
        sentence = one if values["n"] == 1 else many
    said = Sentence(sentence.format_map(values))
    said.key, said.values = key, values
    return said


def in_language(said: str, lang: str) -> str | None:
    """Say a sentence, and those inside of it, in another language; None if that language does not have it."""
    if lang == "en":
        return said
    if not isinstance(said, Sentence) or said.key not in LANGUAGES[lang]:
        return None
    values = {
        name: (in_language(value, lang) or value) if isinstance(value, str) else value
        for name, value in said.values.items()
    }
    return say(said.key, lang=lang, **values)


def names(people: Iterable[str], *, joined: str = "names.or", lang: str = "en") -> str:
    """Join names as a sentence does: `Ana, Ben or Chi` (or `names.and`); nobody: the word for it."""
    listed = list(people)
    if len(listed) < 2:
        return listed[0] if listed else say("nobody", lang=lang)
    return say(joined, lang=lang, most=", ".join(listed[:-1]), last=listed[-1])


def duration(seconds: float) -> str:
    """Say how long: `0.4s`, `42s`, `3m 05s`, `1h 02m`."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m"
