"""What the catalogue says about an environment that the local engine runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from bot.core.model import Frozen
from integrations.local.build_plan import Project
from integrations.local.deploy_plan import DeploymentGroup, from_base
from integrations.local.lambda_function import Function
from integrations.local.registry import RegistrySettings
from integrations.local.s3 import S3Settings
from integrations.local.secret_sources import SecretSource
from integrations.local.triggers.declared import Declared, TriggerName


class Settings(Frozen):
    """What of a target its runners need: kept with the execution, so that it can go on after a restart."""

    projects: Mapping[str, Project] = {}
    """CodeBuild's ProjectName to what it is here."""
    applications: Mapping[str, Mapping[str, DeploymentGroup]] = {}
    """CodeDeploy's ApplicationName to DeploymentGroupName to what it is here."""
    secrets: SecretSource = SecretSource()
    """Where the values are that buildspecs name under `parameter-store` and `secrets-manager`."""
    runtimes: Mapping[str, Mapping[str, Path]] = {}
    """A buildspec's runtime (`python`) to its version (`3.12`) to the folder of its programs."""
    cache_mb: Annotated[int, Field(ge=1)] = 5000
    """Megabytes of build caches that are kept on this machine."""
    repositories: Mapping[str, str] = {}
    """A repository as the pipeline names it, to its URL or path (`./…`, `../…`: from the catalogue's folder)."""
    functions: Mapping[str, Function] = {}
    """Lambda's FunctionName to what it is here."""
    registries: Mapping[str, RegistrySettings] = {}
    """A container registry's name to its address and who we are there."""
    s3: S3Settings = S3Settings()
    """Where S3 is."""
    providers: Mapping[str, Mapping[str, Any]] = {}
    """What further providers need to know, by their entry point's name; each checks its own part."""

    @field_validator("repositories")
    @classmethod
    def _paths_from_the_catalogue(cls, repositories: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
        return {
            name: str(from_base(Path(place), info)) if place.startswith(("./", "../")) else place
            for name, place in repositories.items()
        }


class LocalTarget(Settings):
    """An environment of the local backend."""

    pipeline: Path
    """The pipeline JSON file; a relative path starts from the catalogue's folder."""
    triggers: Mapping[TriggerName, Declared] = {}
    """What starts it by itself."""

    @field_validator("pipeline")
    @classmethod
    def _from_the_catalogue(cls, path: Path, info: ValidationInfo) -> Path:
        return from_base(path, info)

    @property
    def file(self) -> Path:
        """Give the pipeline file's full path, which identifies the pipeline."""
        return self.pipeline.expanduser().resolve()

    def settings(self) -> dict[str, Any]:
        """Give what is kept with each execution, as JSON."""
        return self.model_dump(mode="json", exclude={"pipeline", "triggers"})


def shared_settings(targets: Iterable[Settings]) -> dict[str, Any]:
    """Put together what several targets say, as JSON, for a pipeline that none of them names: the first one counts."""
    merged: dict[str, Any] = {}
    for target in targets:
        said = target.model_dump(mode="json", include=set(Settings.model_fields))
        for name, value in said.items():
            is_map = isinstance(getattr(target, name), Mapping)
            merged[name] = {**value, **merged.get(name, {})} if is_map else merged.get(name, value)
    return merged
