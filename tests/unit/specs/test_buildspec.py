"""buildspec.yml and appspec.yml: what is accepted, and that every mistake is said at once with line and key."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.errors import BadFile, Mistake
from integrations.specs.appspec import parse_appspec
from integrations.specs.buildspec import FailureRule, failure_rule, not_yet, parse_buildspec
from integrations.specs.globs import matches
from integrations.specs.secret_names import Secret, secret_named

FULL = """
version: 0.2
env:
  shell: bash
  variables:
    PORT: 0808
    DEBUG: yes
    NOTHING:
  exported-variables: [VERSION]
phases:
  install:
    runtime-versions: {python: 3.11}
  pre_build:
    commands: [echo pre]
  build:
    on-failure: CONTINUE
    commands:
      - pytest -q
      - |
        VERSION=1
        export VERSION
    finally: [echo done]
  post_build:
    commands: [echo post]
reports:
  unit:
    files: ["**/*.xml"]
    base-directory: reports
    file-format: junitxml
artifacts:
  files: ["**/*"]
  discard-paths: no
  exclude-paths: ["**/*.pyc"]
  secondary-artifacts:
    docs: {files: [docs/**/*]}
cache:
  paths: [/root/.cache/pip]
"""


def wrong(text: str) -> list[str]:
    with pytest.raises(BadFile) as caught:
        parse_buildspec(text, "buildspec.yml")
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_full_buildspec_is_read() -> None:
    spec = parse_buildspec(FULL, "buildspec.yml")
    assert [name for name, _ in spec.phases.in_order()] == ["install", "pre_build", "build", "post_build"]
    assert spec.env.variables == {"PORT": "0808", "DEBUG": "yes", "NOTHING": ""}
    assert spec.phases.build
    assert spec.phases.build.last == ("echo done",)
    assert spec.reports["unit"].file_format == "JUNITXML"
    assert spec.artifacts
    assert not spec.artifacts.discard_paths
    assert spec.artifacts.secondary_artifacts["docs"].files == ("docs/**/*",)
    assert not_yet(spec, "buildspec.yml") == []


def test_every_mistake_is_said_at_once_with_line_and_key() -> None:
    text = """version: 0.3
phases:
  bild:
    commands: [make]
  build:
    comands: [make]
    commands:
      - echo: hello
      - ""
    on-failure: ABBORT
reports:
  unit:
    files: x.xml
    file-format: JUNIT
artifacts:
  name: x
"""
    found = [mistake.removeprefix("buildspec.yml line ") for mistake in wrong(text)]
    expected = [
        "1, version: `0.3` is not one of 0.1 or 0.2. Did you mean `0.2`?",
        "3, phases.bild: this key is not known here. Did you mean `build`?",
        "6, phases.build.comands: this key is not known here. Did you mean `commands`?",
        "8, phases.build.commands[1]: expected a command, but YAML reads `name: value` as an object; put the",
        "9, phases.build.commands[2]: this command is empty or has a NUL character.",
        "10, phases.build.on-failure: `ABBORT` does not match ^(ABORT|CONTINUE|RETRY(-.+)?)$.",
        "13, reports.unit.files: expected a list, but it is text.",
        "14, reports.unit.file-format: `JUNIT` is not one of JUNITXML, NUNITXML, NUNIT3XML, TESTNGXML,",
        "15, artifacts.files: this key is missing.",
    ]
    assert [mistake[: len(start)] for mistake, start in zip(found, expected, strict=True)] == expected
    assert found[7].endswith("Did you mean `JUNITXML`?")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it is empty"),
        ("- a", "expected a buildspec"),
        ("version: 0.2\nphases: {build: [}", "line 2 column 18: this is not YAML"),
        ("version: 0.2\n\x01", "line 2: a control character"),
        ("version: 0.2", "phases: this key is missing"),
        ("version: 0.2\nphases: {}", "there is no phase"),
        ("version: 0.2\nphases:", "expected a group of keys"),
        ("version: 0.2\nversion: 0.2\nphases: {build: {commands: [a]}}", "line 2: the key `version` stands twice"),
        ("version: 0.2\nphases: {build: {commands: [!!python/object:x a]}}", "can't be used here"),
        ("version: 0.2\nphases: {build: {}}", "no commands"),
        ("version: 0.2\nphases: {build: {commands: ['']}}", "commands[1]: this command is empty"),
        (
            "version: 0.2\nenv: {exported-variables: [AWS_X]}\nphases: {build: {commands: [a]}}",
            "AWS_X can't be exported",
        ),
        ("version: 0.2\nphases: {post_build: {runtime-versions: {python: 3}}}", "only the install phase"),
        ("[" * 5000, "nested too deeply"),
        ("\n".join(f"k{n}: v" for n in range(20_000)), "more than 20,000 values"),
        ("x" * 1_000_001, "at most 1,000,000"),
    ],
)
def test_a_broken_buildspec_is_a_sentence(text: str, sentence: str) -> None:
    assert any(sentence in mistake for mistake in wrong(text)), wrong(text)


def test_an_alias_bomb_is_refused_and_a_plain_alias_is_not() -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))
    assert any("aliases" in mistake for mistake in wrong(f"a0: &a0 [x]\n{levels}"))
    assert any("aliases" in mistake for mistake in wrong("a: &a [*a]"))
    spec = parse_buildspec("version: 0.2\nphases: {build: &b {commands: [a]}, post_build: {<<: *b}}", "b.yml")
    assert spec.phases.post_build == spec.phases.build


def test_what_is_not_available_yet_is_named() -> None:
    text = "version: 0.2\nrun-as: ci\nproxy: {logs: yes}\nbatch: {fast-fail: true}\nphases: {build: {commands: [a]}}"
    assert [str(mistake) for mistake in not_yet(parse_buildspec(text, "b.yml"), "b.yml")] == [
        f"b.yml, {key}: not yet: {what} not available in builds on this machine."
        for key, what in (
            ("batch", "batch builds are"),
            ("run-as", "running as another user is"),
            ("proxy", "an explicit proxy server is"),
        )
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, FailureRule()),
        ("ABORT", FailureRule()),
        ("CONTINUE", FailureRule("CONTINUE")),
        ("RETRY", FailureRule("RETRY", 3, ".*")),
        ("RETRY-8", FailureRule("RETRY", 8, ".*")),
        ("RETRY-0", FailureRule("RETRY", 0, ".*")),
        (
            "RETRY-.*Error: Unable to connect to database.*",
            FailureRule("RETRY", 3, ".*Error: Unable to connect to database.*"),
        ),
        ("RETRY-3-.*connection timed out.*", FailureRule("RETRY", 3, ".*connection timed out.*")),
        ("RETRY-8-invalid+", FailureRule("RETRY", 8, "invalid+")),
        ("RETRY-a-b", FailureRule("RETRY", 3, "a-b")),
    ],
)
def test_every_form_of_on_failure_is_read(text: str | None, expected: FailureRule) -> None:
    assert failure_rule(text) == expected


@pytest.mark.parametrize(
    ("text", "sentence"), [("RETRY-101", "0 to 100 times"), ("RETRY-3-(", "no regular expression")]
)
def test_a_retry_that_makes_no_sense_is_a_mistake_with_its_line(text: str, sentence: str) -> None:
    mistakes = wrong(f"version: 0.2\nphases:\n  build:\n    commands: [a]\n    on-failure: {text}")
    assert mistakes[0].startswith("buildspec.yml line 5, phases.build.on-failure: ")
    assert sentence in mistakes[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("db", Secret("db")),
        ("db:password", Secret("db", "password")),
        ("db::AWSPREVIOUS", Secret("db", "", "AWSPREVIOUS")),
        ("db:password:AWSCURRENT:v1", Secret("db", "password", "AWSCURRENT", "v1")),
        (
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf:password",
            Secret("arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf", "password"),
        ),
    ],
)
def test_a_secrets_name_is_read(text: str, expected: Secret) -> None:
    assert secret_named(text) == expected


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("a/b/c.txt", "**/*", True),
        ("c.txt", "**/*", True),
        (".hidden", "**/*", True),
        ("a/c.txt", "*", True),  # `*` matches the folder a, and so everything below it
        ("a/c.txt", "*.txt", False),
        ("a/b/c.txt", "a/*/c.txt", True),
        ("a/x/y/c.txt", "a/*/c.txt", False),
        ("dist/x/y", "dist", True),
        ("distant/x", "dist", False),
        ("a.py", "[!b].py", True),
        ("b.py", "[!b].py", False),
        ("a+b", "a+b", True),
        ("a", ".", True),
        ("x", "[z-a]", False),
    ],
)
def test_patterns_match_as_in_codebuild(path: str, pattern: str, expected: bool) -> None:
    assert matches(path, (pattern,)) is expected


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=30), st.text(max_size=30))
def test_no_pattern_breaks_the_matching(path: str, pattern: str) -> None:
    matches(path, (pattern,))


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_with_sentences(text: str) -> None:
    found: tuple[Mistake, ...] = ()
    for document in (
        text,
        f"version: 0.2\nphases: {text}",
        f"version: 0.2\nenv: {text}\nphases: {{build: {{commands: [a]}}}}",
    ):
        try:
            parse_buildspec(document, "b.yml")
        except BadFile as error:
            found += error.mistakes
        try:
            parse_appspec(document, "a.yml")
        except BadFile as error:
            found += error.mistakes
    assert all(mistake.place[:5] in {"b.yml", "a.yml"} and mistake.problem for mistake in found)


APPSPEC = """
version: 0.0
os: linux
files:
  - source: /
    destination: /opt/checkout
file_exists_behavior: OVERWRITE
permissions:
  - object: /opt/checkout
    pattern: "*.sh"
    except: [a.sh]
    mode: 0755
    type: [file]
hooks:
  ApplicationStop:
    - location: scripts/stop.sh
      timeout: 30
  BeforeInstall:
  ValidateService:
    - {location: scripts/check.sh, timeout: 60, runas: root}
"""


def test_an_appspec_is_read() -> None:
    spec = parse_appspec(APPSPEC, "appspec.yml")
    assert spec.hooks["ValidateService"][0].timeout == 60
    assert spec.hooks["BeforeInstall"] == ()
    assert spec.permissions[0].mode == "0755"
    assert spec.permissions[0].exceptions == ("a.sh",)


def test_every_mistake_of_an_appspec_is_said_at_once() -> None:
    text = """version: 0.0
os: windows
files:
  - source: ../secret
    destination: /opt
hooks:
  ValidatService:
    - location: /bin/true
      timeout: 3000
    - location: ../x
      timeout: 3000
  Install:
    - location: x
"""
    with pytest.raises(BadFile) as caught:
        parse_appspec(text, "appspec.yml")
    assert [str(mistake).removeprefix("appspec.yml line ") for mistake in caught.value.mistakes] == [
        "2, os: targets on this machine need `linux`.",
        "4, files[1].source: `..` may not lead out of the bundle or the target.",
        "7, hooks.ValidatService: there is no lifecycle event `ValidatService`. Did you mean `ValidateService`?",
        "7, hooks.ValidatService: its scripts' timeouts add up to more than 3600 seconds.",
        "8, hooks.ValidatService[1].location: expected a path inside the bundle, as `scripts/start.sh`.",
        "10, hooks.ValidatService[2].location: expected a path inside the bundle, as `scripts/start.sh`.",
        "12, hooks.Install: CodeDeploy does this itself; no script can.",
    ]


def test_an_appspec_for_ecs_is_told_apart() -> None:
    with pytest.raises(BadFile, match="ECS or Lambda"):
        parse_appspec("version: 0.0\nResources: []", "appspec.yml")
