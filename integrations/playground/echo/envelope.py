"""The requests that Alexa sends (ASK, "Request and Response JSON Reference" and "Request Types Reference")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

UNDERSTOOD_LEVEL: Final = 300
"""The voice was matched; 400: and the PIN was right (ASK, "authenticationConfidenceLevel")."""
PIN_LEVEL: Final = 400


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whose voice profile the device knows."""

    name: str
    """As `ana`; the id that the skill sees is made of it."""
    pin: str | None = None
    """The voice PIN; None: they never set one up."""
    level: int | None = UNDERSTOOD_LEVEL
    """Confidence that it is them; None leaves it out of the request."""

    @property
    def id(self) -> str:
        """Give the person's id in requests."""
        return f"amzn1.ask.person.{self.name.upper()}"


@dataclass(slots=True)
class Session:
    """A conversation with the skill."""

    id: str
    new: bool = True
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sender:
    """What every request says about where it comes from."""

    skill_id: str
    account: str
    device: str
    locale: str
    screen: bool
    api_endpoint: str
    api_token: str


def envelope(
    sender: Sender,
    person: Person | None,
    level: int | None,
    session: Session | None,
    request: Mapping[str, Any],
    *,
    request_id: str,
    now: datetime,
) -> dict[str, Any]:
    """Build one whole request; `request` has its type and what that type has besides."""
    user = {"userId": f"amzn1.ask.account.{sender.account}"}
    application = {"applicationId": sender.skill_id}
    system: dict[str, Any] = {
        "application": application,
        "user": user,
        "device": {
            "deviceId": f"amzn1.ask.device.{sender.device}",
            "supportedInterfaces": {"Alexa.Presentation.APL": {"runtime": {"maxVersion": "2024.3"}}}
            if sender.screen
            else {},
        },
        "apiEndpoint": sender.api_endpoint,
        "apiAccessToken": sender.api_token,
    }
    whose: dict[str, Any] = {}
    if person:
        whose = {"personId": person.id}
        if level is not None:
            whose["authenticationConfidenceLevel"] = {"level": level}
        system["person"] = whose
    context: dict[str, Any] = {"System": system}
    if sender.screen:
        context["Viewports"] = [
            {
                "type": "APL",
                "id": "main",
                "shape": "RECTANGLE",
                "dpi": 213,
                "presentationType": "STANDARD",
                "canRotate": False,
                "configuration": {
                    "current": {
                        "mode": "HUB",
                        "size": {"type": "DISCRETE", "pixelWidth": 1280, "pixelHeight": 800},
                    }
                },
            }
        ]
    body: dict[str, Any] = {"version": "1.0"}
    if session:
        body["session"] = {
            "new": session.new,
            "sessionId": session.id,
            "application": application,
            "attributes": session.attributes,
            "user": user,
        }
    stamped = {
        "requestId": f"amzn1.echo-api.request.{request_id}",
        "timestamp": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "locale": sender.locale,
    }
    return body | {"context": context, "request": {**request, **stamped}}
