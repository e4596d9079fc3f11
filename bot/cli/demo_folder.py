"""What the demo lays out in its folder: the example service's repository and a catalogue for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bot.cli.doors import reason
from bot.core.errors import Misconfigured
from bot.core.wording import say

MARK = "SAYSO_DEMO"
"""Environment variable of every process that belongs to a demo; its value is the demo's folder."""
MADE_BY_US = "made-by-sayso-demo"
"""A file by which we know a folder that we may clear."""
ASKS, APPROVES, CHANNEL = "U0ANA", "U0BEN", "C0RELEASES"
_EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "example"
_OURS = ("data", "checkout", "machines", "logs", "alexa", "sayso.toml")


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything of one demo is."""

    folder: Path
    port: int
    """Sayso's."""
    playground_port: int
    staging_port: int
    production_port: int
    echo_port: int = 0
    """Where the Echo's certificates lie; 0: there is no Echo."""

    @property
    def roots(self) -> Path:
        """Give the path of the root that the Echo's requests are signed under."""
        return self.folder / "alexa" / "roots.pem"

    @property
    def sayso(self) -> str:
        """Give the bot's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def page(self) -> str:
        """Give the address that people open."""
        return f"http://127.0.0.1:{self.playground_port}/"

    @property
    def production(self) -> str:
        """Give the deployed service's address."""
        return f"http://127.0.0.1:{self.production_port}/"

    @property
    def repository(self) -> Path:
        """Give the example service's git repository."""
        return self.folder / "checkout"

    @property
    def catalogue(self) -> Path:
        """Give the catalogue's path."""
        return self.folder / "sayso.toml"


def claim(folder: Path) -> None:
    """Make the folder ours; `Misconfigured` if it can't be written or holds somebody else's files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / MADE_BY_US).exists() and any(folder.iterdir()):
            raise Misconfigured(say("demo.not_ours", folder=folder), fix=say("demo.not_ours.fix"))
        (folder / MADE_BY_US).touch()
    except OSError as error:
        raise Misconfigured(
            say("demo.folder", folder=folder, reason=reason(error)), fix=say("demo.folder.fix")
        ) from error


def lay_out(places: Places) -> None:
    """Clear what an earlier demo left in the folder, and make everything anew."""
    if not (_EXAMPLE / "make_repo.py").is_file():
        raise Misconfigured(say("demo.no_example"), fix=say("demo.no_example.fix"))
    try:
        for name in _OURS:
            path = places.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        (places.folder / "logs").mkdir()
        places.catalogue.write_text(_catalogue(places), encoding="utf-8")
    except OSError as error:
        raise Misconfigured(
            say("demo.folder", folder=places.folder, reason=reason(error)), fix=say("demo.folder.fix")
        ) from error
    made = subprocess.run(
        [sys.executable, _EXAMPLE / "make_repo.py", places.repository], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise Misconfigured(say("demo.repository", reason=(made.stderr or made.stdout).strip()))


def version_to_ship(places: Places) -> str:
    """Read which version the example's main branch has."""
    return (places.repository / "VERSION").read_text(encoding="utf-8").strip()


def _catalogue(places: Places) -> str:
    mark = f"{MARK} = {_text(places.folder)}"
    machines = places.folder / "machines"
    return f"""\
# The demo's catalogue: made anew at every start.
[channels.releases]
slack = "{CHANNEL}"

[channels.incidents]
slack = "C0INCIDENTS"

[people.ana]
name = "Ana Ruiz"
slack = "{ASKS}"

[people.ben]
name = "Ben Okafor"
slack = "{APPROVES}"

[people.chi]
name = "Chi Tanaka"
slack = "U0CHI"

[people.dee]
name = "Dee Larsen"
slack = "U0DEE"

[teams.engineers]
members = ["ana"]

[teams.on-call]
members = ["ben"]

[teams.release-managers]
members = ["chi"]

[environments.staging]
deployers = ["engineers", "on-call", "release-managers"]

[environments.prod]
title = "production"
production = true
deployers = ["engineers", "on-call", "release-managers"]
approvers = ["on-call", "release-managers"]

[services.checkout]
channel = "releases"

[[services.checkout.notify]]
channel = "incidents"
environments = ["prod"]
events = ["failed"]

[services.checkout.target]
pipeline = {_text(places.repository / "pipeline.json")}

[services.checkout.target.repositories]
"example/checkout" = {_text(places.repository)}

[services.checkout.target.projects.checkout-unit]
buildspec = "buildspec.yml"
environment = {{ {mark} }}

[services.checkout.target.projects.checkout-style]
buildspec = "buildspec-style.yml"
environment = {{ {mark} }}

[services.checkout.target.projects.checkout-integration]
buildspec = "buildspec-integration.yml"
environment = {{ {mark}, CHECKOUT_URL = "http://127.0.0.1:{places.staging_port}" }}

[[services.checkout.target.applications.checkout.staging.targets]]
folder = {_text(machines / "staging")}
environment = {{ {mark}, PORT = "{places.staging_port}", PYTHON = {_text(sys.executable)} }}

[[services.checkout.target.applications.checkout.production.targets]]
folder = {_text(machines / "production")}
environment = {{ {mark}, PORT = "{places.production_port}", PYTHON = {_text(sys.executable)} }}

[services.checkout.environments.staging]
backend = "local"
stage = "Staging"

[services.checkout.environments.prod]
backend = "local"
stage = "Production"
"""


def _text(value: object) -> str:
    """Write a TOML string; its escapes are JSON's."""
    return json.dumps(str(value), ensure_ascii=False)
