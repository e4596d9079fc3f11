"""What a build leaves: its output artifacts and exported variables, with the texts that name them filled in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from integrations.local.actions import Attempt
from integrations.local.files import Unfit, gather
from integrations.specs.buildspec import Artifact, Buildspec, Report

LONGEST_VALUE = 1000
"""Characters of an output variable (CodePipeline's quota)."""


def check_outputs(spec: Buildspec, attempt: Attempt) -> None:
    """See before the build whether it can give what the pipeline expects, not after it."""
    for output in attempt.declaration.output_artifacts:
        _artifact_for(output.name, spec, attempt)


def _artifact_for(name: str, spec: Buildspec, attempt: Attempt) -> Artifact:
    """Find what makes an output artifact: of several ones the secondary of its name, else the primary."""
    if spec.artifacts is not None and name in spec.artifacts.secondary_artifacts:
        return spec.artifacts.secondary_artifacts[name]
    if spec.artifacts is not None and len(attempt.declaration.output_artifacts) == 1:
        return spec.artifacts
    where = "artifacts" if spec.artifacts is None else f"artifacts.secondary-artifacts.{name}"
    raise Unfit(
        f"The pipeline expects the artifact {name} of {attempt.declaration.name}, but its buildspec has no {where}."
    )


def texts(spec: Buildspec) -> set[str]:
    """Give the texts of artifacts and reports that variables or commands are to be put into when the build is done."""
    found: set[str] = set()
    parts: list[Artifact | Report] = list(spec.reports.values())
    if spec.artifacts is not None:
        parts += [spec.artifacts, *spec.artifacts.secondary_artifacts.values()]
    for part in parts:
        found |= {*part.files, part.base_directory}
        if isinstance(part, Artifact):
            found |= {*part.exclude_paths, part.name or ""}
    return {text for text in found if "$" in text or "`" in text}


def filled_in(spec: Buildspec, values: Mapping[str, str]) -> Buildspec:
    """Put what those texts have become into the buildspec."""

    def artifact(one: Artifact) -> dict[str, Any]:
        return {**_files(one), "exclude_paths": tuple(values.get(each, each) for each in one.exclude_paths),
                "name": values.get(one.name or "", one.name)}  # fmt: skip

    def _files(one: Artifact | Report) -> dict[str, Any]:
        files = tuple(values.get(each, each) for each in one.files)
        return {"files": files, "base_directory": values.get(one.base_directory, one.base_directory) or "."}

    changed: dict[str, Any] = {}
    changed["reports"] = {name: one.model_copy(update=_files(one)) for name, one in spec.reports.items()}
    if (whole := spec.artifacts) is not None:
        others = {name: one.model_copy(update=artifact(one)) for name, one in whole.secondary_artifacts.items()}
        changed["artifacts"] = whole.model_copy(update={**artifact(whole), "secondary_artifacts": others})
    return spec.model_copy(update=changed)


def artifacts(attempt: Attempt, spec: Buildspec) -> dict[str, str]:
    """Gather the output artifacts; gives their folders by name. Raises `Unfit`, `OSError`."""
    outputs: dict[str, str] = {}
    for output in attempt.declaration.output_artifacts:
        artifact = _artifact_for(output.name, spec, attempt)
        into = attempt.folder / "out" / output.name
        if gather(attempt.folder / "src", artifact, into) == 0:
            raise Unfit(
                f"The artifact {output.name} is empty: no file matches {', '.join(artifact.files)} "
                f"in {artifact.base_directory}."
            )
        outputs[output.name] = str(into)
    return outputs


def exported(folder: Path, spec: Buildspec) -> dict[str, str]:
    """Read the exported variables that the build left. Raises `Unfit`, `OSError`."""
    values: dict[str, str] = {}
    for name in spec.env.exported_variables:
        with (folder / name).open("rb") as file:
            value = file.read(4 * LONGEST_VALUE + 1).decode(errors="replace")
        if len(value) > LONGEST_VALUE:
            raise Unfit(
                f"The exported variable {name} has more than {LONGEST_VALUE:,} characters, CodePipeline's limit."
            )
        values[name] = value
    return values
