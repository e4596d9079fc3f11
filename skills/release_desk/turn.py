"""Reads a verified request: who spoke, which intent, what each slot may mean, and what the session remembers (pure).

Source: Alexa Skills Kit, "Request and Response JSON Reference" and "Entity Resolution". It is read from the raw JSON:
the SDK's model drops `authenticationConfidenceLevel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from xml.etree import ElementTree as ET

from pydantic import AfterValidator, Field, SecretStr, ValidationError

from bot.core.model import Frozen
from bot.core.voice import Voice
from skills.release_desk.intents import Slot
from skills.release_desk.phrases import LANGUAGE_OF

_APL = "Alexa.Presentation.APL"
_LONGEST_SAID = 8000
_LONGEST_NAME = 140
NOTIFICATIONS = "alexa::devices:all:notifications:write"


def _ssml(text: str) -> str:
    """Take SSML back only if it is whole; it can hold no document type, so nothing in it can grow."""
    try:
        ET.fromstring(f"<speak>{text}</speak>")  # noqa: S314  a DOCTYPE inside of an element is no XML
    except ET.ParseError as error:
        raise ValueError("no SSML") from error
    return text


Spoken = Annotated[str, Field(max_length=_LONGEST_SAID), AfterValidator(_ssml)]


class Heard(Frozen):
    """What was said in one slot."""

    said: str
    """The words as Alexa wrote them down."""
    ids: tuple[str, ...] = ()
    """Catalogue keys that Alexa matched; several: it may be any of them."""


class Asked(Frozen):
    """A wish that is not complete yet."""

    intent: str
    slots: Mapping[Slot, Heard] = {}
    missing: Slot | None = None
    """What the open question asks for."""
    offered: str | None = None
    """The one key that the question offered ("did you mean …?"), which a yes takes."""


class Open(Frozen):
    """A plan that was read back and waits for yes or no; only its id is here, the plan is the server's."""

    plan: str


class Late(Frozen):
    """A wish that the desk was still planning when the answer was due. Its key finds the plan that it made since."""

    intent: str
    slots: Mapping[Slot, Heard] = {}
    key: str


class Memory(Frozen):
    """What the session remembers between two requests. A session attribute: Alexa brings it back as it was."""

    asked: Asked | None = None
    plan: Open | None = None
    late: Late | None = None
    question: Spoken = ""
    """The open question, as SSML; said again after help."""
    said: Spoken = ""
    """What was said last, as SSML."""
    staying: bool = False
    """The skill was opened without a wish, so it stays open after an answer."""


class Turn(Frozen):
    """One request."""

    id: str
    type: str
    intent: str = ""
    """What the words are taken for: a bare name belongs to the wish that asked for it."""
    heard_as: str = ""
    """The intent that Alexa sent."""
    slots: Mapping[Slot, Heard] = {}
    voice: Voice
    language: str
    memory: Memory = Memory()
    screen: bool = False
    """Whether the device shows APL."""
    may_notify: bool = False
    """Whether the household has allowed notifications."""
    cause: Mapping[str, Any] = {}
    """Of a SessionResumedRequest: the connection's status, result and token."""
    session: bool = False
    """Whether there is a conversation that can remember something; events have none."""
    api_endpoint: str = ""
    api_token: SecretStr = SecretStr("")


def read_turn(envelope: Mapping[str, Any]) -> Turn:
    """Read a request's envelope; what is not there is left out. Raises `KeyError` if it names no skill or no user."""
    request = envelope.get("request") or {}
    system = (envelope.get("context") or {}).get("System") or {}
    person = system.get("person") or {}
    user = system["user"]
    locale = request.get("locale") or "en-US"
    intent = request.get("intent") or {}
    device = system.get("device") or {}
    return Turn(
        id=str(request.get("requestId") or ""),
        type=str(request.get("type") or ""),
        intent=str(intent.get("name") or ""),
        heard_as=str(intent.get("name") or ""),
        slots=_slots(intent.get("slots") or {}),
        voice=Voice(
            skill=system["application"]["applicationId"],
            account=user["userId"],
            person=person.get("personId"),
            level=(person.get("authenticationConfidenceLevel") or {}).get("level"),
            locale=locale,
        ),
        language=LANGUAGE_OF.get(locale, "de" if locale.startswith("de") else "en"),
        memory=_memory((envelope.get("session") or {}).get("attributes") or {}),
        screen=_APL in (device.get("supportedInterfaces") or {}),
        may_notify=_may_notify(user, request.get("body")),
        cause=request.get("cause") or {},
        session="session" in envelope,
        api_endpoint=str(system.get("apiEndpoint") or ""),
        api_token=SecretStr(str(system.get("apiAccessToken") or "")),
    )


def _may_notify(user: Mapping[str, Any], body: Mapping[str, Any] | None) -> bool:
    """Read it from the request's context; an event about permissions or subscriptions tells how they are now."""
    if body is not None:
        scopes = {each.get("scope") for each in body.get("acceptedPermissions") or ()}
        return NOTIFICATIONS in scopes or bool(body.get("subscriptions"))
    scope = ((user.get("permissions") or {}).get("scopes") or {}).get(NOTIFICATIONS) or {}
    return bool(scope.get("status") == "GRANTED")


def _slots(slots: Mapping[str, Any]) -> dict[Slot, Heard]:
    return {
        Slot(name): Heard(said=str(slot["value"])[:_LONGEST_NAME], ids=_ids(slot))
        for name, slot in slots.items()
        if name in set(Slot) and slot.get("value")
    }


def _ids(slot: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the ids that Alexa matched: of the session's own names (dynamic entities) first, else of the model's."""
    authorities = (slot.get("resolutions") or {}).get("resolutionsPerAuthority") or []
    dynamic_first = sorted(authorities, key=lambda each: ".dynamic." not in str(each.get("authority")))
    for each in dynamic_first:
        if (each.get("status") or {}).get("code") == "ER_SUCCESS_MATCH":
            ids = [value["value"].get("id") or value["value"]["name"] for value in each.get("values") or ()]
            return tuple(dict.fromkeys(ids))
    return ()


def _memory(attributes: Mapping[str, Any]) -> Memory:
    """Read what an earlier answer left; what another version of the skill left is forgotten."""
    try:
        return Memory.model_validate(attributes.get("memory") or {})
    except ValidationError:
        return Memory()
