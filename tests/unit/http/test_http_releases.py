"""Releases over the API: asking, listing, deciding, and the same wish sent twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.core.model import Status
from tests.support.http_world import Api

TO_STAGING = {"service": "shop", "environment": "staging", "reason": "new prices"}
TO_PROD = {"service": "shop", "environment": "prod"}


async def test_a_deploy_is_recorded_and_can_be_seen(api: Api) -> None:
    answer = await api.by("ana").post("/api/v1/releases", json=TO_STAGING | {"ref": "main"})
    assert answer.status_code == 202
    accepted = answer.json()
    assert (accepted["kind"], accepted["verb"], accepted["repeated"]) == ("accepted", "deploy", False)
    release = accepted["release"]
    assert (release["number"], release["requested_by"], release["surface"]) == (1, "ana", "http")
    assert (release["ref"], release["reason"]) == ("main", "new prices")
    shown = (await api.by("ben").get(f"/api/v1/releases/{release['id']}")).json()
    assert shown["id"] == release["id"]


async def test_the_command_line_is_named_as_the_surface(api: Api) -> None:
    headers = {"User-Agent": "sayso-cli/9"}
    answer = await api.by("ana").post("/api/v1/releases", json=TO_STAGING, headers=headers)
    assert answer.json()["release"]["surface"] == "cli"


async def test_the_same_idempotency_key_starts_nothing_new(api: Api) -> None:
    headers = {"Idempotency-Key": "one-wish"}
    answers = await asyncio.gather(
        *(api.by("ana").post("/api/v1/releases", json=TO_STAGING, headers=headers) for _ in range(5))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["release"]["id"] for answer in answers}) == 1
    assert sorted(answer.json()["repeated"] for answer in answers) == [False, True, True, True, True]
    assert {answer.headers["idempotency-key"] for answer in answers} == {"one-wish"}


async def test_two_people_may_use_the_same_idempotency_key(api: Api) -> None:
    headers = {"Idempotency-Key": "same"}
    first = await api.by("ana").post("/api/v1/releases", json=TO_STAGING, headers=headers)
    second = await api.by("ben").post("/api/v1/releases", json=TO_PROD, headers=headers)
    assert first.json()["release"]["id"] != second.json()["release"]["id"]


async def test_without_a_key_one_is_made_up_and_told(api: Api) -> None:
    answer = await api.by("ana").post("/api/v1/releases", json=TO_STAGING)
    assert len(answer.headers["idempotency-key"]) == 36


@pytest.mark.parametrize("key", ["", "x" * 101, "two words"])
async def test_a_key_that_is_no_key_is_refused(api: Api, key: str) -> None:
    answer = await api.by("ana").post("/api/v1/releases", json=TO_STAGING, headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert answer.json()["detail"] == "Idempotency-Key must have 1 to 100 visible characters."


async def test_a_gate_is_answered_by_somebody_else_and_only_once(api: Api) -> None:
    release = await api.world.at_gate("ana")
    path = f"/api/v1/releases/{release.id}/approve"
    own = await api.by("ana").post(path)
    assert own.status_code == 403
    assert own.json()["rule"] == "services.shop.environments.prod.self_approval"
    assert "Ben or Chi" in own.json()["fix"]
    answer = await api.by("ben").post(path, json={"reason": "looks good"})
    assert answer.status_code == 202
    assert (answer.json()["given"], answer.json()["needed"]) == (1, 1)
    late = await api.by("ben").post(path)
    assert late.status_code == 409


async def test_an_approval_of_another_gate_counts_for_nothing(api: Api) -> None:
    release = await api.world.at_gate("ana")
    answer = await api.by("ben").post(f"/api/v1/releases/{release.id}/approve", json={"gate": "another"})
    assert answer.status_code == 409
    assert (await api.world.desk.release(release.id)).approvals == ()


async def test_a_run_that_waits_is_offered_and_taken(api: Api) -> None:
    staging = await api.world.deploy("ana", "staging")
    run_id = await api.world.when_running(staging, "Build")
    api.world.backend.end(run_id, "Build", "Unit")
    await api.world.when_running(staging, "Staging")
    api.world.backend.end(run_id, "Staging", "Deploy")
    await api.world.when_status(staging, Status.SUCCEEDED)
    offered = await api.by("ben").post("/api/v1/releases", json=TO_PROD)
    assert offered.status_code == 200
    assert (offered.json()["kind"], offered.json()["run_id"]) == ("offered", run_id)
    half = await api.by("ben").post("/api/v1/releases", json=TO_PROD | {"run_id": run_id})
    assert half.status_code == 400
    wish = TO_PROD | {"run_id": run_id, "gate": offered.json()["gate"]}
    taken = await api.by("ben").post("/api/v1/releases", json=wish)
    assert taken.status_code == 202
    assert taken.json()["release"]["kind"] == "promote"


async def test_stop_and_retry_reach_the_desk(api: Api) -> None:
    release = await api.world.deploy("ana", "staging")
    run_id = await api.world.when_running(release, "Build")
    api.world.backend.end(run_id, "Build", "Unit", ok=False, detail="2 tests failed")
    failed = await api.world.when_status(release, Status.FAILED)
    assert failed.run is not None
    retried = await api.by("ana").post(f"/api/v1/releases/{release.id}/retry", json={"attempt": failed.run.attempt})
    assert retried.status_code == 202
    await api.world.when_running(release, "Build")
    stopped = await api.by("ana").post(f"/api/v1/releases/{release.id}/stop", json={"abandon": True})
    assert stopped.status_code == 202
    await api.world.when_status(release, Status.STOPPED)


async def test_a_rollback_is_a_new_release(api: Api) -> None:
    first = await api.world.ship("ana", "staging", ref="older")
    nothing = await api.by("ana").post(f"/api/v1/releases/{first.id}/rollback")
    assert nothing.status_code == 404
    second = await api.world.ship("ana", "staging", ref="newer")
    back = await api.by("ana").post(f"/api/v1/releases/{second.id}/rollback", json={"reason": "prices are wrong"})
    assert back.status_code == 202, back.text
    release = back.json()["release"]
    assert (release["kind"], release["number"], release["reason"]) == ("rollback", 3, "prices are wrong")


async def test_pages_hold_every_release_once_while_new_ones_come_in(api: Api) -> None:
    ids = []
    for _ in range(5):
        release = await api.world.deploy("ana", "staging", fresh=True)
        await api.world.do("ana", "stop", release=release.id, abandon=True)  # type: ignore[arg-type]
        await api.world.when(release, lambda seen: not seen.active)
        ids.append(release.id)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query: dict[str, Any] = {"limit": 2, "service": "shop"} | ({"cursor": cursor} if cursor else {})
        body = (await api.by("ana").get("/api/v1/releases", params=query)).json()
        seen += [release["id"] for release in body["releases"]]
        if len(seen) == 2:
            await api.world.deploy("ana", "staging", fresh=True)
        cursor = body["next_cursor"]
        if cursor is None:
            break
    assert seen == ids[::-1]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 2),
        ({"environment": "prod"}, 1),
        ({"service": "nope"}, 0),
        ({"active": "true"}, 1),
        ({"active": "false"}, 1),
        ({"status": "stopped"}, 1),
        ({"number": "1"}, 1),
    ],
)
async def test_releases_are_found_by_every_filter(api: Api, query: dict[str, str], count: int) -> None:
    first = await api.world.deploy("ana", "staging", fresh=True)
    await api.world.do("ana", "stop", release=first.id, abandon=True)  # type: ignore[arg-type]
    await api.world.when_status(first, Status.STOPPED)
    await api.world.deploy("ana", "prod", fresh=True)
    body = (await api.by("ana").get("/api/v1/releases", params=query)).json()
    assert len(body["releases"]) == count


async def test_what_runs_where_names_every_place(api: Api) -> None:
    await api.world.ship("ana", "staging")
    body = (await api.by("ana").get("/api/v1/deployments")).json()
    places = {each["environment"]: each["number"] for each in body["deployments"]}
    assert places == {"staging": 1, "prod": None}
    unknown = await api.by("ana").get("/api/v1/deployments", params={"service": "shp"})
    assert unknown.status_code == 404
    assert "shop" in unknown.json()["detail"]


async def test_the_inbox_says_what_waits_for_me(api: Api) -> None:
    release = await api.world.at_gate("ana")
    assert (await api.by("ben").get("/api/v1/inbox")).json()["waiting_for_me"] == [release.id]
    assert (await api.by("ana").get("/api/v1/inbox")).json()["waiting_for_me"] == []


async def test_services_are_listed_with_all_their_names(api: Api) -> None:
    body = (await api.by("dee").get("/api/v1/services")).json()
    (shop,) = body["services"]
    assert [place["key"] for place in shop["environments"]] == ["staging", "prod"]
    assert shop["environments"][1]["production"] is True
    assert body["people"]["ben"] == "Ben"


async def test_an_environment_is_held_and_opened_and_who_did_so_is_listed(api: Api) -> None:
    place = "/api/v1/services/shop/environments/prod"
    held = await api.by("ana").post(f"{place}/hold", json={"reason": "incident 12"})
    assert held.status_code == 202
    assert (held.json()["hold"]["done"], held.json()["hold"]["reason"]) == (True, "incident 12")
    assert (await api.by("ben").post(f"{place}/hold")).status_code == 409
    asked = (await api.by("ben").post("/api/v1/releases", json=TO_PROD)).json()["release"]
    assert [hold["environment"] for hold in asked["held"]] == ["prod"]
    where = (await api.by("ben").get("/api/v1/deployments", params=TO_PROD)).json()["deployments"]
    assert where[0]["held"]["by"] == "ana"
    assert (await api.by("ben").post(f"{place}/unhold")).json()["hold"]["closed"] is False
    listed = (await api.by("dee").get("/api/v1/holds", params=TO_PROD)).json()["holds"]
    assert [(each["hold"]["closed"], each["hold"]["by"]) for each in listed] == [(False, "ben"), (True, "ana")]


async def test_overriding_needs_a_reason_and_a_condition_that_holds(api: Api) -> None:
    release = await api.world.deploy("ana", "staging")
    path = f"/api/v1/releases/{release.id}/override"
    assert (await api.by("ana").post(path, json={"reason": ""})).status_code == 422
    refused = await api.by("ana").post(path, json={"reason": "seen"})
    assert refused.status_code == 409
    assert "No condition holds shop #1" in refused.json()["detail"]
