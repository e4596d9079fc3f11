"""Login with Amazon and the Proactive Events API, as strict as their documentation, on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from tests.playground.serving import listening, served

CLIENT, SECRET = "amzn1.application-oa2-client.test", "secret-of-the-skill"
_TIME = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class State(Strict):
    status: Literal["UNREAD", "FLAGGED"]
    freshness: Literal["NEW", "OVERDUE"] | None = None


class Creator(Strict):
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]


class MessageGroup(Strict):
    creator: Creator
    count: Annotated[int, Field(ge=1)]
    urgency: Literal["URGENT"] | None = None


class Payload(Strict):
    state: State
    messageGroup: MessageGroup  # noqa: N815 -- Amazon's name


class Happened(Strict):
    name: Literal["AMAZON.MessageAlert.Activated"]
    payload: Payload


class User(Strict):
    user: Annotated[str, StringConstraints(pattern=r"^amzn1\.ask\.account\.")]


class Audience(Strict):
    type: Literal["Unicast"]
    payload: User


class Locale(Strict):
    locale: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}-[A-Z]{2}$")]


class Alert(Strict):
    timestamp: _TIME
    referenceId: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]  # noqa: N815
    expiryTime: _TIME  # noqa: N815
    event: Happened
    localizedAttributes: list[Locale]  # noqa: N815
    relevantAudience: Audience  # noqa: N815


@dataclass
class Amazon:
    """What was asked for, and what goes wrong next."""

    url: str = ""
    taken: list[Alert] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Status codes that the next events are answered with, in place of being taken."""
    lost: int = 0
    """How many of the next events are taken, but answered with a failure."""
    calls: int = 0
    good: str = ""

    @property
    def said(self) -> list[str]:
        return [alert.event.payload.messageGroup.creator.name for alert in self.taken]

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/auth/o2/token")
        async def token(request: Request) -> Response:
            form = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
            wanted = {
                "grant_type": "client_credentials",
                "client_id": CLIENT,
                "client_secret": SECRET,
                "scope": "alexa::proactive_events",
            }
            if form != wanted:
                return _json(401, {"error": "invalid_client"})
            self.good = f"Atc|{len(self.tokens)}-{time.monotonic_ns()}"
            self.tokens.append(self.good)
            return _json(200, {"access_token": self.good, "expires_in": 3600, "token_type": "bearer"})

        @app.post("/v1/proactiveEvents/stages/development")
        async def event(request: Request) -> Response:
            self.calls += 1
            if self.answers:
                return Response(status_code=self.answers.pop(0))
            if request.headers.get("authorization") != f"Bearer {self.good}":
                return Response(status_code=401)
            try:
                alert = Alert.model_validate_json(await request.body())
            except ValidationError as error:
                return _json(400, {"message": str(error)})
            until = datetime.strptime(alert.expiryTime, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) - datetime.now(UTC)
            if not timedelta(minutes=5) <= until <= timedelta(hours=24):
                return _json(400, {"message": "expiryTime"})
            if alert.referenceId in {each.referenceId for each in self.taken}:
                return Response(status_code=409)
            self.taken.append(alert)
            if self.lost:
                self.lost -= 1
                return Response(status_code=503)
            return Response(status_code=202)

        return app


def _json(status: int, body: dict[str, Any]) -> Response:
    return JSONResponse(body, status_code=status)


@contextmanager
def amazon() -> Iterator[Amazon]:
    """Serve it for the time of the block."""
    listener, url = listening()
    place = Amazon(url)
    with served(place.app(), listener):
        yield place
