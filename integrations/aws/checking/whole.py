"""Asks AWS whether the catalogue's environments can work: all that is missing is found at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from bot.core.errors import BackendError, Mistake
from bot.core.ports import Review
from bot.core.wording import names, say
from integrations.aws.answers import Answer
from integrations.aws.checking.allowed import allowed, by_sentence
from integrations.aws.checking.environments import Environment, Identity, listed, shown
from integrations.aws.checking.events import EventPath
from integrations.aws.checking.needs import Need, missed, needs
from integrations.aws.checking.review import review
from integrations.aws.clients import Clients
from integrations.aws.events.settings import QUEUES, Sources
from integrations.aws.permissions import OF_QUEUES, queue_arn, region_of_queue
from integrations.aws.pipelines import Pipelines
from integrations.aws.target import AwsTarget, Place

_MOST_RESOURCES = 3
"""Named in one sentence."""


class Checked:
    """What a check has found so far."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.warnings: list[Mistake] = []
        self.who: dict[Place, Identity] = {}
        """Whom AWS takes Sayso for, where it lets it in."""

    def add(self, review: Review) -> None:
        """Add what was found in one part."""
        self.mistakes += review.mistakes
        self.warnings += review.warnings


async def check(
    clients: Clients, environments: Sequence[Environment], sources: Sources, public_url: str | None
) -> Checked:
    """Check names, permissions and the way of events; only reads. Never raises for what AWS says."""
    found = Checked()
    by_place: dict[Place, list[Environment]] = defaultdict(list)
    for each in environments:
        by_place[each.target.place].append(each)
    for place, there in by_place.items():
        await _let_in(clients, place, there, found)
    ours = {place: there for place, there in by_place.items() if place in found.who}
    for place, there in ours.items():
        await _pipelines(clients, place, there, found)
    await _queues(clients, sources, ours, found)
    if ours:
        found.add(await EventPath(clients, found.who, public_url).review(ours, sources))
    return found


async def _let_in(clients: Clients, place: Place, there: Sequence[Environment], found: Checked) -> None:
    try:
        answer = await clients.call(place, "sts", "GetCallerIdentity")
    except BackendError as error:
        sentence = say("aws.check.stranger", why=error.sentence, names=listed(there))
        found.mistakes.append(Mistake(shown(place), sentence, error.fix))
    else:
        found.who[place] = Identity(answer["Account"], answer["Arn"])


async def _pipelines(clients: Clients, place: Place, there: Sequence[Environment], found: Checked) -> None:
    """Look at a place's pipelines, and at what Sayso may do to them."""
    needed: dict[Need, AwsTarget] = {}
    declared: dict[str, Answer | None] = {}
    pipelines = Pipelines(clients)
    for each in there:
        name = each.target.pipeline
        if name not in declared:
            try:
                declared[name] = declaration = await pipelines.declaration_now(each.target)
            except BackendError as error:
                declared[name] = None
                mine = [one for one in there if one.target.pipeline == name]
                sentence = say("aws.check.no_pipeline", why=error.sentence, names=listed(mine))
                found.mistakes.append(Mistake(f"{each.key}.pipeline", sentence, error.fix))
            else:
                needed |= dict.fromkeys(needs(each.target, declaration, found.who[place].account), each.target)
        if (known := declared[name]) is not None:
            found.add(review(each, known))
    if needed:
        await _permissions(clients, place, needed, found)


async def _queues(clients: Clients, sources: Sources, ours: Iterable[Place], found: Checked) -> None:
    """Look at what Sayso may do to its queues, which it reads as whom it is without a role."""
    region = next((place.region for place in ours), None)
    for url in sources.queues:
        place = Place(region_of_queue(url) or region or "us-east-1")
        if place not in found.who:
            try:
                answer = await clients.call(place, "sts", "GetCallerIdentity")
            except BackendError as error:
                found.mistakes.append(Mistake(QUEUES, error.sentence, error.fix))
                continue
            found.who[place] = Identity(answer["Account"], answer["Arn"])
        arn = queue_arn(url).replace(":sqs:*:", f":sqs:{place.region}:")
        nothing = AwsTarget(pipeline="none", region=place.region)
        await _permissions(clients, place, {Need(action, arn): nothing for action in OF_QUEUES}, found)


async def _permissions(clients: Clients, place: Place, needed: Mapping[Need, AwsTarget], found: Checked) -> None:
    who = found.who[place]
    known = await allowed(clients, place, who, needed)
    fix = say("aws.check.denied.fix.role", role=place.role) if place.role else say("aws.check.denied.fix")
    for key, lacking in by_sentence(known.denied, missed).items():
        actions = names(dict.fromkeys(need.action for need in lacking), joined="names.and")
        on = list(dict.fromkeys(need.resource for need in lacking))
        what = names(on[:_MOST_RESOURCES], joined="names.and")
        if more := on[_MOST_RESOURCES:]:
            what = say("aws.check.more", what=what, n=len(more))
        sentence = say("aws.denied", who=who.arn, action=actions, what=what)
        found.mistakes.append(Mistake(shown(place), f"{sentence} {say(key)}", fix))
    if known.untold:
        actions = names(dict.fromkeys(need.action for need in known.untold), joined="names.and")
        sentence = say("aws.check.untold", who=who.arn, actions=actions)
        found.warnings.append(Mistake(shown(place), sentence, say("aws.check.untold.fix")))
