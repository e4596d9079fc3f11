"""Looks up the secrets that builds name: in AWS, in a file, or in the server's environment. Everything here blocks."""

from __future__ import annotations

import json
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from bot.core.errors import BadInput
from bot.core.model import Frozen
from integrations.specs.secret_names import Parameter, Secret

LARGEST = 1_000_000
PREFIX = "SAYSO_SECRET_"
"""What an environment variable's name begins with if the catalogue says nothing else: builds must not be able to read
the server's other variables."""


class SecretSource(Frozen):
    """Where the values are that buildspecs name under `parameter-store` and `secrets-manager`."""

    source: Literal["aws", "file", "environment"] = "environment"
    file: Path | None = None
    """For `file`: TOML or JSON, name or id to text (or an object, for keys); only its owner may read it."""
    prefix: str = ""
    """Put before every name or id (not before ARNs); for `environment` the default is `SAYSO_SECRET_`."""
    region: str | None = None
    endpoint_url: str | None = None
    """For `aws`: another address of the services, as of a local stand-in."""


class SecretMissing(BadInput):
    """A secret can't be had; the sentence names it, never its value."""


Reference = Parameter | Secret


def look_up(
    references: Mapping[str, Reference], source: SecretSource, of_server: Mapping[str, str], base: Path
) -> dict[str, str]:
    """Give the values by variable name; `base` is where a relative file starts. Raises `SecretMissing`."""
    if not references:
        return {}
    if source.source == "aws":
        find = _in_aws(source)
    elif source.source == "file":
        find = _in_file(source, base)
    else:
        find = _in_environment(source, of_server)
    return {name: find(name, reference) for name, reference in references.items()}


Find = Callable[[str, Reference], str]


def _in_environment(source: SecretSource, of_server: Mapping[str, str]) -> Find:
    prefix = source.prefix or PREFIX

    def find(name: str, reference: Reference) -> str:
        id_ = reference.name if isinstance(reference, Parameter) else reference.id
        variable = prefix + _as_variable(id_)
        key = reference.key if isinstance(reference, Secret) else ""
        if key and (exact := of_server.get(f"{variable}_{_as_variable(key)}")) is not None:
            return exact
        if (value := of_server.get(variable)) is None:
            asked = f"{variable}_{_as_variable(key)}" if key else variable
            fix = f"Set {asked} where Sayso starts."
            raise SecretMissing(f"The build needs {_shown(reference)} for {name}, but {asked} is not set.", fix=fix)
        return _part(value, reference, name)

    return find


def _as_variable(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").upper()


def _in_file(source: SecretSource, base: Path) -> Find:
    if source.file is None:
        raise SecretMissing(
            "The catalogue says that secrets come from a file, but not from which.", fix="Set secrets.file."
        )
    path = base / source.file.expanduser()
    values = _read(path)

    def find(name: str, reference: Reference) -> str:
        id_ = reference.name if isinstance(reference, Parameter) else reference.id
        prefixed = id_ if id_.startswith("arn:") else source.prefix + id_
        if isinstance(reference, Secret) and (reference.version or reference.stage not in {"", "AWSCURRENT"}):
            raise SecretMissing(f"{_shown(reference)} for {name} asks for a version, but a secrets file only has one.")
        if prefixed not in values:
            fix = f'Add a line for "{prefixed}" to it.'
            raise SecretMissing(f"The build needs {_shown(reference)} for {name}, but {path.name} has none.", fix=fix)
        found = values[prefixed]
        return _part(found if isinstance(found, str) else json.dumps(found), reference, name)

    return find


def _read(path: Path) -> dict[str, Any]:
    """Read the file; who may read it is looked at in the opened file, so that it can't be changed in between."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(path.stat().st_mode)
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise SecretMissing(f"The secrets file {path.name} can't be read: {error.strerror}.") from error
    if mode & 0o077:
        raise SecretMissing(f"Others can read the secrets file {path.name}.", fix=f"Run `chmod 600 {path.name}`.")
    if len(data) > LARGEST:
        raise SecretMissing(f"The secrets file {path.name} has more than {LARGEST:,} bytes.")
    try:
        text = data.decode()
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # what the parsers say may quote the file
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise SecretMissing(f"The secrets file {path.name} is no {kind}.") from error
    if not isinstance(values, dict):
        raise SecretMissing(f"The secrets file {path.name} must map names to values.")
    return values


def _in_aws(source: SecretSource) -> Find:
    try:
        import boto3  # noqa: PLC0415 -- an extra: only who looks up secrets in AWS needs it
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    except ImportError as error:
        fix = "Install Sayso with its extra `aws`."
        raise SecretMissing("Secrets are to come from AWS, but boto3 is not installed.", fix=fix) from error
    config = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
    session = boto3.session.Session(region_name=source.region)

    def find(name: str, reference: Reference) -> str:
        try:
            if isinstance(reference, Parameter):
                client = session.client("ssm", config=config, endpoint_url=source.endpoint_url)
                found = client.get_parameter(Name=_prefixed(source, reference.name), WithDecryption=True)
                return str(found["Parameter"]["Value"])
            client = session.client("secretsmanager", config=config, endpoint_url=source.endpoint_url)
            asked = {"VersionStage": reference.stage, "VersionId": reference.version}
            asked = {key: value for key, value in asked.items() if value}
            found = client.get_secret_value(SecretId=_prefixed(source, reference.id), **asked)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "an error")
            raise SecretMissing(f"The build needs {_shown(reference)} for {name}, but AWS answers {code}.") from error
        except BotoCoreError as error:
            raise SecretMissing(
                f"The build needs {_shown(reference)} for {name}, but AWS can't be asked: {type(error).__name__}."
            ) from error
        if "SecretString" not in found:
            raise SecretMissing(f"{_shown(reference)} for {name} is binary; a build variable needs text.")
        return _part(str(found["SecretString"]), reference, name)

    return find


def _prefixed(source: SecretSource, id_: str) -> str:
    return id_ if id_.startswith("arn:") else source.prefix + id_


def _part(text: str, reference: Reference, name: str) -> str:
    """Take the key of a secret that is a JSON object."""
    if isinstance(reference, Parameter) or not reference.key:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise SecretMissing(f"{_shown(reference)} for {name} asks for a key, but the secret is no JSON object.")
    if reference.key not in value:
        raise SecretMissing(f"{_shown(reference)} for {name}: the secret has no key {reference.key}.")
    found = value[reference.key]
    return found if isinstance(found, str) else json.dumps(found)


def _shown(reference: Reference) -> str:
    if isinstance(reference, Parameter):
        return f"the parameter {reference.name}"
    return f"the secret {reference.id}" + (f" (key {reference.key})" if reference.key else "")
