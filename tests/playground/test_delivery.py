from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError

from integrations.playground.config import PlaygroundConfig

from .serving import PATIENCE, Town, town

CHANNEL = "C01RELEASES"


def button(action_id: str, text: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": text}, **more}


def select(action_id: str, *values: str) -> dict[str, Any]:
    options = [{"text": {"type": "plain_text", "text": value.title()}, "value": value} for value in values]
    return {"type": "static_select", "action_id": action_id, "options": options}


REASON = {
    "type": "input",
    "block_id": "reason",
    "label": {"type": "plain_text", "text": "Why?"},
    "element": {"type": "plain_text_input", "action_id": "reason_text", "min_length": 2},
}
MODAL = {
    "type": "modal",
    "callback_id": "reject",
    "title": {"type": "plain_text", "text": "Reject"},
    "submit": {"type": "plain_text", "text": "Reject"},
    "notify_on_close": True,
    "blocks": [REASON],
}


def register(app: AsyncApp, place: Town) -> None:
    """A small release bot, real Bolt listeners only."""

    @app.command("/deploy")
    async def deploy(ack: Any, command: dict[str, Any], client: Any, respond: Any) -> None:
        place.log.append(command)
        words = command["text"].split()
        if words[:1] == ["slow"]:
            await asyncio.sleep(2)
        if words[:1] == ["modal"]:
            await client.views_open(trigger_id=command["trigger_id"], view=MODAL)
        if words[:1] == ["help"]:
            await ack("Say what and where.")
            return
        if words[:1] == ["badblocks"]:
            await ack(text="x", blocks=[{"type": "nope"}])
            return
        await ack()
        if words[:1] == ["respond"]:
            await respond("first")
            await respond("second", replace_original=True)
            await respond("for all", response_type="in_channel")
        if words[:1] == ["card"]:
            actions = [
                button("approve", "Approve", value="r1"),
                button("reject", "Reject", value="r1"),
                select("scope", "all", "failed"),
            ]
            actions.append({"type": "overflow", "action_id": "more", "options": select("x", "stop")["options"]})
            blocks = [{"type": "actions", "block_id": "gate", "elements": actions}]
            await client.chat_postMessage(channel=command["channel_id"], text="card", blocks=blocks)

    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any], client: Any, respond: Any) -> None:
        await ack()
        place.log.append(body)
        await client.chat_update(channel=CHANNEL, ts=body["message"]["ts"], text="approved", blocks=[])

    @app.action("reject")
    async def reject(ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @app.action("scope")
    @app.action("more")
    async def chosen(ack: Any, body: dict[str, Any], respond: Any) -> None:
        await ack()
        place.log.append(body)
        await respond(f"chose {body['actions'][0]['selected_option']['value']}")

    @app.view("reject")
    async def submitted(ack: Any, body: dict[str, Any]) -> None:
        place.log.append(body)
        words = body["view"]["state"]["values"]["reason"]["reason_text"]["value"]
        if words == "errors":
            await ack(response_action="errors", errors={"reason": "Say more."})
        elif words == "wrong":
            await ack(response_action="errors", errors={"nothing": "Say more."})
        elif words == "push":
            await ack(response_action="push", view=MODAL)
        elif words == "update":
            await ack(response_action="update", view=MODAL | {"title": {"type": "plain_text", "text": "Again"}})
        elif words == "clear":
            await ack(response_action="clear")
        else:
            await ack()

    @app.view_closed("reject")
    async def closed(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        place.log.append(body)

    @app.event("app_mention")
    async def mentioned(event: dict[str, Any], body: dict[str, Any], say: Any) -> None:
        place.log.append(body)
        await say(f"heard <@{event['user']}>", thread_ts=event.get("thread_ts") or event["ts"])

    @app.event("app_home_opened")
    async def home(event: dict[str, Any], client: Any) -> None:
        block = {"type": "actions", "block_id": "h", "elements": [button("home_button", "Go")]}
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [block]})

    @app.action("home_button")
    async def home_button(ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        place.log.append(body)


@pytest.fixture(scope="module")
def bot_town() -> Any:
    with town(register) as one:
        yield one


@pytest.fixture
def bot(bot_town: Town) -> Town:
    bot_town.post("reset")
    bot_town.log.clear()
    bot_town.clock.ahead = 0
    return bot_town


def say(bot: Town, text: str, **more: Any) -> dict[str, Any]:
    return bot.post("say", persona="U01ANA", channel=CHANNEL, text=text, **more)


def card(bot: Town) -> dict[str, Any]:
    assert say(bot, "/deploy card")["ok"]
    found: dict[str, Any] = bot.wait_for(lambda: [one for one in bot.messages() if one["text"] == "card"], "a card")[0]
    return found


def click(bot: Town, card: dict[str, Any], action_id: str, persona: str = "U02BO", **more: Any) -> dict[str, Any]:
    return bot.post("click", persona=persona, channel=CHANNEL, ts=card["ts"], action_id=action_id, **more)


def test_a_command_reaches_the_bot_signed_and_its_answer_is_shown(bot: Town) -> None:
    answer = say(bot, "/deploy help a < b & c")
    assert (answer["ok"], answer["status"], answer["ephemeral"]["text"]) == (True, 200, "Say what and where.")
    assert answer["ephemeral"]["visible_to"] == "U01ANA"
    sent = bot.log[0]
    assert (sent["command"], sent["text"], sent["user_id"]) == ("/deploy", "help a &lt; b &amp; c", "U01ANA")
    assert bot.get("ledger")["deliveries"][-1]["headers"]["X-Slack-Signature"].startswith("v0=")


def test_an_unknown_command_and_a_command_in_a_thread_never_reach_the_bot(bot: Town) -> None:
    assert say(bot, "/nope")["error"] == "unknown_command"
    assert say(bot, "/deploy x", thread_ts="1.0")["error"] == "not_in_threads"
    assert bot.get("ledger")["deliveries"] == []


def test_a_bot_that_takes_longer_than_slack_waits_is_a_timeout() -> None:
    with town(register, patience=0.2) as bot:
        answer = say(bot, "/deploy slow")
    assert PlaygroundConfig.model_fields["patience"].default == 3
    assert (answer["ok"], answer["outcome"]) == (False, "operation_timeout")
    assert "3 seconds" in answer["notice"]


def test_an_answer_that_slack_would_not_take_is_an_error(bot: Town) -> None:
    answer = say(bot, "/deploy badblocks")
    assert (answer["ok"], answer["outcome"]) == (False, "invalid_blocks")
    assert bot.messages() == []


def test_a_bot_that_is_down_is_a_failed_dispatch(place: Town) -> None:
    answer = place.post("say", persona="U01ANA", channel=CHANNEL, text="/deploy x")
    assert (answer["ok"], answer["outcome"]) == (False, "dispatch_failed")


def test_a_click_is_delivered_and_the_message_changes_in_place(bot: Town) -> None:
    message = card(bot)
    assert click(bot, message, "approve")["ok"]
    bot.wait_for(lambda: bot.messages()[-1]["text"] == "approved", "the update")
    body = bot.log[-1]
    assert body["user"] == {"id": "U02BO", "username": "bo", "name": "bo", "team_id": "T0LOCAL"}
    assert body["actions"][0]["value"] == "r1"
    assert body["container"]["message_ts"] == message["ts"] == body["message"]["ts"]
    assert body["state"]["values"]["gate"]["scope"] == {"type": "static_select", "selected_option": None}


def test_a_button_that_is_gone_can_only_be_clicked_stale(bot: Town) -> None:
    message = card(bot)
    click(bot, message, "approve")
    bot.wait_for(lambda: bot.messages()[-1]["text"] == "approved", "the update")
    assert click(bot, message, "approve")["error"] == "no_such_element"
    before = len(bot.log)
    assert click(bot, message, "approve", message=message)["ok"]
    bot.wait_for(lambda: len(bot.log) > before, "the stale click")


def test_choosing_in_menus_is_delivered_and_answered_at_the_response_url(bot: Town) -> None:
    message = card(bot)
    chosen = bot.post("select", persona="U01ANA", channel=CHANNEL, ts=message["ts"], action_id="scope", value="failed")
    assert chosen["ok"]
    bot.wait_for(lambda: any(one["text"] == "chose failed" for one in bot.messages()), "the answer")
    assert bot.log[-1]["state"]["values"]["gate"]["scope"]["selected_option"]["value"] == "failed"
    bot.post("select", persona="U01ANA", channel=CHANNEL, ts=message["ts"], action_id="more", value="stop")
    bot.wait_for(lambda: any(one["text"] == "chose stop" for one in bot.messages()), "the answer")
    wrong = bot.post("select", persona="U01ANA", channel=CHANNEL, ts=message["ts"], action_id="scope", value="none")
    assert wrong["error"] == "wrong_value"


def test_a_modal_opens_shows_errors_and_closes(bot: Town) -> None:
    message = card(bot)
    click(bot, message, "reject", persona="U01ANA")
    modals = bot.wait_for(lambda: bot.get("state")["modals"].get("U01ANA"), "a modal")
    view = modals[0]["id"]

    def submit(words: str) -> dict[str, Any]:
        return bot.post("submit", persona="U01ANA", view_id=view, values={"reason": {"reason_text": words}})

    assert submit("")["errors"] == {"reason": "Please complete this required field."}
    assert submit("x")["errors"] == {"reason": "Write at least 2 characters."}
    assert not [one for one in bot.log if one.get("type") == "view_submission"]
    assert submit("errors")["errors"] == {"reason": "Say more."}
    assert submit("wrong")["outcome"] == "bad_answer"
    assert submit("update")["view"]["title"]["text"] == "Again"
    pushed = submit("push")["view"]
    assert [one["id"] for one in bot.get("state")["modals"]["U01ANA"]] == [view, pushed["id"]]
    assert submit("covered by the pushed one")["error"] == "no_such_view"
    assert bot.post("close", persona="U01ANA", view_id=pushed["id"])["ok"]
    assert bot.log[-1]["type"] == "view_closed"
    assert submit("fine")["ok"]
    assert bot.get("state")["modals"]["U01ANA"] == []


def test_a_command_can_open_a_modal(bot: Town) -> None:
    assert say(bot, "/deploy modal")["modal"]["callback_id"] == "reject"


async def test_a_trigger_works_once_and_for_a_short_while(bot: Town) -> None:
    say(bot, "/deploy x")
    trigger = bot.log[-1]["trigger_id"]
    client = bot.client()

    async def error() -> str:
        with pytest.raises(SlackApiError) as refused:
            await client.views_open(trigger_id=trigger, view=MODAL)
        return str(refused.value.response["error"])

    await client.views_open(trigger_id=trigger, view=MODAL)
    assert await error() == "exchanged_trigger_id"
    say(bot, "/deploy y")
    trigger = bot.log[-1]["trigger_id"]
    bot.clock.ahead = PATIENCE + 0.5
    assert await error() == "expired_trigger_id"


def test_a_response_url_works_five_times_within_thirty_minutes(bot: Town) -> None:
    def answer(url: str, **body: Any) -> httpx.Response:
        return httpx.post(url, json=body, trust_env=False)

    say(bot, "/deploy x")
    url = bot.log[-1]["response_url"]
    assert answer(url, text="", blocks=[{"type": "nope"}]).json()["error"] == "invalid_blocks"
    assert [answer(url, text=str(n)).status_code for n in range(5)] == [200, 200, 200, 200, 404]
    assert answer(url, text="x").json() == {"ok": False, "error": "used_url"}
    say(bot, "/deploy y")
    bot.clock.ahead = 31 * 60
    assert answer(bot.log[-1]["response_url"], text="x").json()["error"] == "expired_url"


def test_a_response_url_replaces_and_speaks_to_all(bot: Town) -> None:
    say(bot, "/deploy respond")
    bot.wait_for(lambda: any(one["text"] == "for all" for one in bot.messages()), "three answers")
    assert {(one["text"], one["visible_to"]) for one in bot.messages()} == {("second", "U01ANA"), ("for all", None)}


def test_a_mention_is_delivered_as_an_event_and_answered_in_its_thread(bot: Town) -> None:
    said = say(bot, "@sayso deploy & go, @bo")["message"]
    assert said["text"] == "<@U0SAYSO> deploy &amp; go, <@U02BO>"
    bot.wait_for(lambda: len(bot.messages()) == 2, "an answer")
    assert bot.messages()[-1]["thread_ts"] == said["ts"]
    assert bot.log[-1]["event"]["text"] == said["text"]
    assert bot.log[-1]["type"] == "event_callback"


def test_a_person_cant_forge_a_mention_in_brackets(bot: Town) -> None:
    assert say(bot, "<!channel> <@U02BO>")["message"]["mentions"] == []


def test_the_home_tab_is_published_and_its_buttons_work(bot: Town) -> None:
    bot.post("home", persona="U01ANA")
    view = bot.wait_for(lambda: bot.get("state")["homes"].get("U01ANA"), "a Home tab")
    assert bot.post("click", persona="U01ANA", view_id=view["id"], action_id="home_button")["ok"]
    assert bot.log[-1]["view"]["id"] == view["id"]
    assert bot.post("click", persona="U02BO", view_id=view["id"], action_id="home_button")["error"] == "no_such_view"


def test_probes_duplicates_and_forgeries(bot: Town) -> None:
    challenge = bot.post("deliver", kind="url_verification")
    assert json.loads(challenge["answer"])["challenge"].startswith("c")
    assert bot.post("deliver", kind="ssl_check")["status"] == 200
    say(bot, "/deploy x")
    assert bot.post("deliver", kind="duplicate")["status"] == 200
    assert len(bot.log) == 2
    forged = bot.post("deliver", kind="bad_signature")
    assert (forged["status"], forged["outcome"]) == (401, "dispatch_failed")
    assert bot.post("deliver", kind="duplicate", skew=-301)["status"] == 401


def test_an_unacknowledged_event_comes_again_with_retry_headers(place: Town) -> None:
    with town(event_retry_delays=(0.0, 0.01, 0.02)) as down:
        down.post("say", persona="U01ANA", channel=CHANNEL, text="@sayso hello")
        deliveries = down.wait_for(
            lambda: len(found := down.get("ledger")["deliveries"]) == 4 and found, "three retries"
        )
    assert [one["headers"].get("X-Slack-Retry-Num") for one in deliveries] == [None, "1", "2", "3"]
    assert {one["headers"]["X-Slack-Retry-Reason"] for one in deliveries[1:]} == {"connection_failed"}
    assert len({one["body"] for one in deliveries}) == 1
