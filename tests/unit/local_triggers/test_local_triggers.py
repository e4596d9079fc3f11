"""Webhooks, schedules and polled branches over a real engine, a real repository and a real HTTP door."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from bot.core.errors import Misconfigured
from bot.core.model import Run, Status
from bot.store.database import Database, open_engine
from bot.store.migrate import migrate
from integrations.local import MIGRATIONS, VERSION_TABLE
from integrations.local.backend import LocalBackend
from integrations.local.target import LocalTarget
from integrations.local.triggers.deciding import webhook_variables
from integrations.local.triggers.declared import Poll, Schedule
from integrations.local.triggers.git_events import read_event
from integrations.local.triggers.hooks import MOST_BYTES, Hooks
from integrations.local.triggers.marks import Marks
from integrations.local.triggers.polling import Polled
from integrations.local.triggers.schedules import Scheduled
from integrations.local.triggers.serving import hooks_of
from integrations.local.triggers.starting import Starter
from tests.support.local_world import SOURCE, LocalWorld
from tests.support.local_world import action as local_action
from tests.support.waiting import until

SECRETS = {"HOOK_SECRET": "s3cret-of-the-hook", "SIGNING": "whsec_" + base64.b64encode(b"k" * 32).decode()}


@dataclass
class World:
    """An engine, its pipeline, and the door."""

    local: LocalWorld
    backend: LocalBackend
    ahead: timedelta = field(default_factory=timedelta)

    def clock(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    @property
    def starter(self) -> Starter:
        return Starter(self.backend.engine)

    @property
    def marks(self) -> Marks:
        return Marks(self.backend.engine.database)

    def target(self, **triggers: Any) -> LocalTarget:
        return self.local.target(triggers=triggers)

    async def send(
        self, path: str, body: bytes, headers: Mapping[str, str], **triggers: Any
    ) -> tuple[int, dict[str, Any]]:
        hooks = Hooks(hooks_of([self.target(**triggers)], SECRETS), self.starter, self.clock)
        transport = httpx.ASGITransport(hooks.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://sayso") as client:
            answer = await client.post(path, content=body, headers=dict(headers))
        return answer.status_code, answer.json() if "json" in answer.headers.get("content-type", "") else {}

    async def runs(self) -> list[Run]:
        return await self.backend.recent(self.target(), 10)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    await migrate(engine, MIGRATIONS, VERSION_TABLE)
    numbers = count(1)
    backend = LocalBackend(
        Database(engine), tmp_path / "data", lambda: datetime.now(UTC), lambda: f"{next(numbers):08}"
    )
    await backend.open()
    yield World(LocalWorld(tmp_path / "world"), backend)
    await backend.close(kill=True)
    await Database(engine).close()


def github(body: Any, event: str = "push", secret: str = SECRETS["HOOK_SECRET"]) -> tuple[bytes, dict[str, str]]:
    raw = json.dumps(body).encode()
    signature = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return raw, {"X-Hub-Signature-256": f"sha256={signature}", "X-GitHub-Event": event,
                 "X-GitHub-Delivery": "d1", "Content-Type": "application/json"}  # fmt: skip


def pushed(commit: str, ref: str = "refs/heads/main", **more: Any) -> dict[str, Any]:
    return {"ref": ref, "repository": {"full_name": "team/shop"}, "head_commit": {"id": commit},
            "pusher": {"name": "ada"}, "commits": [{"added": ["a"], "modified": [], "removed": []}],
            **more}  # fmt: skip


GITHUB = {"kind": "github", "secret_env": "HOOK_SECRET"}


async def test_a_push_starts_the_pipeline_at_its_commit(world: World) -> None:
    status, answer = await world.send("/main", *github(pushed(world.local.first)), main=GITHUB)
    assert status == 202, answer
    run = await until(lambda: world.backend.observe(world.target(), answer["started"][0]), lambda run: run.revision)
    assert run.revision is not None
    assert (run.revision.id, run.revision.ref) == (world.local.first, "main")
    assert (run.trigger, run.started_by) == ("a push to main by ada", ("github:ada",))


BRANCH = {"type": "branch", "name": "main", "target": {"hash": "c" * 40}}
BY = {
    "github": ("push", {**pushed("c" * 40), "before": "b" * 40, "pusher": {"name": "ana-r", "email": "ana@example.com"},
                        "sender": {"login": "ana-r", "id": 42}}),
    "gitlab": ("Push Hook", {"ref": "refs/heads/main", "after": "c" * 40, "before": "b" * 40, "checkout_sha": "c" * 40,
                             "project": {"path_with_namespace": "team/shop"}, "commits": [], "user_id": 42,
                             "user_name": "Ana", "user_username": "ana-r", "user_email": "ana@example.com"}),
    "bitbucket": ("repo:push", {"repository": {"full_name": "team/shop"},
                                "push": {"changes": [{"new": BRANCH, "old": {"target": {"hash": "b" * 40}}}]},
                                "actor": {"display_name": "B", "nickname": "ben", "account_id": "42", "uuid": "{u}"}}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("host", "names"),
    [("github", ("github:ana-r", "ana@example.com")), ("gitlab", ("gitlab:ana-r", "ana@example.com")),
     ("bitbucket", ("bitbucket:42", "bitbucket:{u}"))],
)  # fmt: skip
def test_only_names_that_the_host_vouches_for_say_who_pushed(host: str, names: tuple[str, ...]) -> None:
    (event,) = read_event(host, *BY[host])
    assert event.logins == names
    assert webhook_variables(event) == {
        "CODEBUILD_WEBHOOK_EVENT": "PUSH",
        "CODEBUILD_WEBHOOK_TRIGGER": "branch/main",
        "CODEBUILD_WEBHOOK_HEAD_REF": "refs/heads/main",
        "CODEBUILD_WEBHOOK_PREV_COMMIT": "b" * 40,
        "CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID": "42",
    }


def test_a_build_sees_what_became_of_a_pull_request() -> None:
    body = {"action": "reopened", "repository": {"full_name": "team/shop"}, "sender": {"login": "ana-r", "id": 42},
            "pull_request": {"number": 7, "base": {"ref": "main"},
                             "head": {"ref": "fix", "sha": "c" * 40}}}  # fmt: skip
    (event,) = read_event("github", "pull_request", body)
    assert event.logins == ("github:ana-r",)
    assert webhook_variables(event) == {
        "CODEBUILD_WEBHOOK_EVENT": "PULL_REQUEST_REOPENED",
        "CODEBUILD_WEBHOOK_TRIGGER": "pr/7",
        "CODEBUILD_WEBHOOK_BASE_REF": "refs/heads/main",
        "CODEBUILD_WEBHOOK_HEAD_REF": "refs/heads/fix",
        "CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID": "42",
    }


async def test_the_same_delivery_again_starts_nothing_even_under_another_id(world: World) -> None:
    raw, headers = github(pushed(world.local.first))
    first = await world.send("/main", raw, headers, main=GITHUB)
    again = await world.send("/main", raw, {**headers, "X-GitHub-Delivery": "forged"}, main=GITHUB)
    assert first == again
    assert len(await world.runs()) == 1


async def test_what_nobody_wants_starts_nothing(world: World) -> None:
    for body in (
        pushed(world.local.first, "refs/heads/other"),
        pushed(world.local.first, "refs/tags/v1"),
        pushed(world.local.first, deleted=True),
    ):
        status, answer = await world.send("/main", *github(body), main=GITHUB)
        assert (status, answer["started"]) == (200, [])
        assert answer["notes"]
    status, _ = await world.send("/main", *github({"zen": "Keep it simple"}, "ping"), main=GITHUB)
    assert status == 200
    other = {**GITHUB, "repository": "team/other"}
    status, answer = await world.send("/main", *github(pushed(world.local.first)), main=other)
    assert answer["notes"] == ["The pipeline is not made of team/shop."]
    assert not await world.runs()


async def test_the_pipelines_own_triggers_decide(world: World) -> None:
    filters = {
        "sourceActionName": "Checkout",
        "push": [{"tags": {"includes": ["v*"]}}],
        "pullRequest": [{"events": ["CLOSED"]}],
    }
    declared = [{"providerType": "CodeStarSourceConnection", "gitConfiguration": filters}]
    world.local.declare(
        json.loads(world.local.file.read_text())["pipeline"]["stages"], pipelineType="V2", triggers=declared
    )
    assert (await world.send("/main", *github(pushed(world.local.first)), main=GITHUB))[0] == 200
    assert (await world.send("/main", *github(pushed(world.local.first, "refs/tags/v1")), main=GITHUB))[0] == 202
    pull = {"number": 7, "merged": True, "head": {"ref": "feature", "sha": world.local.first}, "base": {"ref": "main"}}
    body = {
        "action": "closed",
        "repository": {"full_name": "team/shop"},
        "sender": {"login": "ben"},
        "pull_request": pull,
    }
    assert (await world.send("/main", *github(body, "pull_request"), main=GITHUB))[0] == 202
    assert [run.trigger for run in await world.runs()] == [
        "pull request #7 merged by ben (feature → main)",
        "the tag v1 pushed by ada",
    ]


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Hub-Signature-256": "sha256=00"}, {"X-Hub-Signature-256": "é"}, {"X-Hub-Signature": "sha1=00"}],
)
async def test_an_unsigned_webhook_is_refused_before_it_is_read(world: World, headers: dict[str, str]) -> None:
    given = {name: value.encode("latin-1").decode("latin-1") for name, value in headers.items()}
    raw = b"{not even json"
    hooks = Hooks(hooks_of([world.target(main=GITHUB)], SECRETS), world.starter, world.clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(hooks.app()), base_url="http://sayso") as client:
        sent = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
        assert (await client.post("/main", content=raw, headers=sent)).status_code == 401


async def test_signed_nonsense_is_told_to_be_nonsense(world: World) -> None:
    for body, event in (([], "push"), ({"ref": 5}, "push"), ({"action": "opened"}, "pull_request"), ("x", "push")):
        assert (await world.send("/main", *github(body, event), main=GITHUB))[0] in {200, 400}
    raw = b"[" * 100_000
    signature = hmac.new(SECRETS["HOOK_SECRET"].encode(), raw, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={signature}", "X-GitHub-Event": "push"}
    assert (await world.send("/main", raw, headers, main=GITHUB))[0] == 400
    assert (await world.send("/main", b"x" * (MOST_BYTES + 1), {}, main=GITHUB))[0] == 413
    assert (await world.send("/other", b"{}", {}, main=GITHUB))[0] == 404
    assert not await world.runs()


async def test_a_pipeline_that_can_t_be_read_is_told_to_the_sender(world: World) -> None:
    world.local.file.write_text("{")
    status, answer = await world.send("/main", *github(pushed(world.local.first)), main=GITHUB)
    assert status == 422
    assert "this is not JSON" in answer["notes"][0]


async def test_gitlab_proves_itself_by_token_or_signature(world: World) -> None:
    body = {"ref": "refs/heads/main", "before": "1" * 40, "after": world.local.first, "checkout_sha": world.local.first,
            "project": {"path_with_namespace": "team/shop"}, "user_name": "Ada", "commits": [],
            "total_commits_count": 0}  # fmt: skip
    raw, event = json.dumps(body).encode(), {"X-Gitlab-Event": "Push Hook"}
    plain = {"kind": "gitlab", "secret_env": "HOOK_SECRET"}
    assert (await world.send("/a", raw, {**event, "X-Gitlab-Token": "wrong"}, a=plain))[0] == 401
    assert (await world.send("/a", raw, {**event, "X-Gitlab-Token": SECRETS["HOOK_SECRET"]}, a=plain))[0] == 202
    signing = {"kind": "gitlab", "secret_env": "SIGNING"}

    def signed(moment: int) -> dict[str, str]:
        digest = hmac.new(b"k" * 32, f"m1.{moment}.".encode() + raw, hashlib.sha256).digest()
        said = f"v1,{base64.b64encode(digest).decode()}"
        return {**event, "webhook-id": "m1", "webhook-timestamp": str(moment), "webhook-signature": said}

    now = int(world.clock().timestamp())
    assert (await world.send("/b", raw, signed(now - 900), b=signing))[0] == 401
    assert (await world.send("/b", raw, signed(now), b=signing))[0] == 202
    assert (await world.send("/b", raw, {**signed(now), "webhook-id": "m2"}, b=signing))[0] == 401


async def test_bitbucket_tells_of_every_branch_at_once(world: World) -> None:
    def change(name: str) -> dict[str, Any]:
        return {"new": {"type": "branch", "name": name, "target": {"hash": world.local.first}}}

    body = {"push": {"changes": [change("other"), change("main"), {"new": None}]},
            "repository": {"full_name": "team/shop"}, "actor": {"display_name": "Ada L"}}  # fmt: skip
    raw = json.dumps(body).encode()
    signature = hmac.new(SECRETS["HOOK_SECRET"].encode(), raw, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature": f"sha256={signature}", "X-Event-Key": "repo:push"}
    hook = {"kind": "bitbucket", "secret_env": "HOOK_SECRET"}
    status, answer = await world.send("/b", raw, headers, b=hook)
    assert (status, len(answer["started"])) == (202, 1)
    assert [run.trigger for run in await world.runs()] == ["a push to main by Ada L"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("dockerhub", {"push_data": {"tag": "1.0", "pusher": "ada"}, "repository": {"repo_name": "team/shop"}}),
        ("quay", {"repository": "team/shop", "updated_tags": ["1.0"]}),
        (
            "artifactory",
            {"domain": "docker", "event_type": "pushed", "data": {"image_name": "team/shop", "tag": "1.0"}},
        ),
    ],
)
async def test_a_pushed_image_starts_the_pipeline(world: World, kind: str, body: Any) -> None:
    hook = {"kind": kind, "secret_env": "HOOK_SECRET", "repository": "team/shop", "tags": ["1.*"]}
    raw, secret = json.dumps(body).encode(), SECRETS["HOOK_SECRET"]
    assert (await world.send("/r", raw, {}, r=hook))[0] == 401
    assert (await world.send("/r/guess", raw, {}, r=hook))[0] == 401
    status, answer = await world.send(f"/r/{secret}", raw, {}, r={**hook, "tags": ["2.*"]})
    assert (status, answer["notes"]) == (200, ["The trigger does not want the tag 1.0."])
    assert (await world.send(f"/r/{secret}", raw, {}, r=hook))[0] == 202
    assert "team/shop:1.0 pushed to" in (await world.runs())[0].trigger
    if kind == "artifactory":
        signature = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
        assert (await world.send("/r", raw, {"X-JFrog-Event-Auth": signature}, r=hook))[0] == 202


async def test_a_schedule_starts_once_and_catches_up_once(world: World) -> None:
    nightly = Schedule(kind="schedule", cron="* * * * *")

    async def look() -> float:  # a new object each time, as after a restart
        kept = Scheduled(
            "nightly", nightly, world.target(), starter=world.starter, marks=world.marks, clock=world.clock
        )
        return await kept.look()

    assert 0 < await look() <= 60.1
    assert not await world.runs()
    world.ahead = timedelta(minutes=7)  # seven of them were missed
    await look()
    await look()
    runs = await world.runs()
    assert len(runs) == 1
    assert runs[0].trigger == "the schedule nightly (* * * * *, UTC)"


async def test_a_schedule_of_a_broken_pipeline_gives_a_failed_run(world: World) -> None:
    nightly = Schedule(kind="schedule", cron="* * * * *")
    kept = Scheduled("nightly", nightly, world.target(), starter=world.starter, marks=world.marks, clock=world.clock)
    await kept.look()
    world.local.file.write_text("{")
    world.ahead = timedelta(minutes=2)
    await kept.look()
    assert "this is not JSON" in (await world.runs())[0].detail


async def test_a_branch_that_moved_starts_the_pipeline(world: World) -> None:
    def polled(declared: Poll | None) -> Polled:
        return Polled(
            world.target(), declared, starter=world.starter, marks=world.marks, clock=world.clock, chance=lambda: 0.5
        )

    await polled(None).look()
    world.local.commit("unseen")
    await polled(None).look()  # the pipeline does not want it, and neither does the catalogue
    await polled(Poll(kind="poll")).look()
    assert not await world.runs()
    second = world.local.commit("the second one")
    await polled(Poll(kind="poll")).look()
    await polled(Poll(kind="poll")).look()
    runs = await world.runs()
    assert [run.trigger for run in runs] == ["a new commit on main"]
    run = await until(lambda: world.backend.observe(world.target(), runs[0].id), lambda run: run.revision)
    assert run.revision is not None
    assert run.revision.id == second


def test_every_missing_secret_is_told(tmp_path: Path) -> None:
    one = {"kind": "github", "secret_env": "ONE"}
    two = {"kind": "quay", "secret_env": "TWO"}
    target = LocalTarget.model_validate({"pipeline": "p.json", "triggers": {"a": one, "b": two}})
    other = LocalTarget.model_validate({"pipeline": "q.json", "triggers": {"a": two}})
    with pytest.raises(Misconfigured) as caught:
        hooks_of([target, other], {"TWO": "guess me"})
    assert "ONE, the secret of the trigger a, is not set." in caught.value.sentence
    assert "TWO, the secret of the trigger b, is shorter than 16 characters." in caught.value.sentence
    assert "twice, with another kind" in caught.value.sentence


def test_every_mistake_in_the_catalogue_is_told_at_once() -> None:
    triggers = {
        "Bad Name": {"kind": "github", "secret_env": "A"},
        "b": {"kind": "github", "secret_env": "not a name"},
        "c": {"kind": "schedule", "cron": "no", "timezone": "Mars"},
        "d": {"kind": "carrier-pigeon"},
        "e": {"kind": "poll", "seconds": 1},
    }
    with pytest.raises(ValidationError) as caught:
        LocalTarget.model_validate({"pipeline": "p.json", "triggers": triggers})
    assert {error["loc"][1] for error in caught.value.errors()} == {"Bad Name", "b", "c", "d", "e"}


async def test_a_build_knows_the_push_its_sources_and_the_runs_variables(world: World) -> None:
    source = dict(SOURCE["configuration"])
    other = local_action("Source", "Git", "Other", outputArtifacts=[{"name": "Else"}], configuration=source)
    commands = [
        'echo "pushed: $CODEBUILD_WEBHOOK_EVENT $CODEBUILD_WEBHOOK_TRIGGER $CODEBUILD_WEBHOOK_HEAD_REF"',
        'echo "commits: $CODEBUILD_RESOLVED_SOURCE_VERSION #{SourceVariables.CommitId} $CODEBUILD_SOURCE_VERSION_Else"',
        'test -f "$CODEBUILD_SRC_DIR_Else/step.sh" && echo "run: $RUN"',
    ]
    run = {"name": "RUN", "value": "#{codepipeline.PipelineExecutionId}"}
    show = local_action(
        "Compute", "Commands", "Show", inputArtifacts=[{"name": "Tree"}, {"name": "Else"}], commands=commands,
        environmentVariables=[run],
    )  # fmt: skip
    world.local.declare([{"name": "Source", "actions": [SOURCE, other]}, {"name": "Show", "actions": [show]}])
    body = pushed(world.local.first, "refs/heads/main")
    _, answer = await world.send("/main", *github(body), main={**GITHUB, "repository": "team/shop"})
    (run_id,) = answer["started"]
    seen = await until(lambda: world.backend.observe(world.target(), run_id), lambda run: run.status.finished)
    shown = seen.stages[1].actions[0]
    assert seen.status is Status.SUCCEEDED, (shown.detail, shown.log)
    assert shown.log is not None
    assert [line for line in shown.log.lines if line.startswith(("pushed", "commits", "run"))] == [
        "pushed: PUSH branch/main refs/heads/main",
        f"commits: {world.local.first} {world.local.first} {world.local.first}",
        f"run: {run_id}",
    ]
