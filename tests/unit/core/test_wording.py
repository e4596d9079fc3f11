from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.wording import LANGUAGES, duration, in_language, names, say
from bot.core.wording.en import MESSAGES

ROOT = Path(__file__).parents[3]
CODE = [path for folder in ("bot", "skills", "integrations") for path in sorted((ROOT / folder).rglob("*.py"))]


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def trees() -> Iterator[tuple[Path, ast.AST]]:
    for path in CODE:
        if path.parent.name != "wording" or path.name == "__init__.py":
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def says() -> Iterator[tuple[str, ast.Call, ast.expr]]:
    """Every `say(...)` of ours in the code: where, the call, and each key that its first argument may be."""
    for path, tree in trees():
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        if not any(node.module == "bot.core.wording" and any(a.name == "say" for a in node.names) for node in imports):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say" and node.args:
                first = node.args[0]
                for key in [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]:
                    yield f"{path}:{node.lineno}", node, key


def pattern(built: ast.JoinedStr) -> str:
    """Write a key that is built (`f"card.{status}"`) as a regular expression."""
    return "".join(
        re.escape(str(part.value)) if isinstance(part, ast.Constant) else "[A-Za-z0-9_.]+" for part in built.values
    )


def letters(built: str) -> int:
    return len(re.findall(r"[a-z]", built.replace("[A-Za-z0-9_.]+", "")))


def test_every_sentence_that_the_code_says_exists() -> None:
    missing = []
    for place, _, key in says():
        if isinstance(key, ast.Constant) and key.value not in MESSAGES:
            missing.append(f"{place}: {key.value!r}")
        if isinstance(key, ast.JoinedStr) and not any(re.fullmatch(pattern(key), each) for each in MESSAGES):
            missing.append(f"{place}: {pattern(key)}")
    assert not missing


def test_every_sentence_gets_the_values_that_it_needs() -> None:
    lacking = []
    for place, call, key in says():
        if isinstance(key, ast.Constant) and all(keyword.arg for keyword in call.keywords):
            given = {keyword.arg for keyword in call.keywords}
            needed = placeholders(MESSAGES.get(str(key.value), ""))
            if not needed <= given:
                lacking.append(f"{place}: {key.value!r} needs {needed - given}")
    assert not lacking


def test_every_sentence_in_the_catalogue_is_said_somewhere() -> None:
    said: set[str] = set()
    built: set[str] = set()
    for _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                built.add(pattern(node))
    own = [
        re.compile(each)
        for each in built
        if re.fullmatch(r"[A-Za-z0-9_.\\\[\]+-]*\.[A-Za-z0-9_.\\\[\]+-]*", each) and letters(each) > 2
    ]
    unsaid = [key for key in MESSAGES if key not in said and not any(each.fullmatch(key) for each in own)]
    assert not unsaid


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_says_the_same_with_the_same_values(language: str) -> None:
    for key, sentence in LANGUAGES[language].items():
        assert placeholders(sentence) == placeholders(MESSAGES[key]), key
        assert ("|" in sentence) == ("|" in MESSAGES[key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_everything_that_is_spoken(language: str) -> None:
    typed = ("alexa.cli.", "alexa.limit.", "voice.tap.", "voice.code.", "voice.locked.code")
    spoken = {key for key in MESSAGES if key.startswith(("alexa.", "voice.")) and not key.startswith(typed)}
    assert spoken <= set(LANGUAGES[language])


def test_a_sentence_can_be_said_again_in_another_language_with_those_inside_of_it() -> None:
    said = say("refused.approvers.fix", who=names(["Ana", "Ben"]))
    assert in_language(said, "de") == "Wer darf: Ana oder Ben."
    assert in_language("something else", "de") is None


def test_both_forms_of_a_number_are_in_one_sentence() -> None:
    assert say("grammar.more", n=1) == " and one more"
    assert say("grammar.more", n=4) == " and 4 more"


def test_a_key_that_nobody_wrote_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        say("no.such.sentence")


@pytest.mark.parametrize(
    ("people", "listed"),
    [([], "nobody"), (["Ana"], "Ana"), (["Ana", "Ben"], "Ana or Ben"), (["Ana", "Ben", "Chi"], "Ana, Ben or Chi")],
)
def test_names_are_joined_as_in_a_sentence(people: list[str], listed: str) -> None:
    assert names(people) == listed


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.42, "0.4s"), (42, "42s"), (185, "3m 05s"), (3725, "1h 02m"), (59.7, "1m 00s")]
)
def test_a_duration_is_short(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@given(st.floats(min_value=0, max_value=1e9))
def test_a_duration_never_shows_sixty(seconds: float) -> None:
    assert not re.search(r"\b6\d[sm]", duration(seconds))
