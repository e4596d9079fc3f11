"""Builds the modals: the deploy form, the reason for a wish, and an answer in place of a form (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from bot.catalogue import Catalogue
from bot.core.commands import Command, Verb
from bot.core.errors import BadInput
from bot.core.grammar import LONGEST_REASON, LONGEST_REF, OpenForm
from bot.core.model import Frozen
from bot.core.typed_text import escaped
from bot.core.wording import say
from bot.slack.said import OPTION_TEXT, Block, Said, plain, section

DEPLOY_FORM = "sayso.form.deploy"
REASON_FORM = "sayso.form.reason"
ANSWER = "sayso.form.answer"
PICK_SERVICE = "sayso.form.service"
PICK_ENVIRONMENT = "sayso.form.environment"
OPEN_DEPLOY = "sayso.form.open"

SERVICE, ENVIRONMENT, REF, REASON = "service", "environment", "ref", "reason"
"""Blocks; the environment's block is also named after the service, so that another service's choice is not kept."""
_OPTIONS = 100
"""Slack's limit for a static select; longer lists are searched through an external one."""

View = dict[str, Any]


class Origin(Frozen):
    """Where a form was opened, kept in its `private_metadata`, so that its answer finds the way back."""

    channel: str | None = None
    thread: str | None = None
    response_url: str | None = None
    home: bool = False
    command: Command | None = None
    """What a reason is asked for."""


def origin_of(view: Mapping[str, Any]) -> Origin:
    """Read a view's origin back; `BadInput` for a view that we did not build."""
    try:
        return Origin.model_validate_json(view.get("private_metadata") or "{}")
    except ValidationError as error:
        raise BadInput(say("slack.form.failed")) from error


def deploy_form(catalogue: Catalogue, fields: OpenForm, origin: Origin) -> View:
    """Build the deploy form with these fields filled in; unknown ones are left open."""
    service = fields.service if fields.service in catalogue.services else None
    if service is None and len(catalogue.services) == 1:
        service = next(iter(catalogue.services))
    blocks = [
        {
            "type": "input",
            "block_id": SERVICE,
            "dispatch_action": True,
            "label": plain(say("slack.form.service"), 150),
            "element": _select(PICK_SERVICE, service_options(catalogue), service),
        },
        _environment(catalogue, service, fields.environment),
        _text(REF, fields.ref or "", LONGEST_REF),
        _text(REASON, fields.reason, LONGEST_REASON, multiline=True),
    ]
    return _view(
        DEPLOY_FORM,
        say("slack.form.title"),
        blocks,
        origin,
        submit=say("slack.form.submit"),
    )


def _environment(catalogue: Catalogue, service: str | None, chosen: str | None) -> Block:
    if service is None:
        return section(say("slack.form.pick_service"), ENVIRONMENT)
    options = environment_options(catalogue, service)
    if not options:
        return section(say("slack.form.no_environments", service=f"`{escaped(service)}`"), ENVIRONMENT)
    usual = catalogue.vocabulary().usual_environment(service)
    return {
        "type": "input",
        "block_id": environment_block(service),
        "label": plain(say("slack.form.environment"), 150),
        "element": _select(PICK_ENVIRONMENT, options, chosen or usual),
    }


def environment_block(service: str) -> str:
    """Name the environment's block for this service."""
    return f"{ENVIRONMENT}.{service}"


def service_options(catalogue: Catalogue) -> list[Block]:
    """Give every service as an option."""
    return [_option(_called(key, each.title), key) for key, each in catalogue.services.items()]


def environment_options(catalogue: Catalogue, service: str) -> list[Block]:
    """Give every environment of a service as an option; production says so."""
    known = catalogue.services[service].environments if service in catalogue.services else {}
    return [
        _option(
            say("slack.form.production", environment=_called(key, each.title))
            if each.production
            else _called(key, each.title),
            key,
        )
        for key, each in known.items()
    ]


def matching(options: Sequence[Block], typed: str) -> list[Block]:
    """Give the first hundred options that contain what was typed, those that begin with it first."""
    wanted = typed.strip().casefold()
    found = [each for each in options if wanted in f"{each['text']['text']} {each['value']}".casefold()]
    return sorted(found, key=lambda each: not each["value"].casefold().startswith(wanted))[:_OPTIONS]


def _called(key: str, title: str) -> str:
    return key if title in {"", key} or title.casefold() == key.casefold() else f"{title} ({key})"


def _option(text: str, value: str) -> Block:
    return {"text": plain(text, OPTION_TEXT), "value": value}


def _select(action: str, options: list[Block], chosen: str | None) -> Block:
    element: Block = {"action_id": action, "placeholder": plain(say("slack.form.pick"), 150)}
    if len(options) > _OPTIONS:
        element |= {"type": "external_select", "min_query_length": 0}
    else:
        # Slack wants at least one option, even where there is nothing to choose.
        element |= {"type": "static_select", "options": options or [_option("-", "-")]}
    initial = next((each for each in options if each["value"] == chosen), None)
    return element | {"initial_option": initial} if initial else element


def _text(block: str, value: str, most: int, *, multiline: bool = False, optional: bool = True) -> Block:
    element: Block = {"type": "plain_text_input", "action_id": block, "max_length": most, "multiline": multiline}
    if value:
        element["initial_value"] = value[:most]
    return {
        "type": "input",
        "block_id": block,
        "optional": optional,
        "label": plain(say(f"slack.form.{block}"), 150),
        "hint": plain(say(f"slack.form.{block}.hint"), 150),
        "element": element,
    }


def reason_form(command: Command, origin: Origin) -> View:
    """Ask why this is wished, for a verb that needs a reason: a no at a gate, or overriding a condition."""
    block = _text(REASON, command.reason, LONGEST_REASON, multiline=True, optional=False)
    block["label"] = plain(say(f"slack.{command.verb}.reason"), 150)
    return _view(
        REASON_FORM,
        say(f"slack.{command.verb}.title"),
        [block],
        origin.model_copy(update={"command": command}),
        submit=say(f"slack.{command.verb}"),
    )


def answer_view(said: Said, origin: Origin) -> View:
    """Show an answer where a form was."""
    kept = origin.model_copy(update={"command": None})
    return _view(ANSWER, say("slack.answer.title"), said.as_blocks, kept, close=say("slack.done"))


def _view(callback: str, title: str, blocks: list[Block], origin: Origin, *, submit: str = "", close: str = "") -> View:
    view: View = {
        "type": "modal",
        "callback_id": callback,
        "title": plain(title, 24),
        "close": plain(close or say("slack.cancel"), 24),
        "private_metadata": origin.model_dump_json(exclude_defaults=True),
        "blocks": blocks,
    }
    return view | {"submit": plain(submit, 24)} if submit else view


def read_form(view: Mapping[str, Any]) -> OpenForm:
    """Read what a deploy form holds now; what is not chosen yet is None."""
    values = _values(view)
    service = _chosen(values, SERVICE, PICK_SERVICE)
    return OpenForm(
        service=service,
        environment=_chosen(values, environment_block(service), PICK_ENVIRONMENT) if service else None,
        ref=_typed(values, REF) or None,
        reason=_typed(values, REASON),
    )


def _values(view: Mapping[str, Any]) -> Mapping[str, Any]:
    return (view.get("state") or {}).get("values") or {}


def _chosen(values: Mapping[str, Any], block: str, action: str) -> str | None:
    option = values.get(block, {}).get(action, {}).get("selected_option")
    return str(option["value"]) if option else None


def _typed(values: Mapping[str, Any], block: str) -> str:
    return str(values.get(block, {}).get(block, {}).get("value") or "").strip()


def read_reason(view: Mapping[str, Any]) -> str:
    """Read the reason that a form holds."""
    return _typed(_values(view), REASON)


def deploy_command(form: OpenForm) -> Command:
    """Make the command of a form that names a service and an environment."""
    return Command(
        verb=Verb.DEPLOY, service=form.service, environment=form.environment, ref=form.ref, reason=form.reason
    )
