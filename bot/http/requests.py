"""What clients may send to change something, and the key under which it is remembered."""

from __future__ import annotations

import re
import uuid
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Response
from pydantic import Field

from bot.core.commands import Accepted, Answer
from bot.core.errors import BadInput
from bot.core.grammar import LONGEST_REASON
from bot.core.model import Frozen
from bot.core.wording import say
from bot.http.problems import responses
from bot.http.tokens import Person

_KEY = re.compile(r"[\x21-\x7e]{1,100}\Z")

Reason = Annotated[str, Field(max_length=LONGEST_REASON, examples=["new prices"])]
ReleaseId = Annotated[str, Path(max_length=40, description="A release's `id`.")]


class DeployRequest(Frozen):
    """Ship a service to an environment."""

    service: Annotated[str, Field(max_length=100, examples=["checkout"])]
    environment: Annotated[str, Field(max_length=100, examples=["staging"])]
    ref: Annotated[str | None, Field(max_length=200, examples=["main"])] = None
    """Branch, tag or commit; without one: the pipeline's own branch."""
    reason: Reason = ""
    fresh: bool = False
    """Start a new run even though one already waits before this environment."""
    run_id: Annotated[str | None, Field(max_length=200)] = None
    """Let this waiting run go on, as it was offered; needs `gate`."""
    gate: Annotated[str | None, Field(max_length=200)] = None
    """The gate's token, as it was offered."""


class DecisionRequest(Frozen):
    """Say yes or no at a gate."""

    reason: Reason = ""
    gate: Annotated[str | None, Field(max_length=200)] = None
    """The token of the gate that was seen: an answer that comes late never counts for another gate."""


class StopRequest(Frozen):
    """End a release."""

    reason: Reason = ""
    abandon: bool = False
    """End running actions at once instead of letting them finish."""


class RetryRequest(Frozen):
    """Run the failed stage again."""

    reason: Reason = ""
    attempt: Annotated[int | None, Field(ge=1)] = None
    """The failed run's attempt that was seen: a second request for the same failure changes nothing."""
    whole: bool = False
    """Run all of the stage's actions again, also those that went well."""


class OverrideRequest(Frozen):
    """Let a stage go on although its condition failed."""

    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON, examples=["checked by hand"])]
    attempt: Annotated[int | None, Field(ge=1)] = None
    """The failed run's attempt that was seen."""


class HoldRequest(Frozen):
    """Close the way into an environment, or open it again."""

    reason: Reason = ""


class RollbackRequest(Frozen):
    """Bring back what the environment ran before."""

    reason: Reason = ""


def new_key() -> str:
    """Make up an idempotency key for somebody who gave none."""
    return str(uuid.uuid4())


def idempotency_key(
    response: Response,
    actor: Person,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Any text of 1 to 100 visible characters. The same key again gives the same answer and starts "
            "nothing new. Without one the server makes one up and answers it in the same header.",
        ),
    ] = None,
) -> str:
    """Give the key under which the command is remembered; one person's keys never meet another's."""
    key = new_key() if key is None else key
    if not _KEY.match(key):
        raise BadInput(say("http.key"))
    response.headers["Idempotency-Key"] = key
    return f"api:{actor.person}:{key}"


Key = Annotated[str, Depends(idempotency_key)]


def changes() -> dict[str, Any]:
    """Document the answers of an operation that changes something."""
    header = {"Idempotency-Key": {"schema": {"type": "string"}, "description": "The key this was done under."}}
    usual = (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
    late = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE)
    return {
        "status_code": HTTPStatus.ACCEPTED,
        "responses": {
            HTTPStatus.ACCEPTED.value: {"description": "Recorded; it will be carried out.", "headers": header},
            **responses(*usual, *late),
        },
    }


def accepted(answer: Answer) -> Accepted:
    """Narrow the desk's answer to a change that it did not refuse."""
    assert isinstance(answer, Accepted), f"the desk answered {answer.kind}"
    return answer
