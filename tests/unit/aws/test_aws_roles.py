"""Roles of other accounts: assumed at moto's STS over HTTP, with the external id, and anew before they expire."""

from __future__ import annotations

import time
from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from integrations.aws.clients import ANY_SERVICE, Clients
from integrations.aws.pace import Pace
from integrations.aws.target import Place
from tests.unit.aws.conftest import now

ROLE = "arn:aws:iam::111122223333:role/deployer"


@pytest.fixture(scope="module")
def sts() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def clients(sts: str) -> Clients:
    def session() -> boto3.session.Session:
        return boto3.session.Session("AKID", "secret", region_name="eu-west-1")

    return Clients(session=session, pace=Pace(time.monotonic), clock=now, endpoints={ANY_SERVICE: sts}, backoff=0.01)


async def test_calls_are_made_as_the_role_that_the_catalogue_names(clients: Clients) -> None:
    ours = await clients.call(Place("eu-west-1"), "sts", "GetCallerIdentity")
    theirs = await clients.call(Place("eu-west-1", ROLE, "x-1"), "sts", "GetCallerIdentity")
    assert ours["Arn"] != theirs["Arn"]
    assert theirs["Arn"].startswith("arn:aws:sts::111122223333:assumed-role/deployer/sayso")
    assert {"sts:AssumeRole", "sts:GetCallerIdentity"} <= clients.called
    await clients.close()


async def test_a_role_is_taken_once_for_many_calls_and_again_when_it_expires(clients: Clients) -> None:
    place = Place("eu-west-1", ROLE, "x-1")
    for _ in range(3):
        await clients.call(place, "sts", "GetCallerIdentity")
    credentials = clients._sessions[place].get_credentials()
    first = credentials.get_frozen_credentials().access_key
    assert credentials.get_frozen_credentials().access_key == first
    credentials._expiry_time = now()
    assert credentials.get_frozen_credentials().access_key != first
    await clients.call(place, "sts", "GetCallerIdentity")
    await clients.close()
