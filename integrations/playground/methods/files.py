"""`files.*`: the three steps of an upload (an address, the bytes, the completion), as `files_upload_v2` takes them."""

from __future__ import annotations

import mimetypes
from pathlib import PurePosixPath
from typing import Any, Final

from integrations.playground.methods.call import Method, MethodCall, SlackRefusal
from integrations.playground.playground import Playground

MOST_BYTES: Final = 50_000_000
PREVIEW: Final = 4_000


async def get_upload_url(call: MethodCall) -> dict[str, Any]:
    """Give the address to send the bytes to."""
    name = call.text("filename")
    try:
        length = int(call.text("length", "0"))
    except ValueError as error:
        raise SlackRefusal("invalid_arguments", "[ERROR] must be a number [json-pointer:/length]") from error
    if not name or length <= 0:
        raise SlackRefusal("invalid_arguments", "[ERROR] filename and length are required [json-pointer:/]")
    if length > MOST_BYTES:
        raise SlackRefusal("file_upload_size_restricted")
    file_id = call.workspace.next_id("F")
    kind = mimetypes.guess_type(name)[0] or "text/plain"
    call.workspace.files[file_id] = {
        "id": file_id,
        "created": int(call.playground.now()),
        "name": name,
        "title": name,
        "mimetype": kind,
        "filetype": PurePosixPath(name).suffix.removeprefix(".") or "text",
        "size": length,
        "user": call.playground.config.bot_user_id,
        "url_private": f"{call.base_url}_ui/files/{file_id}",
        "url_private_download": f"{call.base_url}_ui/files/{file_id}",
        "permalink": f"{call.base_url}_ui/files/{file_id}",
    }
    return {"ok": True, "upload_url": f"{call.base_url}upload/{file_id}", "file_id": file_id}


def receive_bytes(playground: Playground, file_id: str, content: bytes) -> str | None:
    """Take an upload's bytes; gives what is wrong, or nothing."""
    file = playground.workspace.files.get(file_id)
    if file is None:
        return "no such upload"
    if file_id in playground.workspace.contents:
        return "already uploaded"
    if len(content) != file["size"]:
        return f"expected {file['size']} bytes, got {len(content)}"
    playground.workspace.contents[file_id] = content
    if file["mimetype"].startswith("text/") or file["filetype"] in {"log", "json", "xml", "yml", "yaml", "toml"}:
        file["preview"] = content[:PREVIEW].decode(errors="replace")
        file["preview_is_truncated"] = len(content) > PREVIEW
    return None


async def complete_upload(call: MethodCall) -> dict[str, Any]:
    """Share what was uploaded into a channel or thread; without a channel it stays private to the bot."""
    given = _given_files(call)
    workspace = call.workspace
    files = [workspace.files[one["id"]] for one in given]
    for file, one in zip(files, given, strict=True):
        file["title"] = one.get("title") or file["name"]
    names = [name for name in (call.text("channel_id") or call.text("channels")).split(",") if name]
    conversations = [workspace.find_conversation(name) for name in names]
    for conversation in conversations:
        if conversation is None:
            raise SlackRefusal("channel_not_found")
        if call.playground.config.bot_user_id not in conversation.members:
            raise SlackRefusal("not_in_channel")
        if (thread := call.text("thread_ts")) and thread not in conversation.messages:
            raise SlackRefusal("invalid_thread_ts")
    for conversation in conversations:
        assert conversation is not None
        parent = conversation.messages.get(call.text("thread_ts"))
        thread_ts = (parent.thread_ts or parent.ts) if parent else None
        comment = call.text("initial_comment")
        workspace.add(workspace.bot_message(conversation, comment, files=files, thread_ts=thread_ts))
    return {"ok": True, "files": [{"id": file["id"], "title": file["title"]} for file in files]}


def _given_files(call: MethodCall) -> list[dict[str, Any]]:
    given = call.json("files")
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise SlackRefusal("invalid_arguments", "[ERROR] must be a non-empty array [json-pointer:/files]")
    for one in given:
        if one.get("id") not in call.workspace.files:
            raise SlackRefusal("file_not_found")
        if one["id"] not in call.workspace.contents:
            raise SlackRefusal("file_update_failed", "[ERROR] no bytes were uploaded [json-pointer:/files]")
    return given


WRITE = frozenset({"files:write"})
METHODS = {
    "files.getUploadURLExternal": Method(get_upload_url, WRITE, json_body=False),
    "files.completeUploadExternal": Method(complete_upload, WRITE),
}
