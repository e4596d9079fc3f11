"""Starts executions: what `@REF` becomes, pipeline variables, once per release; and brings a stage back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.core.errors import BackendError, BackendUnavailable, Conflict
from bot.core.model import Release
from bot.core.wording import say
from integrations.aws.answers import Answer, source_actions
from integrations.aws.pipelines import Pipelines
from integrations.aws.refusals import AwsRefused, near
from integrations.aws.target import AwsTarget

TOKEN_LIVES = timedelta(hours=1)
"""How long AWS is trusted to know a clientRequestToken again; for CodePipeline it is not documented."""
_HASH = re.compile(r"[0-9a-fA-F]{40}([0-9a-fA-F]{24})?")
_BY_COMMIT = frozenset({"CodeCommit", "CodeStarSourceConnection", "GitHub"})
_LONGEST_VALUE = 1000


async def start(pipelines: Pipelines, target: AwsTarget, release: Release, now: datetime) -> tuple[str, Answer]:
    """Start an execution for a release, once; gives its id and the declaration that it runs, as far as that is known.

    Raises `Conflict` if the pipeline has no room, and `BackendError` with a sentence for what can't be started.
    """
    needed = target.variables or release.ref  # else the first look shows whether it has changed meanwhile
    seen = pipelines.declaration_now(target, urgent=True) if needed else pipelines.declaration_seen(target)
    declaration = await seen
    if now - release.created > TOKEN_LIVES:
        await _refuse_a_guess(pipelines, target, release)
    given: dict[str, Any] = {"clientRequestToken": release.id}
    if variables := variables_of(target, declaration, release):
        given["variables"] = [{"name": name, "value": value} for name, value in variables.items()]
    if release.ref and not target.ref_in_variables:
        _must_take_revisions(declaration)
        given["sourceRevisions"] = await _source_revisions(pipelines, target, declaration, release.ref)
    return await _begin(pipelines, target, given), declaration


async def _begin(pipelines: Pipelines, target: AwsTarget, given: Mapping[str, Any]) -> str:
    try:
        answer = await pipelines.ask(target, "StartPipelineExecution", urgent=True, **given)
    except AwsRefused as error:
        if error.code == "ConcurrentPipelineExecutionsLimitExceeded":
            raise Conflict(say("aws.start.full", name=target.pipeline)) from error
        if error.code == "Conflict":  # API reference: "the pipeline is busy"; the token makes trying again safe
            raise BackendUnavailable(say("aws.start.busy", name=target.pipeline)) from error
        raise
    return str(answer["pipelineExecutionId"])


async def _refuse_a_guess(pipelines: Pipelines, target: AwsTarget, release: Release) -> None:
    """Refuse to start so late if it may have been done: AWS may have forgotten the token, and would start a second."""
    for each in await pipelines.executions(target, 50):
        kind = each.get("trigger", {}).get("triggerType")
        if kind == "StartPipelineExecution" and each["startTime"] >= release.created - timedelta(minutes=1):
            run = each["pipelineExecutionId"]
            raise BackendError(
                say("aws.start.unknown", run=run, name=target.pipeline), fix=say("aws.start.unknown.fix")
            )


def variables_of(target: AwsTarget, declaration: Answer, release: Release) -> dict[str, str]:
    """Give the pipeline's variables their values; one that would be empty keeps its default. Raises `BackendError`."""
    known = [each["name"] for each in declaration.get("variables", ())]
    said = {"ref": release.ref or "", "release": release.id, "reason": release.reason, "person": release.requested_by}
    found = {}
    for name, value in target.variables.items():
        if name not in known:
            raise BackendError(
                say("aws.start.no_variable", name=target.pipeline, variable=name, near=near(name, known))
            )
        text = re.sub(r"\{(\w+)\}", lambda word: said[word[1]], value)
        if text := " ".join(text.split())[:_LONGEST_VALUE]:
            found[name] = text
    return found


async def _source_revisions(
    pipelines: Pipelines, target: AwsTarget, declaration: Answer, ref: str
) -> list[dict[str, str]]:
    sources = source_actions(declaration)
    names = [each["name"] for each in sources]
    chosen = next((each for each in sources if each["name"] == target.source), None)
    if target.source and chosen is None:
        raise BackendError(say("aws.start.no_source", name=target.pipeline, source=target.source,
                               near=near(target.source, names)))  # fmt: skip
    chosen = chosen or sources[0]
    provider, configuration = chosen["actionTypeId"]["provider"], chosen.get("configuration", {})
    if provider == "CodeCommit" and not _HASH.fullmatch(ref):
        ref = await _commit_of(pipelines, target, configuration.get("RepositoryName", ""), ref)
    kind = revision_type(chosen, ref)
    return [{"actionName": chosen["name"], "revisionType": kind, "revisionValue": ref}]


def _must_take_revisions(declaration: Answer) -> None:
    """Refuse what AWS would not do, or not say that it does not (User Guide, "What type of pipeline is right for me?").

    A pipeline of type V1 has neither rollbacks nor source revision overrides.
    """
    if not takes_revisions(declaration):
        name = declaration["name"]
        raise BackendError(say("aws.start.v1", name=name), fix=say("aws.start.v1.fix"))


def takes_revisions(declaration: Answer) -> bool:
    """Tell whether a pipeline can be started with another revision than its newest."""
    return bool(declaration.get("pipelineType", "V1") == "V2")


def revision_type(source: Answer, ref: str) -> str:
    """Tell what a source action takes this as (API model, "SourceRevisionType"). Raises `BackendError` if as nothing.

    A connection to GitHub and the like takes full commit ids only, and AWS can't be asked what a branch is there.
    """
    provider = source["actionTypeId"]["provider"]
    if provider == "S3":
        return "S3_OBJECT_KEY" if "/" in ref or ref.endswith((".zip", ".tar", ".tar.gz")) else "S3_OBJECT_VERSION_ID"
    if provider == "ECR":
        if not ref.startswith("sha256:"):
            raise BackendError(say("aws.start.digest", source=source["name"], ref=ref))
        return "IMAGE_DIGEST"
    if provider in _BY_COMMIT and not _HASH.fullmatch(ref):
        raise BackendError(say("aws.start.commit", source=source["name"], ref=ref), fix=say("aws.start.commit.fix"))
    return "COMMIT_ID"


async def _commit_of(pipelines: Pipelines, target: AwsTarget, repository: str, branch: str) -> str:
    try:
        found = await pipelines.clients.call(
            target.place, "codecommit", "GetBranch", repositoryName=repository, branchName=branch, urgent=True
        )
    except AwsRefused as error:
        raise BackendError(say("aws.start.branch", repository=repository, ref=branch)) from error
    return str(found["branch"]["commitId"])


async def roll_back(
    pipelines: Pipelines, target: AwsTarget, release: Release, *, stage: str, to: str, claimed: Mapping[str, str]
) -> str:
    """Bring a stage back by RollbackStage; if the pipeline can't do that, start it anew with the revisions of `to`.

    RollbackStage knows no token, so its execution is looked for before it is asked for a second time: one to the same
    target, begun since the release was wished for, that no other release in `claimed` (run to release) has.
    """
    earlier = await pipelines.executions(target, 50)
    for each in earlier:
        goes_to = each.get("rollbackMetadata", {}).get("rollbackTargetPipelineExecutionId")
        recent = each["startTime"] >= release.created - timedelta(seconds=2)
        free = claimed.get(each["pipelineExecutionId"], release.id) == release.id
        if goes_to == to and recent and free and await _is_in(pipelines, target, each["pipelineExecutionId"], stage):
            return str(each["pipelineExecutionId"])
    past = (await pipelines.ask(target, "GetPipelineExecution", pipelineExecutionId=to))["pipelineExecution"]
    if past.get("executionType") == "ROLLBACK":
        raise BackendError(say("aws.back.itself", run=to[:8]))
    rows = await pipelines.actions(target, to)
    declaration = await pipelines.declaration(target, past["pipelineVersion"])
    _must_have_succeeded(declaration, rows, stage, to)
    today = await pipelines.declaration_now(target)
    if takes_revisions(today) and past.get("executionMode") != "PARALLEL":
        try:
            answer = await pipelines.ask(
                target, "RollbackStage", stageName=stage, targetPipelineExecutionId=to, urgent=True, once=True
            )
            return str(answer["pipelineExecutionId"])
        except AwsRefused as error:
            if error.code == "Conflict":
                raise Conflict(say("aws.taken", stage=stage)) from error
            if error.code not in {"PipelineExecutionOutdated", "UnableToRollbackStage"}:
                raise
    _must_take_revisions(today)
    revisions = _revisions_of(today, rows)
    if not revisions:
        raise BackendError(say("aws.back.no_revisions", run=to[:8]))
    return await _begin(pipelines, target, {"clientRequestToken": release.id, "sourceRevisions": revisions})


async def _is_in(pipelines: Pipelines, target: AwsTarget, run_id: str, stage: str) -> bool:
    """Tell whether a rollback is one of this stage; one that has not begun yet may be."""
    rows = await pipelines.actions(target, run_id)
    return not rows or any(row["stageName"] == stage for row in rows)


def _must_have_succeeded(declaration: Answer, rows: Sequence[Answer], stage: str, run_id: str) -> None:
    declared = next((each for each in declaration["stages"] if each["name"] == stage), None)
    if declared is not None and declared is declaration["stages"][0]:
        raise BackendError(say("aws.back.source", stage=stage))
    done = {row["actionName"] for row in rows if row["stageName"] == stage and row["status"] == "Succeeded"}
    if declared is None or not all(action["name"] in done for action in declared["actions"]):
        raise BackendError(say("aws.back.never_there", run=run_id[:8], stage=stage))


def _revisions_of(declaration: Answer, rows: Sequence[Answer]) -> list[dict[str, str]]:
    """Give what an execution's source actions fetched, as what a new start is to fetch."""
    found = []
    for source in source_actions(declaration):
        fetched = [row for row in rows if row["actionName"] == source["name"] and row["status"] == "Succeeded"]
        told = fetched[0].get("output", {}).get("outputVariables", {}) if fetched else {}
        value = told.get("CommitId") or told.get("ImageDigest") or told.get("VersionId")
        if value:
            kind = {"ECR": "IMAGE_DIGEST", "S3": "S3_OBJECT_VERSION_ID"}.get(source["actionTypeId"]["provider"])
            name = source["name"]
            found.append({"actionName": name, "revisionType": kind or "COMMIT_ID", "revisionValue": value})
    return found
