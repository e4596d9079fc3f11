"""`@sayso …` in a channel or thread: the same commands; under a card they mean that card's release."""

from __future__ import annotations

from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.async_context import AsyncBoltContext

from bot.core.commands import Command, Verb
from bot.core.errors import SaysoError
from bot.core.grammar import OpenForm, parse_mention
from bot.core.wording import say
from bot.slack import home
from bot.slack.forms import OPEN_DEPLOY
from bot.slack.front import Front, sorry, wish
from bot.slack.replies import Place
from bot.slack.said import BUTTON_TEXT, Said, actions, plain, section

_ABOUT_ONE = frozenset(
    {
        *(Verb.STATUS, Verb.APPROVE, Verb.REJECT, Verb.STOP, Verb.RETRY, Verb.OVERRIDE, Verb.ROLLBACK),
        *(Verb.HOLD, Verb.UNHOLD),
    }
)


def listen(bolt: AsyncApp, front: Front) -> None:
    """Register mentions. Slack is told 200 only after the commit; anything unexpected makes it deliver again."""

    async def on_mention(body: dict[str, Any], event: dict[str, Any], context: AsyncBoltContext, request: Any) -> None:
        me = context.bot_user_id
        name = str(body.get("event_id") or f"{event.get('channel')}:{event.get('ts')}")
        first = "x-slack-retry-num" not in request.headers

        async def work() -> None:
            await _mentioned(front, event, name, me, first=first)

        await front.answered_events.do(name, work)

    bolt.event("app_mention")(on_mention)


async def _mentioned(front: Front, event: dict[str, Any], name: str, me: str | None, *, first: bool) -> None:
    if event.get("bot_id") or not event.get("user") or event.get("edited"):
        return
    thread, ts = event.get("thread_ts"), event.get("ts")
    place = Place(user=str(event["user"]), channel=event.get("channel"), thread=thread)
    try:
        said = await _answer(front, event, place, name, me)
    except SaysoError as error:
        said = sorry(error)
    except Exception as error:
        if first:  # Slack delivers this up to three times more; one apology is enough
            apology = front.incident(error)
            again = Said(f"{apology.text} {say('slack.try_again')}")
            front.replies.soon(front.replies.privately(place, again))
        raise
    home.draw_again(front, place.user)
    if said.public:
        # A thread can be begun under the question; an ephemeral there would not be seen, so those stay in the channel.
        public = Place(user=place.user, channel=place.channel, thread=thread or ts)
        front.replies.soon(front.replies.in_thread(public, said))
    else:
        front.replies.soon(front.replies.privately(place, said))


async def _answer(front: Front, event: dict[str, Any], place: Place, name: str, me: str | None) -> Said:
    command = parse_mention(str(event.get("text") or ""), front.words, me=me)
    if isinstance(command, OpenForm):
        return _form_button()
    if place.thread and place.channel and command.verb in _ABOUT_ONE and not _names_something(command):
        release = await front.release_by_message(place.channel, place.thread)
        command = command.model_copy(update={"release": release})
    return await front.ask(lambda: front.actor(place.user, place.channel), command, wish(name))


def _names_something(command: Command) -> bool:
    return bool(command.service or command.environment or command.number)


def _form_button() -> Said:
    """Offer the form by a button: a mention has no trigger that could open it."""
    text = say("slack.form.incomplete")
    button = {"type": "button", "action_id": OPEN_DEPLOY, "text": plain(say("slack.form.open"), BUTTON_TEXT)}
    return Said(text, (section(text), actions(button)))
