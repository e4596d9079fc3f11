from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import Conflict, Refused
from bot.core.model import Actor, Decision, Surface
from bot.core.policy import Rules, eligible_approvers, may_decide, may_deploy, may_stop

PEOPLE = {"ana": "Ana", "ben": "Ben", "chi": "Chi", "dan": "Dan"}
some = st.frozensets(st.sampled_from(sorted(PEOPLE)))


def rules(
    deployers: set[str] | None = None, approvers: set[str] | None = None, *, self_approval: bool = False
) -> Rules:
    return Rules(
        service="checkout",
        environment="prod",
        deployers=None if deployers is None else frozenset(deployers),
        approvers=None if approvers is None else frozenset(approvers),
        self_approval=self_approval,
        people=PEOPLE,
    )


def actor(person: str) -> Actor:
    return Actor(person=person, name=PEOPLE[person], surface=Surface.SLACK)


def refusal(rule: Callable[[], None]) -> Refused:
    with pytest.raises(Refused) as refused:
        rule()
    return refused.value


def test_everybody_deploys_where_no_deployers_are_named() -> None:
    may_deploy(actor("ana"), rules())


def test_who_may_not_deploy_is_told_the_rule_and_who_may() -> None:
    refused = refusal(lambda: may_deploy(actor("chi"), rules({"ana", "ben"})))
    assert refused.rule == "services.checkout.environments.prod.deployers"
    assert refused.fix == "Who may: Ana or Ben."


def test_who_asked_for_a_release_may_stop_it() -> None:
    may_stop(actor("dan"), rules({"ana"}, {"ben"}), "dan")
    may_stop(actor("ana"), rules({"ana"}, {"ben"}), "dan")
    may_stop(actor("ben"), rules({"ana"}, {"ben"}), "dan")
    assert "Ana or Ben" in str(refusal(lambda: may_stop(actor("chi"), rules({"ana"}, {"ben"}), "dan")))


def test_nobody_approves_their_own_release() -> None:
    refused = refusal(lambda: may_decide(actor("ana"), rules(approvers={"ana", "ben"}), ["ana"], []))
    assert refused.rule.endswith(".self_approval")
    assert refused.fix == "Who may: Ben."


def test_one_is_told_when_nobody_else_could_approve() -> None:
    refused = refusal(lambda: may_decide(actor("ana"), rules(approvers={"ana"}), ["ana"], []))
    assert "services.checkout.environments.prod" in str(refused.fix)


def test_self_approval_can_be_allowed() -> None:
    may_decide(actor("ana"), rules(approvers={"ana"}, self_approval=True), ["ana"], [])


def test_an_outsider_is_told_who_may_approve_without_those_who_asked() -> None:
    refused = refusal(lambda: may_decide(actor("dan"), rules(approvers={"ana", "ben"}), ["ana"], []))
    assert refused.rule.endswith(".approvers")
    assert refused.fix == "Who may: Ben."


def test_nobody_answers_twice() -> None:
    given_already = [Decision(approved=True, by="ben")]
    with pytest.raises(Conflict):
        may_decide(actor("ben"), rules(), ["ana"], given_already)


@given(st.sampled_from(sorted(PEOPLE)), st.none() | some, some, st.booleans())
def test_exactly_the_eligible_may_answer_a_gate(
    person: str, approvers: frozenset[str] | None, asked: frozenset[str], self_approval: bool
) -> None:
    own = rules(approvers=None if approvers is None else set(approvers), self_approval=self_approval)
    try:
        may_decide(actor(person), own, asked, [])
        allowed = True
    except Refused:
        allowed = False
    assert allowed == (person in eligible_approvers(own, asked))
