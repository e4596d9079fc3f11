"""Reads what follows a verb, word by word: which service, which ref, where to, which release, why."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.core.command_table import OPTIONS, VERBS, CommandSpec, Parameter, usage
from bot.core.commands import Command, Verb
from bot.core.errors import NotUnderstood
from bot.core.model import Frozen
from bot.core.typed_text import bare, escaped, plain, readable
from bot.core.vocabulary import Names, Vocabulary, find, hint, listed, shown
from bot.core.wording import say

LONGEST_REASON = 500
LONGEST_REF = 200


_NUMBER = re.compile(r"#(?:0*[1-9][0-9]{0,8})\Z", re.ASCII)
_REF = re.compile(r"[\w./\-#+=@]+\Z")


_POLITE = (
    ("can", "you"), ("could", "you"), ("would", "you"), ("will", "you"), ("i", "want", "to"), ("thank", "you"),
    ("please",), ("pls",), ("thanks",), ("kindly",), ("hey",), ("hi",), ("hello",), ("ok",), ("okay",), ("sayso",),
)  # fmt: skip
_BEFORE_NAMES = frozenset({"the", "of", "for", "on", "service", "release", "deployment", "please"})
_BEFORE_ENVIRONMENTS = frozenset({"to", "on", "in", "into", "onto", "for", "at"})


class OpenForm(Frozen):
    """A deploy that leaves something open: the surface asks for it, these fields filled in already."""

    service: str | None = None
    environment: str | None = None
    ref: str | None = None
    reason: str = ""


def check_ref(ref: str) -> str:
    """Give a branch, tag or commit back if it can be one (git-check-ref-format) and can't be taken for an option."""
    ref = bare(ref) if not ref.endswith("..") else ref
    if len(ref) > LONGEST_REF:
        raise NotUnderstood(say("grammar.ref_too_long", most=LONGEST_REF))
    if ref[:1] in {"-", "/", "."}:
        raise NotUnderstood(say("grammar.ref_start", word=shown([ref]), start=ref[0]))
    if not _REF.match(ref):
        raise NotUnderstood(say("grammar.ref_characters", word=shown([ref])))
    if ".." in ref or ref.endswith((".", "/")):
        raise NotUnderstood(say("grammar.ref_dots", word=shown([ref])))
    return ref


def check_reason(reason: str) -> str:
    """Give a reason on one line, readable; at most 500 characters."""
    reason = readable(reason)
    if len(reason) > LONGEST_REASON:
        raise NotUnderstood(say("grammar.reason_too_long", most=LONGEST_REASON))
    return reason


def without_politeness(said: list[str], ends: tuple[bool, bool] = (True, True)) -> list[str]:
    """Take polite words and lone punctuation off the beginning and the end."""
    start, end = 0, len(said)
    flat = [plain(word) for word in said]
    while ends[0] and start < end and (count := _polite(flat[start:end], at_end=False)):
        start += count
    while ends[1] and start < end and (count := _polite(flat[start:end], at_end=True)):
        end -= count
    return said[start:end]


def _polite(flat: list[str], *, at_end: bool) -> int:
    for phrase in _POLITE:
        count = len(phrase)
        if tuple(flat[-count:] if at_end else flat[:count]) == phrase:
            return count
    return 1 if not any(char.isalnum() or char in "-?@#" for char in flat[-1 if at_end else 0]) else 0


class Reading:
    """Reads what follows a verb, word by word: service, ref, environment, number, options, reason."""

    def __init__(self, spec: CommandSpec, said: list[str], words: Vocabulary) -> None:
        self.spec = spec
        self.rest = said
        self.words = words
        self.flags: dict[str, bool] = {}

    def read(self) -> Command | OpenForm:
        """Read everything; nothing may be left over."""
        spec = self.spec
        self._options()
        number = self._number()
        service, ref = (None, None) if number else self._service()
        environment = self._environment(service) if service else None
        number = number or self._number()
        reason = self._reason()
        if spec.verb is Verb.DEPLOY:
            if service and not environment:
                environment = self.words.usual_environment(service)
            if not service or not environment:
                return OpenForm(service=service, ref=ref, reason=reason)
        return Command.model_validate(
            {
                "verb": spec.verb,
                "service": service,
                "environment": environment,
                "ref": ref,
                "reason": reason,
                "number": number,
                **self.flags,
            }
        )

    def _service(self) -> tuple[str | None, str | None]:
        skipped = 0
        while True:
            rest = self.rest[skipped:]
            found = self._service_at(rest)
            if found:
                break
            if not rest or self._marks_reason(rest[0]) or _NUMBER.match(plain(rest[0])) or self._bare_now(rest):
                self.rest = rest
                return None, None
            if plain(rest[0]) not in _BEFORE_NAMES:
                self._unknown_service(rest)
            skipped += 1
        service, ref, count = found
        self.rest = rest[count:]
        self._options()
        return service, ref

    def _service_at(self, rest: list[str]) -> tuple[str, str | None, int] | None:
        """Find a service and its ref here: `checkout`, `checkout@main`, `check out @ main`; and count the words."""
        cut = next((i for i, word in enumerate(rest) if "@" in word), len(rest))
        head = rest[:cut]
        joined = rest[cut].partition("@") if cut < len(rest) else ("", "", "")
        if joined[0]:
            head = [*head, joined[0]]
        found = find(head, self.words.services)
        if found is None:
            return None
        service, count = found
        if count < len(head) or not joined[1] or not self.spec.takes(Parameter.REF):
            if joined[0] and count == len(head):
                return None
            return service, None, count
        count = cut + 1
        ref = joined[2]
        if not bare(ref):
            ref = rest[count] if count < len(rest) else ""
            count += 1
        if not bare(ref):
            raise NotUnderstood(say("grammar.ref_missing", service=service))
        return service, check_ref(ref), count

    def _unknown_service(self, rest: list[str]) -> None:
        services = self.words.services
        word = rest[0].partition("@")[0] or rest[0]
        places = {key: called for each in self.words.environments.values() for key, called in each.items()}
        after = rest[1:] if plain(word) in _BEFORE_ENVIRONMENTS else rest
        if find([word, *rest[1:]], places) or (after is not rest and find(after, places)):
            raise NotUnderstood(say("grammar.service_missing", services=listed(services)))
        verbs = VERBS if self.spec.verb is Verb.DEPLOY else {}
        nearest = hint([word, *rest[1:]], services, verbs)
        raise NotUnderstood(say("grammar.no_service", word=shown([word]), hint=nearest, services=listed(services)))

    def _environment(self, service: str) -> str | None:
        known = self.words.environments_of(service)
        found = find(self.rest, known)
        if found is None and self.rest and plain(self.rest[0]) in {"service", "release", "deployment"}:
            self.rest = self.rest[1:]
            found = find(self.rest, known)
        if found is None and self.rest and plain(self.rest[0]) in _BEFORE_ENVIRONMENTS:
            self.rest = self.rest[1:]
            if self.rest and plain(self.rest[0]) == "the":
                self.rest = self.rest[1:]
            found = find(self.rest, known)
            if not self.rest:
                raise NotUnderstood(say("grammar.environment_missing", service=service, environments=listed(known)))
            if found is None:
                self._unknown_environment(service, known)
        if found:
            self.rest = self.rest[found[1] :]
            self._options()
            return found[0]
        left = without_politeness(self.rest)
        if left and not (self._marks_reason(left[0]) or left[0].startswith("#") or self._bare_now(left)):
            self.rest = left
            self._unknown_environment(service, known)
        return None

    def _unknown_environment(self, service: str, known: Mapping[str, Names]) -> None:
        nearest = hint(self.rest, known)
        may_be_reason = self.spec.takes(Parameter.REASON) and not nearest
        raise NotUnderstood(
            say(
                "grammar.no_environment",
                service=service,
                word=shown(self.rest[:1]),
                hint=nearest,
                environments=listed(known),
            ),
            fix=say("grammar.no_environment.reason", word=shown(self.rest)) if may_be_reason else None,
        )

    def _number(self) -> int | None:
        rest = self.rest
        while rest and plain(rest[0]) in {"release", "number"}:
            rest = rest[1:]
        if not self.spec.takes(Parameter.NUMBER) or not rest or not rest[0].startswith("#"):
            return None
        word = plain(rest[0])
        if not _NUMBER.match(word):
            raise NotUnderstood(say("grammar.number", word=shown(rest[:1])))
        self.rest = rest[1:]
        self._options()
        return int(word[1:])

    def _options(self) -> None:
        """Take the options that stand here; a dash with a word that is none of them is a mistake."""
        while self.rest and (word := plain(self.rest[0])).startswith("-") and not self._marks_reason(word):
            field = next(
                (field for each, (field, typed) in OPTIONS.items() if self.spec.takes(each) and word in typed), None
            )
            if field is None:
                own = {field: Names(key=typed[0]) for each, (field, typed) in OPTIONS.items() if self.spec.takes(each)}
                raise NotUnderstood(say("grammar.no_option", word=shown(self.rest[:1]), hint=hint([word], own)))
            self.flags[field] = True
            self.rest = self.rest[1:]

    def _bare_now(self, rest: list[str]) -> bool:
        """Tell whether this is the word `now` alone, for a command that can do it now."""
        after = without_politeness(rest[1:])
        return (
            self.spec.takes(Parameter.NOW)
            and bool(rest)
            and plain(rest[0]) == "now"
            and (not after or self._marks_reason(after[0]))
        )

    def _marks_reason(self, word: str) -> bool:
        flat = plain(word)
        return flat in {"-", "--", "because", "--reason"} or word.casefold().startswith(("reason:", "--reason="))

    def _reason(self) -> str:
        """Take what is left as the reason: as it stands after `because` or `--`, else without `please` and `now`."""
        if self._bare_now(self.rest):
            self.flags["abandon"] = True
            self.rest = self.rest[1:]
        rest = self.rest
        if rest and self._marks_reason(rest[0]):
            attached = re.split(r"[:=]", rest[0], maxsplit=1)[1:]
            rest = [*(part for part in attached if part), *rest[1:]]
        elif rest:
            rest = self._trailing_option(without_politeness(rest, ends=(False, True)))
            rest = [] if [plain(word) for word in rest] == ["now"] else rest
        if rest and not self.spec.takes(Parameter.REASON):
            raise NotUnderstood(say("grammar.left_over", word=shown(rest), usage=usage(self.spec)))
        return check_reason(escaped(" ".join(rest)))

    def _trailing_option(self, rest: list[str]) -> list[str]:
        for each, (field, typed) in OPTIONS.items():
            if self.spec.takes(each) and rest and plain(rest[-1]) in typed:
                self.flags[field] = True
                return rest[:-1]
        return rest
