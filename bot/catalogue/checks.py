"""What must hold between the parts of the catalogue: names that exist, names said once, approvals that can be given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bot.catalogue.found import Found
from bot.catalogue.model import Catalogue, Environment
from bot.catalogue.tables import File, RulesTable
from bot.core.mistakes import Path, dotted, known
from bot.core.typed_text import squashed
from bot.core.vocabulary import Names
from bot.core.voice import VoiceRule

_KEY = re.compile(r"[^\W_][\w-]{0,59}")

_NAME = "A name has letters, digits, - and _, begins with a letter or digit, and is at most 60 long."


def broken_rules(file: File, catalogue: Catalogue, declared: Mapping[str, Sequence[str]]) -> Iterator[Found]:
    """Find what does not fit together. `declared` has the names by part of the file, also of parts that are broken."""
    yield from _keys(declared)
    yield from _said_twice(file, declared)
    yield from _references(file, declared)
    yield from _empty(file)
    yield from _names(file, catalogue)
    yield from _shared_stages(catalogue)
    yield from _voice(file, catalogue)
    for service in catalogue.services.values():
        for environment in service.environments.values():
            path = ("services", service.key, "environments", environment.key)
            yield from _approvals(path, environment, catalogue, declared)


def _keys(declared: Mapping[str, Sequence[str]]) -> Iterator[Found]:
    for part in ("channels", "people", "teams", "environments", "services"):
        for key in declared.get(part, ()):
            if not _KEY.fullmatch(key):
                yield Found((part, key), "this can't be a name.", _NAME)
            for name in declared.get(f"services.{key}.environments", ()) if part == "services" else ():
                if not _KEY.fullmatch(name):
                    yield Found((part, key, "environments", name), "this can't be a name.", _NAME)


def _said_twice(file: File, declared: Mapping[str, Sequence[str]]) -> Iterator[Found]:
    ids = {("people", key, "slack"): person.slack for key, person in file.people.items()}
    ids |= {("channels", key, "slack"): channel.slack for key, channel in file.channels.items()}
    mails: dict[Path, str] = {}
    for key, person in file.people.items():
        mails[("people", key, "email")] = (person.email or "").casefold()
        mails |= {("people", key, "logins", n): login.casefold() for n, login in enumerate(person.logins)}
    for group in (ids, mails):
        first: dict[str, Path] = {}
        for path, value in group.items():
            if value and value in first:
                yield Found(path, f"`{value}` stands at {dotted(first[value])} already.", "Each needs its own.")
            elif value:
                first[value] = path
    for name in declared.get("teams", ()):
        if name in declared.get("people", ()):
            yield Found(("teams", name), "a person has this name too.", "Rules could mean either: rename one of them.")


def _references(file: File, declared: Mapping[str, Sequence[str]]) -> Iterator[Found]:
    people, teams = list(declared.get("people", ())), list(declared.get("teams", ()))
    channels = list(declared.get("channels", ()))
    for name, team in file.teams.items():
        yield from _unknown(("teams", name, "members"), team.members, people, "people")
    rules = {("environments", name): table for name, table in file.environments.items()}
    used = {name for key in declared.get("services", ()) for name in declared[f"services.{key}.environments"]}
    for name in file.environments:
        if used and name not in used:
            yield Found(("environments", name), "no service has this environment.", known(name, sorted(used), "ones"))
    for key, service in file.services.items():
        here = ("services", key)
        own = declared[f"services.{key}.environments"]
        if service.channel is not None:
            yield from _unknown((*here, "channel"), service.channel, channels, "channels")
        for number, notify in enumerate(service.notify):
            at = (*here, "notify", number)
            yield from _unknown((*at, "channel"), notify.channel, channels, "channels")
            yield from _unknown((*at, "environments"), notify.environments or [], own, "environments")
        for name, environment in service.environments.items():
            yield from _rule_names((*here, "environments", name), environment, people, teams)
    for path, table in rules.items():
        yield from _rule_names(path, table, people, teams)


def _rule_names(path: Path, table: RulesTable, people: list[str], teams: list[str]) -> Iterator[Found]:
    for key, groups in (("deployers", table.deployers), ("approvers", table.approvers)):
        yield from _unknown((*path, key), groups or [], [*teams, *people], "teams and people")
    if table.deployers == []:
        yield Found((*path, "deployers"), "nobody may deploy.", "Name teams or people, or leave it out for everybody.")


def _unknown(path: Path, used: str | Iterable[str], choices: Sequence[str], nouns: str) -> Iterator[Found]:
    alone = isinstance(used, str)
    for number, name in enumerate([used] if isinstance(used, str) else used):
        if name not in choices:
            at = path if alone else (*path, number)
            yield Found(at, f"there is no `{name}`.", known(name, choices, nouns))


def _empty(file: File) -> Iterator[Found]:
    for key, service in file.services.items():
        if not service.environments:
            fix = f"Add one as [services.{key}.environments.NAME]."
            yield Found(("services", key, "environments"), "the service has no environment to go to.", fix)


def _names(file: File, catalogue: Catalogue) -> Iterator[Found]:
    services = {
        key: Names(key=key, title=table.title or "", aliases=tuple(table.aliases), spoken=tuple(table.spoken))
        for key, table in file.services.items()
    }
    yield from _collisions(("services",), services)
    for key, service in catalogue.services.items():
        environments = {
            name: Names(key=name, title=each.title, aliases=each.aliases, spoken=each.spoken)
            for name, each in service.environments.items()
        }
        yield from _collisions(("services", key, "environments"), environments)


def _collisions(path: Path, named: Mapping[str, Names]) -> Iterator[Found]:
    """Find names that two things have; `check-out` and `checkout` sound the same."""
    first: dict[str, str] = {}
    for key, names in named.items():
        for name in (*names.all, *names.spoken):
            other = first.setdefault(squashed(name) or name, key)
            if other != key:
                where = "title" if name == names.title else "aliases" if name in names.all else "spoken"
                at = (*path, key) if name == key else (*path, key, where)
                yield Found(at, f"`{name}` is also a name of `{other}`.", "Nobody could tell which one is meant.")


def _voice(file: File, catalogue: Catalogue) -> Iterator[Found]:
    """Check that what an environment asks of a voice can be given."""
    if file.voice.pin_confidence < file.voice.confidence:
        fix = f"At least {file.voice.confidence}, as voice.confidence says; Alexa reports 400 for voice and PIN."
        yield Found(("voice", "pin_confidence"), "a PIN would prove less than the voice alone.", fix)
    for service in catalogue.services.values():
        for environment in service.environments.values():
            if environment.voice is not VoiceRule.CHAT:
                continue
            may = catalogue.people.keys() if environment.deployers is None else environment.deployers
            known = [catalogue.people[key] for key in may if key in catalogue.people]
            if known and not any(person.slack for person in known):
                path = ("services", service.key, "environments", environment.key, "voice")
                fix = "Give people their `slack` id, or choose another rule."
                yield Found(path, "nobody who may deploy here has a Slack account to confirm with.", fix)


def _shared_stages(catalogue: Catalogue) -> Iterator[Found]:
    seen: list[tuple[Path, Environment]] = []
    for service in catalogue.services.values():
        for environment in service.environments.values():
            path = ("services", service.key, "environments", environment.key)
            what = f"the stage {environment.stage}" if environment.stage else "the whole pipeline"
            for other, each in seen:
                same = (each.backend, each.stage) == (environment.backend, environment.stage)
                if same and each.target == environment.target:
                    fix = "Give each environment its own stage or pipeline."
                    yield Found((*path, "stage"), f"{what} is {dotted(other)} already.", fix)
                    break
            seen.append((path, environment))


def _approvals(
    path: Path, environment: Environment, catalogue: Catalogue, declared: Mapping[str, Sequence[str]]
) -> Iterator[Found]:
    """Check that at least somebody's release could ever be approved."""
    everybody = frozenset(declared.get("people", ()))
    groups = (environment.approvers, environment.deployers)
    if any(group is not None and not group <= everybody for group in groups):
        return  # an unknown name is told already
    approvers, deployers = (everybody if group is None else group for group in groups)
    needed = environment.approvals
    if not (environment.production or environment.approvers is not None or needed > 1):
        return
    if len(approvers) < needed:
        yield Found(
            (*path, "approvals"),
            f"{needed} must approve, but only {len(approvers)} may.",
            "Add approvers, or ask for fewer approvals.",
        )
    elif not environment.self_approval and all(len(approvers - {person}) < needed for person in deployers):
        who = ", ".join(sorted(catalogue.name_of(person) for person in approvers))
        yield Found(
            (*path, "approvers"),
            f"nobody approves their own release, and then too few are left: {needed} must approve, and only {who} may.",
            "Add approvers, or set self_approval = true.",
        )
