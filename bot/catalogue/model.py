"""What the catalogue says, names looked up and rules resolved; and what the bot asks of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import BaseModel

from bot.catalogue.tables import NotifyEvent
from bot.core.errors import NotFound
from bot.core.model import Frozen, Release, ReleaseKind
from bot.core.policy import Rules
from bot.core.vocabulary import Names, Vocabulary, listed
from bot.core.voice import VoiceRule
from bot.core.wording import say


class Person(Frozen):
    """Somebody who may ask for something."""

    name: str
    slack: str | None = None
    """Slack's user id."""
    email: str | None = None
    logins: tuple[str, ...] = ()
    """What they are called elsewhere: `github:ana-r`, an ARN of AWS, further e-mail addresses."""


class Notify(Frozen):
    """A further channel that hears of a service's releases."""

    channel: str
    """Name in the catalogue's `channels`."""
    environments: frozenset[str] | None = None
    """None: all."""
    events: frozenset[NotifyEvent] = frozenset({"finished", "failed"})


class Environment(Frozen):
    """A place that a service is released to, with its rules; groups are resolved to people's keys."""

    key: str
    title: str
    aliases: tuple[str, ...] = ()
    spoken: tuple[str, ...] = ()
    """What it is called by voice."""
    voice: VoiceRule | None = None
    """None: what `may_voice` makes of it."""
    backend: str
    stage: str | None = None
    """The stage of the pipeline that is this environment; None: the whole pipeline is."""
    target: BaseModel
    """What the backend needs to know, validated by its own model."""
    production: bool = False
    deployers: frozenset[str] | None = None
    """None: everybody."""
    approvers: frozenset[str] | None = None
    """None: everybody."""
    approvals: int = 1
    self_approval: bool = False

    @property
    def may_voice(self) -> VoiceRule:
        """Say how far voice may go here: where nothing is said, production needs a tap."""
        return self.voice or (VoiceRule.CHAT if self.production else VoiceRule.ALLOW)


class Service(Frozen):
    """Something that is released."""

    key: str
    title: str
    aliases: tuple[str, ...] = ()
    spoken: tuple[str, ...] = ()
    """What it is called by voice."""
    channel: str | None = None
    """Name in the catalogue's `channels`: where its cards appear."""
    notify: tuple[Notify, ...] = ()
    environments: Mapping[str, Environment]


class VoiceSettings(Frozen):
    """What holds for everybody who speaks."""

    accounts: bool = False
    """Whether a whole account may speak for a person, where Alexa recognises nobody."""
    confidence: int = 300
    """The `authenticationConfidenceLevel` from which a voice counts as recognised."""
    pin_confidence: int = 400
    """The level that a voice PIN must come to."""
    notifications: bool = True
    """Whether people may ask to be told of their releases by their Echo."""


class Catalogue(Frozen):
    """Everything that `sayso.toml` says."""

    plan_blocks: bool = True
    """Whether cards may use Slack's plan block."""
    voice: VoiceSettings = VoiceSettings()
    channels: Mapping[str, str] = {}
    """Slack's channel ids by name."""
    people: Mapping[str, Person] = {}
    teams: Mapping[str, frozenset[str]] = {}
    services: Mapping[str, Service] = {}

    def service(self, key: str) -> Service:
        """Find a service by its key; `NotFound` says which there are."""
        try:
            return self.services[key]
        except KeyError:
            raise NotFound(say("grammar.no_service", word=key, hint="", services=listed(self.services))) from None

    def environment(self, service: str, environment: str) -> Environment:
        """Find a service's environment; `NotFound` says which there are."""
        known = self.service(service).environments
        try:
            return known[environment]
        except KeyError:
            raise NotFound(
                say(
                    "grammar.no_environment",
                    service=service,
                    word=environment,
                    hint="",
                    environments=listed(known),
                )
            ) from None

    def rules(self, service: str, environment: str) -> Rules:
        """Give what the policy asks for; `NotFound` for an unknown service or environment."""
        found = self.environment(service, environment)
        return Rules(
            service=service,
            environment=environment,
            production=found.production,
            deployers=found.deployers,
            approvers=found.approvers,
            approvals=found.approvals,
            self_approval=found.self_approval,
            people={key: person.name for key, person in self.people.items()},
        )

    def vocabulary(self) -> Vocabulary:
        """Give the names that commands can speak of."""
        return Vocabulary(
            services={
                key: Names(key=key, title=service.title, aliases=service.aliases, spoken=service.spoken)
                for key, service in self.services.items()
            },
            environments={
                key: {
                    name: Names(
                        key=name,
                        title=environment.title,
                        aliases=environment.aliases,
                        spoken=environment.spoken,
                    )
                    for name, environment in service.environments.items()
                }
                for key, service in self.services.items()
            },
            production=frozenset(
                (key, name)
                for key, service in self.services.items()
                for name, environment in service.environments.items()
                if environment.production
            ),
            closed=frozenset(
                (key, name)
                for key, service in self.services.items()
                for name, environment in service.environments.items()
                if environment.may_voice is VoiceRule.DENY
            ),
        )

    def person(self, key: str) -> Person:
        """Find a person by key."""
        try:
            return self.people[key]
        except KeyError:
            raise NotFound(say("catalogue.no_person", key=key)) from None

    def person_by_slack(self, user_id: str) -> tuple[str, Person] | None:
        """Find who has this Slack user id: key and person."""
        return next(((key, person) for key, person in self.people.items() if person.slack == user_id), None)

    def person_known_as(self, names: Iterable[str]) -> str | None:
        """Find whose key it is that bears one of these names outside (`Run.started_by`); the first that fits counts."""
        of = {
            name.casefold(): key
            for key, person in self.people.items()
            for name in (person.email, *person.logins)
            if name
        }
        return next((of[name.casefold()] for name in names if name.casefold() in of), None)

    def behind(self, release: Release) -> frozenset[str]:
        """Give everybody behind a release; perhaps who started its run was nobody of the catalogue when it began.

        What Sayso started itself, it did with its own accounts: that says nothing of a person.
        """
        outside = release.kind in {ReleaseKind.ADOPTED, ReleaseKind.PROMOTE}
        starter = self.person_known_as(release.run.started_by) if outside and release.run else None
        return release.behind | {starter} if starter else release.behind

    def name_of(self, person: str) -> str:
        """Give a person's name; an unknown key is its own name."""
        return self.people[person].name if person in self.people else person

    def environments_by_stage(self, service: str, environment: str) -> dict[str, str]:
        """Map stages to environments, for those of this service that share this environment's pipeline."""
        own = self.environment(service, environment)
        return {
            each.stage: key
            for key, each in self.service(service).environments.items()
            if each.stage and each.backend == own.backend and each.target == own.target
        }

    def channel_id(self, name: str) -> str:
        """Give Slack's id of a channel by its name in the catalogue."""
        try:
            return self.channels[name]
        except KeyError:
            raise NotFound(say("catalogue.no_channel", name=name, channels=listed(self.channels))) from None

    def card_channel(self, service: str) -> str | None:
        """Give Slack's id of the channel where a service's cards appear; None if it has none."""
        found = self.services.get(service)
        return self.channel_id(found.channel) if found and found.channel else None
