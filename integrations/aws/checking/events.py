"""Follows the way of an event: the rule, its pattern, what it sends to, and whether that lets it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bot.core.errors import BackendError, Mistake
from bot.core.ports import Review
from bot.core.wording import names, say
from integrations.aws.checking.environments import Environment, Identity, listed
from integrations.aws.checking.policies import lets_in, samples
from integrations.aws.clients import Clients
from integrations.aws.events.doors import PATH
from integrations.aws.events.settings import QUEUES, SECRET, TOPICS, Sources
from integrations.aws.permissions import region_of_queue
from integrations.aws.refusals import AwsRefused, NotLetIn
from integrations.aws.target import Place

_NO_QUEUE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "NonExistentQueue"})
_OF_QUEUE = ["QueueArn", "Policy", "KmsMasterKeyId"]
_AWS_KEY = "alias/aws/sqs"

Ways = Mapping[Place, Sequence[Environment]]
"""The places whose pipelines' events are wanted."""


class End(NamedTuple):
    """Where events are to arrive: a queue or a topic."""

    setting: str
    arn: str
    action: str
    """What EventBridge must be let do there."""
    policy: str | None

    @property
    def region(self) -> str:
        """Give its region."""
        return self.arn.split(":")[3]


class EventPath:
    """One check of the way that events take; `who` is whom AWS takes Sayso for at each place."""

    def __init__(self, clients: Clients, who: Mapping[Place, Identity], public_url: str | None) -> None:
        self._clients, self._who, self._public_url = clients, who, public_url
        self._mistakes: list[Mistake] = []
        self._warnings: list[Mistake] = []

    async def review(self, ways: Ways, sources: Sources) -> Review:
        """Say what keeps events of these pipelines from coming."""
        if not (sources.queues or sources.topics or sources.secret):
            self._warn(QUEUES, "aws.check.events.none")
            return self._said()
        region = next((place.region for place in ways), "us-east-1")
        ends = [await self._queue(url, region_of_queue(url) or region) for url in sources.queues]
        ends += [await self._topic(arn) for arn in sorted(sources.topics)]
        found = [end for end in ends if end is not None]
        if sources.secret:
            self._warn(SECRET, "aws.check.events.destination")
        elif all(ends):
            for place, environments in ways.items():
                if not any(end.region == place.region for end in found):
                    self._warn(QUEUES, "aws.check.events.elsewhere", region=place.region, names=listed(environments))
        for end in found:
            for place, environments in ways.items():
                if place.region == end.region:
                    await self._rules(end, place, environments, others=bool(sources.secret) or len(found) > 1)
        return self._said()

    async def _queue(self, url: str, region: str) -> End | None:
        try:
            answer = await self._clients.call(
                Place(region), "sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=_OF_QUEUE
            )
        except BackendError as error:
            self._unreadable(QUEUES, error, url, gone=isinstance(error, AwsRefused) and error.code in _NO_QUEUE)
            return None
        told = answer.get("Attributes", {})
        if (key := told.get("KmsMasterKeyId")) == _AWS_KEY:  # SQS Developer Guide, "Key management"
            self._wrong(QUEUES, "aws.check.events.aws_key", what=url)
        elif key:
            self._warn(QUEUES, "aws.check.events.own_key", what=url)
        return End(QUEUES, told["QueueArn"], "sqs:SendMessage", told.get("Policy"))

    async def _topic(self, arn: str) -> End | None:
        place = Place(arn.split(":")[3])
        try:
            told = (await self._clients.call(place, "sns", "GetTopicAttributes", TopicArn=arn))["Attributes"]
            await self._subscription(place, arn)
        except BackendError as error:
            self._unreadable(TOPICS, error, arn, gone=isinstance(error, AwsRefused) and error.code == "NotFound")
            return None
        return End(TOPICS, arn, "sns:Publish", told.get("Policy"))

    async def _subscription(self, place: Place, arn: str) -> None:
        """Look for the topic's subscription of Sayso's door."""
        path = f"{PATH}/sns"
        door = f"{self._public_url.rstrip('/')}{path}" if self._public_url else path
        given: dict[str, Any] = {"TopicArn": arn}
        mine = []
        while True:
            answer = await self._clients.call(place, "sns", "ListSubscriptionsByTopic", **given)
            mine += [each for each in answer.get("Subscriptions", ()) if each["Endpoint"].rstrip("/").endswith(door)]
            if not answer.get("NextToken"):
                break
            given["NextToken"] = answer["NextToken"]
        if not mine:
            self._wrong(TOPICS, "aws.check.events.unsubscribed", what=arn, door=door)
        elif all(each["SubscriptionArn"] == "PendingConfirmation" for each in mine):
            self._wrong(TOPICS, "aws.check.events.unconfirmed", what=arn, door=mine[0]["Endpoint"])

    async def _rules(self, end: End, place: Place, environments: Sequence[Environment], *, others: bool) -> None:
        """Look for the rules that send to a queue or topic, and try their patterns."""
        try:
            rules = [
                await self._clients.call(place, "events", "DescribeRule", Name=name)
                for name in await self._named(end, place)
            ]
        except BackendError as error:
            self._warn(end.setting, "aws.check.events.untold", what=end.arn, why=error.sentence)
            return
        if not rules:
            tell = self._warn if others else self._wrong  # another way may bring these
            tell(end.setting, "aws.check.events.no_rule", what=end.arn, names=listed(environments))
            return
        asleep = [rule["Name"] for rule in rules if rule.get("State") == "DISABLED"]
        awake = [rule for rule in rules if rule.get("State") != "DISABLED" and rule.get("EventPattern")]
        if asleep and not awake:
            self._wrong(end.setting, "aws.check.events.disabled", rule=", ".join(asleep), names=listed(environments))
            return
        for rule in awake:
            if not lets_in(end.policy, end.action, rule["Arn"]):
                self._wrong(end.setting, "aws.check.events.shut", what=end.arn, action=end.action, rule=rule["Name"])
        await self._patterns(end, place, awake, environments)

    async def _named(self, end: End, place: Place) -> list[str]:
        given: dict[str, Any] = {"TargetArn": end.arn}
        found: list[str] = []
        while True:
            answer = await self._clients.call(place, "events", "ListRuleNamesByTarget", **given)
            found += answer.get("RuleNames", ())
            if not answer.get("NextToken"):
                return found
            given["NextToken"] = answer["NextToken"]

    async def _patterns(
        self, end: End, place: Place, rules: Sequence[Mapping[str, Any]], environments: Sequence[Environment]
    ) -> None:
        account = self._who[place].account
        for pipeline in dict.fromkeys(each.target.pipeline for each in environments):
            kept = []
            for about, event in samples(pipeline, place.region, account):
                try:
                    through = await self._through(place, rules, event)
                except BackendError as error:
                    self._warn(end.setting, "aws.check.events.untried", name=pipeline, why=error.sentence)
                    return
                if not through:
                    kept.append(say(about))
            if kept:
                named = names(kept, joined="names.and")
                rule = ", ".join(rule["Name"] for rule in rules)
                self._wrong(end.setting, "aws.check.events.pattern", rule=rule, name=pipeline, events=named)

    async def _through(self, place: Place, rules: Sequence[Mapping[str, Any]], event: str) -> bool:
        for rule in rules:
            answer = await self._clients.call(
                place, "events", "TestEventPattern", EventPattern=rule["EventPattern"], Event=event
            )
            if answer["Result"]:
                return True
        return False

    def _unreadable(self, setting: str, error: BackendError, what: str, *, gone: bool) -> None:
        if gone:
            self._wrong(setting, "aws.check.events.gone", what=what)
        elif isinstance(error, NotLetIn):
            self._warn(setting, "aws.check.events.untold", what=what, why=error.sentence)
        else:
            self._wrong(setting, "aws.check.events.unreachable", what=what, why=error.sentence)

    def _wrong(self, setting: str, key: str, **values: object) -> None:
        self._mistakes.append(_mistake(setting, key, values))

    def _warn(self, setting: str, key: str, **values: object) -> None:
        self._warnings.append(_mistake(setting, key, values))

    def _said(self) -> Review:
        return Review(mistakes=tuple(dict.fromkeys(self._mistakes)), warnings=tuple(dict.fromkeys(self._warnings)))


def _mistake(setting: str, key: str, values: dict[str, object]) -> Mistake:
    return Mistake(setting, say(key, lang="en", **values), say(f"{key}.fix"))
