"""Writes a reply as Alexa's response, with the SDK's response builder.

Sources: Alexa Skills Kit, "Request and Response JSON Reference", "Dialog Interface Reference", "Use Dynamic Entities
for Customized Interactions", "Alexa.Presentation.APL Interface Reference" and "AMAZON.VerifyPerson".
"""

from __future__ import annotations

from typing import Any

from ask_sdk_core.handler_input import HandlerInput
from ask_sdk_core.response_helper import ResponseFactory
from ask_sdk_model import Response
from ask_sdk_model.dialog import DynamicEntitiesDirective, ElicitSlotDirective
from ask_sdk_model.er.dynamic import UpdateBehavior
from ask_sdk_model.interfaces.alexa.presentation.apl import RenderDocumentDirective
from ask_sdk_model.interfaces.connections.v1.start_connection_directive import StartConnectionDirective
from ask_sdk_model.ui import AskForPermissionsConsentCard, SimpleCard

from bot.core.vocabulary import Vocabulary
from bot.core.wording import say
from skills.release_desk import screen
from skills.release_desk.intents import TYPES, Slot
from skills.release_desk.model import slot_type
from skills.release_desk.reply import Reply, Verify
from skills.release_desk.tongue import Tongue, together
from skills.release_desk.turn import NOTIFICATIONS, Turn

VERIFY_PERSON = "connection://AMAZON.VerifyPerson/2"
MOST_ENTITIES = 100
"""Values and synonyms that one response may bring ("Use Dynamic Entities for Customized Interactions")."""


def write(reply: Reply, handler_input: HandlerInput, turn: Turn, tongue: Tongue) -> Response:
    """Give the response; what the session is to remember becomes its attributes."""
    builder = handler_input.response_builder
    if not turn.session:
        return builder.response  # nobody listens to the answer to an event
    if turn.type == "SessionEndedRequest":
        return builder.response
    handler_input.attributes_manager.session_attributes = {"memory": reply.memory.model_dump(mode="json")}
    if spoken := together(reply.said, reply.ask or ""):
        builder.speak(spoken)
    if reply.ask:
        builder.ask(reply.ask)
    _show(reply, builder, turn, tongue)
    if reply.elicit:
        builder.add_directive(ElicitSlotDirective(slot_to_elicit=reply.elicit.slot.value))
    if reply.names:
        types = dynamic_entities(tongue.words)
        builder.add_directive(DynamicEntitiesDirective(update_behavior=UpdateBehavior.REPLACE, types=types))
    if reply.verify:
        # The session rests until Alexa resumes it, so nothing is said of its end.
        return builder.add_directive(_verify(reply.verify)).response
    return builder.set_should_end_session(reply.ask is None).response


def _show(reply: Reply, builder: ResponseFactory, turn: Turn, tongue: Tongue) -> None:
    release = reply.release
    if reply.consent:
        builder.set_card(AskForPermissionsConsentCard(permissions=[NOTIFICATIONS]))
    elif reply.card:
        builder.set_card(SimpleCard(title=say("alexa.name", lang=tongue.lang), content=reply.card))
    elif release:
        title = screen.page(release, tongue)["title"]
        builder.set_card(SimpleCard(title=title, content=screen.card_text(release, tongue)))
    if release and turn.screen:
        page = {screen.PAGE: screen.page(release, tongue)}
        builder.add_directive(RenderDocumentDirective(token=screen.PAGE, document=screen.document(), datasources=page))


def _verify(wanted: Verify) -> StartConnectionDirective:
    return StartConnectionDirective(
        uri=VERIFY_PERSON,
        input={
            "requestedAuthenticationConfidenceLevel": {
                "level": wanted.level,
                "customPolicy": {"policyName": "VOICE_PIN"},
            }
        },
        token=wanted.plan,
    )


def dynamic_entities(words: Vocabulary) -> list[dict[str, Any]]:
    """Give the catalogue's names of today, as many as one response may bring: environments, then services.

    What finds no room is still in the interaction model, if that was built since.
    """
    room, types = MOST_ENTITIES, []
    for slot in (Slot.ENVIRONMENT, Slot.SERVICE):
        values = []
        for value in slot_type(words, slot)["values"]:
            if room == 0:
                break
            synonyms = value["name"]["synonyms"][: room - 1]
            values.append({"id": value["id"], "name": {"value": value["name"]["value"], "synonyms": synonyms}})
            room -= 1 + len(synonyms)
        if values:
            types.append({"name": TYPES[slot], "values": values})
    return types
