"""What can be said of an environment by its pipeline's declaration: names that are not there, and no gate; pure."""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.errors import Mistake
from bot.core.mistakes import nearest
from bot.core.ports import Review
from bot.core.wording import say
from integrations.aws.answers import Answer, source_actions
from integrations.aws.checking.environments import Environment
from integrations.aws.refusals import near
from integrations.aws.starting import takes_revisions


def review(environment: Environment, declaration: Answer) -> Review:
    """Compare an environment with what its pipeline declares (GetPipeline's `pipeline`)."""
    mistakes = tuple(_mistakes(environment, declaration))
    warnings = []
    if not takes_revisions(declaration):
        warnings.append(
            Mistake(environment.key, say("aws.start.v1", name=declaration["name"]), say("aws.check.v1.fix"))
        )
    if environment.production and not mistakes and not guarded(declaration, environment.stage):
        stage = environment.stage
        where = say("aws.check.before.stage", stage=stage) if stage else say("aws.check.before.deploy")
        sentence = say("aws.check.no_gate", name=declaration["name"], where=where)
        warnings.append(Mistake(environment.key, sentence, say("aws.check.no_gate.fix")))
    return Review(mistakes=mistakes, warnings=tuple(warnings))


def guarded(declaration: Answer, stage: str | None) -> bool:
    """Tell whether an approval stands before an environment: before its stage, or its first deployment."""
    for each in declaration["stages"]:
        actions = each["actions"]
        for order in sorted({action.get("runOrder", 1) for action in actions}):
            group = {a["actionTypeId"]["category"] for a in actions if a.get("runOrder", 1) == order}
            if "Approval" in group:
                return True
            if "Deploy" in group and stage in {None, each["name"]}:
                return False
        if each["name"] == stage:
            return False
    return False


def _mistakes(environment: Environment, declaration: Answer) -> Iterator[Mistake]:
    target, stage, name = environment.target, environment.stage, declaration["name"]
    stages = [each["name"] for each in declaration["stages"]]
    if stage is not None and stage not in stages:
        sentence = say("aws.no_stage", name=name, stage=stage, stages=", ".join(stages))
        yield Mistake(f"{environment.key}.stage", sentence, nearest(stage, stages))
    sources = [each["name"] for each in source_actions(declaration)]
    if target.source is not None and target.source not in sources:
        sentence = say("aws.start.no_source", name=name, source=target.source, near=near(target.source, sources))
        yield Mistake(f"{environment.key}.source", sentence)
    variables = [each["name"] for each in declaration.get("variables", ())]
    for variable in target.variables:
        if variable not in variables:
            sentence = say("aws.start.no_variable", name=name, variable=variable, near=near(variable, variables))
            yield Mistake(f"{environment.key}.variables", sentence)
