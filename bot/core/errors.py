"""What is said to a person when something can't be done: one tree, each docstring its default sentence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class SaysoError(Exception):
    """Something went wrong on Sayso's side."""

    def __init__(self, sentence: str | None = None, *, fix: str | None = None) -> None:
        """Keep the sentence for the person (default: the class's docstring) and how to mend it, if that is known."""
        self.sentence = sentence or (type(self).__doc__ or "").strip()
        self.fix = fix
        super().__init__(f"{self.sentence} {fix}" if fix else self.sentence)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a file or input: where it stands, what is wrong, and how to mend it."""

    place: str
    """File and line or key path, as `buildspec.yml: phases.build.commands` or `sayso.toml line 4`."""
    problem: str
    fix: str | None = None

    def __str__(self) -> str:
        """Read as one line: `place: problem. Fix`."""
        return f"{self.place}: {self.problem}" + (f" {self.fix}" if self.fix else "")


class BadInput(SaysoError):
    """What was given can't be used as it is."""


class BadFile(BadInput):
    """A file can't be used as it is; every mistake found in it is listed."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        """Take all mistakes at once, so that nobody mends a file one error at a time."""
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class NotUnderstood(BadInput):
    """I did not understand that."""


class NotFound(SaysoError):
    """There is no such thing."""


class Refused(SaysoError):
    """That is not allowed."""

    def __init__(self, rule: str, sentence: str, *, fix: str | None = None) -> None:
        """Name the rule (a key path of the catalogue), why it applies, and who can lift it."""
        self.rule = rule
        super().__init__(sentence, fix=fix)


class Conflict(SaysoError):
    """It has changed in the meantime."""


class Misconfigured(SaysoError):
    """Sayso can't start with these settings."""


class Unauthenticated(SaysoError):
    """This request does not prove who sent it."""


class BackendError(SaysoError):
    """The backend refused."""


class BackendUnavailable(BackendError):
    """The backend does not answer just now; trying again may help."""


class RunNotFound(BackendError):
    """The backend knows no such run."""


class DeliveryError(SaysoError):
    """The message could not be delivered."""


class RateLimited(DeliveryError):
    """The chat asks us to slow down."""

    def __init__(self, retry_after: float) -> None:
        """Keep how many seconds the chat wants to rest."""
        self.retry_after = retry_after
        super().__init__()


class Unreachable(DeliveryError):
    """The chat does not answer just now; trying again may help."""

    def __init__(self, sentence: str, *, ambiguous: bool) -> None:
        """Say whether what was asked may have happened all the same: only the answer is missing."""
        self.ambiguous = ambiguous
        super().__init__(sentence)


class Gone(DeliveryError):
    """The place for the message is not there, or not open to Sayso; trying again won't help."""


class ContentRefused(DeliveryError):
    """The chat does not take what the message consists of."""

    def __init__(self, sentence: str, *, unsupported: bool = False) -> None:
        """Say whether the chat doesn't know a part at all, so that a simpler look is right for every message."""
        self.unsupported = unsupported
        super().__init__(sentence)
