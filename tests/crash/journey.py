"""Releases on their way through a chat whose server is killed again and again, at moments that a seed decides."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import Any

from bot.core.model import Release, Status
from bot.core.wording import say
from tests.support.programs import Programs, wait_for
from tests.support.small_service import EFFECTS_OF_A_RELEASE

MOMENTS = (
    "command under way",
    "card being posted",
    "just accepted",
    "mid-build",
    "mid-staging",
    "at the gate",
    "approval under way",
    "just approved",
    "card being edited",
    "mid-production",
    "at the end",
)
"""Where the server is killed, in the order of a release's life; now and then once more while it starts again."""
STARTING = "starting again"


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: in which round, at which moment, and how long after the moment had begun."""

    round: int
    moment: str
    seconds: float


def planned(chance: Random, kills: int, a_round: int) -> list[list[str]]:
    """Spread the kills over rounds; every moment comes up before one comes twice."""
    order: list[str] = []
    while len(order) < kills:
        order += chance.sample(MOMENTS, len(MOMENTS))
    order = order[:kills]
    return [sorted(set(order[n : n + a_round]), key=MOMENTS.index) for n in range(0, kills, a_round)]


class Journey:
    """Two services release side by side, Ana asks and Ben approves; whoever gets an error tries again, as people do."""

    effects_of_a_release: tuple[str, ...] = EFFECTS_OF_A_RELEASE

    def __init__(self, programs: Programs, seed: int) -> None:
        self.programs, self.seed = programs, seed
        self.chance = Random(seed)
        self.kills: list[Kill] = []
        self.releases: list[Release] = []
        self.retried: Counter[str] = Counter()
        self.number = 0
        self._moments: list[str] = []
        self._pool = ThreadPoolExecutor(2)

    def go(self, kills: int, a_round: int = 3) -> None:
        """Release in rounds until the server was killed so often."""
        for moments in planned(self.chance, kills, a_round):
            self.number += 1
            self._moments = moments
            self._round()
        self._pool.shutdown()

    def told(self) -> str:
        """Say what was done, so that a failure can be played again."""
        by_moment = Counter(kill.moment for kill in self.kills)
        lines = [
            f"seed {self.seed}: {len(self.kills)} kills, {len(self.releases)} releases; retried {dict(self.retried)}"
        ]
        lines += [f"  {count:3d} x {moment}" for moment, count in by_moment.most_common()]
        lines += [f"  round {kill.round}: {kill.moment} + {kill.seconds:.3f} s" for kill in self.kills]
        return "\n".join(lines)

    # One round, from the command to the end.

    def _round(self) -> None:
        begun = len(self.programs.services.effects())
        names = self.programs.services.names
        asked = [self._ask(name, last=name == names[-1]) for name in names]
        self._after("just accepted", 0.4)
        for moment, effect in (("mid-build", "build"), ("mid-staging", "staging AfterInstall")):
            if moment in self._moments:
                self._when_begun(effect, begun, asked)
                self._kill(moment, 0.6)
        if "at the gate" in self._moments:
            wait_for(lambda: any(_waits(one) or not one.active for one in self._now(asked)), "a gate is open")
            self._kill("at the gate", 0.5)
        for release in asked:
            self._approve(release, last=release is asked[-1])
        for moment, effect in (
            ("mid-production", "production AfterInstall"),
            ("at the end", "production ValidateService"),
        ):
            if moment in self._moments:
                self._when_begun(effect, begun, asked)
                self._kill(moment, 0.8)
        self.releases += [self._finish(release) for release in asked]

    def _after(self, moment: str, longest: float) -> None:
        if moment in self._moments:
            self._kill(moment, longest)

    def _kill(self, moment: str, longest: float) -> None:
        seconds = self.chance.uniform(0, longest)
        time.sleep(seconds)
        self.programs.kill_server()
        self.kills.append(Kill(self.number, moment, seconds))
        if self.chance.random() < 0.15:
            self.programs.start_server(ready=False)
            seconds = self.chance.uniform(0, 5)
            time.sleep(seconds)
            self.programs.kill_server()
            self.kills.append(Kill(self.number, STARTING, seconds))
        self.programs.start_server()

    def _now(self, releases: list[Release]) -> list[Release]:
        return [found for release in releases if (found := self.programs.release(release.id))]

    def _when_begun(self, effect: str, since: int, asked: list[Release]) -> None:
        def look() -> bool:
            begun = any(what == effect for what, _, _ in self.programs.services.effects()[since:])
            return begun or not any(release.active for release in self._now(asked))

        wait_for(look, effect)

    def _with_kill(self, moment: str, longest: float, gesture: str, **what: Any) -> dict[str, Any]:
        """Do something as a person, and kill the server meanwhile if that is due; it is ready again at the end."""
        if moment not in self._moments:
            return self.programs.do(gesture, **what)
        self._moments.remove(moment)
        answer = self._pool.submit(self.programs.do, gesture, **what)
        self._kill(moment, longest)
        return answer.result()

    def _ask(self, service: str, *, last: bool) -> Release:
        """Ask for a release until there is one; one that was promised must be there."""
        numbers = [release.number for release in self.programs.releases(service=service)]
        while True:
            if last and "card being posted" in self._moments:
                self.programs.fault("chat.postMessage", "delay:0.5")
            person, text = self.programs.services.people["ana"], f"/deploy {service} prod"
            answer = self._with_kill("command under way", 0.25, "say", persona=person, channel="C0RELEASES", text=text)
            promised = "Asked for" in str(answer.get("answer"))
            if last and promised:
                self._after("card being posted", 0.8)
            new = [one for one in self.programs.releases(service=service) if one.number not in numbers]
            assert len(new) <= 1, f"one command, {len(new)} releases"
            if new:
                return new[0]
            assert not promised, f"{service} was promised and is lost: {answer}"

    def _approve(self, release: Release, *, last: bool) -> None:
        """Press Approve until it is approved; an approval that was taken must be there."""
        while True:
            found = wait_for(lambda: self._approvable(release), f"{release.label} waits, or is past its gate")
            if not _waits(found) or found.approvals:
                return
            card = wait_for(lambda: self._open_card(release), f"the card of {release.label} has its button")
            if card is True:
                return
            if last and "card being edited" in self._moments:
                self.programs.fault("chat.update", "delay:0.5")
            person = self.programs.services.people["ben"]
            click = {"channel": card["channel"], "ts": card["ts"], "action_id": "sayso.approve"}
            answer = self._with_kill("approval under way", 0.15, "click", persona=person, **click)
            if answer["outcome"] == "ok":
                after = self.programs.release(release.id)
                assert after and after.approvals, f"the approval of {release.label} was taken and is lost"
                if last:
                    self._after("just approved", 0.3)
                    self._after("card being edited", 0.8)

    def _approvable(self, release: Release) -> Release | None:
        found = self.programs.release(release.id)
        return found if found and (not found.active or _waits(found) or found.approvals) else None

    def _open_card(self, release: Release) -> Any:
        found = self.programs.release(release.id)
        return self.programs.card(release, "sayso.approve") or bool(found and not _waits(found))

    def _finish(self, release: Release) -> Release:
        """Wait for the end. Where nobody knows how an action ended, people are told so, look, and retry."""
        while True:
            ended = wait_for(lambda: self.programs.ended(release.id), f"{release.label} ends")
            if ended.status is not Status.UNKNOWN:
                return ended
            wait_for(lambda: self._says_unknown(release), f"the card of {release.label} says that nobody knows")
            card = wait_for(lambda: self.programs.card(release, "sayso.retry"), f"{release.label} offers a retry")
            assert self.programs.click(card, "sayso.retry", "ana")["outcome"] == "ok"
            self.retried[release.id] += 1
            wait_for(lambda: (found := self.programs.release(release.id)) and found.active, "the retry begins")
            self._approve(release, last=False)

    def _says_unknown(self, release: Release) -> bool:
        return any(say("status.unknown") in str(card).lower() for card in self.programs.cards(release))

    # What must hold in the end.

    def check(self) -> None:
        """Check what people see and what was done to the world."""
        listed = self.programs.releases()
        assert {one.id for one in listed} == {one.id for one in self.releases}
        assert [one.status for one in listed] == [Status.SUCCEEDED] * len(listed), [one.detail for one in listed]
        for release in self.releases:
            self._check_card(release)
            self._check_effects(release)
        self._check_messages()
        assert "Traceback" not in self.programs.logs(), self.programs.logs()
        self.programs.end_server()
        wait_for(lambda: not self.programs.left_behind(), f"no process is left: {self.programs.left_behind()}")

    def _check_card(self, release: Release) -> None:
        def shown() -> bool:
            cards = self.programs.cards(release)
            assert len(cards) <= 1, f"{release.label} has {len(cards)} cards: {[card['text'] for card in cards]}"
            return bool(cards) and cards[0]["text"].startswith("Done: ")

        wait_for(shown, f"the card of {release.label} says that it is done")

    def _check_effects(self, release: Release) -> None:
        done = [what for what, run, _ in self.programs.services.effects() if run == release.run_id]
        if not self.retried[release.id]:
            assert sorted(done) == sorted(self.effects_of_a_release), f"{release.label} did {done}"
            return
        attempts = Counter(
            (what, attempt) for what, run, attempt in self.programs.services.effects() if run == release.run_id
        )
        assert max(attempts.values()) == 1, f"{release.label} did something twice in one attempt: {attempts}"
        assert max(Counter(done).values()) <= 1 + self.retried[release.id], f"{release.label} did {done}"

    def _check_messages(self) -> None:
        # Killed every few seconds, a server gets behind with its notes; one post a second and channel is allowed.
        wait_for(self._settled, "every note is delivered", 60 + 12 * len(self.releases))
        messages = self.programs.messages()
        ids = Counter(one["metadata"]["event_payload"]["id"] for one in messages if one.get("metadata"))
        assert max(ids.values()) == 1, f"posted twice: {[id_ for id_, count in ids.items() if count > 1]}"
        retried = {
            card["ts"] for release in self.releases if self.retried[release.id] for card in self.programs.cards(release)
        }
        notes = Counter(
            (one["channel"], one.get("thread_ts"), one["text"])
            for one in messages
            if one.get("thread_ts") not in retried and not one.get("files")
        )
        assert max(notes.values()) == 1, f"told twice: {[note for note, count in notes.items() if count > 1]}"
        for release in self.releases:
            card = self.programs.cards(release)[0]
            under = [one["text"] for one in messages if one.get("thread_ts") == card["ts"] and one is not card]
            for words in ("*Build* is done", "*Staging* is done", "Ben approved"):
                assert any(words in text for text in under), f"{release.label} lacks the note {words!r}: {under}"

    def _settled(self) -> bool:
        """Tell whether the chat has been quiet for a while."""
        before = self._last_call()
        time.sleep(4)  # longer than the deliverer waits before it searches for a post whose answer it missed
        return self._last_call() == before

    def _last_call(self) -> int:
        return max(int(call["number"]) for call in self.programs.chat.get("ledger").json()["calls"])


def _waits(release: Release) -> bool:
    return release.active and release.run is not None and release.run.open_gate is not None
