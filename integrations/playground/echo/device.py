"""The device: hears an utterance, asks the skill what it means to it, and says the answer.

    device = Device(read_model(json.loads(text)), skill, person=Person("ana", pin="4711"))
    turn = await device.say("Alexa, ask release desk to deploy checkout to production")
    assert turn.speech == "Checkout build 481 to production. Tests passed. Go ahead?"
    turn = await device.say("yes")      # turn.asks == "pin" if the skill wants the voice PIN
    turn = await device.say("4 7 1 1")
    device.person = None                # from now on a voice that is not recognised

`skill` takes an envelope and gives the answer: the skill's own dispatch, or `Endpoint`, which signs and posts it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from integrations.playground.echo import phrases
from integrations.playground.echo.entities import Entities
from integrations.playground.echo.envelope import PIN_LEVEL, Person, Sender, Session, envelope
from integrations.playground.echo.model import InteractionModel
from integrations.playground.echo.pin import Pins, resumed
from integrations.playground.echo.replies import (
    CONFIRM,
    CONFIRM_SLOT,
    CONNECT,
    ELICIT,
    ENTITIES,
    RENDER,
    InvalidReply,
    Reply,
    dynamic_types,
    read_reply,
)  # fmt: skip
from integrations.playground.echo.turn import NoAnswer, Skill, Turn, known
from integrations.playground.echo.understanding import FALLBACK, Meaning, Understanding
from integrations.playground.echo.words import words

__all__ = ["Device", "NoAnswer", "Person", "Skill", "Turn"]

PATIENCE: Final = 8.0
"""Seconds that Alexa waits for a skill."""


@dataclass(slots=True)
class _Asked:
    """What the skill wants to know: `directive` is a dialog directive or a connection."""

    directive: dict[str, Any]
    intent: dict[str, Any]
    tries: int = 0


class Device:
    """An Echo with one skill enabled. `person` may change at any time: the next utterance is theirs."""

    def __init__(
        self,
        model: InteractionModel,
        skill: Skill,
        *,
        person: Person | None = None,
        skill_id: str = "amzn1.ask.skill.playground",
        account: str = "HOUSEHOLD",
        name: str = "ECHO",
        locale: str = "en-US",
        screen: bool = False,
        api_endpoint: str = "https://api.amazonalexa.com",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        patience: float = PATIENCE,
        pins: Pins | None = None,
    ) -> None:
        self.person = person
        self.model = model
        self._skill = skill
        self._sender = Sender(skill_id, account, name, locale, screen, api_endpoint, new_id())
        self._entities = Entities(model, skill_id, locale)
        self._understanding = Understanding(model, self._entities, locale)
        self._language = phrases.language(locale)
        self._clock, self._new_id, self._patience = clock, new_id, patience
        self._pins = pins or Pins()
        self._session: Session | None = None
        self._asked: _Asked | None = None
        self._reprompt = ""
        self._progress: list[str] = []
        self._under_way: str | None = None

    async def say(self, utterance: str) -> Turn:
        """Say something. Without a session it need not begin with "Alexa, ask …": it is meant for the skill anyway."""
        if self._asked and self._asked.directive["type"] == CONNECT:
            return await self._hear_pin(utterance)
        invoked = self._understanding.invocation(utterance)
        if self._session is None or invoked:
            self._begin()
            wish = utterance if invoked is None else invoked.wish
            if not wish:
                return await self._send(utterance, {"type": "LaunchRequest"})
            return await self._wish(utterance, wish)
        if " ".join(words(utterance)) in phrases.EXIT[self._language]:
            return await self._end(utterance, {"reason": "USER_INITIATED"})
        if asked := self._asked:
            answered = self._answer(asked, utterance)
            if answered:
                return await self._send(utterance, self._intent_request(answered, "IN_PROGRESS"))
        return await self._wish(utterance, utterance)

    async def wait(self) -> Turn:
        """Say nothing: the skill's reprompt is heard once, then the session ends."""
        if self._session and self._reprompt:
            said, self._reprompt = self._reprompt, ""
            return Turn("", speech=said, asks=self._asks(), open=True)
        return await self._end("", {"reason": "EXCEEDED_MAX_REPROMPTS"}) if self._session else Turn("")

    def progress(self, request_id: str, speech: str) -> bool:
        """Say a progressive response; False if the request is not under way, so that nothing is heard."""
        if request_id != self._under_way:
            return False
        self._progress.append(speech)
        return True

    @property
    def api_token(self) -> str:
        """Give the token that the skill presents for progressive responses."""
        return self._sender.api_token

    def _begin(self) -> None:
        self._session = Session(f"amzn1.echo-api.session.{self._new_id()}")
        self._asked, self._reprompt = None, ""
        self._entities.dynamic = ()

    def _close(self) -> None:
        self._session, self._asked, self._reprompt = None, None, ""
        self._entities.dynamic = ()

    async def _wish(self, heard: str, wish: str) -> Turn:
        meaning = self._understanding.meaning(wish)
        if meaning is None:
            if self.model.intent(FALLBACK) is None:
                return Turn(heard, open=self._session is not None, problem="The model has no Fallback for this.")
            meaning = Meaning(FALLBACK, {})
        return await self._send(heard, self._intent_request(self._intent(meaning), "STARTED"))

    def _intent(self, meaning: Meaning) -> dict[str, Any]:
        intent = self.model.intent(meaning.intent)
        assert intent
        slots = {
            slot.name: self._entities.value(slot.name, slot.type, meaning.said[slot.name])
            if slot.name in meaning.said
            else {"name": slot.name, "confirmationStatus": "NONE"}
            for slot in intent.slots
        }
        return {"name": intent.name, "confirmationStatus": "NONE"} | ({"slots": slots} if slots else {})

    def _intent_request(self, intent: dict[str, Any], state: str) -> dict[str, Any]:
        dialog = {"dialogState": state} if self.model.dialog_intent(intent["name"]) else {}
        return {"type": "IntentRequest", "intent": intent, **dialog}

    def _answer(self, asked: _Asked, utterance: str) -> dict[str, Any] | None:
        """Read the utterance as the answer to what the skill asked; None if it is something else."""
        kind = asked.directive["type"]
        if kind in {CONFIRM, CONFIRM_SLOT}:
            yes = self._understanding.yes_or_no(utterance)
            if yes is None:
                return None
            status = {"confirmationStatus": "CONFIRMED" if yes else "DENIED"}
            if kind == CONFIRM:
                return asked.intent | status
            name = asked.directive["slotToConfirm"]
            return asked.intent | {"slots": asked.intent["slots"] | {name: asked.intent["slots"][name] | status}}
        intent = self.model.intent(asked.intent["name"])
        slot = intent.slot(asked.directive["slotToElicit"]) if intent else None
        if slot is None:
            return None
        meaning = self._understanding.answer(utterance, asked.intent["name"], slot)
        other = self._understanding.meaning(utterance)
        if meaning is None or (other and other.literal and (meaning.unknown or not other.said)):
            return None
        filled = {name: each for name, each in self._intent(meaning)["slots"].items() if name in meaning.said}
        return asked.intent | {"slots": asked.intent.get("slots", {}) | filled}

    async def _send(self, heard: str, request: dict[str, Any], level: int | None = None) -> Turn:
        self._asked = None
        session = self._session
        body = envelope(
            self._sender, self.person, self._confidence(level), session, request,
            request_id=self._new_id(), now=self._clock(),
        )  # fmt: skip
        self._under_way, self._progress = body["request"]["requestId"], []
        intent = request.get("intent")
        sent = {"heard": heard, "intent": intent and intent["name"], "slots": known(intent)}
        answer = None
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._skill(body)
            reply = read_reply(answer, self.model, intent and intent["name"], screen=self._sender.screen)
        except TimeoutError:
            return await self._broken(sent, body, answer, phrases.LATE[self._language], "No answer in time.")
        except (NoAnswer, InvalidReply) as problem:
            return await self._broken(sent, body, answer, phrases.PROBLEM[self._language], str(problem))
        finally:
            self._under_way = None
        if session:
            session.new, session.attributes = False, reply.attributes
        turn = self._take(sent, body, answer, reply, intent)
        if turn.asks == "pin":
            return await self._begin_pin(turn)
        return turn

    def _confidence(self, level: int | None = None) -> int | None:
        return level or (self.person.level if self.person else None)

    def _take(
        self, sent: dict[str, Any], body: dict[str, Any], answer: Any, reply: Reply, intent: dict[str, Any] | None
    ) -> Turn:
        if entities := reply.directive(ENTITIES):
            self._entities.dynamic = dynamic_types(entities)
        asking = reply.dialog or reply.directive(CONNECT)
        if asking:
            self._asked = _Asked(asking, asking.get("updatedIntent") or intent or {})
        self._reprompt = reply.reprompt
        if reply.ends:
            self._close()
        return Turn(
            **sent,
            speech=reply.speech,
            ssml=reply.ssml,
            reprompt=reply.reprompt,
            progress=tuple(self._progress),
            asks=self._asks(),
            open=self._session is not None,
            card=reply.card,
            screen=reply.directive(RENDER),
            requests=(body,),
            answers=(answer,),
        )

    def _asks(self) -> str:
        if self._session is None:
            return ""
        kind = self._asked.directive["type"] if self._asked else ""
        return {CONNECT: "pin", ELICIT: "slot", CONFIRM: "confirmation", CONFIRM_SLOT: "confirmation"}.get(
            kind, "anything"
        )

    async def _broken(self, sent: dict[str, Any], body: dict[str, Any], answer: Any, speech: str, why: str) -> Turn:
        said = tuple(self._progress)
        ended = {"reason": "ERROR", "error": {"type": "INVALID_RESPONSE", "message": why}}
        told = await self._end(sent["heard"], ended)
        return Turn(
            **sent, speech=speech, progress=said, problem=why,
            requests=(body, *told.requests), answers=(answer, *told.answers),
        )  # fmt: skip

    async def _end(self, heard: str, reason: dict[str, Any]) -> Turn:
        """End the session and tell the skill, whose answer nobody hears."""
        request = {"type": "SessionEndedRequest", **reason}
        body = envelope(
            self._sender, self.person, self._confidence(), self._session, request,
            request_id=self._new_id(), now=self._clock(),
        )  # fmt: skip
        self._close()
        try:
            async with asyncio.timeout(self._patience):
                return Turn(heard, requests=(body,), answers=(await self._skill(body),))
        except (NoAnswer, TimeoutError) as problem:
            return Turn(heard, requests=(body,), problem=str(problem))

    async def _begin_pin(self, turn: Turn) -> Turn:
        """Ask for the PIN, or resume the skill at once if there is no use in asking."""
        assert self._asked
        if certain := self._pins.certain(self.person):
            answer = await self._send(turn.heard, resumed(self._asked.directive, certain))
            return replace(
                answer,
                speech=f"{turn.speech} {answer.speech}".strip(),
                intent=turn.intent,
                slots=turn.slots,
                requests=turn.requests + answer.requests,
                answers=turn.answers + answer.answers,
            )
        return replace(turn, speech=f"{turn.speech} {phrases.PIN[self._language]}".strip())

    async def _hear_pin(self, utterance: str) -> Turn:
        asked = self._asked
        assert asked
        asked.tries += 1
        result = self._pins.check(self.person, utterance, asked.tries, self._sender.locale)
        if result is None:
            return Turn(utterance, speech=phrases.WRONG_PIN[self._language], asks="pin", open=True)
        level = PIN_LEVEL if result["status"] == "ACHIEVED" else None
        return await self._send(utterance, resumed(asked.directive, result), level)
