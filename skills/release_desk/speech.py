"""Says how releases stand, what is about to be done, and what was done (pure).

Honest: what is starting is not done, what nobody knows is called unknown. For the ear: release numbers, never hashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bot.core.changes import scope
from bot.core.commands import Accepted, Deployments, Releases, Verb
from bot.core.holds import waits_at
from bot.core.model import Action, ActionKind, Release, ReleaseKind, Stage, Status, TestReport
from bot.core.voice import Plan
from skills.release_desk.tongue import Ssml, Tongue, stage_name, together

_MOST_RELEASES = 3
_LONGEST_TEST = 120
_MOST_PLACES = 5
_ENDED_BADLY = frozenset({Status.FAILED, Status.STOPPED, Status.SUPERSEDED, Status.UNKNOWN})


def stages_of(release: Release) -> tuple[Stage, ...]:
    """Give the stages that are this release's own: those up to its environment."""
    return scope(release.run, release.stage) if release.run else ()


def reports(release: Release) -> list[TestReport]:
    """Give the test reports of a release's stages."""
    return [action.tests for action in _actions(release) if action.tests and action.tests.total]


def _actions(release: Release) -> Iterable[Action]:
    return (action for stage in stages_of(release) for action in stage.actions)


def how(release: Release, tongue: Tongue, *, mine: bool = False) -> Ssml:
    """Say how a release stands: `2 of 4 stages done, tests passed`; `mine` to approve."""
    parts = [tongue.say("alexa.how.waiting.you") if mine else _standing(release, tongue)]
    if not release.status.finished:
        if release.status is Status.WAITING and (stages := _stages_done(release, tongue)):
            parts.insert(0, stages)
        if tests := _tests_in_short(release, tongue):
            parts.append(tests)
        if waits_at(release):
            parts.append(tongue.say("alexa.how.held"))
        if release.unreachable_since:
            parts.append(tongue.say("alexa.how.unreachable"))
    elif failed := _failed_tests(release):
        parts.append(tongue.say("alexa.tests.failed", n=failed))
    if release.status in _ENDED_BADLY and (touched := _touched(release, tongue)):
        parts.append(touched)
    return Ssml(", ".join(parts))


def _standing(release: Release, tongue: Tongue) -> Ssml:
    if release.status is Status.RUNNING:
        return _stages_done(release, tongue) or tongue.say("alexa.how.running")
    if release.status is Status.FAILED:
        if any(not answer.approved for answer in release.approvals):
            return tongue.say("alexa.how.rejected")
        failed = next((stage for stage in stages_of(release) if stage.status is Status.FAILED), None)
        if failed:
            return tongue.say("alexa.how.failed.at", stage=stage_name(failed.name))
    return tongue.say(f"alexa.how.{release.status}")


def _stages_done(release: Release, tongue: Tongue) -> Ssml | None:
    stages = stages_of(release)
    if not stages:
        return None
    done = sum(stage.status is Status.SUCCEEDED for stage in stages)
    return tongue.say("alexa.how.running.stages", done=done, all=len(stages))


def _failed_tests(release: Release) -> int:
    return sum(report.failed + report.errors for report in reports(release))


def _tests_in_short(release: Release, tongue: Tongue) -> Ssml | None:
    found = reports(release)
    if failed := _failed_tests(release):
        return tongue.say("alexa.tests.failed", n=failed)
    still = any(action.kind is ActionKind.TEST and not action.status.finished for action in _actions(release))
    return tongue.say("alexa.tests.passed") if found and not still else None


def _touched(release: Release, tongue: Tongue) -> Ssml | None:
    """Say whether the environment was changed; nothing where the last look can't tell."""
    environment = tongue.environment(release.service, release.environment)
    if release.status is Status.UNKNOWN or release.unreachable_since:
        return tongue.say("alexa.how.touched.unknown", environment=environment)
    if release.run is None:
        return None
    own = [release.run.stage(release.stage)] if release.stage else list(stages_of(release))
    if None in own or not own:
        return None
    begun = any(stage is not None and stage.status is not Status.QUEUED for stage in own)
    return tongue.say("alexa.how.touched.yes" if begun else "alexa.how.touched.no", environment=environment)


def status(answer: Releases, tongue: Tongue, service: str | None, last: Release | None = None) -> Ssml:
    """Say how what is under way stands, those that wait for this person first; if nothing is, their `last`."""
    if last and not answer.releases:
        stood = tongue.say("alexa.status.last", how=how(last, tongue), **tongue.place(last))
        return together(_none("alexa.status.none", tongue), stood)
    if not answer.releases and service:
        return _none("alexa.status.none.of", tongue, service=tongue.service(service))
    if not answer.releases:
        return _none("alexa.status.none", tongue)
    mine = set(answer.waiting_for_me)
    ordered = sorted(answer.releases, key=lambda release: release.id not in mine)
    said = []
    for release in ordered[:_MOST_RELEASES]:
        stands = how(release, tongue, mine=release.id in mine)
        said.append(tongue.say("alexa.status.one", how=stands, **tongue.place(release)))
    if (more := len(ordered) - _MOST_RELEASES) > 0:
        said.append(tongue.say("alexa.status.more", n=more))
    return together(*said)


def waiting(answer: Releases, tongue: Tongue) -> Ssml:
    """Say what waits for this person."""
    found = [release for release in answer.releases if release.id in answer.waiting_for_me]
    if not found:
        return _none("alexa.waiting.none", tongue)
    said = [tongue.say("alexa.waiting", n=len(found))]
    said += [tongue.say("alexa.waiting.one", **tongue.place(release)) for release in found[:_MOST_RELEASES]]
    if (more := len(found) - _MOST_RELEASES) > 0:
        said.append(tongue.say("alexa.status.more", n=more))
    return together(*said)


def history(answer: Releases, tongue: Tongue) -> Ssml:
    """Name the last releases and how they ended."""
    if not answer.releases:
        return _none("alexa.history.none", tongue)
    return together(
        *(
            tongue.say("alexa.history.one", status=tongue.say(f"status.{release.status}"), **tongue.place(release))
            for release in answer.releases[:_MOST_RELEASES]
        )
    )


def where(answer: Deployments, tongue: Tongue) -> Ssml:
    """Say what runs where, by release number; and where that is in doubt."""
    if not answer.deployments:
        return _none("alexa.where.none", tongue)
    said = []
    for each in answer.deployments[:_MOST_PLACES]:
        place = {
            "service": tongue.service(each.service),
            "environment": tongue.environment(each.service, each.environment),
        }
        key = "alexa.where.unknown" if each.number is None else "alexa.where.one"
        said.append(tongue.say(key, number=each.number, **place))
        if each.doubt:
            said.append(tongue.say("alexa.where.doubt"))
    if (more := len(answer.deployments) - _MOST_PLACES) > 0:
        said.append(tongue.say("alexa.status.more", n=more))
    return together(*said)


def tests(release: Release, tongue: Tongue) -> Ssml:
    """Say how a release's tests went, with the name of the first that failed."""
    found = reports(release)
    total = sum(report.total for report in found)
    skipped = sum(report.skipped for report in found)
    failed = _failed_tests(release)
    first = next((test for report in found for test in report.failures), None)
    if not found:
        runs = any(each.kind is ActionKind.TEST and each.status is Status.RUNNING for each in _actions(release))
        key = "alexa.tests.running" if runs else "alexa.tests.not_yet" if release.active else "alexa.tests.none"
        how_it_is = tongue.say(key)
    elif failed:
        how_it_is = tongue.say("alexa.tests.some_failed", failed=failed, n=total)
    else:
        how_it_is = tongue.say("alexa.tests.all_passed", n=total - skipped)
        if skipped:
            how_it_is = Ssml(f"{how_it_is}, {tongue.say('alexa.tests.skipped', n=skipped)}")
    of = tongue.say("alexa.tests.of", label=tongue.label(release))
    named = tongue.say("alexa.tests.first", test=_test_name(first.name)) if failed and first else ""
    return together(of, Ssml(f"{how_it_is}."), named)


def _test_name(name: str) -> str:
    """Give what a test says that it tests: `a round price` of `tests.test_prices.Prices.test_a_round_price`."""
    own = name if " " in name else re.split(r"::|[./]", name)[-1] or name
    words = stage_name(own)
    return (words.removeprefix("test ") or words)[:_LONGEST_TEST]


def read_back(plan: Plan, tongue: Tongue, *, build: int | None = None) -> Ssml:
    """Say what would be done, so that a wrongly heard word is noticed. It ends with the question."""
    place = {
        "service": tongue.service(plan.service),
        "environment": tongue.environment(plan.service, plan.environment),
        "number": plan.number,
        "label": tongue.label(plan.release) if plan.release else "",
    }
    key = f"alexa.read.{plan.command.verb}"
    if plan.command.verb is Verb.DEPLOY and build is not None:
        key = "alexa.read.deploy.build"
    if plan.command.verb is Verb.PROMOTE and plan.release:
        key = "alexa.read.promote.release"
    said = [tongue.say(key, build=build, **place)]
    if plan.release and plan.command.verb in {Verb.APPROVE, Verb.STOP}:
        said.append(_sentence(how(plan.release, tongue)))
    if plan.release and plan.command.verb is Verb.PROMOTE and (tests := _tests_in_short(plan.release, tongue)):
        said.append(_sentence(tests))
    if plan.offered and plan.offered.newer:
        said.append(tongue.say("alexa.read.promote.newer"))
    if plan.offered and not plan.offered.may_approve:
        said.append(tongue.say("alexa.read.promote.not_yours"))
    if plan.offered and plan.offered.held:
        said.append(tongue.say("alexa.read.held", environment=place["environment"]))
    return together(*said, tongue.say("alexa.sure"))


def accepted(answer: Accepted, tongue: Tongue) -> Ssml:
    """Say what was taken: `starting` is never `deployed`."""
    release = answer.release
    key = f"alexa.done.{answer.verb}"
    if answer.repeated:
        key = "alexa.done.repeated"
    elif answer.given < answer.needed and answer.verb is Verb.APPROVE:
        key = "alexa.done.approve.more"
    elif answer.given < answer.needed and answer.verb is Verb.PROMOTE:
        key = "alexa.done.promote.waits"
    return tongue.say(key, number=release.number, given=answer.given, needed=answer.needed, **tongue.place(release))


def goodbye(own: Sequence[Release], tongue: Tongue) -> Ssml:
    """End the conversation; what is under way goes on, and that is said."""
    active = [each for each in own if each.active and each.kind is not ReleaseKind.ADOPTED]
    if len(active) == 1:
        return tongue.say("alexa.bye.active", label=tongue.label(active[0]))
    return tongue.say("alexa.bye.several", n=len(active)) if active else tongue.say("alexa.bye")


def _none(key: str, tongue: Tongue, **values: str) -> Ssml:
    """Say that there is nothing, and that there are places of which that is not said."""
    said = tongue.say(key, **values)
    return together(said, tongue.say("alexa.not_all")) if tongue.words.closed else said


def _sentence(said: Ssml) -> Ssml:
    return Ssml(f"{said[:1].upper()}{said[1:]}.")
