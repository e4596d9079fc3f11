"""The skill: the SDK routes each request to the step that answers it, and the steps wait for the desk.

The SDK's handlers are plain functions and the desk is asynchronous: a request is handled in a thread of its own, which
waits for what the event loop does for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ask_sdk_core.dispatch_components import AbstractExceptionHandler, AbstractRequestHandler
from ask_sdk_core.handler_input import HandlerInput
from ask_sdk_core.skill import CustomSkill
from ask_sdk_core.skill_builder import SkillBuilder
from ask_sdk_core.utils import is_intent_name, is_request_type
from ask_sdk_model import RequestEnvelope, Response

from bot.core.errors import SaysoError
from bot.core.voice import VoiceDesk
from skills.release_desk.asking import continued
from skills.release_desk.conversation import REQUESTS, STEPS, Step, fallback, finished, refused, slow
from skills.release_desk.progress import Progress
from skills.release_desk.reply import Reply
from skills.release_desk.tongue import Tongue
from skills.release_desk.turn import Turn, read_turn
from skills.release_desk.writing import write

Envelope = dict[str, Any]
Dispatch = Callable[[Envelope], Awaitable[Envelope]]
NOTHING: Envelope = {"version": "1.0", "response": {}}
_THREADS = 32
_SETTLED = 10.0
"""Seconds that work which outlasted its answer may take when the server stops."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long an answer may take. Alexa waits eight seconds."""

    budget: float = 2.0
    """Seconds until something is heard: the answer, or that it takes a moment."""
    last: float = 5.0
    """Seconds until the answer is that there is none yet."""


Late = set[asyncio.Task[Reply]]
"""Work that outlasts its answer, until it is done."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every request is answered with."""

    desk: VoiceDesk
    progress: Progress | None
    pace: Pace
    late: Late


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way through the SDK: its `context`."""

    turn: Turn
    tongue: Tongue
    around: Surroundings
    loop: asyncio.AbstractEventLoop

    def wait(self, step: Step) -> Reply:
        """Let the event loop take a step; called in a thread."""
        return asyncio.run_coroutine_threadsafe(self._take(step), self.loop).result()

    async def _take(self, step: Step) -> Reply:
        around, turn, tongue = self.around, self.turn, self.tongue
        work = asyncio.ensure_future(step(around.desk, turn, tongue))
        await asyncio.wait({work}, timeout=around.pace.budget)
        if work.done():
            return work.result()
        around.late.add(work)
        work.add_done_callback(around.late.discard)
        rest = asyncio.ensure_future(asyncio.wait({work}, timeout=around.pace.last - around.pace.budget))
        if around.progress:
            await around.progress.say(turn, tongue.say("alexa.moment"))
        await rest
        if work.done():
            return work.result()
        work.add_done_callback(_forgotten)
        return slow(turn, tongue)


def _forgotten(work: asyncio.Task[Reply]) -> None:
    """Note how work ended that nobody waits for any more."""
    if not work.cancelled() and (error := work.exception()):
        shown = None if isinstance(error, SaysoError) else error
        _log.warning("a request of the skill failed after its answer was due: %s", error, exc_info=shown)


class Route(AbstractRequestHandler):  # type: ignore[misc]
    """Answers the requests that match with one step."""

    def __init__(self, matches: Callable[[HandlerInput], bool], step: Step) -> None:
        self._matches = matches
        self._step = step

    def can_handle(self, handler_input: HandlerInput) -> bool:
        """Tell whether this is one of them."""
        return self._matches(handler_input)

    def handle(self, handler_input: HandlerInput) -> Response:
        """Wait for the step and write what it answers."""
        return _written(handler_input.context.wait(self._step), handler_input)


class Refusal(AbstractExceptionHandler):  # type: ignore[misc]
    """Says why the desk did not do something. Whatever else goes wrong is the host's to number and log."""

    def can_handle(self, handler_input: HandlerInput, exception: Exception) -> bool:  # noqa: ARG002
        """Tell whether it is a refusal."""
        return isinstance(exception, SaysoError)

    def handle(self, handler_input: HandlerInput, exception: Exception) -> Response:
        """Say it."""
        assert isinstance(exception, SaysoError)
        call: Call = handler_input.context
        return _written(refused(exception, call.turn, call.tongue), handler_input)


def _written(reply: Reply, handler_input: HandlerInput) -> Response:
    call: Call = handler_input.context
    return write(finished(reply, call.turn, call.tongue), handler_input, call.turn, call.tongue)


@asynccontextmanager
async def open_skill(
    desk: VoiceDesk, *, progress: Progress | None = None, pace: Pace = Pace()
) -> AsyncIterator[Dispatch]:
    """Open the skill; at the end what outlasted its answer comes to its own end, while there still is a desk."""
    late: Late = set()
    try:
        yield dispatcher(desk, progress=progress, pace=pace, late=late)
    finally:
        if late:
            await asyncio.wait(late, timeout=_SETTLED)


def dispatcher(
    desk: VoiceDesk, *, progress: Progress | None = None, pace: Pace = Pace(), late: Late | None = None
) -> Dispatch:
    """Build the skill alone: a verified request's envelope goes in, a valid response's comes out.

    `KeyError` for an envelope that names no skill or no user; what is unexpected is raised as it is.
    """
    skill = _skill()
    around = Surroundings(desk, progress, pace, set() if late is None else late)
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="alexa")

    async def dispatch(envelope: Envelope) -> Envelope:
        turn = continued(read_turn(envelope))
        if error := envelope["request"].get("error"):
            _log.warning("Alexa did not take an answer: %.300r", error)
        if turn.type not in _TYPES:
            return NOTHING
        loop = asyncio.get_running_loop()
        call = Call(turn, Tongue(turn.language, desk.vocabulary()), around, loop)
        return await loop.run_in_executor(threads, _invoke, skill, _routed(envelope), call)

    return dispatch


_TYPES = {*REQUESTS, "IntentRequest"}


def _skill() -> CustomSkill:
    builder = SkillBuilder()
    for kind, step in REQUESTS.items():
        builder.add_request_handler(Route(is_request_type(kind), step))
    for name, step in STEPS.items():
        builder.add_request_handler(Route(is_intent_name(name), step))
    builder.add_request_handler(Route(is_request_type("IntentRequest"), fallback))
    builder.add_exception_handler(Refusal())
    return builder.create()


def _invoke(skill: CustomSkill, routed: str, call: Call) -> Envelope:
    request = skill.serializer.deserialize(routed, RequestEnvelope)
    answer: Envelope = skill.serializer.serialize(skill.invoke(request, call))
    return answer


def _routed(envelope: Envelope) -> str:
    """Give the SDK what it routes by. Its model knows fewer fields than Alexa sends and stumbles over new values."""
    request = envelope["request"]
    kept: dict[str, Any] = {key: request[key] for key in ("type", "requestId", "timestamp", "locale") if key in request}
    if "intent" in request:
        kept["intent"] = {"name": request["intent"]["name"]}
    session: Envelope = {"session": {"attributes": {}}} if "session" in envelope else {}
    return json.dumps({"version": "1.0", "request": kept, **session})
