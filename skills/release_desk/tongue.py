"""One language: its sentences for the ear, and what the catalogue's things are called in them (pure).

What this module gives is SSML text without `<speak>`: every value is escaped where it is put in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, unescape

from bot.core.errors import SaysoError
from bot.core.model import Release
from bot.core.vocabulary import Names, Vocabulary
from bot.core.wording import Sentence, in_language, say
from bot.core.wording import names as joined
from skills.release_desk.names import called

_MOST_CHOICES = 5
_TAG = re.compile(r"<[^>]+>")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-./]+")
_HASH = re.compile(r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}\b")
_LABEL = re.compile(r"(\S+) #(\d+)\Z")
_TYPED = re.compile(r":? */(?:release|deploy)\b.*")
"""What can only be typed, with what leads up to it: `: /release stop.`"""
_LONGEST = 7000
_MOST_HEARD = 1200
"""Characters. Alexa takes fewer than 8000 (ASK, "Request and Response JSON Reference")."""


class Ssml(str):
    """Text that is escaped already."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Tongue:
    """How things are said in one language."""

    lang: str
    words: Vocabulary

    def say(self, key: str, /, **values: object) -> Ssml:
        """Give a sentence of the catalogue with its values escaped."""
        said = {name: _escaped(value) for name, value in values.items()}
        return Ssml(say(key, lang=self.lang, **said))

    def service(self, key: str) -> str:
        """Give what a service is called."""
        return called(self.words.services.get(key, Names(key=key)))

    def environment(self, service: str, key: str) -> str:
        """Give what an environment is called."""
        return called(self.words.environments_of(service).get(key, Names(key=key)))

    def label(self, release: Release) -> str:
        """Name a release: `checkout 12`."""
        return say("alexa.label", lang=self.lang, service=self.service(release.service), number=release.number)

    def place(self, release: Release) -> dict[str, str]:
        """Give the values that most sentences about a release have."""
        return {
            "label": self.label(release),
            "service": self.service(release.service),
            "environment": self.environment(release.service, release.environment),
        }

    def choices(self, every: Iterable[str]) -> str:
        """List what may be chosen, at most five: `staging or production`."""
        listed = list(every)
        more = len(listed) - _MOST_CHOICES
        if more > 0:
            most = ", ".join(listed[:_MOST_CHOICES])
            return say("alexa.more", lang=self.lang, most=most, n=more)
        return joined(listed, lang=self.lang)

    def error(self, error: SaysoError) -> Ssml:
        """Say why something can't be done. What this language does not have is spoken as English."""
        return Ssml(" ".join(self._foreign(part) for part in (error.sentence, error.fix) if part))

    def _foreign(self, sentence: str) -> str:
        own = in_language(self._named(sentence), self.lang)
        text = escape(_for_the_ear(own or sentence))
        return text if own else f'<lang xml:lang="en-US">{text}</lang>'

    def _named(self, sentence: str) -> str:
        """Say a sentence of the desk with the names that people say instead of the catalogue's keys."""
        if not isinstance(sentence, Sentence):
            return sentence
        values: dict[str, Any] = dict(sentence.values)
        service = str(values.get("service", ""))
        for name, value in values.items():
            if name == "service":
                values[name] = self.service(service)
            elif name == "environment" and isinstance(value, str):
                values[name] = self.environment(service, value) if service else value
            elif name == "label" and (label := _LABEL.match(str(value))):
                values[name] = say("alexa.label", lang=self.lang, service=self.service(label[1]), number=label[2])
        return say(sentence.key, **values)


def stage_name(name: str) -> str:
    """Give a stage's name as words: `IntegrationTests` is `integration tests`."""
    return " ".join(_CAMEL.sub(" ", name).split()).lower()


def spelled(code: str) -> Ssml:
    """Say a code digit by digit."""
    groups = (f'<say-as interpret-as="digits">{escape(group)}</say-as>' for group in code.split())
    return Ssml(' <break time="400ms"/>'.join(groups))


def together(*said: str) -> Ssml:
    """Put sentences one after the other; what is longer than anybody listens to, and than Alexa takes, is cut."""
    text = " ".join(part for part in said if part)
    if len(text) > _LONGEST:
        text = escape(readable(text)[:_MOST_HEARD].rpartition(". ")[0] + ".")
    return Ssml(text)


def readable(said: str) -> str:
    """Give what is said as plain text, for a card."""
    return unescape(" ".join(_TAG.sub("", said).split()))


def _escaped(value: object) -> object:
    if isinstance(value, Ssml) or not isinstance(value, str):
        return value
    return escape(_for_the_ear(value))


def _for_the_ear(text: str) -> str:
    """Leave out what nobody can listen to: commit hashes, quotes, `#` before a number, commands to type."""
    text = _TYPED.sub(".", text)
    return " ".join(_HASH.sub("", text).replace("#", "").replace("“", "").replace("”", "").split())
