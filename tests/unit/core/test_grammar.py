from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.core.command_table import COMMANDS, Parameter
from bot.core.commands import Command, Verb
from bot.core.errors import NotUnderstood
from bot.core.grammar import (
    LONGEST_REASON,
    Names,
    OpenForm,
    Vocabulary,
    check_ref,
    format_command,
    parse_mention,
    parse_slash,
)
from bot.core.help import help_text
from bot.core.typed_text import escaped, readable

many = settings(max_examples=1000, deadline=None)

STAGING = Names(key="staging", title="Staging", aliases=("stage", "pre prod"))
PROD = Names(key="prod", title="Production", aliases=("live",))
BOTH = {"staging": STAGING, "prod": PROD}
WORDS = Vocabulary(
    services={
        "checkout": Names(key="checkout", title="Checkout", aliases=("check out", "the till")),
        "cart": Names(key="cart", title="Shopping cart"),
        "billing": Names(key="billing"),
        "only-prod": Names(key="only-prod"),
        "three": Names(key="three"),
        "shop": Names(key="shop", aliases=("store",)),
        "shop-staging": Names(key="shop-staging", aliases=("store",)),
        "status": Names(key="status"),
        "log": Names(key="log"),
        "bücher": Names(key="bücher", title="Bücher & mehr"),
    },
    environments={
        "only-prod": {"prod": PROD},
        "three": {**BOTH, "qa": Names(key="qa")},
        **dict.fromkeys(("checkout", "cart", "billing", "shop", "shop-staging", "status", "log", "bücher"), BOTH),
    },
    production=frozenset(
        (key, "prod")
        for key in ("checkout", "cart", "billing", "only-prod", "three", "shop", "shop-staging", "status", "log")
    ),
)


def deploy(service: str, environment: str, ref: str | None = None, reason: str = "") -> Command:
    return Command(verb=Verb.DEPLOY, service=service, environment=environment, ref=ref, reason=reason)


def sentence(text: str, command: str = "/deploy") -> str:
    with pytest.raises(NotUnderstood) as said:
        parse_slash(command, text, WORDS)
    return str(said.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("checkout prod", deploy("checkout", "prod")),
        ("checkout to prod", deploy("checkout", "prod")),
        ("Checkout ON Production", deploy("checkout", "prod")),
        ("check out to pre prod", deploy("checkout", "staging")),
        ("the till live", deploy("checkout", "prod")),
        ("“shopping cart” prod", deploy("cart", "prod")),
        ("checkout", deploy("checkout", "staging")),
        ("checkout@v1.2 prod", deploy("checkout", "prod", "v1.2")),
        ("checkout @ feature/new-prices prod", deploy("checkout", "prod", "feature/new-prices")),
        ("checkout@ feature/x prod", deploy("checkout", "prod", "feature/x")),
        ("checkout @feature/x_1#2 prod", deploy("checkout", "prod", "feature/x_1#2")),
        ("check out@main", deploy("checkout", "staging", "main")),
        ("checkout@main. prod", deploy("checkout", "prod", "main")),
        ("checkout prod new prices", deploy("checkout", "prod", reason="new prices")),
        ("checkout prod because it's time.", deploy("checkout", "prod", reason="it's time.")),
        ("checkout because it\u2019s time", deploy("checkout", "staging", reason="it\u2019s time")),
        ("checkout prod reason: new prices", deploy("checkout", "prod", reason="new prices")),
        ("checkout prod reason:new prices", deploy("checkout", "prod", reason="new prices")),
        ("checkout prod --reason=new prices", deploy("checkout", "prod", reason="new prices")),
        ("checkout prod -- new prices", deploy("checkout", "prod", reason="new prices")),
        ("checkout prod \u2014 new prices", deploy("checkout", "prod", reason="new prices")),
        ("checkout prod \u2013 new \u2014 prices", deploy("checkout", "prod", reason="new \u2014 prices")),
        ("checkout\u00a0prod\u200b", deploy("checkout", "prod")),
        ("\ufeffcheck\u200bout  \t prod\r\n", deploy("checkout", "prod")),
        ("checkout prod -- a &lt;b&gt; &amp; c", deploy("checkout", "prod", reason="a <b> & c")),
        ("checkout prod for <@U02BEN|ben>", deploy("checkout", "prod", reason="for @ben")),
        ("checkout prod <https://x.example/1|ticket> <#C1|ops>", deploy("checkout", "prod", reason="ticket #ops")),
        ("<mailto:checkout@1.2.io|checkout@1.2.io> prod", deploy("checkout", "prod", "1.2.io")),
        ("checkout prod now please!", deploy("checkout", "prod")),
        ("shop staging", deploy("shop", "staging")),
        ("shop-staging prod", deploy("shop-staging", "prod")),
        ("deploy status prod", deploy("status", "prod")),
        ("log prod", deploy("log", "prod")),
        ("BÜCHER prod", deploy("bücher", "prod")),
        ("status checkout", Command(verb=Verb.STATUS, service="checkout")),
        ("help", Command(verb=Verb.HELP)),
        ("help roll back", Command(verb=Verb.HELP, topic="rollback")),
        ("checkout prod \u2014new", deploy("checkout", "prod").model_copy(update={"fresh": True})),
    ],
)
def test_a_deploy_is_read_as_people_type_it(text: str, expected: Command) -> None:
    assert parse_slash("/deploy", text, WORDS) == expected


def on(verb: Verb, service: str | None = None, environment: str | None = None, **more: object) -> Command:
    return Command.model_validate({"verb": verb, "service": service, "environment": environment, **more})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", on(Verb.STATUS)),
        ("status", on(Verb.STATUS)),
        ("status of checkout in prod?", on(Verb.STATUS, "checkout", "prod")),
        ("approve", on(Verb.APPROVE)),
        ("approve checkout #12", on(Verb.APPROVE, "checkout", number=12)),
        ("approve release #12", on(Verb.APPROVE, number=12)),
        ("approve checkout prod looks good", on(Verb.APPROVE, "checkout", "prod", reason="looks good")),
        ("reject #12 tests are red", on(Verb.REJECT, number=12, reason="tests are red")),
        ("stop checkout prod", on(Verb.STOP, "checkout", "prod")),
        ("stop the checkout deployment", on(Verb.STOP, "checkout")),
        ("cancel checkout #3 \u2014now", on(Verb.STOP, "checkout", number=3, abandon=True)),
        ("stop checkout now, please", on(Verb.STOP, "checkout", abandon=True)),
        ("stop --now checkout", on(Verb.STOP, "checkout", abandon=True)),
        (
            "stop checkout prod it broke --now",
            on(Verb.STOP, "checkout", "prod", reason="it broke", abandon=True),
        ),
        ("stop checkout prod now that it broke", on(Verb.STOP, "checkout", "prod", reason="now that it broke")),
        ("stop checkout now because it broke", on(Verb.STOP, "checkout", reason="it broke", abandon=True)),
        ("roll back checkout prod", on(Verb.ROLLBACK, "checkout", "prod")),
        ("retry checkout", on(Verb.RETRY, "checkout")),
        ("retry checkout prod --all", on(Verb.RETRY, "checkout", "prod", whole=True)),
        ("what runs where?", on(Verb.WHERE)),
        ("where checkout", on(Verb.WHERE, "checkout")),
        ("history checkout staging", on(Verb.HISTORY, "checkout", "staging")),
        ("deploy checkout prod", deploy("checkout", "prod")),
        ("?", on(Verb.HELP)),
        ("help deploy", on(Verb.HELP, topic="deploy")),
    ],
)
def test_release_commands_are_read_as_people_type_them(text: str, expected: Command) -> None:
    assert parse_slash("/release", text, WORDS) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<@U0BOT> deploy checkout to prod please", deploy("checkout", "prod")),
        ("hey <@U0BOT>, can you please ship checkout to production? Thanks!", deploy("checkout", "prod")),
        ("deploy checkout to prod <@U0BOT|sayso>", deploy("checkout", "prod")),
        ("<@U0BOT> *deploy* `checkout` to staging", deploy("checkout", "staging")),
        ("<@U0BOT> what\u2019s the status of checkout?", on(Verb.STATUS, "checkout")),
        ("<@U0BOT> deploy", OpenForm()),
        ("<@U0BOT>", on(Verb.HELP)),
        ("<@U0BOT> hello!", on(Verb.HELP)),
    ],
)
def test_a_mention_is_read_as_people_write_it(text: str, expected: Command | OpenForm) -> None:
    assert parse_mention(text, WORDS) == expected


def test_only_the_bots_own_mention_is_taken_out() -> None:
    said = parse_mention("deploy checkout prod because <@U02BEN|ben> asked <@U0BOT>", WORDS, me="U0BOT")
    assert said == deploy("checkout", "prod", reason="@ben asked")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("", OpenForm()),
        ("three", OpenForm(service="three")),
        ("three@main because new prices", OpenForm(service="three", ref="main", reason="new prices")),
        ("only-prod", OpenForm(service="only-prod")),
        ("-- new prices", OpenForm(reason="new prices")),
    ],
)
def test_what_a_deploy_leaves_open_is_asked_for(text: str, form: OpenForm) -> None:
    assert parse_slash("/deploy", text, WORDS) == form


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("chekout prod", ["“chekout”", "Did you mean checkout?", "Services: checkout, cart"]),
        ("checkout prdo", ["no environment “prdo”", "Did you mean prod?", "Environments: staging, prod"]),
        ("checkout to", ["Which environment?", "staging, prod"]),
        ("checkout fix the bug", ["no environment “fix”", "-- fix the bug"]),
        ("prod", ["Which service?"]),
        ("to prod", ["Which service?"]),
        ("store prod", ["“store” may be shop or shop-staging", "Which one"]),
        ("checkout@ ", ["checkout@main"]),
        ("checkout@-rf prod", ["“-rf”", "starts with “-”"]),
        ("checkout@a..b prod", ["“a..b”", "“..”"]),
        ("checkout@a:b prod", ["“a:b”"]),
        ("checkout@" + "a" * 201, ["200 characters"]),
        ("checkout prod " + "a" * 501, ["500 characters"]),
        ("x" * 3001, ["3000 characters"]),
        ("checkout --nwe prod", ["“--nwe”", "Did you mean --new?"]),
        ("statsu checkout", ["Did you mean status?"]),
    ],
)
def test_what_is_not_understood_is_answered_with_the_nearest_and_the_valid_names(text: str, parts: list[str]) -> None:
    said = sentence(text)
    assert [part for part in parts if part not in said] == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("stpo checkout", ["“stpo”", "Did you mean stop?", "deploy, status, approve"]),
        ("checkout", ["What shall I do with checkout?"]),
        ("status checkout prod very much", ["“very much”", "/release status"]),
        ("approve #0", ["“#0”", "#12"]),
        ("approve #99999999999", ["#12"]),
        ("help me fly", ["“fly”"]),
    ],
)
def test_a_release_command_that_is_not_understood_says_what_would_be(text: str, parts: list[str]) -> None:
    said = sentence(text, "/release")
    assert [part for part in parts if part not in said] == []


def test_an_empty_catalogue_is_said_so() -> None:
    with pytest.raises(NotUnderstood, match="Services: none yet"):
        parse_slash("/deploy", "checkout prod", Vocabulary())


PIECES = (
    "checkout check out cart prod production staging to on @ @main @-x #12 #x --now --new -- \u2014 - now please "
    "because reason: status stop deploy roll back help <@U0BOT> <@U1|ben> &amp; &lt; <http://a.b|a.b> \u201c \u201d "
    "! ? . the of service release store only-prod three what's \u200b \u00a0 -now\u2014 \u2014now"
)
pieces = st.sampled_from(PIECES.split(" "))
texts = st.text(max_size=80) | st.lists(pieces | st.text(max_size=6), max_size=10).map(" ".join)


@many
@given(texts, st.sampled_from(["/deploy", "/release", "mention"]))
@example("@", "/deploy")
@example("\ud800", "/release")
@example("<@" * 200, "mention")
def test_any_text_at_all_is_understood_or_answered_with_a_sentence(text: str, how: str) -> None:
    try:
        said = parse_mention(text, WORDS) if how == "mention" else parse_slash(how, text, WORDS)
    except NotUnderstood as error:
        refused: str | None = str(error)
    else:
        refused = None
    if refused is not None:
        assert refused.strip()
        assert len(refused) < 1500
    elif isinstance(said, Command):
        assert parse_slash(format_command(said).split()[0], format_command(said).partition(" ")[2], WORDS) == said


@many
@given(texts)
def test_production_is_only_deployed_by_a_text_that_names_it_and_its_service(text: str) -> None:
    try:
        said = parse_slash("/deploy", text, WORDS)
    except NotUnderstood:
        return
    if isinstance(said, Command) and said.verb is Verb.DEPLOY and (said.service, said.environment) in WORDS.production:
        plain = re.sub(r"[^a-z]", "", readable(text).casefold())
        assert any(name in plain for name in ("prod", "live"))
        assert said.service
        assert any(re.sub(r"[^a-z]", "", name.casefold()) in plain for name in WORDS.services[said.service].all)


refs = st.from_regex(r"[A-Za-z0-9_#][A-Za-z0-9_.#/+=@-]{0,30}", fullmatch=True)
reasons = st.text(max_size=60).map(readable) | st.lists(pieces, max_size=5).map(" ".join).map(readable)


@st.composite
def commands(draw: st.DrawFn) -> Command:
    """Anything that can be typed."""
    spec = draw(st.sampled_from(COMMANDS))
    fields: dict[str, object] = {"verb": spec.verb}
    if spec.verb is Verb.DEPLOY or (spec.takes(Parameter.SERVICE) and draw(st.booleans())):
        service = fields["service"] = draw(st.sampled_from(sorted(WORDS.services)))
        if spec.verb is Verb.DEPLOY or draw(st.booleans()):
            fields["environment"] = draw(st.sampled_from(sorted(WORDS.environments_of(service))))
    if spec.takes(Parameter.REF) and draw(st.booleans()):
        fields["ref"] = draw(refs.filter(is_ref))
    if spec.takes(Parameter.NUMBER) and draw(st.booleans()):
        fields["number"] = draw(st.integers(min_value=1, max_value=999_999_999))
    if spec.takes(Parameter.NOW):
        fields["abandon"] = draw(st.booleans())
    if spec.takes(Parameter.NEW):
        fields["fresh"] = draw(st.booleans())
    if spec.takes(Parameter.TOPIC) and draw(st.booleans()):
        fields["topic"] = draw(st.sampled_from(COMMANDS)).verb.value
    if spec.takes(Parameter.CODE) and draw(st.booleans()):
        fields["code"] = draw(st.from_regex(r"[0-9]{6}", fullmatch=True).filter(str.isascii))
    if spec.takes(Parameter.REASON):
        fields["reason"] = draw(reasons)
    return Command.model_validate(fields)


def is_ref(text: str) -> bool:
    try:
        return check_ref(text) == text
    except NotUnderstood:
        return False


@many
@given(commands())
def test_a_command_that_is_written_down_is_read_as_the_same(command: Command) -> None:
    slash, _, text = format_command(command).partition(" ")
    assert parse_slash(slash, text, WORDS) == command


@many
@given(st.text(max_size=100))
def test_escaped_text_is_read_as_it_was(text: str) -> None:
    plain = readable(text)
    assert readable(escaped(plain)) == plain


def test_a_verb_that_nobody_types_is_not_written() -> None:
    with pytest.raises(ValueError, match="promote"):
        format_command(Command(verb=Verb.PROMOTE))


def test_every_verb_that_can_be_typed_stands_in_the_table_once() -> None:
    assert sorted(spec.verb for spec in COMMANDS) == sorted(set(Verb) - {Verb.PROMOTE})
    aliases = [alias for spec in COMMANDS for alias in (spec.verb.value, *spec.aliases)]
    assert len(aliases) == len(set(aliases))


@pytest.mark.parametrize("alias", [(spec.verb, alias) for spec in COMMANDS for alias in spec.aliases])
def test_every_alias_means_its_verb(alias: tuple[Verb, str]) -> None:
    verb, typed = alias
    said = parse_slash("/release", typed, WORDS)
    assert isinstance(said, OpenForm) if verb is Verb.DEPLOY else isinstance(said, Command) and said.verb is verb


def test_every_example_in_the_help_works() -> None:
    for entry in help_text(None, WORDS):
        assert entry.examples
        for each in entry.examples:
            slash, _, text = each.partition(" ")
            said = parse_slash(slash, text, WORDS)
            assert isinstance(said, OpenForm) or said.verb is entry.verb


def test_help_shows_one_command_or_those_that_one_may_use() -> None:
    assert [entry.verb for entry in help_text("stop", WORDS)] == [Verb.STOP]
    assert [entry.verb for entry in help_text(None, WORDS, lambda verb: verb is Verb.STATUS)] == [Verb.STATUS]
    assert help_text(None, Vocabulary())[0].usage == "/deploy [SERVICE][@BRANCH] [ENVIRONMENT] [--new] [reason]"


def test_a_reason_of_just_the_longest_length_is_kept() -> None:
    said = parse_slash("/deploy", "checkout prod " + "x" * LONGEST_REASON, WORDS)
    assert isinstance(said, Command)
    assert len(said.reason) == LONGEST_REASON
