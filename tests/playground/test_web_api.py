from __future__ import annotations

from typing import Any

import httpx
import pytest
from slack_sdk.errors import SlackApiError

from .serving import Town, town

CHANNEL = "C01RELEASES"


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(url)


async def post(url: str, data: dict[str, str] | None = None) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(url, data=data)


async def error_of(call: Any) -> str:
    with pytest.raises(SlackApiError) as refused:
        await call
    return str(refused.value.response["error"])


async def test_the_official_client_posts_updates_and_reads_back(place: Town) -> None:
    client = place.client()
    assert (await client.auth_test())["user_id"] == "U0SAYSO"
    posted = await client.chat_postMessage(
        channel=CHANNEL,
        text="Shipping",
        blocks=[section("Shipping *checkout*")],
        metadata={"event_type": "release", "event_payload": {"id": "r1"}},
    )
    await client.chat_update(channel=CHANNEL, ts=posted["ts"], text="Shipped", blocks=[section("Shipped")])
    reply = await client.chat_postMessage(channel=CHANNEL, text="log", thread_ts=posted["ts"])
    history = await client.conversations_history(channel=CHANNEL, include_all_metadata=True)
    assert [one["text"] for one in history["messages"]] == ["Shipped"]
    assert history["messages"][0]["metadata"]["event_payload"] == {"id": "r1"}
    assert history["messages"][0]["reply_count"] == 1
    assert "edited" not in history["messages"][0]
    assert "metadata" not in (await client.conversations_history(channel=CHANNEL))["messages"][0]
    thread = await client.conversations_replies(channel=CHANNEL, ts=posted["ts"])
    assert [one["ts"] for one in thread["messages"]] == [posted["ts"], reply["ts"]]
    link = await client.chat_getPermalink(channel=CHANNEL, message_ts=posted["ts"])
    assert (await get(link["permalink"])).status_code == 200
    await client.chat_delete(channel=CHANNEL, ts=posted["ts"])
    assert await error_of(client.chat_update(channel=CHANNEL, ts=posted["ts"], text="x")) == "message_not_found"


async def test_time_stamps_are_unique_and_ordered(place: Town) -> None:
    client = place.client()
    stamps = [(await client.chat_postMessage(channel=CHANNEL, text=str(n)))["ts"] for n in range(4)]
    assert stamps == sorted(set(stamps))
    assert all(len(ts.split(".")[1]) == 6 for ts in stamps)


@pytest.mark.parametrize(
    ("method", "args", "error"),
    [
        ("chat.postMessage", {"channel": "C99", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "C02RANDOM", "text": "x"}, "not_in_channel"),
        ("chat.postMessage", {"channel": CHANNEL}, "no_text"),
        ("chat.postMessage", {"channel": CHANNEL, "text": "x", "thread_ts": "1.000000"}, "cannot_reply_to_message"),
        (
            "chat.postMessage",
            {"channel": CHANNEL, "text": "x", "metadata": {"event_type": ""}},
            "invalid_metadata_format",
        ),
        ("chat.postMessage", {"channel": CHANNEL, "text": "x", "blocks": "nonsense"}, "invalid_blocks_format"),
        ("chat.postMessage", {"channel": CHANNEL, "blocks": [{"type": "nope"}]}, "invalid_blocks"),
        ("chat.update", {"channel": CHANNEL, "ts": "1.000000", "text": "x"}, "message_not_found"),
        ("chat.postEphemeral", {"channel": CHANNEL, "user": "U99", "text": "x"}, "user_not_found"),
        ("views.open", {"trigger_id": "1.2.3", "view": {"type": "modal"}}, "invalid_trigger_id"),
        ("views.publish", {"user_id": "U01ANA", "view": {"type": "modal"}}, "invalid_arguments"),
        ("reactions.add", {"channel": CHANNEL, "timestamp": "1", "name": "eyes"}, "missing_scope"),
        ("team.info", {}, "missing_scope"),
        ("conversations.info", {"channel": CHANNEL}, "invalid_arguments"),
        ("users.profile.get", {}, "unknown_method"),
        ("apps.connections.open", {}, "not_allowed_token_type"),
    ],
)
async def test_a_wrong_call_gets_slacks_own_error(place: Town, method: str, args: dict[str, Any], error: str) -> None:
    assert await error_of(place.client().api_call(method, json=args)) == error


async def test_a_token_is_needed_and_must_be_the_right_one(place: Town) -> None:
    assert (await post(f"{place.url}/api/auth.test")).json()["error"] == "not_authed"
    assert await error_of(place.client("xoxb-other").auth_test()) == "invalid_auth"
    form = (await post(f"{place.url}/api/auth.test", data={"token": place.token})).json()
    assert form["ok"]
    ledger = (await get(f"{place.url}/_ui/ledger")).text
    assert place.token not in ledger


async def test_somebody_elses_message_cant_be_changed(place: Town) -> None:
    said = place.post("say", persona="U01ANA", channel=CHANNEL, text="hello")["message"]
    client = place.client()
    assert await error_of(client.chat_update(channel=CHANNEL, ts=said["ts"], text="x")) == "cant_update_message"
    assert await error_of(client.chat_delete(channel=CHANNEL, ts=said["ts"])) == "cant_delete_message"


async def test_an_update_may_say_less_than_a_post(place: Town) -> None:
    client = place.client()
    posted = await client.chat_postMessage(channel=CHANNEL, text="x" * 41_000)
    assert len(posted["message"]["text"]) == 40_000
    assert await error_of(client.chat_update(channel=CHANNEL, ts=posted["ts"], text="x" * 4001)) == "msg_too_long"


async def test_text_without_blocks_takes_the_blocks_away_and_marks_the_message_as_edited(place: Town) -> None:
    client = place.client()
    posted = await client.chat_postMessage(channel=CHANNEL, text="a", blocks=[section("a")])
    updated = await client.chat_update(channel=CHANNEL, ts=posted["ts"], text="b")
    assert "blocks" not in updated["message"]
    assert updated["message"]["edited"]["user"] == "U0SAYSO"


async def test_blocks_without_text_are_taken_with_a_warning(place: Town) -> None:
    posted = await place.client().api_call("chat.postMessage", json={"channel": CHANNEL, "blocks": [section("a")]})
    assert posted["warning"] == "missing_text_in_message"
    assert place.get("ledger")["calls"][-1]["warning"] == "missing_text_in_message"


async def test_plan_blocks_can_be_refused_as_by_an_older_workspace() -> None:
    plan = {"type": "plan", "title": "t", "tasks": [{"task_id": "a", "title": "a", "status": "complete"}]}
    with town(refuse_plan_blocks=True) as place:
        call = place.client().chat_postMessage(channel=CHANNEL, text="x", blocks=[plan])
        with pytest.raises(SlackApiError) as refused:
            await call
    assert refused.value.response["error"] == "invalid_blocks"
    assert refused.value.response["response_metadata"]["messages"] == [
        "[ERROR] unsupported type: plan [json-pointer:/blocks/0]"
    ]


async def test_only_real_mentions_are_recorded(place: Town) -> None:
    client = place.client()
    await client.chat_postMessage(
        channel=CHANNEL, text="fix &lt;!channel&gt;", blocks=[section("&lt;@U01ANA&gt; `<!here>`")]
    )
    await client.chat_postMessage(
        channel=CHANNEL, text="<@U02BO> please", blocks=[section("<!channel> <#C01RELEASES>")]
    )
    first, second = place.messages()
    assert first["mentions"] == ["here"]
    assert second["mentions"] == ["U02BO", "channel", "C01RELEASES"]


async def test_a_dm_is_opened_once_and_posts_reach_it(place: Town) -> None:
    client = place.client()
    opened = (await client.conversations_open(users="U01ANA"))["channel"]["id"]
    assert opened == (await client.conversations_open(users="U01ANA"))["channel"]["id"] == "D01ANA"
    await client.chat_postMessage(channel="U01ANA", text="psst")
    assert [one["text"] for one in place.messages("D01ANA")] == ["psst"]
    assert (await client.conversations_info(channel=opened))["channel"]["user"] == "U01ANA"


async def test_an_ephemeral_is_in_no_history(place: Town) -> None:
    client = place.client()
    await client.chat_postEphemeral(channel=CHANNEL, user="U01ANA", text="only you")
    assert (await client.conversations_history(channel=CHANNEL))["messages"] == []
    assert place.messages()[0]["visible_to"] == "U01ANA"


async def test_people_channels_and_members_are_listed(place: Town) -> None:
    client = place.client()
    people = (await client.users_list())["members"]
    assert [one["id"] for one in people] == ["U01ANA", "U02BO", "U0SAYSO"]
    assert (await client.users_info(user="U01ANA"))["user"]["real_name"] == "Ana Ruiz"
    assert await error_of(client.users_lookupByEmail(email="ana@example.com")) == "missing_scope"
    first = await client.conversations_list(limit=1)
    second = await client.conversations_list(limit=1, cursor=first["response_metadata"]["next_cursor"])
    assert [first["channels"][0]["id"], second["channels"][0]["id"]] == [CHANNEL, "C02RANDOM"]
    assert (await client.conversations_members(channel=CHANNEL))["members"] == ["U01ANA", "U02BO", "U0SAYSO"]


async def test_a_granted_scope_opens_its_methods() -> None:
    scopes = frozenset({"chat:write", "users:read.email", "reactions:write", "channels:join", "team:read"})
    with town(scopes=scopes) as place:
        client = place.client()
        assert (await client.users_lookupByEmail(email="ANA@example.com"))["user"]["id"] == "U01ANA"
        await client.conversations_join(channel="C02RANDOM")
        posted = await client.chat_postMessage(channel="C02RANDOM", text="hi")
        await client.reactions_add(channel="C02RANDOM", timestamp=posted["ts"], name="eyes")
        again = client.reactions_add(channel="C02RANDOM", timestamp=posted["ts"], name="eyes")
        assert await error_of(again) == "already_reacted"
        assert (await client.team_info())["team"]["name"] == "Playground"
        assert await error_of(client.users_info(user="U01ANA")) == "missing_scope"


async def test_files_upload_v2_shares_a_file_in_a_thread(place: Town) -> None:
    client = place.client()
    parent = await client.chat_postMessage(channel=CHANNEL, text="parent")
    uploaded = await client.files_upload_v2(
        channel=CHANNEL, thread_ts=parent["ts"], filename="build.log", content="line 1\nline 2\n", title="The log",
        initial_comment="Here it is",
    )  # fmt: skip
    reply = place.messages()[-1]
    assert (reply["thread_ts"], reply["text"]) == (parent["ts"], "Here it is")
    assert reply["files"][0]["title"] == "The log"
    assert reply["files"][0]["preview"] == "line 1\nline 2\n"
    saved = await get(f"{place.url}/_ui/files/{uploaded['files'][0]['id']}")
    assert saved.text == "line 1\nline 2\n"
    assert saved.headers["content-disposition"] == 'attachment; filename="build.log"'


async def test_blocks_validate_points_at_the_mistake(place: Town) -> None:
    answer = (
        await post(
            f"{place.url}/api/blocks.validate",
            data={"token": place.token, "blocks": '[{"type": "header", "text": {"type": "plain_text", "text": ""}}]'},
        )
    ).json()
    assert answer["errors"][0]["pointer"] == "/blocks/0/text/text"


@pytest.mark.parametrize(
    ("body", "kind", "error"),
    [
        (b"\xff\xfe", "application/json", "invalid_json"),
        (b"{", "application/json", "invalid_json"),
        (b"[" * 100_000, "application/json", "invalid_json"),
        (b"[1]", "application/json", "json_not_object"),
        (b"\xff", "application/x-www-form-urlencoded", "invalid_form_data"),
        (b"<x/>", "text/xml", "invalid_post_type"),
    ],
)
async def test_a_body_that_is_no_call_is_refused_in_words(place: Town, body: bytes, kind: str, error: str) -> None:
    headers = {"authorization": f"Bearer {place.token}", "content-type": kind}
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{place.url}/api/chat.postMessage", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (200, error)
