"""Checks blocks and views as slack.com does, and says what is wrong with JSON pointers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from integrations.playground.block_models import AnyView, MessageBlocks
from integrations.playground.block_parts import TAG, Part

MOST_CHARACTERS: Final = 13_000
"""Undocumented: Slack refuses a message near 13,200 characters in all its blocks (bolt-js #2509)."""
MOST_TABLE_CHARACTERS: Final = 10_000
"""docs.slack.dev, "Table block": all tables of a message together."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that Slack would refuse. `error` is the Web API's word for it."""

    pointer: str
    message: str
    error: str = "invalid_blocks"

    def __str__(self) -> str:
        """Write it as in `response_metadata.messages`."""
        return f"[ERROR] {self.message} [json-pointer:{self.pointer}]"


def check_message_blocks(blocks: Any, *, refuse_plan: bool = False) -> list[Problem]:
    """Check the blocks of a message: every block by itself, then the rules across blocks."""
    if not isinstance(blocks, list):
        return [Problem("/blocks", "must be an array", "invalid_blocks_format")]
    problems = [*_nulls(blocks, "/blocks"), *_model_problems(MessageBlocks, {"blocks": blocks})]
    if refuse_plan:
        problems += [
            Problem(f"/blocks/{place}", f"unsupported type: {block.get('type')}")
            for place, block in enumerate(blocks)
            if isinstance(block, dict) and block.get("type") in {"plan", "task_card"}
        ]
    if problems:
        return problems
    return [*_unique(blocks, "/blocks"), *_tables(blocks), *_plan_or_tasks(blocks), *_too_long(blocks)]


def check_view(view: Any, kinds: frozenset[str]) -> list[Problem]:
    """Check a modal or Home view; `kinds` says which of them the method takes."""
    if not isinstance(view, dict):
        return [Problem("/view", "must be an object", "invalid_arguments")]
    if view.get("type") not in kinds:
        return [Problem("/view/type", f"must be {' or '.join(sorted(kinds))}", "invalid_arguments")]
    problems = [*_nulls(view, "/view"), *_model_problems(AnyView, {"view": view})]
    if problems:
        return [Problem(one.pointer, one.message, "invalid_arguments") for one in problems]
    problems = list(_unique(view["blocks"], "/view/blocks"))
    inputs = [block for block in view["blocks"] if block["type"] == "input"]
    if view["type"] == "modal" and inputs and "submit" not in view:
        problems.append(Problem("/view/submit", "missing required field: submit (a modal with inputs needs it)"))
    return [Problem(one.pointer, one.message, "invalid_arguments") for one in problems]


def interactive_elements(blocks: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any], str]]:
    """Yield every element with an `action_id`: its block, itself, and its pointer below `blocks`."""
    for place, block in enumerate(blocks):
        candidates = [
            *((f"/{place}/elements/{index}", one) for index, one in enumerate(_list(block.get("elements")))),
            *((f"/{place}/actions/{index}", one) for index, one in enumerate(_list(block.get("actions")))),
            (f"/{place}/accessory", block.get("accessory")),
            (f"/{place}/element", block.get("element")),
        ]
        for pointer, element in candidates:
            if isinstance(element, dict) and block.get("type") in {
                "actions", "section", "input", "context_actions", "card",
            } and element.get("type") != "image":  # fmt: skip
                yield block, element, pointer


def characters(value: Any) -> int:
    """Count the characters that a reader sees or a button carries: every `text`, `title` and `value` in it."""
    if isinstance(value, list):
        return sum(characters(item) for item in value)
    if isinstance(value, dict):
        return sum(
            len(item) if isinstance(item, str) and key in {"text", "title", "value"} else characters(item)
            for key, item in value.items()
            if not isinstance(item, str) or key in {"text", "title", "value"}
        )
    return 0


def parse_json(value: Any) -> Any:
    """Read an argument that a form sends as JSON text; `ValueError` if it is none."""
    return json.loads(value) if isinstance(value, str) else value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _model_problems(model: type[Part], value: Any) -> list[Problem]:
    try:
        model.model_validate(value)
    except ValidationError as error:
        return [_problem(dict(one), value) for one in error.errors(include_url=False)]
    return []


def _problem(error: dict[str, Any], _value: Any) -> Problem:
    steps = [str(step) for step in error["loc"] if not (isinstance(step, str) and step.startswith(TAG))]
    context = error.get("ctx") or {}
    if below := context.get("below"):
        steps.append(below)
    kind, last = error["type"], steps[-1] if steps else ""
    if kind == "missing":
        message, steps = f"missing required field: {last}", steps[:-1]
    elif kind == "extra_forbidden":
        message, steps = f"invalid additional property: {last}", steps[:-1]
    elif kind == "union_tag_invalid":
        message = f"unsupported type: {str(context.get('tag', '')).removeprefix(TAG)}"
    elif kind == "union_tag_not_found":
        message = "missing required field: type"
    elif kind == "string_too_long":
        message = f"must be less than {context['max_length'] + 1} characters"
    elif kind == "string_too_short":
        message = f"must be more than {context['min_length'] - 1} characters"
    elif kind == "too_long":
        message = f"no more than {context['max_length']} items allowed"
    elif kind == "too_short":
        message = f"no fewer than {context['min_length']} items allowed"
    else:
        message = str(error["msg"])
    return Problem("/" + "/".join(steps), message)


def _nulls(value: Any, pointer: str) -> Iterator[Problem]:
    if value is None:
        yield Problem(pointer, "must not be null")
    elif isinstance(value, dict):
        for key, item in value.items():
            if key != "column_settings":  # the one list that may hold nulls
                yield from _nulls(item, f"{pointer}/{key}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _nulls(item, f"{pointer}/{place}")


def _unique(blocks: list[dict[str, Any]], pointer: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, block in enumerate(blocks):
        name = block.get("block_id")
        if name is not None and name in seen:
            yield Problem(f"{pointer}/{place}/block_id", f"block_id must be unique: {name}")
        seen.add(name or "")
    actions: set[tuple[str, str]] = set()
    for block, element, below in interactive_elements(blocks):
        name = element.get("action_id")
        # Slack: unique within its block; without a block_id the block's place tells blocks apart.
        key = (block.get("block_id") or below.split("/")[1], name or "")
        if name is not None and key in actions:
            yield Problem(f"{pointer}{below}/action_id", f"action_id must be unique within its block: {name}")
        actions.add(key)


def _tables(blocks: list[dict[str, Any]]) -> Iterator[Problem]:
    tables = [(place, block) for place, block in enumerate(blocks) if block["type"] == "table"]
    for place, _ in tables[1:]:
        yield Problem(f"/blocks/{place}", "only one table is allowed in a message", "only_one_table_allowed")
    for place, table in tables[:1]:
        if characters(table["rows"]) > MOST_TABLE_CHARACTERS:
            yield Problem(f"/blocks/{place}", f"a table holds at most {MOST_TABLE_CHARACTERS} characters")


def _plan_or_tasks(blocks: list[dict[str, Any]]) -> Iterator[Problem]:
    kinds = [block["type"] for block in blocks]
    if "plan" in kinds and "task_card" in kinds:
        yield Problem(f"/blocks/{kinds.index('task_card')}", "plan and task_card can't stand in one message")
    if kinds.count("plan") > 1:
        second = kinds.index("plan", kinds.index("plan") + 1)
        yield Problem(f"/blocks/{second}", "only one plan is allowed in a message")


def _too_long(blocks: list[dict[str, Any]]) -> Iterator[Problem]:
    if characters(blocks) > MOST_CHARACTERS:
        yield Problem(
            "/blocks", f"all blocks together hold at most {MOST_CHARACTERS} characters", "msg_blocks_too_long"
        )
