"""What the card says at every moment of a release."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.core.commands import Command, Verb
from bot.core.model import ActionKind, Decision, HeldBy, Hold, Release, ReleaseKind, Revision, Rollout, Status
from bot.deliver.telling import Style, Telling
from bot.slack.buttons import decode
from bot.slack.cards.renderer import SlackRenderer
from bot.slack.content import SlackContent
from bot.store.messages import Purpose
from integrations.playground.blocks import check_message_blocks
from tests.support import release_looks as looks
from tests.support.desk_world import catalogue


def card(release: Release, style: Style = Style.RICH) -> SlackContent:
    drawn = SlackRenderer(catalogue()).render(Telling(Purpose.CARD, "C0RELEASES", release, None, style))
    assert drawn is not None
    assert check_message_blocks(drawn.blocks) == []
    return drawn


def words(content: SlackContent) -> str:
    """Everything that stands on the card, without its buttons."""
    return "\n".join(_words([block for block in content.blocks if block["type"] != "actions"]))


def _words(value: Any) -> list[str]:
    if isinstance(value, list):
        return [word for item in value for word in _words(item)]
    if isinstance(value, dict):
        found = [value[key] for key in ("text", "title") if isinstance(value.get(key), str)]
        return found + [word for item in value.values() for word in _words(item)]
    return []


def buttons(content: SlackContent) -> dict[str, Command]:
    return {element["text"]["text"]: decode(element["value"]) for element in elements(content)}


def elements(content: SlackContent) -> list[dict[str, Any]]:
    return [each for block in content.blocks if block["type"] == "actions" for each in block["elements"]]


def test_what_is_only_asked_for_is_not_said_to_have_begun() -> None:
    drawn = card(looks.release(ref="main"))
    assert "👀 *Ana* wants to ship *shop* `main` → *prod*" in words(drawn)
    assert "Asked for; not started yet" in words(drawn)
    assert drawn.text == "Asked for; not started yet: shop #12@main to prod, asked for by Ana."
    assert list(buttons(drawn)) == ["Stop"]


def test_a_run_without_a_stage_begun_is_starting() -> None:
    release = looks.release(run=looks.run(), status=Status.RUNNING, revision=looks.COMMIT)
    assert "*Starting*" in words(card(release))


def test_a_running_release_says_who_ships_what_where_and_how_far_it_is() -> None:
    drawn = card(looks.building())
    text = words(drawn)
    assert "🔄 *Ana* ships *shop* `3f2a1c9d` → *prod*\n*Running* · Build" in text
    assert "<https://git.example.com/checkout/commit/3f2a1c9d|Fix rounding of prices> (Ana Ruiz)" in text
    plan = next(block for block in drawn.blocks if block["type"] == "plan")
    assert plan["title"] == "1 of 5 stages done"
    assert [(task["title"], task["status"]) for task in plan["tasks"]] == [
        ("Source · done in 42s", "complete"),
        ("Build · running", "in_progress"),
        ("Staging · not begun", "pending"),
        ("Approval · not begun", "pending"),
        ("Production · not begun", "pending"),
    ]
    assert "details" not in plan["tasks"][0], "its heading says it all"
    details = plan["tasks"][1]["details"]["elements"][0]["elements"]
    assert [piece.get("text") for piece in details] == ["🔄 Unit · build: pytest -q · since ", None, "\n✅ Style · 42s"]
    assert details[1]["type"] == "date", "time goes by without an edit"


def test_a_workspace_without_plan_blocks_gets_the_same_in_sections() -> None:
    drawn = card(looks.building(), Style.SIMPLE)
    assert not [block for block in drawn.blocks if block["type"] == "plan"]
    text = words(drawn)
    for expected in ("✅ *Source* · done in 42s", "🔄 *Build* · running", "👀 *Production* · not begun"):
        assert expected in text
    assert "🔄 Unit · build: pytest -q · since <!date^" in text


def test_the_simplest_card_is_words_only_and_starts_with_the_status() -> None:
    drawn = card(looks.failing(), Style.TEXT)
    assert drawn.blocks == []
    assert drawn.text.startswith("Failed: shop #12 3f2a1c9d to prod, asked for by Ana. Build failed: 2 tests failed")


def test_a_failure_names_the_tests_their_messages_the_log_and_what_was_not_touched() -> None:
    drawn = card(looks.failing())
    text = words(drawn)
    assert "❌ *Ana* wanted to ship" in text
    assert "*Failed* · in Build · 1m 05s" in text
    assert "❌ *Build* / *Unit* failed: 2 tests failed" in text
    assert "🧪 41 passed, 2 failed, 1 skipped in 2.3s" in text
    assert (
        "•\N{NO-BREAK SPACE}`tests.test_prices.test_half_a_cent_is_rounded_up`\n```\nAssertionError: 1.24 != 1.25\n```"
        in text
    )
    assert "```\ncollected 44 items\nE   AssertionError: 1.24 != 1.25\n2 failed, 41 passed\n```" in text
    assert "*prod* was not touched." in text


def test_a_failed_release_offers_the_retry_of_what_was_seen_and_a_rollback_only_if_something_changed() -> None:
    early = card(looks.failing())
    assert buttons(early) == {"Retry stage": Command(verb=Verb.RETRY, release="r12", attempt=1)}
    deploy = looks.action("Deploy", ActionKind.DEPLOY, Status.FAILED, detail="ValidateService failed")
    late = looks.release(
        run=looks.run(looks.stage("Production", Status.FAILED, deploy), status=Status.FAILED),
        status=Status.FAILED,
        active=False,
        finished=looks.at(90),
    )
    drawn = card(late)
    assert buttons(drawn)["Roll back"] == Command(verb=Verb.ROLLBACK, release="r12")
    assert "*prod* may be half changed." in words(drawn)
    assert all("confirm" in element for element in elements(drawn)), "production asks twice"
    rollback = late.model_copy(update={"kind": ReleaseKind.ROLLBACK})
    assert "Roll back" not in buttons(card(rollback))


def test_a_stage_that_only_a_condition_holds_offers_to_override_it_and_says_who_may() -> None:
    kept = looks.stage(
        "Production", Status.FAILED, held=HeldBy.BEFORE_ENTRY, detail="Its entry condition failed: 2 alarms"
    )
    release = looks.release(
        run=looks.run(kept, status=Status.FAILED), status=Status.FAILED, active=False, finished=looks.at(90)
    )
    drawn = card(release)
    assert buttons(drawn)["Override condition"] == Command(verb=Verb.OVERRIDE, release="r12", attempt=1)
    assert "🔒 Only the entry condition of *Production* holds it. Who may override that: Ben or Chi." in words(drawn)


def test_staging_does_not_ask_twice() -> None:
    deploy = looks.action("Deploy", ActionKind.DEPLOY, Status.FAILED)
    release = looks.release(
        environment="staging",
        stage="Staging",
        run=looks.run(looks.stage("Staging", Status.FAILED, deploy), status=Status.FAILED),
        status=Status.FAILED,
        active=False,
    )
    assert [element for element in elements(card(release)) if "confirm" in element] == []


def test_a_pipeline_that_can_not_be_read_says_so_with_its_mistakes() -> None:
    release = looks.release(
        status=Status.FAILED,
        active=False,
        detail="pipeline.json: pipeline.stages[1]: has no name.",
        run=looks.run(status=Status.FAILED).model_copy(update={"stages": ()}),
    )
    drawn = card(release)
    assert "❌ pipeline.json: pipeline.stages[1]: has no name." in words(drawn)
    assert "*prod* was not touched." in words(drawn)
    assert elements(drawn) == []


def test_an_unknown_outcome_is_called_unknown() -> None:
    deploy = looks.action("Deploy", ActionKind.DEPLOY, Status.UNKNOWN, detail="this machine went down meanwhile")
    release = looks.release(
        run=looks.run(looks.stage("Production", Status.UNKNOWN, deploy), status=Status.UNKNOWN),
        status=Status.UNKNOWN,
        active=False,
    )
    text = words(card(release))
    assert "*Ended, outcome unknown*" in text
    assert "Nobody can say how this ended: look at *prod* before you go on." in text


def test_the_gate_says_who_asks_who_may_answer_and_until_when() -> None:
    drawn = card(looks.waiting(needed=2))
    text = words(drawn)
    assert "⏳ *Ana* ships *shop* `3f2a1c9d` → *prod*\n*Waiting for an approval* · Approval" in text
    assert "⏳ *Ana* asks for an approval: *Approval* / *Approve*" in text
    assert "> Look at staging first" in text
    assert "0 of 2 approvals" in text
    assert "Who may approve: Ben or Chi." in text, "who asked may not"
    assert "If nobody answers, it ends <!date^" in text
    assert buttons(drawn) == {
        "Approve": Command(verb=Verb.APPROVE, release="r12", gate="gate-1"),
        "Reject": Command(verb=Verb.REJECT, release="r12", gate="gate-1"),
        "Stop": Command(verb=Verb.STOP, release="r12"),
    }
    approve = elements(drawn)[0]
    assert approve["confirm"]["title"]["text"] == "Approve for prod?"


def test_one_of_two_approvals_stays_visible_and_the_buttons_stay() -> None:
    given = (Decision(approved=True, by="ben", comment="looks good", at=looks.at(70)),)
    drawn = card(looks.waiting(needed=2, approvals=given))
    assert "1 of 2 approvals\n✅ approved by Ben: looks good\nWho may approve: Chi." in words(drawn)
    assert "Approve" in buttons(drawn)


def test_once_enough_have_answered_the_buttons_are_gone_before_the_backend_knows() -> None:
    given = (Decision(approved=True, by="ben", at=looks.at(70)),)
    drawn = card(looks.waiting(approvals=given))
    assert "✅ approved by Ben\n⏳ The pipeline is being told." in words(drawn)
    assert drawn.text.startswith("Answered, telling the pipeline: ")
    assert "Who may approve" not in drawn.text
    assert list(buttons(drawn)) == ["Stop"]


@pytest.mark.parametrize(
    ("approved", "by", "expected"),
    [
        (True, "ben+chi", "✅ approved by Ben and Chi (Approval): fine"),
        (False, "ben", "🛑 rejected by Ben (Approval): fine"),
        (True, "somebody at the console", "✅ approved by somebody at the console (Approval): fine"),
    ],
)
def test_after_the_decision_it_stays_visible_who_decided(*, approved: bool, by: str, expected: str) -> None:
    decision = Decision(approved=approved, by=by, comment="fine", at=looks.at(70))
    assert expected in words(card(looks.waiting(decision=decision)))


def test_a_stop_that_was_asked_for_is_shown_at_once_and_offers_to_end_it_now() -> None:
    drawn = card(looks.building().model_copy(update={"stopped_by": "ben"}))
    assert "*Stopping* · Build · Ben asked to stop it" in words(drawn)
    assert buttons(drawn) == {"End it now": Command(verb=Verb.STOP, release="r12", abandon=True)}


def test_a_finished_release_is_said_to_be_shipped_and_has_no_buttons() -> None:
    drawn = card(looks.shipped())
    assert "✅ *Ana* shipped *shop* `3f2a1c9d` → *prod*\n*Done* · 3m 05s" in words(drawn)
    assert elements(drawn) == []


def test_a_run_that_goes_on_behind_its_environment_offers_the_next() -> None:
    done = [
        looks.stage(name, Status.SUCCEEDED, looks.action("Do", ActionKind.DEPLOY, Status.SUCCEEDED))
        for name in ("Source", "Build", "Staging")
    ]
    release = looks.release(
        environment="staging",
        stage="Staging",
        run=looks.run(*done),
        status=Status.SUCCEEDED,
        active=False,
        finished=looks.at(60),
    )
    text = words(card(release))
    assert "Next is *prod*: `/deploy shop prod` offers the run that waits there." in text
    assert "Production" not in text, "the stages behind it are not this release's"


def test_a_backend_that_does_not_answer_is_shown_with_since_when() -> None:
    text = words(card(looks.building().model_copy(update={"unreachable_since": looks.at(30)})))
    assert "⚠️ memory does not answer since <!date^" in text
    assert "this is how it stood before" in text


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (ReleaseKind.ROLLBACK, "🔄 *Ana* rolls *prod* of *shop* back to `3f2a1c9d`"),
        (ReleaseKind.PROMOTE, "· goes on with the run that waited"),
        (ReleaseKind.ADOPTED, "🔄 *shop* `3f2a1c9d` → *prod*, started by *Ana*"),
    ],
)
def test_the_kind_of_release_is_said(kind: ReleaseKind, expected: str) -> None:
    assert expected in words(card(looks.building().model_copy(update={"kind": kind})))


def test_a_rollback_without_a_known_revision_says_what_it_goes_back_to() -> None:
    release = looks.release(kind=ReleaseKind.ROLLBACK)
    assert "*Ana* wants to roll *prod* of *shop* back to what ran before" in words(card(release))


def test_a_service_that_left_the_catalogue_still_has_its_card() -> None:
    drawn = card(looks.waiting().model_copy(update={"service": "gone"}))
    assert "Who may approve: anyone." in words(drawn)
    assert "confirm" in elements(drawn)[0], "nobody knows whether it is production, so it asks"


def test_the_same_release_is_drawn_the_same() -> None:
    assert card(looks.failing()) == card(looks.failing())


def test_a_retried_stage_says_which_attempt_it_is() -> None:
    build = looks.stage("Build", Status.RUNNING, looks.action("Unit", ActionKind.TEST, Status.RUNNING), attempt=2)
    release = looks.release(run=looks.run(build), status=Status.RUNNING)
    plan = next(block for block in card(release).blocks if block["type"] == "plan")
    assert plan["tasks"][1]["title"] == "Build · running (attempt 2)"


def test_the_card_is_plain_json() -> None:
    for style in Style:
        content = card(looks.failing(), style)
        assert json.loads(json.dumps(content.blocks)) == content.blocks


def test_a_link_that_is_no_web_address_is_not_linked() -> None:
    revision = Revision(id="abc", url="javascript:alert(1)", summary="x")
    assert "javascript" not in words(card(looks.release(revision=revision)))


def test_shifted_traffic_is_shown_in_percent() -> None:
    shifting = looks.action(
        "Deploy",
        ActionKind.DEPLOY,
        Status.RUNNING,
        rollout=Rollout(percent=10, step="AllowTraffic"),
        url="https://console.example.com/d-1",
    )
    release = looks.release(run=looks.run(looks.stage("Production", Status.RUNNING, shifting)), status=Status.RUNNING)
    assert "traffic 10 %, AllowTraffic" in words(card(release))
    plan = next(block for block in card(release).blocks if block["type"] == "plan")
    details = plan["tasks"][4]["details"]["elements"][0]["elements"]
    assert details[1] == {"type": "link", "url": "https://console.example.com/d-1", "text": "Deploy"}
    assert "<https://console.example.com/d-1|Deploy> · traffic 10 %" in words(card(release, Style.SIMPLE))


def test_a_gate_shows_what_to_look_at_first() -> None:
    release = looks.waiting()
    assert release.run
    stage, action, gate = release.run.open_gate or pytest.fail("no gate")
    asked = action.model_copy(update={"gate": gate.model_copy(update={"link": "https://staging.example.com/?a=1&b=2"})})
    stages = [
        stage.model_copy(update={"actions": (asked,)}) if each.name == stage.name else each
        for each in release.run.stages
    ]
    release = release.model_copy(update={"run": release.run.model_copy(update={"stages": tuple(stages)})})
    assert "Look at this first: <https://staging.example.com/?a=1&amp;b=2|" in words(card(release))


def test_what_waits_before_a_held_environment_says_who_holds_it_and_why() -> None:
    hold = Hold(environment="prod", stage="Production", by="ben", reason="<!here> incident 12", since=looks.at(0))
    passed = [
        looks.stage(name, Status.SUCCEEDED, looks.action("Do", ActionKind.BUILD, Status.SUCCEEDED))
        for name in ("Source", "Build", "Staging", "Approval")
    ]
    waits = looks.stage("Production", Status.QUEUED, detail="The way into Production is closed: Ben: incident 12")
    release = looks.release(run=looks.run(*passed, waits), status=Status.RUNNING, held=(hold,))
    assert "Ben wants the way into prod held" in words(card(release)), "the pipeline has not said yes yet"
    closed = hold.model_copy(update={"done": True})
    drawn = card(release.model_copy(update={"held": (closed,)}))
    assert "*Held before Production*" in words(drawn)
    assert "⛔ The way into prod is held by Ben: &lt;!here&gt; incident 12." in words(drawn)
    assert "⏳ The way into Production is closed" in words(drawn)
    assert drawn.text.startswith("Held before Production: shop #12")
    early = looks.building().model_copy(update={"held": (closed,)})
    assert "*Running* · Build" in words(card(early))
    assert "held by Ben" in words(card(early)), "what comes is said before it comes"
    ended = looks.failing().model_copy(update={"held": (closed,)})
    assert "held by Ben" not in words(card(ended))
