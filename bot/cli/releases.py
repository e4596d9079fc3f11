"""The commands that change something: deploy, approve, reject, stop, retry, override, rollback, hold, unhold."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from bot.cli.client import Client, ClientSettings
from bot.cli.following import follow, well
from bot.cli.show import console, headline, holding, offer_lines
from bot.cli.words import find, read
from bot.core.commands import Accepted, Command, Offered, Verb
from bot.core.errors import Conflict, NotUnderstood
from bot.core.model import Release
from bot.core.vocabulary import listed
from bot.core.wording import say

Wish = Annotated[list[str], typer.Argument(metavar="SERVICE[@REF] [ENVIRONMENT]", help=say("cli.arg.wish"))]
Words = Annotated[list[str] | None, typer.Argument(metavar="[SERVICE] [ENVIRONMENT] [NUMBER]", help=say("cli.arg.one"))]
Place = Annotated[list[str], typer.Argument(metavar="SERVICE ENVIRONMENT", help=say("cli.arg.place"))]
Reason = Annotated[str, typer.Option("--reason", "-m", help=say("cli.opt.reason"))]
Watch = Annotated[bool, typer.Option("--watch", "-w", help=say("cli.opt.watch"))]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    for each in (deploy, approve, reject, stop, retry, override, rollback, hold, unhold):
        app.command(help=say(f"help.{each.__name__}"), rich_help_panel=say("cli.panel.releases"))(each)


def open_client() -> Client:
    """Open a client with what the environment says."""
    return Client(ClientSettings())


def deploy(
    words: Wish,
    reason: Reason = "",
    watch: Watch = False,
    new: Annotated[bool, typer.Option("--new", help=say("cli.opt.new"))] = False,
    waiting: Annotated[bool, typer.Option("--waiting", help=say("cli.opt.waiting"))] = False,
) -> None:
    """Ship a service to an environment."""
    with open_client() as client:
        command = read(client, Verb.DEPLOY, words, reason)
        wish: dict[str, Any] = {
            "service": command.service,
            "environment": command.environment,
            "ref": command.ref,
            "reason": command.reason,
        }
        answer = client.deploy(**wish, fresh=new or command.fresh)
        if isinstance(answer, Offered):
            answer = _take_offer(client, answer, wish, sure=waiting)
        _tell(client, answer, watch=watch)


def _take_offer(client: Client, offered: Offered, wish: dict[str, Any], *, sure: bool) -> Accepted:
    to = console()
    for line in offer_lines(offered, client.name_of):
        to.print(line, markup=False)
    if not sure and not (sys.stdin.isatty() and typer.confirm(say("cli.offered.ask"))):
        raise Conflict(say("cli.offered.nothing"), fix=say("cli.offered.fix"))
    answer = client.deploy(**wish, run_id=offered.run_id, gate=offered.gate)
    if isinstance(answer, Offered):
        raise Conflict(say("conflict.again"))
    return answer


def approve(words: Words = None, reason: Reason = "", watch: Watch = False) -> None:
    """Let a release that waits go on."""
    with open_client() as client:
        command = read(client, Verb.APPROVE, words or [], reason)
        release = find(client, command)
        answer = client.act(release.id, Verb.APPROVE, reason=command.reason, gate=_gate(release))
        console().print(say("cli.approved", given=answer.given, needed=answer.needed), markup=False)
        _tell(client, answer, watch=watch)


def reject(words: Words = None, reason: Reason = "", watch: Watch = False) -> None:
    """Say no to a release that waits."""
    with open_client() as client:
        command = read(client, Verb.REJECT, words or [], reason)
        release = find(client, command)
        _tell(client, client.act(release.id, Verb.REJECT, reason=command.reason, gate=_gate(release)), watch=watch)


def stop(
    words: Words = None,
    reason: Reason = "",
    watch: Watch = False,
    now: Annotated[bool, typer.Option("--now", help=say("cli.opt.now"))] = False,
) -> None:
    """End a release."""
    with open_client() as client:
        command = read(client, Verb.STOP, words or [], reason)
        wish = {"reason": command.reason, "abandon": now or command.abandon}
        _tell(client, client.act(find(client, command).id, Verb.STOP, **wish), watch=watch)


def retry(
    words: Words = None,
    reason: Reason = "",
    watch: Watch = False,
    whole: Annotated[bool, typer.Option("--all", help=say("cli.opt.all"))] = False,
) -> None:
    """Run the failed stage again."""
    with open_client() as client:
        command = read(client, Verb.RETRY, words or [], reason)
        release = find(client, command, finished_too=True)
        attempt = release.run.attempt if release.run else None
        wish = {"reason": command.reason, "attempt": attempt, "whole": whole or command.whole}
        _tell(client, client.act(release.id, Verb.RETRY, **wish), watch=watch)


def override(words: Words = None, reason: Reason = "", watch: Watch = False) -> None:
    """Let a release go on although a condition of its stage failed."""
    with open_client() as client:
        command = read(client, Verb.OVERRIDE, words or [], reason)
        release = find(client, command, finished_too=True)
        attempt = release.run.attempt if release.run else None
        _tell(client, client.act(release.id, Verb.OVERRIDE, reason=command.reason, attempt=attempt), watch=watch)


def rollback(words: Words = None, reason: Reason = "", watch: Watch = False) -> None:
    """Bring back what an environment ran before."""
    with open_client() as client:
        command: Command = read(client, Verb.ROLLBACK, words or [], reason)
        release = find(client, command, finished_too=True)
        _tell(client, client.act(release.id, Verb.ROLLBACK, reason=command.reason), watch=watch)


def hold(words: Place, reason: Reason = "") -> None:
    """Close the way into an environment."""
    _hold(Verb.HOLD, words, reason)


def unhold(words: Place, reason: Reason = "") -> None:
    """Open the way into an environment again."""
    _hold(Verb.UNHOLD, words, reason)


def _hold(verb: Verb, words: list[str], reason: str) -> None:
    with open_client() as client:
        command = read(client, verb, words, reason)
        vocabulary = client.vocabulary()
        if not command.service:
            raise NotUnderstood(say("cli.which_service", services=listed(vocabulary.services)))
        if not command.environment:
            known = listed(vocabulary.environments_of(command.service))
            raise NotUnderstood(say("grammar.environment_missing", service=command.service, environments=known))
        answer = client.hold(verb, command.service, command.environment, command.reason)
        state, environment = answer.hold.state, answer.hold.environment
        console().print(say(f"cli.held.{state}", environment=environment, service=answer.service), markup=False)


def _gate(release: Release) -> str | None:
    """Give the gate that this person means: what they saw, not what may be open a moment later."""
    opened = release.run.open_gate if release.run else None
    return opened[2].token if opened else None


def _tell(client: Client, answer: Accepted, *, watch: bool) -> None:
    if answer.repeated:
        console().print(say("cli.repeated"), markup=False)
    if not watch:
        console().print(headline(answer.release, client.name_of), markup=False)
        for line in holding(answer.release, client.name_of):
            console().print(line, markup=False)
        return
    if not well(follow(client, answer.release)):
        raise typer.Exit(1)
