"""Whatever commits, tests, logs and reasons contain, a card stays a card: accepted by Slack, and pinging nobody."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.model import (
    ActionKind,
    Decision,
    FailedTest,
    Gate,
    LogTail,
    Release,
    Revision,
    Rollout,
    Status,
    Surface,
    TestReport,
)
from bot.deliver.telling import Style, Telling
from bot.slack.cards import markup
from bot.slack.cards.card import MOST_BLOCKS, MOST_CHARACTERS, size
from bot.slack.cards.renderer import SlackRenderer
from bot.slack.content import SlackContent
from bot.store.messages import Purpose
from integrations.playground.blocks import check_message_blocks
from tests.support import release_looks as looks
from tests.support.desk_world import catalogue

NASTY = [
    "<!channel> <!here> <@U01ANA> <#C01> <https://evil.example|click>",
    "*_~`",
    "```",
    "`code` ```block``` *bold* _it_ ~st~",
    "& &amp; &lt;!channel&gt;",
    "\u202egnp.exe \u2066x\u2069",
    "\x1b[31mred\x1b[0m \x00 \x07",
    "😀" * 400,
    "e\u0301" * 500,
    "👨\u200d👩\u200d👧" * 100,
    "x" * 5000,
    "&" * 5000,
    "\n\n\n> quote\n• list",
    "{braces} {0} {who}",
    " ",
]
texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=400), st.just(""))
names = st.one_of(st.sampled_from([text for text in NASTY if text.strip()]), st.text(min_size=1, max_size=60))
statuses = st.sampled_from(Status)


@st.composite
def actions(draw: st.DrawFn) -> Any:
    report = TestReport(
        passed=draw(st.integers(0, 10**6)),
        failed=draw(st.integers(0, 50)),
        seconds=draw(st.floats(0, 10**6)),
        failures=tuple(FailedTest(name=draw(names), message=draw(texts)) for _ in range(draw(st.integers(0, 5)))),
        notes=(draw(texts),),
    )
    gate = Gate(token="g", message=draw(texts), expires=looks.at(9)) if draw(st.booleans()) else None
    return looks.action(
        draw(names),
        draw(st.sampled_from(ActionKind)),
        draw(statuses),
        detail=draw(texts),
        tests=report if draw(st.booleans()) else None,
        rollout=Rollout(done=1, total=2, step=draw(texts)) if draw(st.booleans()) else None,
        log=LogTail(lines=tuple(draw(st.lists(texts, max_size=40)))) if draw(st.booleans()) else None,
        gate=gate,
    )


@st.composite
def releases(draw: st.DrawFn) -> Release:
    stages = tuple(
        looks.stage(
            f"{place}{draw(names)}",
            draw(statuses),
            *(draw(actions()) for _ in range(draw(st.integers(0, 4)))),
            detail=draw(texts),
        )
        for place in range(draw(st.integers(0, 6)))
    )
    status = draw(statuses)
    run = looks.run(status=status).model_copy(update={"stages": stages})
    return Release(
        id="r1",
        number=1,
        service=draw(names),
        environment=draw(names),
        ref=draw(st.none() | names),
        revision=draw(
            st.none() | st.builds(Revision, id=names, summary=texts, author=texts, url=st.none() | names, ref=texts)
        ),
        reason=draw(texts),
        requested_by=draw(names),
        surface=Surface.SLACK,
        backend=draw(names),
        run=draw(st.none() | st.just(run)),
        status=status,
        active=not status.finished,
        detail=draw(texts),
        gate="g",
        approvals=tuple(
            Decision(approved=draw(st.booleans()), by=draw(names), comment=draw(texts))
            for _ in range(draw(st.integers(0, 3)))
        ),
        approvals_needed=draw(st.integers(1, 3)),
        unreachable_since=draw(st.none() | st.just(looks.at(1))),
        stopped_by=draw(st.none() | names),
        created=looks.NOON,
        updated=looks.NOON,
        finished=looks.at(3) if status.finished else None,
    )


def drawn(release: Release, style: Style) -> SlackContent:
    content = SlackRenderer(catalogue()).render(Telling(Purpose.CARD, "C1", release, None, style))
    assert content is not None
    return content


def mrkdwn(value: Any) -> list[str]:
    """Every text in which Slack resolves mentions and links."""
    if isinstance(value, list):
        return [text for item in value for text in mrkdwn(item)]
    if isinstance(value, dict):
        own = [value["text"]] if value.get("type") == "mrkdwn" else []
        return own + [text for item in value.values() for text in mrkdwn(item)]
    return []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(releases(), st.sampled_from(Style))
def test_every_card_is_within_slacks_limits_and_pings_nobody(release: Release, style: Style) -> None:
    content = drawn(release, style)
    assert check_message_blocks(content.blocks) == []
    assert len(content.blocks) <= MOST_BLOCKS
    assert size(content.blocks) <= MOST_CHARACTERS + 3000, "stages, gate and buttons have room in any case"
    assert 0 < len(content.text) <= 4000
    for text in [content.text, *mrkdwn(content.blocks)]:
        opened = re.findall(r"<[^>]*>?", text)
        assert all(found.startswith(("<!date^", "<https://", "<http://")) for found in opened), opened
        assert text.count("```") % 2 == 0


@pytest.mark.parametrize("text", NASTY)
def test_untrusted_words_bring_no_formatting(text: str) -> None:
    written = markup.words(text)
    assert not set("*~`\n<>") & set(written)
    assert not re.search(r"(^|\s)_|_(\s|$)", written)
    assert len(text.strip()) == 0 or written


@pytest.mark.parametrize("text", NASTY)
def test_untrusted_names_stay_inside_their_code(text: str) -> None:
    written = markup.code(text)
    assert written == "" or (written.count("`") == 2 and written.startswith("`") and written.endswith("`"))
    assert "\n" not in written


@pytest.mark.parametrize("text", NASTY)
def test_untrusted_lines_stay_inside_their_block(text: str) -> None:
    written = markup.code_block([text, "last line"], 400)
    assert written.startswith("```\n")
    assert written.endswith("last line\n```")
    assert "`" not in written[3:-3]
    assert len(written) <= 400


def test_a_long_log_is_cut_from_its_beginning() -> None:
    written = markup.code_block([f"line {n}" for n in range(1000)], 200)
    assert written.startswith("```\n…\n")
    assert written.endswith("line 999\n```")


def test_colours_of_a_terminal_are_taken_out() -> None:
    assert markup.code_block(["\x1b[1;31mFAILED\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07"], 200) == (
        "```\nFAILED link\n```"
    )


def test_no_character_is_cut_in_two() -> None:
    assert markup.clipped("ae\u0301bc", 3) == "a…"
    assert markup.clipped("abc", 3) == "abc"
    assert markup.clipped("a👨\u200d👩bc", 4) == "a…"


def test_an_underscore_inside_a_word_stays() -> None:
    assert markup.words("snake_case _it_") == "snake_case \u02cdit\u02cd"
