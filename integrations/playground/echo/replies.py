"""Reads a skill's answer as strictly as Alexa does (ASK, "Request and Response JSON Reference", "Dialog Interface")."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from pydantic import ValidationError

from integrations.playground.echo.model import InteractionModel, SlotType

MOST_SPEECH: Final = 8000
MOST_BYTES: Final = 120 * 1024
MOST_ENTITIES: Final = 100
ELICIT, CONFIRM_SLOT, CONFIRM = "Dialog.ElicitSlot", "Dialog.ConfirmSlot", "Dialog.ConfirmIntent"
ENTITIES: Final = "Dialog.UpdateDynamicEntities"
CONNECT: Final = "Connections.StartConnection"
RENDER: Final = "Alexa.Presentation.APL.RenderDocument"
VERIFY: Final = "connection://AMAZON.VerifyPerson/2"
_CARDS: Final = frozenset({"Simple", "Standard", "LinkAccount", "AskForPermissionsConsent"})


class InvalidReply(Exception):
    """Alexa would not take this answer; the text says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A skill's answer, read."""

    speech: str
    """What is heard, without markup."""
    ssml: str
    reprompt: str
    card: dict[str, Any] | None
    directives: tuple[dict[str, Any], ...]
    ends: bool
    listens: bool
    attributes: dict[str, Any]

    def directive(self, kind: str) -> dict[str, Any] | None:
        """Find a directive by its type."""
        return next((each for each in self.directives if each["type"] == kind), None)

    @property
    def dialog(self) -> dict[str, Any] | None:
        """Give the directive that asks something, if there is one."""
        return next((each for each in self.directives if each["type"] in {ELICIT, CONFIRM_SLOT, CONFIRM}), None)


def read_reply(answer: Any, model: InteractionModel, intent: str | None, *, screen: bool) -> Reply:
    """Read the answer to a request about `intent` (None: not about one); raises `InvalidReply`."""
    if not isinstance(answer, dict) or not isinstance(answer.get("response"), dict):
        raise InvalidReply("The answer has no `response`.")
    if answer.get("version") != "1.0":
        raise InvalidReply("The answer's `version` is not 1.0.")
    if len(json.dumps(answer).encode()) > MOST_BYTES:
        raise InvalidReply(f"The answer is larger than {MOST_BYTES} bytes.")
    response = answer["response"]
    ssml, speech = spoken(response.get("outputSpeech"))
    reprompt = spoken((response.get("reprompt") or {}).get("outputSpeech"))[1]
    card = response.get("card")
    if card is not None and card.get("type") not in _CARDS:
        raise InvalidReply(f"There is no card of type {card.get('type')}.")
    directives = tuple(response.get("directives") or ())
    ends = response.get("shouldEndSession") is True
    for directive in directives:
        _check(directive, model, intent, screen=screen, ends=ends)
    connects = any(each["type"] == CONNECT for each in directives)
    return Reply(
        speech=speech,
        ssml=ssml,
        reprompt=reprompt,
        card=card,
        directives=directives,
        ends=ends and not connects,
        listens=not ends and not connects,
        attributes=answer.get("sessionAttributes") or {},
    )


def spoken(speech: dict[str, Any] | None) -> tuple[str, str]:
    """Give speech (an `outputSpeech`) as SSML and as the words that are heard; raises `InvalidReply`."""
    if not speech:
        return "", ""
    if speech.get("type") == "PlainText":
        return "", _short(str(speech.get("text", "")))
    ssml = str(speech.get("ssml", ""))
    try:
        root = fromstring(_short(ssml))
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise InvalidReply(f"The speech is not well-formed SSML ({error}): {ssml}") from error
    if root.tag != "speak":
        raise InvalidReply(f"The SSML begins with <{root.tag}> instead of <speak>.")
    return ssml, " ".join(" ".join(root.itertext()).split()).replace(" ,", ",").replace(" .", ".")


def _short(text: str) -> str:
    if len(text) > MOST_SPEECH:
        raise InvalidReply(f"The speech has {len(text)} characters; {MOST_SPEECH} is the most.")
    return text


def _check(directive: Any, model: InteractionModel, intent: str | None, *, screen: bool, ends: bool) -> None:
    kind = directive.get("type") if isinstance(directive, dict) else None
    if kind in {ELICIT, CONFIRM_SLOT, CONFIRM}:
        _check_dialog(directive, kind, model, intent, ends=ends)
    elif kind == ENTITIES:
        _check_entities(directive, model)
    elif kind == RENDER:
        if not screen:
            raise InvalidReply("This device has no screen, so it takes no APL.")
        if (directive.get("document") or {}).get("type") != "APL":
            raise InvalidReply("The directive has no APL document.")
    elif kind == CONNECT:
        if directive.get("uri") != VERIFY:
            raise InvalidReply(f"This device has no connection {directive.get('uri')}.")
    else:
        raise InvalidReply(f"This device does not know the directive {kind}.")


def _check_dialog(directive: Any, kind: str, model: InteractionModel, intent: str | None, *, ends: bool) -> None:
    updated = (directive.get("updatedIntent") or {}).get("name", intent)
    if intent is None or updated != intent:
        raise InvalidReply(f"{kind} can't go over from {intent} to {updated}.")
    described = model.dialog_intent(intent)
    if described is None:
        raise InvalidReply(f"{intent} is not in the dialog model, so {kind} can't be about it.")
    asked = directive.get("slotToElicit") or directive.get("slotToConfirm")
    if kind != CONFIRM and asked not in {slot.name for slot in described.slots}:
        raise InvalidReply(f"The dialog model of {intent} has no slot {asked}.")
    if ends:
        raise InvalidReply(f"{kind} asks something while `shouldEndSession` is true.")


def _check_entities(directive: Any, model: InteractionModel) -> None:
    types = dynamic_types(directive)
    for each in types:
        if model.slot_type(each.name) is None:
            raise InvalidReply(f"The model has no type {each.name} for dynamic entities.")
    count = sum(len(value.spoken) for each in types for value in each.values)
    if count > MOST_ENTITIES:
        raise InvalidReply(f"There are {count} dynamic entities with their synonyms; {MOST_ENTITIES} is the most.")


def dynamic_types(directive: dict[str, Any]) -> tuple[SlotType, ...]:
    """Read the entities of a REPLACE; CLEAR has none."""
    if directive.get("updateBehavior") == "CLEAR":
        return ()
    if directive.get("updateBehavior") != "REPLACE":
        raise InvalidReply("`updateBehavior` is neither REPLACE nor CLEAR.")
    try:
        return tuple(SlotType.model_validate(each) for each in directive.get("types") or ())
    except ValidationError as error:
        raise InvalidReply(f"The dynamic entities are malformed: {error}") from error
