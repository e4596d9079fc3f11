"""What every method gets and may answer: its arguments, read strictly, and Slack's errors."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bot.core.errors import SaysoError
from integrations.playground.blocks import Problem
from integrations.playground.playground import Playground
from integrations.playground.workspace import Conversation, Message, Workspace


class SlackRefusal(SaysoError):
    """Slack answers `ok: false`."""

    def __init__(self, error: str, *messages: str, **extra: Any) -> None:
        """Keep Slack's word for it, and what stands in `response_metadata.messages`."""
        self.error = error
        self.messages = messages
        self.extra = extra
        super().__init__(error)

    def answer(self) -> dict[str, Any]:
        """Give the body of the answer."""
        body: dict[str, Any] = {"ok": False, "error": self.error, **self.extra}
        if self.messages:
            body["response_metadata"] = {"messages": list(self.messages)}
        return body


@dataclass
class MethodCall:
    """One call that has passed authentication, scope, faults and rates."""

    playground: Playground
    args: dict[str, Any]
    base_url: str
    """The playground's own address as the bot reached it, with a closing slash."""

    @property
    def workspace(self) -> Workspace:
        """Give the state that the call works on."""
        return self.playground.workspace

    def text(self, name: str, default: str = "") -> str:
        """Read a string; a number counts as its digits, as in a form."""
        value = self.args.get(name)
        if value is None:
            return default
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(value)
        raise SlackRefusal("invalid_arguments", f"[ERROR] must be a string [json-pointer:/{name}]")

    def flag(self, name: str) -> bool:
        """Read a boolean, also as a form's `1` or `true`."""
        return str(self.args.get(name, "")).lower() in {"1", "true"}

    def number(self, name: str, default: int, most: int) -> int:
        """Read a count from 1 to `most`."""
        try:
            value = int(self.args.get(name, default))
        except (TypeError, ValueError) as error:
            raise SlackRefusal("invalid_limit") from error
        if not value >= 1:
            raise SlackRefusal("invalid_limit")
        return min(value, most)

    def json(self, name: str, error: str = "invalid_arguments") -> Any:
        """Read a structure; a form sends it as JSON text."""
        value = self.args.get(name)
        if isinstance(value, str):
            if not value:
                return None
            try:
                return json.loads(value)
            except ValueError as wrong:
                raise SlackRefusal(error, f"[ERROR] must be valid JSON [json-pointer:/{name}]") from wrong
        return value

    def conversation(self, name: str = "channel") -> Conversation:
        """Read a conversation's id (or `#name`, or a person's id)."""
        found = self.workspace.find_conversation(self.text(name))
        if found is None:
            raise SlackRefusal("channel_not_found")
        return found

    def own_message(self, missing: str, others: str) -> Message:
        """Read `channel` and `ts` of a message that the bot itself posted; the words for what is wrong are given."""
        message = self.conversation().messages.get(self.text("ts"))
        if message is None:
            raise SlackRefusal(missing)
        if not message.bot:
            raise SlackRefusal(others)
        return message


@dataclass(frozen=True, slots=True)
class Method:
    """A method: what it does, which scopes allow it (any of them), and whether it takes JSON bodies."""

    run: Callable[[MethodCall], Awaitable[dict[str, Any]]]
    scopes: frozenset[str] = frozenset()
    json_body: bool = True
    app_token: bool = False


def refuse(problems: list[Problem]) -> None:
    """Raise if there are problems, the first of them naming the error."""
    if problems:
        raise SlackRefusal(
            problems[0].error,
            *(str(problem) for problem in problems),
            errors=[problem.message for problem in problems],
        )
