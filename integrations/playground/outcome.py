"""What came of something that a person did: the words that Slack would show, and what appeared."""

from __future__ import annotations

from typing import Any, Final

from bot.core.errors import SaysoError
from integrations.playground.ledger import Delivered

WORDS: Final = {
    "operation_timeout": "did not answer within 3 seconds (operation_timeout)",
    "dispatch_failed": "could not be reached or answered with an error (dispatch_failed)",
}


class NotPossible(SaysoError):
    """That can't be done here."""

    def __init__(self, code: str, sentence: str) -> None:
        """Keep a word for programs and a sentence for people."""
        self.code = code
        super().__init__(sentence)


def outcome(delivered: Delivered | None, bot: str, **appeared: Any) -> dict[str, Any]:
    """Give the control API's answer: `ok`, `outcome`, `status`, `ms`, `notice`, and what appeared."""
    if delivered is None:
        return {"ok": True, "outcome": "ok", "notice": "", **appeared}
    notice = appeared.pop("notice", "")
    if delivered.outcome in WORDS:
        notice = f"{bot} {WORDS[delivered.outcome]}."
    return {
        "ok": delivered.outcome == "ok",
        "outcome": delivered.outcome,
        "status": delivered.status,
        "ms": delivered.ms,
        "delivery": delivered.number,
        "answer": delivered.answer,
        "notice": notice,
        **appeared,
    }
