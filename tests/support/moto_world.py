"""moto's server over HTTP, with two operations that it lacks: they answer by moto's own matchers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from moto.core.responses import ActionResult
from moto.events.models import EventPattern
from moto.events.responses import EventsHandler
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.iam.responses import IamResponse
from moto.server import ThreadedMotoServer

ACCOUNT = "123456789012"
USER = "moto"
"""Whom moto takes everybody for whose key it does not know."""


@contextmanager
def moto_world() -> Iterator[str]:
    """Serve it for the time of the block; gives its URL. What it keeps begins empty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EventsHandler, "test_event_pattern", _test_event_pattern)
        patch.setattr(IamResponse, "simulate_principal_policy", _simulate_principal_policy, raising=False)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        try:
            url = "http://{}:{}".format(*server.get_host_and_port())
            yield url
        finally:
            server.stop()


def _test_event_pattern(self: Any) -> tuple[str, dict[str, Any]]:
    raw = self._get_param("EventPattern")
    matches = EventPattern(raw, json.loads(raw)).matches_event(json.loads(self._get_param("Event")))
    return json.dumps({"Result": matches}), self.response_headers


def _simulate_principal_policy(self: Any) -> ActionResult:
    """Evaluate a user's or role's own policies, as moto does for a call (it does not look at conditions)."""
    kind, _, name = self._get_param("PolicySourceArn").split(":")[5].partition("/")
    backend = self.backend
    if kind == "user":
        user = backend.get_user(name)
        policies: Sequence[Any] = [*user.policies.values(), *user.managed_policies.values()]
    else:
        role = backend.get_role(name.rpartition("/")[2])
        policies = [*role.policies.values(), *role.managed_policies.values()]
    read = [IAMPolicy(each) for each in policies]
    results = []
    for action in self._get_param("ActionNames"):
        for resource in self._get_param("ResourceArns") or ["*"]:
            said = {policy.is_action_permitted(action, resource) for policy in read}
            decision = "explicitDeny" if PermissionResult.DENIED in said else "implicitDeny"
            if said and PermissionResult.DENIED not in said and PermissionResult.PERMITTED in said:
                decision = "allowed"
            results.append({"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": decision})
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})
