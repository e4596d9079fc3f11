"""Speaks with a Sayso server's HTTP API in the name of the person whose token it has."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.core.commands import Accepted, Deployments, Held, Offered, Releases, Verb, Voices
from bot.core.errors import Misconfigured, SaysoError
from bot.core.events import LoggedEvent
from bot.core.model import Release
from bot.core.shapes import CLI_AGENT, Problem, ReleasePage, Services
from bot.core.vocabulary import Names, Vocabulary
from bot.core.wording import say

T = TypeVar("T", bound=BaseModel)

_ANSWER: TypeAdapter[Accepted | Offered] = TypeAdapter(Accepted | Offered)
PATIENCE = 60.0
"""Seconds that a stream tries to come back, so that a restart of the server is not the end of it."""


class Problematic(SaysoError):
    """The server said no."""

    def __init__(self, problem: Problem) -> None:
        """Keep the whole problem."""
        self.problem = problem
        super().__init__(problem.detail, fix=problem.fix)


class Unreachable(SaysoError):
    """The server does not answer."""


class ClientSettings(BaseSettings):
    """Where the server is and whose word we bring."""

    model_config = SettingsConfigDict(env_prefix="SAYSO_", env_ignore_empty=True, frozen=True, extra="ignore")

    url: str = "http://127.0.0.1:8080"
    token: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that a release's stream tells: an event of the log, or the release as it is now."""

    event: LoggedEvent | None
    release: Release | None


class Client:
    """Every operation that the command line needs; errors are `Problematic` or `Unreachable`."""

    def __init__(self, settings: ClientSettings) -> None:
        if settings.token is None:
            raise Misconfigured(say("cli.no_token"), fix=say("cli.no_token.fix"))
        if not settings.url.startswith(("http://", "https://")):
            raise Misconfigured(say("settings.url", name="SAYSO_URL"))
        self.url = settings.url.rstrip("/")
        self._http = httpx.Client(
            base_url=f"{self.url}/api/v1/",
            headers={
                "Authorization": f"Bearer {settings.token.get_secret_value()}",
                "User-Agent": f"{CLI_AGENT}/{version('sayso')}",
            },
            timeout=httpx.Timeout(30, connect=5),
        )
        self._services: Services | None = None

    def __enter__(self) -> Self:
        """Open; close with the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        self._http.close()

    @property
    def services(self) -> Services:
        """Give the catalogue's services and people, asked for once."""
        if self._services is None:
            self._services = self._get("services", Services)
        return self._services

    def vocabulary(self) -> Vocabulary:
        """Give the names that commands can speak of."""
        services = self.services.services
        return Vocabulary(
            services={each.key: Names(key=each.key, title=each.title, aliases=each.aliases) for each in services},
            environments={
                each.key: {
                    place.key: Names(key=place.key, title=place.title, aliases=place.aliases)
                    for place in each.environments
                }
                for each in services
            },
            production=frozenset(
                (each.key, place.key) for each in services for place in each.environments if place.production
            ),
        )

    def name_of(self, person: str) -> str:
        """Give a person's name."""
        return self.services.people.get(person, person)

    def deploy(self, **wish: Any) -> Accepted | Offered:
        """Ask for a release."""
        return _ANSWER.validate_python(self._ask("POST", "releases", json=wish))

    def act(self, release: str, verb: Verb, **wish: Any) -> Accepted:
        """Do something about a release."""
        return self._read(Accepted, self._ask("POST", f"releases/{release}/{verb}", json=wish))

    def hold(self, verb: Verb, service: str, environment: str, reason: str) -> Held:
        """Close the way into an environment, or open it again."""
        path = f"services/{quote(service, safe='')}/environments/{quote(environment, safe='')}/{verb}"
        return self._read(Held, self._ask("POST", path, json={"reason": reason}))

    def voices(self) -> Voices:
        """List this person's voices."""
        return self._get("voices", Voices)

    def pair(self, code: str) -> Voices:
        """Let the voice that was told this code speak for this person."""
        return self._read(Voices, self._ask("POST", "voices", json={"code": code}))

    def unpair(self) -> Voices:
        """Let no voice speak for this person any more."""
        return self._read(Voices, self._ask("DELETE", "voices"))

    def releases(self, limit: int = 10, **which: Any) -> tuple[Release, ...]:
        """List releases, newest first."""
        given = {name: value for name, value in which.items() if value is not None}
        return self._get("releases", ReleasePage, {"limit": limit, **given}).releases

    def inbox(self) -> Releases:
        """List what is under way and what waits for this person."""
        return self._get("inbox", Releases)

    def deployments(self, service: str | None, environment: str | None) -> Deployments:
        """Tell what runs where."""
        given = {"service": service, "environment": environment}
        return self._get("deployments", Deployments, {name: value for name, value in given.items() if value})

    def follow(self, release: str) -> Iterator[Happening]:
        """Follow a release until it has ended; a stream that breaks goes on where it stopped."""
        position, finished, lost = "0", False, None
        while not finished:
            try:
                headers = {"Last-Event-ID": position}
                timeout = httpx.Timeout(60, connect=5)
                with self._http.stream("GET", f"releases/{release}/events", headers=headers, timeout=timeout) as answer:
                    if answer.status_code == httpx.codes.NO_CONTENT:
                        return
                    if answer.status_code != httpx.codes.OK:
                        answer.read()
                        raise _refusal(answer)
                    lost = None
                    for name, number, data in _events(answer.iter_lines()):
                        position = number or position
                        if name == "release":
                            now = Release.model_validate_json(data)
                            finished = not now.active
                            yield Happening(None, now)
                        else:
                            yield Happening(LoggedEvent.model_validate_json(data), None)
                        if finished:
                            return
            except httpx.TransportError as error:
                lost = lost or time.monotonic()
                if time.monotonic() - lost > PATIENCE:
                    raise Unreachable(say("cli.unreachable", url=self.url)) from error
            time.sleep(0.5)

    def _get(self, path: str, model: type[T], query: Mapping[str, Any] | None = None) -> T:
        return self._read(model, self._ask("GET", path, params=query))

    def _read(self, model: type[T], body: Any) -> T:
        try:
            return model.model_validate(body)
        except ValidationError as error:
            raise Unreachable(say("cli.not_sayso", url=self.url)) from error

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self._http.request(method, path, **more)
            if answer.is_success:
                return answer.json()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(say("cli.unreachable", url=self.url), fix=say("cli.unreachable.fix")) from error
        except json.JSONDecodeError as error:
            raise Unreachable(say("cli.not_sayso", url=self.url)) from error
        raise _refusal(answer)


def _refusal(answer: httpx.Response) -> SaysoError:
    try:
        return Problematic(Problem.model_validate_json(answer.content))
    except ValidationError:
        return Unreachable(say("cli.not_sayso", url=str(answer.url.copy_with(raw_path=b"/"))))


def _events(lines: Iterator[str]) -> Iterator[tuple[str, str, str]]:
    """Read server-sent events: name, id and data of each (HTML standard, "Interpreting an event stream")."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and "data" in fields else value
        elif fields:
            if "data" in fields:
                yield fields.get("event", "message"), fields.get("id", ""), fields["data"]
            fields = {}
