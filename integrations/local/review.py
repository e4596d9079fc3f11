"""What `sayso check` says of a pipeline's file: whether it can be read, fits the catalogue, and is guarded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bot.core.errors import BadFile, Mistake
from bot.core.model import ActionKind
from bot.core.ports import Review
from integrations.local.pipelines import read_pipeline
from integrations.local.target import LocalTarget
from integrations.local.triggers.deciding import polled
from integrations.local.triggers.declared import GitHook, Poll
from integrations.specs.mistakes import nearest, one_of
from integrations.specs.pipeline import PipelineDeclaration
from integrations.specs.triggers import triggers_of


def review(target: LocalTarget, stage: str | None, *, production: bool) -> Review:
    """Look at one environment of the local backend. Reads the pipeline's file."""
    file = str(target.file)
    try:
        pipeline = read_pipeline(target.file)
    except BadFile as bad:
        return Review(mistakes=tuple(_whole(each, target) for each in bad.mistakes))
    mistakes = [*_stage(pipeline, stage, file), *_declared(pipeline, target)]
    try:
        triggers = triggers_of(pipeline.triggers, target.file.name)
    except BadFile as bad:
        mistakes += [_whole(each, target) for each in bad.mistakes]
    else:
        sources = [action.name for action in pipeline.stages[0].actions]
        for place, trigger in enumerate(triggers):
            named = trigger.git_configuration.source_action_name
            if named not in sources:
                where = f"{file} /triggers/{place}/gitConfiguration/sourceActionName"
                mistakes.append(Mistake(where, f"`{named}` is no action of the first stage.", nearest(named, sources)))
    unguarded = production and not mistakes and not _guarded(pipeline, stage)
    return Review(mistakes=tuple(mistakes), warnings=(_no_gate(file, stage),) if unguarded else ())


def _whole(mistake: Mistake, target: LocalTarget) -> Mistake:
    """Name the file with its folder: several pipelines' files may have the same name."""
    name = target.file.name
    if not mistake.place.startswith(name):
        return mistake
    return replace(mistake, place=str(target.file) + mistake.place.removeprefix(name))


def _stage(pipeline: PipelineDeclaration, stage: str | None, file: str) -> Iterator[Mistake]:
    names = [each.name for each in pipeline.stages]
    if stage is not None and stage not in names:
        fix = nearest(stage, names) or f"Its stages are {one_of(names)}."
        yield Mistake(file, f"the catalogue names its stage `{stage}`, which it does not have.", fix)


def _declared(pipeline: PipelineDeclaration, target: LocalTarget) -> Iterator[Mistake]:
    """Find triggers of the catalogue that could never start this pipeline."""
    for name, declared in target.triggers.items():
        if isinstance(declared, GitHook | Poll) and not polled(pipeline):
            problem = f"the trigger `{name}` of the catalogue waits for git, but no source action is a git repository."
            yield Mistake(str(target.file), problem)


def _guarded(pipeline: PipelineDeclaration, stage: str | None) -> bool:
    """Tell whether an approval stands before an environment: before its stage, or its first deployment."""
    for each in pipeline.stages:
        for group in each.groups:
            kinds = {action.kind for action in group}
            if ActionKind.APPROVAL in kinds:
                return True
            if ActionKind.DEPLOY in kinds and stage in {None, each.name}:
                return False
        if each.name == stage:
            return False
    return False


def _no_gate(file: str, stage: str | None) -> Mistake:
    where = f"before its stage `{stage}`" if stage else "before it deploys"
    return Mistake(
        file,
        f"no approval stands {where}: what is deployed to production goes there at once, whoever the approvers are.",
        "Add an action of the category Approval there, if somebody is to be asked.",
    )
