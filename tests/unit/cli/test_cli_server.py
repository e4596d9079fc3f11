"""The server's commands as real processes: starting, ending, and every trouble as a sentence."""

from __future__ import annotations

import json
import re
import signal
import socket
from pathlib import Path

import httpx
import pytest

from tests.support.commands import running, sayso
from tests.support.programs import wait_for
from tests.support.small_service import APPROVAL, action, staged

PEOPLE = '[people.ana]\nname = "Ana"\n'
TOKEN = "a-token-of-anas-own"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sayso.toml").write_text(PEOPLE)
    return tmp_path


def address(output: str) -> str:
    found = re.search(r"listens on (http://\S+)", output)
    assert found, output
    return found[1]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_server_starts_answers_and_ends_in_good_order(folder: Path, how: signal.Signals) -> None:
    with running("serve", folder=folder, SAYSO_PORT="0", SAYSO_API_TOKENS=f"ana:{TOKEN}") as server:
        url = address(server.until(lambda output: "listens on" in output))
        assert httpx.get(f"{url}/healthz").json()["status"] == "alive"
        wait_for(lambda: httpx.get(f"{url}/readyz").json()["ready"], "it is ready")
        releases = httpx.get(f"{url}/api/v1/releases", headers={"Authorization": f"Bearer {TOKEN}"})
        assert releases.json() == {"releases": [], "next_cursor": None}
        assert server.end(how) == 0
        assert "Traceback" not in server.output
        assert server.output.rstrip().endswith("ended")
        assert TOKEN not in server.output


def test_an_empty_catalogue_serves_too(folder: Path) -> None:
    (folder / "sayso.toml").write_text("")
    with running("serve", folder=folder, SAYSO_PORT="0") as server:
        server.until(lambda output: "listens on" in output)
        assert server.end() == 0


def test_a_second_server_on_the_same_data_is_told_where_the_first_one_is(folder: Path) -> None:
    with running("serve", folder=folder, SAYSO_PORT="0") as server:
        url = address(server.until(lambda output: "listens on" in output))
        second = sayso("serve", folder=folder, SAYSO_PORT="0")
        assert second.returncode == 2
        assert second.stderr.startswith(
            f"Sayso already runs with this data folder (process {server.process.pid}, {url})"
        )
        server.process.kill()
        server.process.wait()
        with running("serve", folder=folder, SAYSO_PORT="0") as third:  # the lock went with the process
            third.until(lambda output: "listens on" in output)


def test_a_taken_port_is_a_sentence(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = sayso("serve", folder=folder, SAYSO_PORT=str(port))
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"Port {port} on 127.0.0.1 is taken by another program. "
        "Stop that program, or choose another port with SAYSO_PORT."
    )


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SAYSO_DATA": "sayso.toml"}, "SAYSO_DATA is sayso.toml, where nothing can be written:"),
        ({"SAYSO_DATA": "sayso.toml/inside"}, "SAYSO_DATA is sayso.toml/inside, where nothing can be written:"),
        ({"SAYSO_DATA": "/proc/sayso"}, "SAYSO_DATA is /proc/sayso, where nothing can be written:"),
        ({"SAYSO_HOST": "no such host"}, "Sayso can't listen on no such host, port 0:"),
        ({"SAYSO_CONFIG": "missing.toml"}, "missing.toml: there is no such file."),
        ({"SAYSO_DATABASE_URL": "mysql://x/y"}, "SAYSO_DATABASE_URL names 'mysql', which Sayso can't use."),
        ({"SAYSO_DATABASE_URL": "sqlite:////proc/none/x.db"}, "The database sqlite:////proc/none/x.db"),
        (
            {"SAYSO_DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/x"},
            "The database postgresql://u:***@127.0.0.1:1/x",
        ),
        ({"SAYSO_API_TOKENS": "eve:0123456789abcdef"}, "SAYSO_API_TOKENS names eve, who is not among the people"),
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, "SLACK_BOT_TOKEN is set, but neither"),
        ({"SAYSO_PORT": "many"}, "SAYSO_PORT is not a number"),
    ],
)
def test_what_keeps_a_server_from_starting_is_a_sentence(
    folder: Path, variables: dict[str, str], sentence: str
) -> None:
    done = sayso("serve", folder=folder, **{"SAYSO_PORT": "0", **variables})
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(sentence), done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


def test_check_says_every_mistake_with_its_place(folder: Path) -> None:
    (folder / "sayso.toml").write_text(
        PEOPLE + '[teams.oncall]\nmembers = ["anna"]\n[services.shop.environments.prod]\nbackend = "locl"\n'
    )
    for arguments, variables in ((("check",), {}), (("check", "-c", "sayso.toml"), {"SAYSO_CONFIG": "other.toml"})):
        done = sayso(*arguments, folder=folder, **variables)
        assert done.returncode == 2
        assert done.stdout.startswith("2 mistakes in sayso.toml:")
        assert "teams.oncall.members" in done.stdout
        assert "services.shop.environments.prod.backend" in done.stdout


def pipeline(*, gate: bool = False, **more: object) -> str:
    """A pipeline of Source and Prod, perhaps with an approval between."""
    ship = action("Deploy", "CodeDeploy", inputArtifacts=[{"name": "Tree"}],
                  configuration={"ApplicationName": "shop", "DeploymentGroupName": "prod"})  # fmt: skip
    between = {"Ask": APPROVAL} if gate else {}
    return json.dumps({**staged("shop", **between, Prod=ship)["pipeline"], "pipelineType": "V2", **more})


SHOP = """
[services.shop.target]
pipeline = "pipeline.json"
[services.shop.environments.prod]
backend = "local"
production = true
self_approval = true
stage = "Prod"
"""


def test_check_reads_the_pipelines_too(folder: Path) -> None:
    (folder / "sayso.toml").write_text(PEOPLE + SHOP)
    done = sayso("check", folder=folder)
    assert done.returncode == 2
    assert "pipeline.json: there is no such pipeline file." in done.stdout
    filters = [{"branches": {"includes": ["main"]}, "tags": {"includes": ["v*"]}}]
    trigger: dict[str, object] = {
        "providerType": "CodeStarSourceConnection",
        "gitConfiguration": {"sourceActionName": "Sorce"},
    }
    (folder / "pipeline.json").write_text(pipeline(triggers=[trigger]))
    (folder / "sayso.toml").write_text(PEOPLE + SHOP.replace('"Prod"', '"Prdo"'))
    done = sayso("check", folder=folder)
    assert done.stdout.startswith("2 mistakes in sayso.toml:")
    assert "names its stage `Prdo`, which it does not have. Did you mean `Prod`?" in done.stdout
    assert "/triggers/0/gitConfiguration/sourceActionName: `Sorce` is no action" in done.stdout
    trigger["gitConfiguration"] = {"sourceActionName": "Source", "push": filters}
    (folder / "pipeline.json").write_text(pipeline(triggers=[trigger]))
    (folder / "sayso.toml").write_text(PEOPLE + SHOP)
    done = sayso("check", folder=folder)
    assert done.returncode == 2
    assert "pipeline.json /triggers/0/gitConfiguration/push/0: tags can't stand next to branches" in done.stdout


def test_check_warns_of_a_production_that_nobody_is_asked_about(folder: Path) -> None:
    (folder / "sayso.toml").write_text(PEOPLE + SHOP)
    (folder / "pipeline.json").write_text(pipeline())
    done = sayso("check", folder=folder)
    assert done.returncode == 0, done.stdout
    assert "pipeline.json: no approval stands before its stage `Prod`" in done.stdout
    (folder / "pipeline.json").write_text(pipeline(gate=True))
    done = sayso("check", folder=folder)
    assert (done.returncode, "no approval" in done.stdout) == (0, False), done.stdout


def test_check_shows_what_it_found(folder: Path) -> None:
    (folder / "pipeline.json").write_text(pipeline())
    (folder / "sayso.toml").write_text(
        f"""{PEOPLE}
[people.ben]
name = "Ben"
[services.shop.target]
pipeline = "pipeline.json"
[services.shop.environments.prod]
backend = "local"
stage = "Prod"
approvers = ["ana", "ben"]
"""
    )
    done = sayso("check", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["sayso.toml is good: 1 service.", "shop\tprod\tlocal\tProd\tAna or Ben"]


def test_check_of_an_empty_catalogue_is_good(folder: Path) -> None:
    (folder / "sayso.toml").write_text("")
    done = sayso("check", folder=folder)
    assert done.returncode == 0
    assert "has no services yet" in done.stdout


def test_migrate_makes_the_tables_and_may_be_repeated(folder: Path) -> None:
    for _ in range(2):
        done = sayso("migrate", folder=folder)
        assert done.returncode == 0, done.stderr
        assert "sayso.db is up to date." in done.stdout
    broken = sayso("migrate", folder=folder, SAYSO_DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/x")
    assert broken.returncode == 2
    assert broken.stderr.startswith("The database postgresql://u:***@127.0.0.1:1/x")


def test_the_playground_is_made_of_the_catalogue(folder: Path) -> None:
    people = '[channels.releases]\nslack = "C0RELEASES"\n[people.ana]\nname = "Ana Ruiz"\nslack = "U0ANA"\n'
    (folder / "sayso.toml").write_text(people)
    secrets = {"SLACK_BOT_TOKEN": "xoxb-secret-token", "SLACK_SIGNING_SECRET": "signing-secret"}
    with running("playground", "--port", "0", "--suggest", "/deploy x", folder=folder, **secrets) as playground:
        found = re.search(r"at (http://\S+)", playground.until(lambda output: "http://" in output))
        assert found
        state = httpx.get(f"{found[1]}_ui/state").json()
        assert [person["title"] for person in state["people"]] == ["Ana Ruiz"]
        assert [command["name"] for command in state["commands"]] == ["/deploy", "/release"]
        assert state["suggestions"] == ["/deploy x"]
        assert "secret" not in json.dumps(state)
        assert playground.end() == 0


def test_a_playground_without_secrets_or_people_says_so(folder: Path) -> None:
    assert "needs SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET" in sayso("playground", folder=folder).stderr
    secrets = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "x"}
    done = sayso("playground", folder=folder, **secrets)
    assert done.returncode == 2
    assert done.stderr.startswith("sayso.toml has no people with a Slack id, or no channels.")
