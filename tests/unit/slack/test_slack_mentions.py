from __future__ import annotations

from contextlib import ExitStack

from bot.core.commands import Command, Verb
from bot.core.errors import Refused
from tests.unit.slack.office import APPROVE, Office, card, open_office


def test_a_mention_is_a_command(office: Office) -> None:
    assert office.say("@sayso deploy checkout to staging please")["ok"]
    actor, command, key = office.desk.asked[0]
    assert actor.person == "ana"
    assert command == Command(verb=Verb.DEPLOY, service="checkout", environment="staging")
    assert key.startswith("slack:Ev")
    office.whispered("Asked for: *checkout #12* to staging")


def test_a_mention_under_a_card_means_its_release(office: Office) -> None:
    shown = card(office, APPROVE)
    office.cards[shown["channel"], shown["ts"]] = "r77"
    office.say("@sayso stop", thread_ts=shown["ts"])
    assert office.desk.commands == [Command(verb=Verb.STOP, release="r77")]
    assert office.whispered("Stopping")["thread_ts"] == shown["ts"]
    office.say("@sayso approve checkout prod", thread_ts=shown["ts"])
    assert office.desk.commands[-1] == Command(verb=Verb.APPROVE, service="checkout", environment="prod")


def test_a_mention_in_any_other_thread_names_nothing(office: Office) -> None:
    shown = card(office, APPROVE)
    office.say("@sayso stop", thread_ts=shown["ts"])
    assert office.desk.commands == [Command(verb=Verb.STOP)]


def test_what_everybody_may_know_is_answered_in_a_thread_for_everybody(office: Office) -> None:
    asked = office.say("@sayso help")["message"]

    def look() -> object:
        return [one for one in office.town.messages() if one.get("thread_ts") == asked["ts"] and one["bot"]]

    (answer,) = office.town.wait_for(look, "an answer in the thread")
    assert answer["visible_to"] is None
    assert "/release status" in str(answer["blocks"])


def test_a_refusal_is_private(office: Office) -> None:
    office.desk.next.append(Refused("rule", "You may not."))
    office.say("@sayso deploy checkout staging")
    assert office.whispered("You may not.")["visible_to"] == "U01ANA"


def test_a_mention_that_leaves_the_place_open_offers_the_form(office: Office) -> None:
    office.say("@sayso deploy")
    shown = office.whispered("Open the form")
    assert office.click(shown, "sayso.form.open")["modal"]["callback_id"] == "sayso.form.deploy"


def test_an_event_that_failed_before_the_commit_is_delivered_again_and_then_done(office: Office) -> None:
    office.desk.next.append(OSError("no disk"))
    office.say("@sayso deploy checkout staging")
    office.whispered("incident-1")
    office.town.wait_for(lambda: len(office.desk.committed) == 1, "Slack's retry has its effect")
    office.whispered("Asked for")
    assert [key for _, _, key in office.desk.asked] == [office.desk.asked[0][2]] * 2


def test_an_event_that_failed_after_the_commit_has_its_effect_once(office: Office) -> None:
    office.desk.after_commit = OSError("too late")
    office.say("@sayso deploy checkout staging")
    office.whispered("incident-1")
    office.desk.after_commit = None
    office.town.wait_for(lambda: len(office.desk.asked) >= 2, "Slack's retry")
    assert len(office.desk.committed) == 1


def test_an_event_delivered_twice_is_answered_once(office: Office) -> None:
    office.say("@sayso deploy checkout staging")
    office.whispered("Asked for")
    again = office.town.post("deliver", kind="duplicate", skew=1)
    assert again["status"] == 200
    assert len(office.desk.asked) == 1


def test_a_stranger_is_told_so_privately(office: Office) -> None:
    office.say("@sayso deploy checkout staging", who="U03NEW")
    office.whispered('slack = "U03NEW"', who="U03NEW")
    assert office.desk.asked == []


def test_an_answer_that_the_channel_refuses_comes_directly(office: Office) -> None:
    office.town.post("fault", method="chat.postEphemeral", fault="error:channel_not_found", times=1)
    office.say("@sayso deploy checkout staging")

    def look() -> object:
        return [one for one in office.town.messages("D01ANA") if "Asked for" in one["text"]]

    office.town.wait_for(look, "a direct message")


def test_everything_works_over_socket_mode_too() -> None:
    with ExitStack() as stack:
        office = open_office(stack, socket=True)
        office.town.wait_for(lambda: office.town.get("state")["socket_mode"], "the bot has connected")
        assert "Asked for" in office.say("/deploy checkout staging")["ephemeral"]["text"]
        assert office.say("/deploy")["modal"]
        office.say("@sayso deploy checkout staging")
        office.whispered("Asked for")
        office.click(card(office, APPROVE), "sayso.approve")
        office.whispered("You approved")
        transports = {one["transport"] for one in office.town.get("ledger")["deliveries"]}
        assert transports == {"socket"}


def test_the_bot_starts_and_stops_while_slack_is_down() -> None:
    with ExitStack() as stack:
        office = open_office(stack, socket=True, app_token=None)
        assert not office.town.get("state")["socket_mode"]
        assert "Asked for" in office.say("/deploy checkout staging")["ephemeral"]["text"]
