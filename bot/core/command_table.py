"""The one table of commands: the source for slash commands, mentions, help, the Alexa model and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from bot.core.commands import Verb
from bot.core.model import Frozen
from bot.core.vocabulary import Names


class Parameter(StrEnum):
    """What a command takes, written as its usage shows it."""

    SERVICE = "[SERVICE]"
    REF = "[@BRANCH]"
    ENVIRONMENT = "[ENVIRONMENT]"
    NUMBER = "[#NUMBER]"
    NOW = "[--now]"
    NEW = "[--new]"
    ALL = "[--all]"
    REASON = "[reason]"
    TOPIC = "[COMMAND]"
    CODE = "CODE"


class CommandSpec(Frozen):
    """One command: how it is called, what it takes, and how it is explained."""

    verb: Verb
    slash: Literal["/deploy", "/release"]
    aliases: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    summary: str
    """Key in the message catalogue."""
    examples: tuple[str, ...]
    """With `{service}` and `{environment}` to be filled in."""

    def takes(self, parameter: Parameter) -> bool:
        """Tell whether the command has this parameter."""
        return parameter in self.parameters


_PLACE = (Parameter.SERVICE, Parameter.ENVIRONMENT)
_ONE = (*_PLACE, Parameter.NUMBER)

COMMANDS: tuple[CommandSpec, ...] = (
    CommandSpec(
        verb=Verb.DEPLOY,
        slash="/deploy",
        aliases=("ship", "release", "redeploy", "promote", "roll out", "push"),
        parameters=(Parameter.SERVICE, Parameter.REF, Parameter.ENVIRONMENT, Parameter.NEW, Parameter.REASON),
        summary="help.deploy",
        examples=(
            "/deploy",
            "/deploy {service} {environment}",
            "/deploy {service}@main to {environment} -- new prices",
        ),
    ),
    CommandSpec(
        verb=Verb.STATUS,
        slash="/release",
        aliases=("state", "what is the status", "what's the status", "what's up", "how is"),
        parameters=_ONE,
        summary="help.status",
        examples=("/release status", "/release status {service}"),
    ),
    CommandSpec(
        verb=Verb.APPROVE,
        slash="/release",
        aliases=("accept", "allow", "confirm"),
        parameters=(*_ONE, Parameter.REASON),
        summary="help.approve",
        examples=("/release approve {service} {environment}", "/release approve {service} #12"),
    ),
    CommandSpec(
        verb=Verb.REJECT,
        slash="/release",
        aliases=("deny", "decline", "refuse"),
        parameters=(*_ONE, Parameter.REASON),
        summary="help.reject",
        examples=("/release reject {service} {environment} wait for Monday",),
    ),
    CommandSpec(
        verb=Verb.STOP,
        slash="/release",
        aliases=("cancel", "abort", "halt"),
        parameters=(*_ONE, Parameter.NOW, Parameter.REASON),
        summary="help.stop",
        examples=("/release stop {service} {environment}", "/release stop {service} #12 --now"),
    ),
    CommandSpec(
        verb=Verb.RETRY,
        slash="/release",
        aliases=("rerun", "run again", "try again"),
        parameters=(*_ONE, Parameter.ALL, Parameter.REASON),
        summary="help.retry",
        examples=("/release retry {service} {environment}", "/release retry {service} {environment} --all"),
    ),
    CommandSpec(
        verb=Verb.OVERRIDE,
        slash="/release",
        aliases=("bypass", "let it pass"),
        parameters=(*_ONE, Parameter.REASON),
        summary="help.override",
        examples=("/release override {service} {environment} -- checked by hand",),
    ),
    CommandSpec(
        verb=Verb.ROLLBACK,
        slash="/release",
        aliases=("roll back", "revert", "undo"),
        parameters=(*_ONE, Parameter.REASON),
        summary="help.rollback",
        examples=("/release rollback {service} {environment} -- prices are wrong",),
    ),
    CommandSpec(
        verb=Verb.HOLD,
        slash="/release",
        aliases=("freeze", "lock", "close", "block"),
        parameters=(*_PLACE, Parameter.REASON),
        summary="help.hold",
        examples=("/release hold {service} {environment} -- incident 12",),
    ),
    CommandSpec(
        verb=Verb.UNHOLD,
        slash="/release",
        aliases=("unfreeze", "unlock", "open", "unblock", "thaw"),
        parameters=(*_PLACE, Parameter.REASON),
        summary="help.unhold",
        examples=("/release unhold {service} {environment}",),
    ),
    CommandSpec(
        verb=Verb.HISTORY,
        slash="/release",
        aliases=("log", "past"),
        parameters=_PLACE,
        summary="help.history",
        examples=("/release history {service}",),
    ),
    CommandSpec(
        verb=Verb.WHERE,
        slash="/release",
        aliases=("what runs where", "what is where", "what is running", "what's running", "versions"),
        parameters=_PLACE,
        summary="help.where",
        examples=("/release where", "/release where {service}"),
    ),
    CommandSpec(
        verb=Verb.PAIR,
        slash="/release",
        aliases=("pair my voice", "pair me"),
        parameters=(Parameter.CODE,),
        summary="help.pair",
        examples=("/release pair 123 456",),
    ),
    CommandSpec(
        verb=Verb.UNPAIR,
        slash="/release",
        aliases=("unpair me", "forget my voice"),
        parameters=(),
        summary="help.unpair",
        examples=("/release unpair",),
    ),
    CommandSpec(
        verb=Verb.VOICES,
        slash="/release",
        aliases=("my voices",),
        parameters=(),
        summary="help.voices",
        examples=("/release voices",),
    ),
    CommandSpec(
        verb=Verb.HELP,
        slash="/release",
        aliases=("help me", "commands", "usage", "?"),
        parameters=(Parameter.TOPIC,),
        summary="help.help",
        examples=("/deploy help", "/release help stop"),
    ),
)
"""The single source for the slash commands, mentions, help, the Alexa model and the command line."""

OPTIONS: Mapping[Parameter, tuple[str, tuple[str, ...]]] = {
    Parameter.NOW: ("abandon", ("--now", "--abandon", "-now")),
    Parameter.ALL: ("whole", ("--all", "-all")),
    Parameter.NEW: ("fresh", ("--new", "--fresh", "-new")),
}
"""By parameter: the command's field, and how it is typed."""
VERBS: Mapping[str, Names] = {spec.verb: Names(key=spec.verb) for spec in COMMANDS}
VERBS_AND_ALIASES: Mapping[str, Names] = {spec.verb: Names(key=spec.verb, aliases=spec.aliases) for spec in COMMANDS}


def spec_of(verb: Verb) -> CommandSpec | None:
    """Find a verb's line in the table; `PROMOTE` has none, because nobody types it."""
    return next((spec for spec in COMMANDS if spec.verb is verb), None)


def usage(spec: CommandSpec) -> str:
    """Write how a command is typed: `/release stop [SERVICE] [ENVIRONMENT] [#NUMBER] [--now] [reason]`."""
    first = spec.slash if spec.verb is Verb.DEPLOY else f"{spec.slash} {spec.verb}"
    return " ".join([first, *spec.parameters]).replace(" [@", "[@")
