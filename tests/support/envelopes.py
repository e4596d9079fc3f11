"""Requests as Alexa sends them, each field where the skill reads it."""

from __future__ import annotations

from typing import Any


def envelope(kind: str = "IntentRequest", *, slots: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    system = {
        "application": {"applicationId": "amzn1.ask.skill.x"},
        "user": {"userId": "house"},
        "person": {"personId": "ana", "authenticationConfidenceLevel": {"level": 300}},
        "apiEndpoint": "https://api.amazonalexa.com",
        "apiAccessToken": "token",
    }
    request = {"type": kind, "requestId": "r1", "timestamp": "2026-11-25T12:00:00Z", "locale": "en-US", **more}
    if kind == "IntentRequest":
        request["intent"] = {"name": "DeployIntent", "slots": slots or {}}
    return {"version": "1.0", "session": {"attributes": {}}, "context": {"System": system}, "request": request}
