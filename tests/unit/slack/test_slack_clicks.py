from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from slack_sdk.web import WebClient

from bot.core.commands import Command, Verb
from bot.core.errors import Conflict
from tests.playground.serving import TOKEN
from tests.unit.slack.office import APPROVE, REJECT, Office, card

OVERRIDE = Command(verb=Verb.OVERRIDE, release="r1", attempt=2)


@pytest.mark.parametrize(
    "command",
    [
        APPROVE,
        Command(verb=Verb.STOP, release="r1"),
        Command(verb=Verb.RETRY, release="r1", attempt=2),
        Command(verb=Verb.ROLLBACK, service="checkout", environment="prod"),
        Command(verb=Verb.PROMOTE, service="checkout", environment="prod", run_id="x", gate="g"),
    ],
)
def test_a_button_carries_its_command_to_the_desk_and_the_clicker_is_told(office: Office, command: Command) -> None:
    shown = card(office, command)
    assert office.click(shown, f"sayso.{command.verb}", who="U02BO")["ok"]
    actor, asked, key = office.desk.asked[0]
    assert (actor.person, actor.conversation, asked) == ("bo", "C01RELEASES", command)
    assert key.startswith("slack:")
    office.whispered("checkout #12", who="U02BO")
    assert office.whispers("U01ANA") == []


def test_a_late_click_is_told_who_decided(office: Office) -> None:
    office.desk.next.append(Conflict("checkout #12 was approved already, by Ana Ruiz."))
    office.click(card(office, APPROVE), "sayso.approve", who="U02BO")
    office.whispered("approved already, by Ana Ruiz", who="U02BO")


def test_every_one_of_many_clicks_is_answered(office: Office) -> None:
    shown = card(office, APPROVE)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: office.click(shown, "sayso.approve", who="U02BO"), range(20)))
    assert all(answer["ok"] for answer in answers)
    assert len({key for _, _, key in office.desk.asked}) == 20
    office.town.wait_for(lambda: len(office.whispers("U02BO")) == 20, "twenty answers")


def test_a_click_in_a_thread_is_answered_in_the_thread(office: Office) -> None:
    parent = card(office, APPROVE)
    shown = card(office, APPROVE, thread_ts=parent["ts"])
    office.click(shown, "sayso.approve", who="U02BO")
    assert office.whispered("You approved", who="U02BO")["thread_ts"] == parent["ts"]


def test_a_stranger_who_clicks_is_told_how_to_be_introduced(office: Office) -> None:
    office.click(card(office, APPROVE), "sayso.approve", who="U03NEW")
    office.whispered('slack = "U03NEW"', who="U03NEW")
    assert office.desk.asked == []


def test_a_button_of_an_older_version_is_answered(office: Office) -> None:
    client = WebClient(TOKEN, base_url=f"{office.town.url}/api/")
    for action in ("sayso.approve", "somebody.else"):
        strange = {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": "x"}, "value": "{}x"}
        ts = client.chat_postMessage(
            channel="C01RELEASES", text="x", blocks=[{"type": "actions", "elements": [strange]}]
        )["ts"]
        assert office.click({"channel": "C01RELEASES", "ts": ts}, action)["ok"]
    office.town.wait_for(lambda: len(office.whispers()) == 2, "both are answered")
    assert office.desk.asked == []


def test_an_unexpected_error_in_a_click_gives_a_number(office: Office) -> None:
    office.desk.next.append(OSError("no disk"))
    assert office.click(card(office, APPROVE), "sayso.approve")["ok"]
    office.whispered("incident-1")


def test_a_click_delivered_twice_has_one_key(office: Office) -> None:
    office.click(card(office, APPROVE), "sayso.approve")
    office.town.post("deliver", kind="duplicate", skew=1)
    assert office.desk.asked[0] == office.desk.asked[1]


@pytest.mark.parametrize(
    ("wish", "why", "said"),
    [(REJECT, "Why not?", "You rejected"), (OVERRIDE, "Why may it pass?", "although a condition failed")],
)
def test_what_needs_a_reason_asks_for_it_and_takes_it_to_the_desk(
    office: Office, wish: Command, why: str, said: str
) -> None:
    opened = office.click(card(office, wish), f"sayso.{wish.verb}", who="U02BO")
    assert office.desk.asked == []
    view = opened["modal"]
    assert view["callback_id"] == "sayso.form.reason"
    nothing = office.submit(view, {"reason": ""}, who="U02BO")
    assert nothing["errors"]
    blank = office.submit(view, {"reason": "   "}, who="U02BO")
    assert blank["errors"] == {"reason": why}
    done = office.submit(view, {"reason": "The <prices> are wrong"}, who="U02BO")
    assert done["ok"]
    actor, command, _ = office.desk.asked[0]
    assert (actor.person, command) == ("bo", wish.model_copy(update={"reason": "The <prices> are wrong"}))
    office.whispered(said, who="U02BO")
    assert office.modal("U02BO") is None


def test_a_no_that_comes_too_late_says_so_in_the_form(office: Office) -> None:
    view = office.click(card(office, REJECT), "sayso.reject", who="U02BO")["modal"]
    office.desk.next.append(Conflict("checkout #12 was approved already, by Ana Ruiz."))
    assert office.submit(view, {"reason": "no"}, who="U02BO")["errors"] == {
        "reason": "checkout #12 was approved already, by Ana Ruiz."
    }


def test_a_link_button_is_only_acknowledged(office: Office) -> None:
    client = WebClient(TOKEN, base_url=f"{office.town.url}/api/")
    link = {
        "type": "button",
        "action_id": "sayso.link",
        "text": {"type": "plain_text", "text": "Log"},
        "url": "https://example.com/",
    }
    ts = client.chat_postMessage(channel="C01RELEASES", text="x", blocks=[{"type": "actions", "elements": [link]}])[
        "ts"
    ]
    assert office.click({"channel": "C01RELEASES", "ts": ts}, "sayso.link")["ok"]
    assert office.whispers() == []
