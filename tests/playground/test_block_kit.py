from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.models.blocks import (
    ActionsBlock,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    HeaderBlock,
    InputBlock,
    MarkdownTextObject,
    Option,
    OverflowMenuElement,
    PlainTextInputElement,
    PlainTextObject,
    PlanBlock,
    SectionBlock,
    StaticSelectElement,
    TaskCardBlock,
)
from slack_sdk.models.views import View

from integrations.playground.blocks import check_message_blocks, check_view

Block = dict[str, Any]


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def section(**more: Any) -> Block:
    return {"type": "section", "text": mrkdwn("hello")} | more


def button(**more: Any) -> Block:
    return {"type": "button", "text": plain("Go"), "action_id": "go"} | more


def actions(*elements: Block, **more: Any) -> Block:
    return {"type": "actions", "elements": list(elements), **more}


def option(value: str = "a", **more: Any) -> Block:
    return {"text": plain(value), "value": value} | more


def select(**more: Any) -> Block:
    return {"type": "static_select", "action_id": "s", "options": [option()]} | more


def rich(*elements: Block) -> Block:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(elements)}]}


def task(**more: Any) -> Block:
    return {"task_id": "t", "title": "Build", "status": "complete"} | more


def plan(*tasks: Block) -> Block:
    return {"type": "plan", "title": "Ship", "tasks": list(tasks)}


def table(*rows: list[Block]) -> Block:
    return {"type": "table", "rows": list(rows)}


RAW = {"type": "raw_text", "text": "x"}
RUN = {"type": "text", "text": "x", "style": {"bold": True, "code": True}}
CONFIRM = {
    "title": plain("Sure?"),
    "text": mrkdwn("*Really*"),
    "confirm": plain("Yes"),
    "deny": plain("No"),
    "style": "danger",
}

# One case a line reads best.
# ruff: noqa: E501
GOOD: list[list[Block]] = [
    [],
    [section(), {"type": "divider"}, {"type": "header", "text": plain("x" * 150)}],
    [{"type": "section", "fields": [mrkdwn("x" * 1000)] * 10}],
    [section(accessory=button(style="danger", confirm=CONFIRM, value="v" * 2000))],
    [section(accessory={"type": "overflow", "action_id": "o", "options": [option(url="https://example.com")]})],
    [actions(*(button(action_id=f"b{n}") for n in range(25)))],
    [actions(select(initial_option=option()), button(url="https://example.com"))],
    [actions(select() | {"options": [option(str(n)) for n in range(100)]})],
    [{"type": "context", "elements": [mrkdwn("a"), plain("b"), {"type": "image", "image_url": "https://e.com/a.png", "alt_text": "a"}]}],
    [rich(RUN, {"type": "link", "url": "https://example.com", "text": "x"}, {"type": "emoji", "name": "eyes"})],
    [{"type": "rich_text", "elements": [
        {"type": "rich_text_list", "style": "ordered", "elements": [{"type": "rich_text_section", "elements": [RUN]}]},
        {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "$ ls"}]},
        {"type": "rich_text_quote", "elements": [{"type": "user", "user_id": "U1"}]},
    ]}],
    [table([RAW, {"type": "raw_number", "value": 3, "text": "3"}, rich(RUN)]) | {"column_settings": [None, {"align": "right"}]}],
    [plan(task(details=rich(RUN), sources=[{"type": "url", "url": "https://example.com", "text": "log"}]), task(task_id="u", type="task_card"))],
    [{"type": "task_card"} | task()],
    [{"type": "markdown", "text": "# Hello"}, {"type": "alert", "text": mrkdwn("careful"), "level": "warning"}],
    [{"type": "input", "label": plain("Why"), "element": {"type": "plain_text_input", "action_id": "i"}}],
    [section(block_id="a"), section(block_id="b"), actions(button(), block_id="c"), actions(button(), block_id="d")],
    [section() for _ in range(50)],
]  # fmt: skip

BAD: list[tuple[list[Any], str, str]] = [
    ([{"type": "nope"}], "/blocks/0", "unsupported type: nope"),
    ([{}], "/blocks/0", "missing required field: type"),
    (["text"], "/blocks/0", "missing required field: type"),
    ([{"type": "section"}], "/blocks/0", "missing required field: text or fields"),
    ([section(colour="red")], "/blocks/0", "invalid additional property: colour"),
    ([section(text=mrkdwn("x" * 3001))], "/blocks/0/text/text", "must be less than 3001 characters"),
    ([section(text=mrkdwn(""))], "/blocks/0/text/text", "must be more than 0 characters"),
    ([section(text="hello")], "/blocks/0/text", "missing required field: type"),
    ([section(text=mrkdwn("a") | {"emoji": True})], "/blocks/0/text", "invalid additional property: emoji"),
    ([section(fields=[mrkdwn("x")] * 11)], "/blocks/0/fields", "no more than 10 items allowed"),
    ([section(fields=[mrkdwn("x" * 2001)])], "/blocks/0/fields/0/text", "must be less than 2001 characters"),
    ([section(expand=None)], "/blocks/0/expand", "must not be null"),
    ([{"type": "header", "text": mrkdwn("x")}], "/blocks/0/text", "unsupported type: mrkdwn"),
    ([{"type": "header", "text": plain("x" * 151)}], "/blocks/0/text/text", "must be less than 151 characters"),
    ([actions()], "/blocks/0/elements", "no fewer than 1 items allowed"),
    ([actions(*(button(action_id=f"b{n}") for n in range(26)))], "/blocks/0/elements", "no more than 25 items allowed"),
    ([actions(button(text=plain("x" * 76)))], "/blocks/0/elements/0/text/text", "must be less than 76 characters"),
    ([actions(button(value="x" * 2001))], "/blocks/0/elements/0/value", "must be less than 2001 characters"),
    ([actions(button(value=7))], "/blocks/0/elements/0/value", "valid string"),
    ([actions(button(style="green"))], "/blocks/0/elements/0/style", "'primary' or 'danger'"),
    ([actions(button(url="javascript:alert(1)"))], "/blocks/0/elements/0/url", "valid URL"),
    ([actions(button(action_id="x" * 256))], "/blocks/0/elements/0/action_id", "must be less than 256 characters"),
    ([actions(button(confirm={"title": plain("x")}))], "/blocks/0/elements/0/confirm", "missing required field: text"),
    ([actions(button(confirm=CONFIRM | {"text": plain("x" * 301)}))], "/blocks/0/elements/0/confirm/text/text", "less than 301"),
    ([actions({"type": "plain_text_input", "action_id": "i"})], "/blocks/0/elements/0", "unsupported type: plain_text_input"),
    ([actions(select() | {"options": []})], "/blocks/0/elements/0/options", "no fewer than 1 items"),
    ([actions(select() | {"options": [option(str(n)) for n in range(101)]})], "/blocks/0/elements/0/options", "no more than 100"),
    ([actions(select() | {"options": [option("x" * 76)]})], "/blocks/0/elements/0/options/0/text/text", "less than 76"),
    ([actions(select(initial_option=option("b")))], "/blocks/0/elements/0", "must exactly match one of the options"),
    ([actions(select(option_groups=[{"label": plain("g"), "options": [option()]}]))], "/blocks/0/elements/0", "exactly one of"),
    ([actions({"type": "overflow", "options": [option(str(n)) for n in range(6)]})], "/blocks/0/elements/0/options", "no more than 5"),
    ([actions({"type": "radio_buttons", "options": [option(str(n)) for n in range(11)]})], "/blocks/0/elements/0/options", "no more than 10"),
    ([{"type": "context", "elements": [mrkdwn("x")] * 11}], "/blocks/0/elements", "no more than 10 items allowed"),
    ([{"type": "image", "image_url": "https://e.com/a.png"}], "/blocks/0", "missing required field: alt_text"),
    ([rich({"type": "text", "text": ""})], "/blocks/0/elements/0/elements/0/text", "must be more than 0 characters"),
    ([rich({"type": "texts", "text": "x"})], "/blocks/0/elements/0/elements/0", "unsupported type: texts"),
    ([rich(RUN | {"style": {"big": True}})], "/blocks/0/elements/0/elements/0/style", "invalid additional property: big"),
    ([table([{"type": "raw_number", "value": 3}])], "/blocks/0/rows/0/0", "missing required field: text"),
    ([table([RAW] * 21)], "/blocks/0/rows/0", "no more than 20 items allowed"),
    ([table(*([[RAW]] * 101))], "/blocks/0/rows", "no more than 100 items allowed"),
    ([table([RAW]), table([RAW])], "/blocks/1", "only one table"),
    ([table([RAW | {"text": "x" * 10_001}])], "/blocks/0", "at most 10000 characters"),
    ([plan(task(status="completed"))], "/blocks/0/tasks/0/status", "'complete'"),
    ([plan(task(), task())], "/blocks/0", "task_id must be unique"),
    ([plan(task(details="words"))], "/blocks/0/tasks/0/details", "valid"),
    ([plan(task(colour="x"))], "/blocks/0/tasks/0", "invalid additional property: colour"),
    ([plan(task()), {"type": "task_card"} | task()], "/blocks/1", "plan and task_card"),
    ([plan(task()), plan(task())], "/blocks/1", "only one plan"),
    ([section(block_id="a"), section(block_id="a")], "/blocks/1/block_id", "block_id must be unique: a"),
    ([actions(button(), button())], "/blocks/0/elements/1/action_id", "action_id must be unique"),
    ([section() for _ in range(51)], "/blocks", "no more than 50 items allowed"),
    ([section(text=mrkdwn("x" * 2900)) for _ in range(5)], "/blocks", "at most 13000 characters"),
]  # fmt: skip


@pytest.mark.parametrize("blocks", GOOD)
def test_what_slack_takes_is_taken(blocks: list[Block]) -> None:
    assert [str(problem) for problem in check_message_blocks(blocks)] == []


@pytest.mark.parametrize(("blocks", "pointer", "words"), BAD)
def test_what_slack_refuses_is_refused_with_a_pointer(blocks: list[Any], pointer: str, words: str) -> None:
    problems = check_message_blocks(blocks)
    assert problems, "nothing was refused"
    assert problems[0].pointer == pointer
    assert words in problems[0].message


def test_blocks_that_are_no_list_are_refused() -> None:
    assert check_message_blocks({"type": "divider"})[0].error == "invalid_blocks_format"


def test_what_the_official_models_build_is_taken() -> None:
    confirm = ConfirmObject(
        title="Sure?", text=MarkdownTextObject(text="*Really*"), confirm="Yes", deny="No", style="danger"
    )
    blocks = [
        HeaderBlock(text=PlainTextObject(text="Release")),
        SectionBlock(
            text=MarkdownTextObject(text="*checkout*"),
            accessory=OverflowMenuElement(action_id="more", options=[Option(value="log", label="Log")]),
        ),
        PlanBlock(title="Ship", tasks=[TaskCardBlock(task_id="a", title="Build", status="in_progress").to_dict()]),
        ActionsBlock(
            elements=[
                ButtonElement(text="Approve", action_id="approve", value="1", style="primary", confirm=confirm),
                StaticSelectElement(action_id="env", placeholder="Where", options=[Option(value="p", label="prod")]),
            ]
        ),
        ContextBlock(elements=[MarkdownTextObject(text="by <@U01ANA>")]),
    ]
    assert [str(one) for one in check_message_blocks([block.to_dict() for block in blocks])] == []


def modal(*blocks: Block, **more: Any) -> Block:
    return {"type": "modal", "title": plain("Deploy"), "submit": plain("Go"), "blocks": list(blocks)} | more


INPUT = {
    "type": "input",
    "block_id": "i",
    "label": plain("Why"),
    "element": {"type": "plain_text_input", "action_id": "i"},
}


@pytest.mark.parametrize(
    ("view", "pointer", "words"),
    [
        (modal(INPUT, title=plain("x" * 25)), "/view/title/text", "must be less than 25 characters"),
        ({key: value for key, value in modal(INPUT).items() if key != "submit"}, "/view/submit", "submit"),
        (modal(INPUT, INPUT), "/view/blocks/1/block_id", "block_id must be unique"),
        (modal(plan(task())), "/view/blocks/0", "unsupported type: plan"),
        (modal(*(section() for _ in range(101))), "/view/blocks", "no more than 100 items allowed"),
        (modal(INPUT, private_metadata="x" * 3001), "/view/private_metadata", "must be less than 3001 characters"),
        (modal(INPUT, colour="red"), "/view", "invalid additional property: colour"),
        ({"type": "home", "blocks": []}, "/view/type", "must be modal"),
        ("modal", "/view", "must be an object"),
    ],
)
def test_a_view_is_checked_too(view: Any, pointer: str, words: str) -> None:
    problem = check_view(view, frozenset({"modal"}))[0]
    assert (problem.pointer, problem.error) == (pointer, "invalid_arguments")
    assert words in problem.message


def test_a_view_of_the_official_models_is_taken() -> None:
    element = PlainTextInputElement(action_id="why", multiline=True)
    view = View(
        type="modal",
        title="Deploy",
        submit="Go",
        close="Back",
        callback_id="d",
        blocks=[InputBlock(label="Why", element=element)],
    )
    assert check_view(view.to_dict(), frozenset({"modal"})) == []
