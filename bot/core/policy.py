"""Who may do what, where: a rule returns nothing or raises `Refused` with its place, the reason and who can lift it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from bot.core.errors import Conflict, Refused
from bot.core.model import Actor, Decision, Frozen, Surface
from bot.core.wording import names, say


class Rules(Frozen):
    """The rules of one environment of one service, groups already resolved to people's keys."""

    service: str
    environment: str
    production: bool = False
    deployers: frozenset[str] | None = None
    """None: everybody in the catalogue."""
    approvers: frozenset[str] | None = None
    """None: everybody in the catalogue."""
    approvals: int = 1
    self_approval: bool = False
    people: Mapping[str, str] = {}
    """Names of all people by key, for sentences."""

    @property
    def place(self) -> str:
        """Give the key path in the catalogue where these rules stand."""
        return f"services.{self.service}.environments.{self.environment}"

    def named(self, people: Iterable[str] | None) -> str:
        """List people's names for a sentence."""
        return say("anyone") if people is None else names(sorted(self.people.get(key, key) for key in people))


def may_deploy(actor: Actor, rules: Rules) -> None:
    """Let deployers of the environment deploy, retry and roll back."""
    if rules.deployers is not None and actor.person not in rules.deployers:
        raise Refused(
            f"{rules.place}.deployers",
            say("refused.deployers", service=rules.service, environment=rules.environment),
            fix=say("refused.deployers.fix", who=rules.named(rules.deployers)),
        )


def may_override(actor: Actor, rules: Rules, behind: Collection[str]) -> None:
    """Let deployers override a failed condition; in production approvers, and none who asked for the release.

    There a condition guards what people depend on: letting a change pass it is an answer like that at a gate, so the
    same four eyes are needed (`self_approval` lifts that, too), and one who may answer there need not be a deployer.
    """
    if rules.production:
        may_decide(actor, rules, behind, ())
    else:
        may_deploy(actor, rules)


def may_hold(actor: Actor, rules: Rules) -> None:
    """Let deployers and approvers of the environment close its way in and open it again, whoever closed it.

    An incident has no time for more, and opening lets nothing in that gates and approvals would keep out.
    """
    if rules.deployers is None or actor.person in rules.deployers:
        return
    if rules.approvers is None or actor.person in rules.approvers:
        return
    raise Refused(
        f"{rules.place}.deployers",
        say("refused.hold", service=rules.service, environment=rules.environment),
        fix=say("refused.hold.fix", who=rules.named(rules.deployers | rules.approvers)),
    )


def may_stop(actor: Actor, rules: Rules, requested_by: str) -> None:
    """Let the requester, the deployers and the approvers stop a release."""
    if actor.person == requested_by or rules.deployers is None or actor.person in rules.deployers:
        return
    if rules.approvers is None or actor.person in rules.approvers:
        return
    raise Refused(
        f"{rules.place}.deployers",
        say("refused.stop", service=rules.service, environment=rules.environment),
        fix=say("refused.stop.fix", who=rules.named(rules.deployers | rules.approvers)),
    )


def may_decide(actor: Actor, rules: Rules, requested_by: Collection[str], given: Iterable[Decision]) -> None:
    """Check that an answer at a gate comes from an approver who has not answered yet and did not ask for the release.

    `requested_by` holds everybody behind the wish: who started the run, and who asked for this environment.
    By voice nobody approves their own, whatever the environment says.
    """
    eligible = eligible_approvers(rules, requested_by)
    if rules.approvers is not None and actor.person not in rules.approvers:
        raise Refused(
            f"{rules.place}.approvers",
            say("refused.approvers", service=rules.service, environment=rules.environment),
            fix=say("refused.approvers.fix", who=rules.named(eligible)),
        )
    if actor.person in requested_by and (not rules.self_approval or actor.surface is Surface.VOICE):
        raise Refused(
            f"{rules.place}.self_approval",
            say("refused.self_approval"),
            fix=say("refused.approvers.fix", who=rules.named(eligible))
            if eligible
            else say("refused.nobody_left", place=rules.place),
        )
    if any(decision.by == actor.person for decision in given):
        raise Conflict(say("conflict.decided_by_you"))


def eligible_approvers(rules: Rules, requested_by: Collection[str]) -> frozenset[str]:
    """Give everybody who may answer this release's gate."""
    people = rules.approvers if rules.approvers is not None else frozenset(rules.people)
    return people if rules.self_approval else people - frozenset(requested_by)
