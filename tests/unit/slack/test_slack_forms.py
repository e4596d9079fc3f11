from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from bot.core.commands import Command, Releases, Verb
from bot.core.errors import Conflict, NotFound, Refused
from bot.core.model import Revision, Status
from tests.unit.slack.office import Office, catalogue, environment, offer, open_office, release, service


def block(view: dict[str, Any], block_id: str) -> dict[str, Any] | None:
    return next((one for one in view["blocks"] if one["block_id"] == block_id), None)


def picked(office: Office, service: str) -> dict[str, Any]:
    """Open the form and pick a service; gives the form with its environments."""
    view = office.say("/deploy")["modal"]
    office.select(view, "sayso.form.service", service)

    def look() -> dict[str, Any] | None:
        now = office.modal()
        return now if now and block(now, f"environment.{service}") else None

    found: dict[str, Any] = office.town.wait_for(look, f"the environments of {service}")
    return found


def test_picking_a_service_brings_its_environments(office: Office) -> None:
    view = picked(office, "checkout")
    assert [one["block_id"] for one in view["blocks"]] == ["service", "environment.checkout", "ref", "reason"]
    element = (block(view, "environment.checkout") or {})["element"]
    assert [one["text"]["text"] for one in element["options"]] == ["staging", "prod, production"]
    assert element["initial_option"]["value"] == "staging", "the only one that is not production"


def test_a_form_becomes_a_command_and_the_answer_comes_where_it_was_opened(office: Office) -> None:
    view = picked(office, "checkout")
    answer = office.submit(
        view, {"environment.checkout": "prod", "ref": " release/1.2 ", "reason": "Two\nlines & <more>"}
    )
    assert answer["ok"]
    assert office.modal() is None
    actor, command, key = office.desk.asked[0]
    assert actor.conversation == "C01RELEASES"
    assert command == Command(
        verb=Verb.DEPLOY,
        service="checkout",
        environment="prod",
        ref="release/1.2",
        reason="Two lines & <more>",
    )
    assert key == f"slack:view:{view['id']}"
    office.whispered("Asked for: *checkout #12* to prod")


def test_what_was_typed_so_far_fills_the_form_in(office: Office) -> None:
    view = office.say("/deploy search@hotfix -- it burns")["modal"]
    assert block(view, "service")["element"]["initial_option"]["value"] == "search"  # type: ignore[index]
    assert block(view, "environment.search")
    assert block(view, "ref")["element"]["initial_value"] == "hotfix"  # type: ignore[index]
    assert block(view, "reason")["element"]["initial_value"] == "it burns"  # type: ignore[index]


def test_a_wrong_branch_is_said_at_its_field_and_the_form_stays_open(office: Office) -> None:
    view = picked(office, "checkout")
    answer = office.submit(view, {"ref": "--force"})
    assert list(answer["errors"]) == ["ref"]
    assert "starts with" in answer["errors"]["ref"]
    assert office.desk.asked == []
    assert office.submit(view, {"ref": "force"})["ok"]


def test_the_desks_refusals_stand_at_the_field_that_they_are_about(office: Office) -> None:
    view = picked(office, "checkout")
    office.desk.next += [
        Refused("rule", "You may not deploy to staging.", fix="Who may: Bo."),
        Conflict("checkout #11 is on its way already."),
        NotFound("I know no service checkout."),
    ]
    assert office.submit(view, {})["errors"] == {"environment.checkout": "You may not deploy to staging. Who may: Bo."}
    assert office.submit(view, {})["errors"] == {"environment.checkout": "checkout #11 is on its way already."}
    assert office.submit(view, {})["errors"] == {"service": "I know no service checkout."}


def test_a_form_handed_in_before_its_environments_came_gets_them(office: Office) -> None:
    view = office.say("/deploy")["modal"]
    answer = office.submit(view, {"service": "checkout", "reason": "quick"})
    assert answer["ok"]
    now = office.modal()
    assert now
    assert block(now, "environment.checkout")
    assert block(now, "reason")["element"]["initial_value"] == "quick"  # type: ignore[index]
    assert office.desk.asked == []


def test_an_offer_stands_in_the_form_and_its_button_works_there(office: Office) -> None:
    view = picked(office, "checkout")
    office.desk.next.append(offer())
    office.submit(view, {"environment.checkout": "prod"})
    shown = office.modal()
    assert shown
    assert shown["callback_id"] == "sayso.form.answer"
    ship = shown["blocks"][-1]["elements"][0]
    assert office.click(shown, ship["action_id"])["ok"]
    assert office.desk.commands[-1].verb is Verb.PROMOTE
    assert office.desk.asked[-1][0].conversation == "C01RELEASES"
    office.town.wait_for(lambda: "exactly the run" in str(office.modal()), "the form shows what came of it")


def test_an_unexpected_error_is_said_in_the_form(office: Office) -> None:
    view = picked(office, "checkout")
    office.desk.next.append(OSError("no disk"))
    assert office.submit(view, {})["ok"]
    assert "incident-1" in str(office.modal())


def test_the_same_submission_twice_is_one_wish(office: Office) -> None:
    office.submit(picked(office, "checkout"), {})
    office.town.post("deliver", kind="duplicate", skew=1)
    assert len(office.desk.asked) == 2
    assert len(office.desk.committed) == 1


def test_more_than_a_hundred_services_are_searched_for() -> None:
    many = [service(f"svc-{n:03}", environment("prod", production=True)) for n in range(150)]
    with ExitStack() as stack:
        office = open_office(stack, catalogue(*many))
        view = office.say("/deploy")["modal"]
        assert block(view, "service")["element"]["type"] == "external_select"  # type: ignore[index]
        found = office.town.post(
            "options", persona="U01ANA", view_id=view["id"], action_id="sayso.form.service", value="14"
        )
        assert [one["value"] for one in found["options"]] == [
            "svc-014", "svc-114", *[f"svc-{n}" for n in range(140, 150)]
        ]  # fmt: skip
        everything = office.town.post(
            "options", persona="U01ANA", view_id=view["id"], action_id="sayso.form.service", value=""
        )
        assert len(everything["options"]) == 100


def test_more_than_a_hundred_environments_are_searched_for_too() -> None:
    many = service("checkout", *(environment(f"preview-{n:03}") for n in range(120)))
    with ExitStack() as stack:
        office = open_office(stack, catalogue(many))
        view = office.say("/deploy")["modal"]
        found = office.town.post(
            "options", persona="U01ANA", view_id=view["id"], action_id="sayso.form.environment", value="7"
        )
        assert "preview-007" in [one["value"] for one in found["options"]]


def waiting(office: Office) -> None:
    evil = Revision(id="abc", summary="<!here>")
    other = release(id="r2", number=13, status=Status.WAITING, gate="g1", revision=evil)
    office.desk.under_way = Releases(verb=Verb.STATUS, releases=(other, release()), waiting_for_me=("r2",))


def opened_home(office: Office, words: str, who: str = "U01ANA") -> dict[str, Any]:
    office.town.post("home", persona=who)
    return home_with(office, words, who)


def home_with(office: Office, words: str, who: str = "U01ANA") -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        shown = office.home(who)
        return shown if shown and words in str(shown["blocks"]) else None

    found: dict[str, Any] = office.town.wait_for(look, f"a Home tab that says {words!r}")
    return found


def test_the_home_tab_shows_what_waits_for_me_and_what_is_under_way(office: Office) -> None:
    waiting(office)
    shown = str(opened_home(office, "Waiting for you")["blocks"])
    assert "checkout #13" in shown
    assert "checkout #12" in shown
    assert "card in <#C01RELEASES>" in shown
    assert "&lt;!here&gt;" in shown
    assert shown.count("'sayso.approve.r2'") == 1


def test_an_empty_home_tab_says_how_to_start_and_its_button_opens_the_form(office: Office) -> None:
    shown = opened_home(office, "Nothing waits for you.")
    assert "type `/deploy`" in str(shown["blocks"])
    opened = office.click(shown, "sayso.form.open")
    assert opened["modal"]["callback_id"] == "sayso.form.deploy"
    office.submit(opened["modal"], {"service": "search"})
    form = office.modal()
    assert form
    assert office.submit(form, {"environment.search": "prod"})["ok"]
    home_with(office, "Asked for: *search #12* to prod")
    assert office.modal() is None


def test_an_approval_on_the_home_tab_is_answered_on_it(office: Office) -> None:
    waiting(office)
    shown = opened_home(office, "checkout #13")
    office.click(shown, "sayso.approve.r2")
    assert office.desk.commands == [Command(verb=Verb.APPROVE, release="r2", gate="g1")]
    home_with(office, "You approved")
    office.desk.next.append(Conflict("checkout #13 was rejected already, by Bo Lind."))
    office.click(shown, "sayso.approve.r2")
    home_with(office, "rejected already, by Bo Lind")


def test_a_no_on_the_home_tab_goes_through_the_form(office: Office) -> None:
    waiting(office)
    view = office.click(opened_home(office, "checkout #13"), "sayso.reject.r2")["modal"]
    assert office.submit(view, {"reason": "not today"})["ok"]
    home_with(office, "You rejected")


def test_a_strangers_home_tab_says_how_to_be_introduced(office: Office) -> None:
    opened_home(office, 'slack = "U03NEW"', who="U03NEW")


def test_a_home_tab_with_everything_stays_within_slacks_limits(office: Office) -> None:
    many = tuple(release(id=f"r{n}", number=n, detail="x" * 3000, status=Status.WAITING) for n in range(1, 80))
    office.desk.under_way = Releases(
        verb=Verb.STATUS, releases=many, waiting_for_me=tuple(each.id for each in many[:40])
    )
    shown = opened_home(office, "and 30 more")
    assert len(shown["blocks"]) <= 100
    assert "and 24 more" in str(shown["blocks"])


def test_a_home_tab_once_opened_follows_what_its_person_does_elsewhere(office: Office) -> None:
    opened_home(office, "Nothing waits for you.")
    waiting(office)
    office.say("/deploy checkout staging")
    home_with(office, "checkout #13")
    assert office.home("U02BO") is None
