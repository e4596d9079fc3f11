"""What the endpoint refuses, in the words of AWS: an error code and a sentence."""

from __future__ import annotations

import re
from collections.abc import Collection

from bot.core.errors import BackendUnavailable, BadFile, SaysoError


class Problem(Exception):
    """A refusal; `code` is one of the operation's modelled errors, or one that every AWS service may give."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        self.code, self.message, self.status = code, message, status
        super().__init__(f"{code}: {message}")


def refusal(error: SaysoError, codes: Collection[str]) -> Problem:
    """Say the engine's refusal as one of the operation's errors: the nearest one that has its name."""
    if isinstance(error, BackendUnavailable):
        return Problem("ServiceUnavailableException", error.sentence, status=503)
    named = [f"{kind.__name__}Exception" for kind in type(error).__mro__]
    if isinstance(error, BadFile):
        named = [_of_declaration(error), *named]
    return Problem(next((name for name in named if name in codes), "ValidationException"), error.sentence)


def _of_declaration(error: BadFile) -> str:
    """Tell which part of a pipeline's declaration is wrong, by the JSON pointer of the first mistake."""
    place = error.mistakes[0].place
    if re.search(r"/stages/\d+/actions/", place):
        return "InvalidActionDeclarationException"
    return "InvalidStageDeclarationException" if "/stages/" in place else "InvalidStructureException"
