"""A first catalogue for pipelines that exist: services and environments by the names of pipelines and stages; pure."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from bot.core.model import Frozen
from bot.core.wording import say
from integrations.aws.target import Place

_PRODUCTION = frozenset({"prod", "production", "live", "prd"})
_OTHERS = "dev develop development test testing qa uat int integration stage staging preprod beta gamma sandbox"
_ENVIRONMENTS = _PRODUCTION | frozenset(_OTHERS.split())
_FILLERS = frozenset({"deploy", "deployment", "deploys", "to", "the", "release", "pipeline", "rollout", "in", "on"})
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Found(Frozen):
    """One environment that a pipeline, or one of its stages, seems to be."""

    service: str
    environment: str
    pipeline: str
    stage: str | None
    """None: the whole pipeline."""
    production: bool
    gated: bool
    """Whether a manual approval stands in or before the stage."""


def environments_in(declarations: Iterable[Mapping[str, Any]]) -> list[Found]:
    """Read declarations (CodePipeline's `PipelineDeclaration`) as environments, sorted by service; names are unique.

    A pipeline whose name ends or begins with an environment's, as `checkout-prod`, is that environment as a whole. Of
    any other each stage that deploys is one, named by the stage's own words.
    """
    found: list[Found] = []
    taken: set[tuple[str, str]] = set()
    for declared in sorted(declarations, key=lambda each: str(each["name"])):
        for each in _of_pipeline(declared):
            name, number = each.environment, 2
            while (each.service, name) in taken:
                name, number = f"{each.environment}-{number}", number + 1
            taken.add((each.service, name))
            found.append(each.model_copy(update={"environment": name}))
    return sorted(found, key=lambda each: each.service)


def written(found: Iterable[Found], place: Place) -> str:
    """Write `sayso.toml` for them, ready to be read, with what is left to do as comments."""
    services: dict[str, list[Found]] = defaultdict(list)
    for each in found:
        services[each.service].append(each)
    lines = [f"# {line}" for line in say("aws.discover.head").splitlines()]
    for service, environments in services.items():
        lines += ["", f"[services.{_key(service)}]", f"# {say('aws.discover.channel')}", ""]
        lines += [f"[services.{_key(service)}.target]", f"region = {json.dumps(place.region)}"]
        if place.role:
            lines.append(f"role = {json.dumps(place.role)}")
        if place.external_id:
            lines.append(f"external_id = {json.dumps(place.external_id)}")
        for each in environments:
            lines += _environment(each)
    return "\n".join(lines) + "\n"


def _environment(each: Found) -> list[str]:
    lines = ["", f"[services.{_key(each.service)}.environments.{_key(each.environment)}]", 'backend = "aws"']
    lines.append(f"pipeline = {json.dumps(each.pipeline)}")
    if each.stage:
        lines.append(f"stage = {json.dumps(each.stage)}")
    if each.production:
        lines.append("production = true")
        lines.append(f"# {say('aws.discover.approvers' if each.gated else 'aws.discover.no_gate')}")
    return lines


def _of_pipeline(declared: Mapping[str, Any]) -> list[Found]:
    name, stages = str(declared["name"]), declared["stages"]
    words = _words(name)
    own = next((words[at] for at in (-1, 0) if words and words[at] in _ENVIRONMENTS), None)
    deploying = [stage for stage in stages if _has(stage, "Deploy")]
    gates = [index for index, stage in enumerate(stages) if _has(stage, "Approval")]
    if own and len(words) > 1:
        words.remove(own)
        return [_found("-".join(words), own, name, None, gated=bool(gates))]
    service = "-".join(words) or name.lower()
    if len(deploying) < 2:
        called = _stage_name(deploying[0]["name"]) if deploying else "main"
        return [_found(service, called, name, None, gated=bool(gates))]
    return [
        _found(
            service,
            _stage_name(stage["name"]),
            name,
            stage["name"],
            gated=any(gate <= stages.index(stage) for gate in gates),
        )
        for stage in deploying
    ]


def _found(service: str, environment: str, pipeline: str, stage: str | None, *, gated: bool) -> Found:
    production = bool(_PRODUCTION & set(_words(environment)))
    return Found(
        service=service, environment=environment, pipeline=pipeline, stage=stage, production=production, gated=gated
    )


def _has(stage: Mapping[str, Any], category: str) -> bool:
    return any(action["actionTypeId"]["category"] == category for action in stage["actions"])


def _stage_name(name: str) -> str:
    return "-".join(_words(name)) or "main"


def _words(name: str) -> list[str]:
    """Split `CheckoutAPI_Deploy-prod` into lower-case words, without those that say nothing."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return [word for part in parts if (word := part.lower()) not in _FILLERS]


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name)
