"""Entity resolution: what a slot's words mean, by the model's values and the session's dynamic entities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from integrations.playground.echo.model import InteractionModel, SlotType, Value
from integrations.playground.echo.words import number, words

NUMBERS: Final = frozenset({"AMAZON.NUMBER", "AMAZON.FOUR_DIGIT_NUMBER"})
FREE: Final = "AMAZON.SearchQuery"
_ARTICLES: Final = frozenset({"the", "a", "an", "my", "our", "der", "die", "das", "den", "dem", "unser", "unseren"})
_MATCH: Final = {"code": "ER_SUCCESS_MATCH"}
_NO_MATCH: Final = {"code": "ER_NO_MATCH"}


class Entities:
    """The values of one skill in one locale. `dynamic` are those that the skill sent for the session."""

    def __init__(self, model: InteractionModel, skill_id: str, locale: str) -> None:
        self._model = model
        self._skill_id = skill_id
        self._locale = locale
        self.dynamic: tuple[SlotType, ...] = ()

    def fits(self, slot_type: str, said: Sequence[str]) -> bool:
        """Tell whether the words mean a known value of the type."""
        if slot_type in NUMBERS:
            return number(said, self._locale) is not None
        known = [each for each in (self._model.slot_type(slot_type), self._sent(slot_type)) if each]
        if not known:
            return True  # a built-in type whose values only Amazon knows
        return any(_meant(each.values, said) for each in known)

    def value(self, name: str, slot_type: str, said: Sequence[str]) -> dict[str, Any]:
        """Give the slot as it stands in a request (ASK, "Request Types Reference", Slot object)."""
        slot: dict[str, Any] = {
            "name": name,
            "value": self._text(slot_type, said),
            "confirmationStatus": "NONE",
            "source": "USER",
        }
        authorities = self._authorities(slot_type, said)
        if authorities:
            slot["resolutions"] = {"resolutionsPerAuthority": authorities}
        simple: dict[str, Any] = {key: slot[key] for key in ("value", "resolutions") if key in slot}
        return slot | {"slotValue": {"type": "Simple", **simple}}

    def _text(self, slot_type: str, said: Sequence[str]) -> str:
        if slot_type in NUMBERS:
            found = number(said, self._locale)
            return "?" if found is None else str(found)
        return " ".join(said)

    def _authorities(self, slot_type: str, said: Sequence[str]) -> list[dict[str, Any]]:
        skill = f"amzn1.ask.skill.{self._skill_id.removeprefix('amzn1.ask.skill.')}"
        found = []
        for known, authority in (
            (self._model.slot_type(slot_type), f"amzn1.er-authority.echo-sdk.{skill}.{slot_type}"),
            (self._sent(slot_type), f"amzn1.er-authority.echo-sdk.dynamic.{skill}.{slot_type}"),
        ):
            if known is None:
                continue
            meant = [{"value": {"name": value.name.value, "id": value.id}} for value in _meant(known.values, said)]
            found.append(
                {"authority": authority, "status": _MATCH, "values": meant}
                if meant
                else {"authority": authority, "status": _NO_MATCH}
            )
        return found

    def _sent(self, slot_type: str) -> SlotType | None:
        return next((each for each in self.dynamic if each.name == slot_type), None)


def _meant(values: Iterable[Value], said: Sequence[str]) -> list[Value]:
    """Find the values that are called so, also with an article before, or written apart as in `check out`."""
    heard = {"".join(said), "".join(said[1:] if said and said[0] in _ARTICLES else said)}
    return [value for value in values if any("".join(words(name)) in heard for name in value.spoken)]
