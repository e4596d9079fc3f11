"""The main job as people see it: the real demo, its page in a real browser, two people.

The release and the failing change are told twice: with the pipeline on this machine, and with it in AWS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.e2e.chat import Chat, chromium, task
from tests.e2e.demo import Demo, demo, demo_on_aws

pytestmark = pytest.mark.browser
APPROVERS = "Ben Okafor or Chi Tanaka"
WORLDS = {"local": demo, "aws": demo_on_aws}
here = pytest.mark.parametrize("shared", ["local"], indirect=True)
here_and_in_aws = pytest.mark.parametrize("shared", list(WORLDS), indirect=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for all stories, because starting it takes its time."""
    with WORLDS[request.param](tmp_path_factory.mktemp("story")) as one:
        yield one
    assert one.processes() == [], "nothing is left behind"


@pytest.fixture
def chat(browser: Browser, shared: Demo, tmp_path: Path) -> Iterator[Chat]:
    """The page as Ana opens it; whatever the browser complains of fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    one = Chat(context.new_page(), shared.page)
    yield one
    one.picture(tmp_path / "at-the-end.png")  # of a failed test, pytest keeps it
    context.close()
    assert one.errors == []


def ends(card: Locator, words: str) -> None:
    """Wait until a card says how its release ended, and offers nothing more to stop or approve."""
    expect(card).to_contain_text(words)
    for button in ("Stop", "Approve", "Reject"):
        expect(card.get_by_role("button", name=button, exact=True)).to_have_count(0)


@here_and_in_aws
def test_ana_asks_ben_approves_and_production_runs_the_new_version(chat: Chat, shared: Demo) -> None:
    with pytest.raises(httpx.TransportError):
        shared.runs("production")

    card = chat.ask("/deploy checkout prod")
    expect(card).to_contain_text("Ana Ruiz")
    expect(task(card, re.compile(r"(Build|Staging) · running"))).to_be_visible()
    expect(task(card, "Build · done")).to_contain_text(re.compile(r"UnitTests · \d+ passed in"))
    expect(task(card, "Production · not begun")).to_be_visible()

    expect(card).to_contain_text("Ana Ruiz asks for an approval")
    expect(card).to_contain_text(f"Who may approve: {APPROVERS}.")
    chat.press(card, "Approve", sure="yes")
    refused = chat.private.filter(has_text="You are not among those who may approve checkout for prod.")
    expect(refused).to_contain_text(f"Who may: {APPROVERS}.")
    expect(task(card, "Approval · waiting for an approval")).to_be_visible()

    chat.become("Ben")
    expect(refused).to_have_count(0)
    chat.press(card, "Approve", sure="no")
    chat.press(card, "Approve", sure="yes")
    expect(chat.private.last).to_contain_text("You approved checkout #1 for prod.")
    ends(card, "Ana Ruiz shipped checkout")
    expect(card).to_contain_text("5 of 5 stages done")
    expect(card).to_contain_text("approved by Ben Okafor")

    commit = shared.commit("main")
    assert shared.runs("production") == commit
    production = chat.page.context.new_page()
    production.goto(shared.address("production"))
    expect(production.locator("#environment")).to_have_text("production")
    expect(production.locator("#version")).to_have_text((shared.folder / "checkout" / "VERSION").read_text().strip())
    expect(production.locator("footer")).to_contain_text(commit[:8])
    expect(card).to_contain_text(commit[:8])

    chat.become("Ana")
    chat.go("Sayso")
    expect(chat.log).to_contain_text("Your release checkout #1 to prod waits for an approval.")
    chat.log.get_by_role("link", name="see the card").wait_for()


@here
def test_a_run_that_waits_before_production_is_shipped_exactly_as_it_is(chat: Chat, shared: Demo) -> None:
    tested = chat.ask("/deploy checkout@faster-checkout staging")
    ends(tested, "Ana Ruiz shipped checkout")
    expect(tested).to_contain_text("Next is prod: /deploy checkout prod offers the run that waits there.")
    expect(task(tested, "Production")).to_have_count(0)

    mine = chat.answer_to("/deploy checkout prod")
    expect(mine).to_contain_text("A run of checkout already waits before prod")
    expect(mine).to_contain_text("somebody else must approve")
    chat.become("Ben")
    offer = chat.answer_to("/deploy checkout prod")
    commit = shared.commit("faster-checkout")
    expect(offer).to_contain_text(f"{commit[:8]} Say when the order is ready")
    expect(offer).to_contain_text("Started by Ana Ruiz")
    chat.press(offer, "Ship exactly this", sure="yes")
    shipped = chat.cards.filter(has_text="goes on with the run that waited")
    ends(shipped, "Ana Ruiz shipped checkout")
    expect(shipped).to_contain_text("approved by Ben Okafor")
    assert shared.runs("production") == commit


@here
def test_a_form_asks_what_is_missing_says_mistakes_where_they_are_and_a_no_has_its_reason(
    chat: Chat, shared: Demo
) -> None:
    chat.say("/deploy")
    chat.modal.get_by_label("Environment").select_option("prod")
    chat.modal.get_by_label("Branch, tag or commit").fill("no..where")
    chat.modal.get_by_test_id("modal-submit").click()
    expect(chat.modal.locator(".error:visible")).to_contain_text("“no..where” can't be a branch, tag or commit")
    chat.modal.get_by_label("Branch, tag or commit").fill("main")
    chat.modal.get_by_label("Reason").fill("back to the quiet one")
    before = chat.private.count()
    chat.modal.get_by_test_id("modal-submit").click()
    expect(chat.modal).to_be_hidden()
    expect(chat.private.nth(before)).to_contain_text("Asked for: checkout #")
    card = chat.cards.filter(has_text="Why: back to the quiet one")
    expect(card).to_contain_text("Who may approve")
    running = shared.runs("production") if _answers(shared) else None

    chat.become("Ben")
    chat.go("Sayso Home")
    home = chat.page.get_by_test_id("home-view")
    expect(home).to_contain_text("Waiting for you")
    expect(home.get_by_role("button", name="Approve")).to_be_visible()
    chat.press(home, "Reject")
    chat.modal.get_by_label("Why not?").fill("not on a Friday")
    chat.modal.get_by_test_id("modal-submit").click()
    expect(home).to_contain_text("Nothing waits for you.")
    chat.go("# releases")
    ends(card, "rejected by Ben Okafor")
    expect(card).to_contain_text("not on a Friday")
    assert card.inner_text().count("not on a Friday") == 1, "said once"
    assert (shared.runs("production") if _answers(shared) else None) == running


def _answers(shared: Demo) -> bool:
    try:
        shared.runs("production")
    except httpx.TransportError:
        return False
    return True


@here
def test_the_keyboard_alone_is_enough_and_the_page_fits_a_phone_by_day_and_night(chat: Chat, shared: Demo) -> None:
    keys = chat.page.keyboard
    chat.tab_to("^Message #releases")
    keys.type("/deploy checkout prod")
    keys.press("Enter")
    gate = chat.cards.filter(has_text="Who may approve")
    expect(gate).to_be_visible()
    for width, height in ((390, 844), (1280, 860)):
        chat.page.set_viewport_size({"width": width, "height": height})
        chat.page.emulate_media(color_scheme="dark" if width < 1000 else "light")
        assert chat.fits(), f"{width} wide"

    chat.tab_to("^Speak as Ben Okafor")
    keys.press("Enter")
    chat.tab_to("^Approve$")
    keys.press("Enter")
    expect(chat.page.get_by_test_id("confirm")).to_be_visible()
    keys.press("Enter")
    ends(chat.cards.last, "Ana Ruiz shipped checkout")
    assert shared.runs("production") == shared.commit("main")


@here_and_in_aws
def test_red_tests_are_named_a_retry_runs_them_again_and_staging_goes_back_to_what_ran_before(
    chat: Chat, shared: Demo
) -> None:
    ends(chat.ask("/deploy checkout staging"), "Ana Ruiz shipped checkout")
    former = shared.runs("staging")
    assert former == shared.commit("main")

    card = chat.ask(f"/deploy checkout@{shared.ref('broken-discount')} staging")
    expect(card).to_contain_text("Ana Ruiz wanted to ship checkout")
    told = card.inner_text()
    assert "2 failed" in told
    assert "test_ten_pieces_are_20_percent_cheaper" in told
    assert "10 espresso should cost 17.60 EUR, but the bill says 19.80 EUR" in told
    assert "staging was not touched." in told
    assert shared.runs("staging") == former

    card.get_by_role("button", name=re.compile("repl")).click()
    file = chat.thread.locator(".file").filter(has_text="UnitTests")
    file.get_by_text("Preview").click()
    expect(file.locator("pre")).to_contain_text("FAILED  test ten pieces are 20 percent cheaper")
    chat.page.keyboard.press("Escape")

    chat.press(card, "Retry stage")
    expect(task(card, "Build · failed")).to_contain_text("(attempt 2)")
    expect(card.get_by_role("button", name="Retry stage")).to_be_visible()

    better = chat.ask(f"/deploy checkout@{shared.ref('faster-checkout')} staging")
    ends(better, "Ana Ruiz shipped checkout")
    assert shared.runs("staging") == shared.commit("faster-checkout")
    back = chat.ask("/release rollback checkout staging -- too fast")
    ends(back, "Ana Ruiz rolled staging of checkout back to")
    expect(back).to_contain_text("Why: too fast")
    expect(back).to_contain_text(former[:8])
    assert shared.runs("staging") == former
