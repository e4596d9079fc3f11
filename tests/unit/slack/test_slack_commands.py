from __future__ import annotations

import logging
from contextlib import ExitStack

import pytest

from bot.core.commands import Command, Deployment, Deployments, Held, Releases, Verb
from bot.core.errors import BackendUnavailable, Conflict, Refused
from bot.core.model import Hold, Revision, Status, Surface
from tests.unit.slack.office import NOW, Office, catalogue, environment, offer, open_office, release, service


def test_a_command_reaches_the_desk_and_its_answer_comes_with_the_acknowledgement(office: Office) -> None:
    answer = office.say("/deploy checkout@main staging -- new prices")
    assert answer["outcome"] == "ok"
    assert answer["ephemeral"]["text"] == "👀 Asked for: *checkout #12* to staging. The card is in <#C01RELEASES>."
    actor, command, key = office.desk.asked[0]
    assert (actor.person, actor.surface, actor.conversation) == ("ana", Surface.SLACK, "C01RELEASES")
    assert command == Command(
        verb=Verb.DEPLOY, service="checkout", environment="staging", ref="main", reason="new prices"
    )
    assert key.startswith("slack:")
    assert office.calls("chat.postEphemeral") == []


def test_two_commands_have_two_keys_and_a_command_delivered_twice_has_one(office: Office) -> None:
    office.say("/deploy checkout staging")
    office.say("/deploy checkout staging")
    again = office.town.post("deliver", kind="duplicate", skew=1)
    keys = [key for _, _, key in office.desk.asked]
    assert keys[0] != keys[1] == keys[2]
    assert again["answer"].find("That was asked for already") > 0


def test_a_replayed_command_never_reaches_the_desk_again(office: Office) -> None:
    office.say("/deploy checkout staging")
    assert office.town.post("deliver", kind="replay")["status"] == 200
    assert len(office.desk.asked) == 1


def test_a_command_with_a_wrong_signature_gets_401(office: Office) -> None:
    office.say("/deploy checkout staging")
    assert office.town.post("deliver", kind="bad_signature")["status"] == 401
    assert len(office.desk.asked) == 1


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (
            Refused("services.checkout", "You may not <!channel>.", fix="Who may: Bo & Co."),
            "🔒 You may not &lt;!channel&gt;.\nWho may: Bo &amp; Co.",
        ),
        (Conflict("checkout #12 was approved already, by Bo."), "⚠️ checkout #12 was approved already, by Bo."),
        (BackendUnavailable(), "⚠️ The backend does not answer just now; trying again may help."),
    ],
)
def test_a_refusal_is_said_privately_with_its_remedy(office: Office, raised: Exception, said: str) -> None:
    office.desk.next.append(raised)
    assert office.say("/deploy checkout staging")["ephemeral"]["text"] == said


def test_an_unexpected_error_gives_a_number_and_is_logged_once_under_it(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.desk.next.append(OSError("disk full"))
    answer = office.say("/deploy checkout staging")
    assert (answer["outcome"], answer["status"]) == ("ok", 200)
    assert "incident-1" in answer["ephemeral"]["text"]
    assert "disk full" not in answer["ephemeral"]["text"]
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(logged) == 1
    assert "incident-1" in logged[0].getMessage()
    assert logged[0].exc_info


def test_an_error_right_after_the_commit_is_answered_and_the_wish_stays(office: Office) -> None:
    office.desk.after_commit = OSError("too late")
    answer = office.say("/deploy checkout staging")
    assert answer["status"] == 200
    assert "incident-1" in answer["ephemeral"]["text"]
    assert len(office.desk.committed) == 1
    assert answer["ms"] < 2900, "the acknowledgement was lost and only Bolt's timeout answered"


def test_a_typo_is_answered_with_the_nearest_name(office: Office) -> None:
    text = office.say("/deploy chekout staging")["ephemeral"]["text"]
    assert "Did you mean checkout?" in text
    assert office.desk.asked == []


def test_a_stranger_is_told_the_lines_for_the_catalogue(office: Office) -> None:
    text = office.say("/deploy checkout staging", who="U03NEW")["ephemeral"]["text"]
    assert '[people.new-person]\nname = "new.person"\nslack = "U03NEW"' in text
    assert office.desk.asked == []


def test_help_is_given_to_strangers_too_and_lists_every_command(office: Office) -> None:
    shown = office.say("/deploy help", who="U03NEW")["ephemeral"]
    for verb in (
        "status",
        "approve",
        "reject",
        "stop",
        "retry",
        "override",
        "rollback",
        "hold",
        "unhold",
        "history",
        "where",
    ):
        assert f"/release {verb}" in str(shown["blocks"])
    about = office.say("/release help stop")["ephemeral"]["text"]
    assert "/release stop checkout staging" in about


@pytest.mark.parametrize(
    ("typed", "done", "said"),
    [
        (
            "hold checkout prod -- see <12>",
            True,
            "⛔ The way into *prod* of *checkout* is held: see &lt;12&gt;.",
        ),
        ("freeze checkout prod", False, "⛔ Asked for: the way into *prod* of *checkout* is to be held."),
        ("unhold checkout prod", True, "✅ The way into *prod* of *checkout* is open."),
        ("open checkout prod", False, "👀 Asked for: the way into *prod* of *checkout* is to be open again."),
    ],
)
def test_a_held_environment_is_said_as_far_as_it_has_come(office: Office, typed: str, done: bool, said: str) -> None:
    closed = typed.startswith(("hold", "freeze"))
    reason = typed.partition(" -- ")[2]
    hold = Hold(environment="prod", stage="Production", closed=closed, by="ana", reason=reason, since=NOW, done=done)
    office.desk.next.append(Held(verb=Verb.HOLD, service="checkout", hold=hold))
    assert office.say(f"/release {typed}")["ephemeral"]["text"].startswith(said)
    _, command, _ = office.desk.asked[0]
    assert (command.verb, command.environment, command.reason) == (
        Verb.HOLD if closed else Verb.UNHOLD,
        "prod",
        reason,
    )


def test_a_command_that_is_not_ours_is_answered(office: Office) -> None:
    assert "I answer to /deploy and /release" in office.say("/other")["ephemeral"]["text"]


def test_status_lists_what_waits_for_me_first_with_buttons(office: Office) -> None:
    waiting = release(id="r2", number=13, status=Status.WAITING, gate="g1", revision=None)
    office.desk.under_way = Releases(
        verb=Verb.STATUS,
        releases=(release(revision=Revision(id="abc", summary="<!channel> hi")), waiting),
        waiting_for_me=("r2",),
    )
    shown = office.say("/release status")["ephemeral"]
    blocks = shown["blocks"]
    assert "checkout #13" in blocks[1]["text"]["text"]
    assert "waiting for an approval" in blocks[1]["text"]["text"]
    assert [one["text"]["text"] for one in blocks[3]["elements"]] == ["Approve", "Reject"]
    assert blocks[3]["elements"][0]["confirm"]["title"]["text"] == "Approve for prod?"
    assert shown["mentions"] == []


def test_an_empty_status_says_what_to_do_next(office: Office) -> None:
    assert "/deploy" in office.say("/release")["ephemeral"]["text"]


def test_at_most_ten_releases_are_listed(office: Office) -> None:
    office.desk.under_way = Releases(
        verb=Verb.HISTORY, releases=tuple(release(id=f"r{n}", number=n) for n in range(1, 25))
    )
    shown = office.say("/release history")["ephemeral"]
    assert shown["text"].count("checkout #") == 10
    assert "and 14 more" in shown["text"]


def test_where_says_doubt_and_ignorance(office: Office) -> None:
    office.desk.runs = Deployments(
        deployments=(
            Deployment(
                service="checkout",
                environment="prod",
                revision=Revision(id="9f1c2d3a4b", summary="Fix & mend"),
                release="r1",
                number=12,
                since=NOW,
                doubt="checkout #13 began there",
            ),
            Deployment(service="search", environment="prod", revision=None, release=None, number=None, since=None),
        )
    )
    shown = office.say("/release where")["ephemeral"]["text"]
    assert "*checkout* on prod: `9f1c2d3a` Fix &amp; mend (#12), since <!date^" in shown
    assert "⚠️ checkout #13 began there" in shown
    assert "*search* on prod: not known" in shown


def test_the_run_that_waits_is_offered_with_what_it_contains(office: Office) -> None:
    office.desk.next.append(offer())
    shown = office.say("/deploy checkout prod -- for Monday")["ephemeral"]
    text = str(shown["blocks"])
    for part in ("Bo Lind", "`00aa11bb`", "Fix rounding (Ana)", "&lt;!here&gt; More"):
        assert part in text
    assert shown["mentions"] == []
    ship, fresh = shown["blocks"][-1]["elements"]
    assert ship["confirm"]
    answer = office.click(shown, ship["action_id"])
    assert answer["ok"]
    assert office.desk.commands[-1] == Command(
        verb=Verb.PROMOTE, service="checkout", environment="prod", run_id="run-7", gate="g7", reason="for Monday"
    )
    told = office.whispered("exactly the run that waited")
    assert told["ts"] == shown["ts"], "the answer takes the offer's place"
    assert fresh["text"]["text"] == "Start a new run instead"


def test_a_new_run_instead_keeps_the_branch_and_the_reason(office: Office) -> None:
    office.desk.next.append(offer(may_approve=False, why_not="Who may: Bo."))
    shown = office.say("/deploy checkout@fix prod because of Monday")["ephemeral"]
    assert "somebody else must approve: Who may: Bo." in str(shown["blocks"])
    office.click(shown, shown["blocks"][-1]["elements"][1]["action_id"])
    assert office.desk.commands[-1] == Command(
        verb=Verb.DEPLOY, service="checkout", environment="prod", ref="fix", reason="of Monday", fresh=True
    )


def test_a_bare_deploy_opens_the_form_and_asks_the_desk_nothing(office: Office) -> None:
    answer = office.say("/deploy")
    assert answer["ephemeral"] is None
    assert answer["modal"]["callback_id"] == "sayso.form.deploy"
    assert office.desk.asked == []


def test_a_form_that_can_not_be_opened_is_answered_with_another_way(office: Office) -> None:
    office.town.post("fault", method="views.open", fault="error:expired_trigger_id", times=1)
    assert "/deploy SERVICE ENVIRONMENT" in office.say("/deploy")["ephemeral"]["text"]


def test_slack_being_down_does_not_keep_a_command_from_the_desk(office: Office) -> None:
    office.town.post("fault", method="auth.test", fault="503", times=9)
    assert "Asked for" in office.say("/deploy checkout staging")["ephemeral"]["text"]


def test_without_any_service_the_form_is_replaced_by_a_hint() -> None:
    with ExitStack() as stack:
        empty = catalogue().model_copy(update={"services": {}})
        office = open_office(stack, empty)
        assert "no service in sayso.toml" in office.say("/deploy")["ephemeral"]["text"]


def test_a_service_without_a_channel_names_the_place_where_it_was_asked(office: Office) -> None:
    with ExitStack() as stack:
        quiet = open_office(stack, catalogue(service("search", environment("staging"), channel=None)))
        text = quiet.say("/deploy search staging")["ephemeral"]["text"]
    assert text == "👀 Asked for: *search #12* to staging."
