"""What people say, by language: patterns that the verbs of the command table are put into.

`{verb}` stands for a command's word and each of its aliases; `{service}`, `{environment}` and `{build}` are slots.
Alexa takes letters, spaces, periods, apostrophes and slots only (ASK, "Create intents, utterances, and slots").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product

from bot.core.command_table import spec_of
from bot.core.commands import Verb
from skills.release_desk.intents import Intent, Slot

LANGUAGE_OF: Mapping[str, str] = {"en-US": "en", "en-GB": "en", "en-IN": "en", "de-DE": "de"}
"""The skill's locales, and the language of their sentences."""
_SPEAKABLE = re.compile(r"[a-zäöüß' ]+\Z")

_VERBS: Mapping[str, Mapping[Verb, tuple[str, ...]]] = {
    "en": {},  # the command table's own
    "de": {
        Verb.DEPLOY: ("deploye", "bringe", "liefere", "veröffentliche"),
        Verb.STATUS: ("status", "stand", "wie ist der status", "wie steht es um", "wie läuft"),
        Verb.APPROVE: ("genehmige", "bestätige", "erlaube", "gib frei"),
        Verb.REJECT: ("lehne ab", "verweigere", "weise zurück"),
        Verb.STOP: ("stoppe", "halte an", "beende", "brich ab"),
        Verb.RETRY: ("wiederhole", "versuche noch einmal", "starte neu"),
        Verb.ROLLBACK: ("rolle zurück", "setze zurück", "mache rückgängig"),
        Verb.HISTORY: ("verlauf", "geschichte"),
        Verb.WHERE: ("was läuft", "welche version läuft", "welche versionen laufen"),
    },
}

_PATTERNS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "DeployIntent": (
            "{verb} {service} to {environment}", "{verb} {service} in {environment}", "{verb} {service}",
            "{verb} to {environment}", "{verb} build {build} of {service} to {environment}", "{verb} something",
            "{verb} build {build} of {service}", "{verb} release {build} of {service} to {environment}",
        ),
        "StatusIntent": (
            "{verb}", "{verb} {service}", "{verb} of {service}", "{verb} {service} in {environment}",
            "{verb} of {service} in {environment}", "{verb} in {environment}", "how is it going", "how far is it",
            "how far is {service}", "the {verb} of {service}",
        ),
        "ApproveIntent": (
            "{verb} it", "{verb} {service}", "{verb} {service} in {environment}", "{verb} {service} for {environment}",
            "{verb} the release", "{verb} the {environment} release of {service}", "{verb} the release of {service}",
        ),
        "RejectIntent": (
            "{verb} it", "{verb} {service}", "{verb} {service} in {environment}", "{verb} {service} for {environment}",
            "{verb} the release", "{verb} the {environment} release of {service}", "{verb} the release of {service}",
        ),
        "StopReleaseIntent": (
            "{verb} it", "{verb} {service}", "{verb} {service} in {environment}", "{verb} the release",
            "{verb} the deploy", "{verb} the {environment} release of {service}", "{verb} the release of {service}",
        ),
        "RollBackIntent": (
            "{verb} {service} in {environment}", "{verb} {service}", "{verb} {environment}", "{verb} it", "{verb}",
            "{verb} {service} on {environment}",
        ),
        "RetryIntent": (
            "{verb} it", "{verb} {service}", "{verb} {service} in {environment}", "{verb} the release", "{verb}",
        ),
        "HistoryIntent": (
            "{verb}", "{verb} of {service}", "{verb} of {service} in {environment}", "{verb} {service}",
            "what was released", "what were the last releases of {service}",
        ),
        "WhereIntent": (
            "{verb}", "{verb} in {environment}", "what is deployed", "what is deployed in {environment}",
            "what is deployed where", "where is {service}", "which version of {service} is in {environment}",
            "which version of {service} is running",
        ),
        "TestResultIntent": (
            "did the tests pass", "did the {service} tests pass", "did the tests of {service} pass",
            "are the tests green", "are the {service} tests green", "how are the tests", "which tests failed",
            "test results", "test results of {service}", "did the {service} tests pass in {environment}",
        ),
        "WaitingForMeIntent": (
            "what waits for me", "what is waiting for me", "what's waiting for me", "does anything wait for me",
            "what needs my approval", "my approvals",
        ),
        "PairIntent": ("pair me", "pair my voice", "learn my voice", "link my voice", "who am i"),
        "NotificationsOnIntent": (
            "notify me", "turn on notifications", "turn notifications on", "tell me when a release is done",
        ),
        "NotificationsOffIntent": ("don't notify me", "turn off notifications", "turn notifications off"),
        "AnswerIntent": (
            "{service}", "{environment}", "to {environment}", "in {environment}", "the service {service}",
            "{service} to {environment}", "{service} in {environment}",
        ),
    },
    "de": {
        "DeployIntent": (
            "{verb} {service} nach {environment}", "{verb} {service} auf {environment}", "{verb} {service}",
            "{verb} build {build} von {service} nach {environment}", "{verb} etwas",
        ),
        "StatusIntent": (
            "{verb}", "{verb} von {service}", "{verb} {service}", "{verb} von {service} auf {environment}",
            "{verb} auf {environment}", "wie weit ist {service}", "wie weit ist es",
        ),
        "ApproveIntent": (
            "{verb} {service}", "{verb} es", "{verb} {service} auf {environment}", "{verb} {service} für {environment}",
        ),
        "RejectIntent": (
            "{verb} {service}", "{verb} es", "{verb} {service} auf {environment}", "{verb} {service} für {environment}",
            "lehne {service} ab", "lehne {service} auf {environment} ab", "lehne es ab",
        ),
        "StopReleaseIntent": (
            "{verb} {service}", "{verb} es", "{verb} {service} auf {environment}", "{verb} das release",
            "halte es an", "halte {service} an",
        ),
        "RollBackIntent": (
            "{verb} {service} auf {environment}", "{verb} {service}", "{verb}", "rolle {service} zurück",
            "rolle {service} auf {environment} zurück", "setze {service} auf {environment} zurück",
        ),
        "RetryIntent": ("{verb} {service}", "{verb} {service} auf {environment}", "{verb} es", "{verb} das release"),
        "HistoryIntent": ("{verb}", "{verb} von {service}", "{verb} von {service} auf {environment}"),
        "WhereIntent": ("{verb}", "{verb} auf {environment}", "{verb} wo", "wo läuft {service}"),
        "TestResultIntent": (
            "sind die tests grün", "sind die tests von {service} grün", "wie sind die tests", "testergebnisse",
            "testergebnisse von {service}", "welche tests sind fehlgeschlagen",
            "testergebnisse von {service} auf {environment}",
        ),
        "WaitingForMeIntent": ("was wartet auf mich", "wartet etwas auf mich", "was muss ich genehmigen"),
        "PairIntent": ("verbinde mich", "verbinde meine stimme", "kopple mich", "wer bin ich"),
        "NotificationsOnIntent": ("benachrichtige mich", "schalte benachrichtigungen ein"),
        "NotificationsOffIntent": ("benachrichtige mich nicht", "schalte benachrichtigungen aus"),
        "AnswerIntent": (
            "{service}", "{environment}", "nach {environment}", "auf {environment}", "der service {service}",
            "{service} nach {environment}", "{service} auf {environment}",
        ),
    },
}  # fmt: skip

_ANSWERS: Mapping[str, Mapping[Slot, tuple[str, ...]]] = {
    "en": {
        Slot.SERVICE: ("{service}", "the {service}", "the service {service}", "{service} to {environment}"),
        Slot.ENVIRONMENT: ("{environment}", "to {environment}", "in {environment}", "the {environment} environment"),
        Slot.BUILD: ("{build}", "build {build}", "number {build}"),
    },
    "de": {
        Slot.SERVICE: ("{service}", "der service {service}", "{service} nach {environment}"),
        Slot.ENVIRONMENT: ("{environment}", "nach {environment}", "auf {environment}"),
        Slot.BUILD: ("{build}", "build {build}", "nummer {build}"),
    },
}


def verbs(verb: Verb, language: str) -> tuple[str, ...]:
    """Give a command's words that can be spoken, the usual one first; English ones are those of the command table."""
    if own := _VERBS[language].get(verb):
        return own
    spec = spec_of(verb)
    assert spec is not None, f"nobody says {verb}"
    return tuple(word for word in (spec.verb.value, *spec.aliases) if _SPEAKABLE.match(word))


def samples(intent: Intent, language: str) -> tuple[str, ...]:
    """Give an intent's sample utterances."""
    patterns = _PATTERNS[language][intent.name]
    words = verbs(intent.verb, language) if intent.verb else ("",)
    filled = (pattern.replace("{verb}", word) for pattern, word in product(patterns, words))
    return tuple(dict.fromkeys(filled))


def answers(slot: Slot, intent: Intent, language: str) -> tuple[str, ...]:
    """Give the sample answers to the question for a slot of an intent."""
    fits = {f"{{{each}}}" for each in intent.slots}
    return tuple(each for each in _ANSWERS[language][slot] if set(re.findall(r"\{\w+\}", each)) <= fits)


def as_said(intent: Intent, said: Mapping[Slot, str], language: str) -> str:
    """Put a sentence together again from its intent and slots: Alexa doesn't tell the words themselves.

    Without a pattern for just these slots, the words are only put side by side.
    """
    wanted = {f"{{{slot}}}" for slot in said}
    fits = (each for each in samples(intent, language) if set(re.findall(r"\{\w+\}", each)) == wanted)
    first = verbs(intent.verb, language)[0] if intent.verb else intent.name.removesuffix("Intent")
    sentence = next(fits, " ".join([first, *sorted(wanted)]))
    for slot, value in said.items():
        sentence = sentence.replace(f"{{{slot}}}", value)
    return sentence
