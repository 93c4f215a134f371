"""The methods of the Bot API that are modelled, each as the real server answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from tests.botapi.limits import (
    CAPTION_UNITS,
    COMMANDS,
    DELETE_WINDOW_S,
    DOWNLOAD_BYTES,
    INLINE_ID_BYTES,
    INLINE_RESULTS,
    PHOTO_BYTES,
    TEXT_UNITS,
    UPLOAD_BYTES,
    Refused,
    bad_request,
    checked_keyboard,
    checked_text,
)
from tests.botapi.parameters import Parameters, Params, Upload, flag
from tests.botapi.rich import checked_rich
from tests.botapi.world import EPOCH, Message

if TYPE_CHECKING:
    from tests.botapi.server import BotApiServer

Method = Callable[["Methods", Params], Awaitable[Any]]
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)


class Methods(Parameters):
    """One per server. A method's name is the attribute's name in the API's own spelling, without regard to case."""

    def __init__(self, server: BotApiServer) -> None:
        super().__init__(server)
        self._commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        self._names = {name.lower(): name for name in METHODS}

    def find(self, name: str) -> Callable[[Params], Awaitable[Any]] | None:
        known = self._names.get(name.lower())
        return getattr(self, known) if known else None

    # Who the bot is

    async def getMe(self, params: Params) -> Any:  # noqa: N802 - the API's own spelling, here and below
        return {
            **self._server.me,
            "can_join_groups": True,
            "can_read_all_group_messages": not self._server.privacy,
            "supports_inline_queries": True,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }

    async def setMyCommands(self, params: Params) -> Any:  # noqa: N802
        commands = params.get("commands") or []
        if len(commands) > COMMANDS:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        for command in commands:
            name = command["command"].removeprefix("/")
            if not 1 <= len(name) <= 32 or not name.replace("_", "a").isalnum() or name != name.lower():
                raise bad_request("BOT_COMMAND_INVALID")
            if not 1 <= len(command["description"]) <= 256:
                raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        self._commands[self._scope(params)] = commands
        return True

    async def deleteMyCommands(self, params: Params) -> Any:  # noqa: N802
        self._commands.pop(self._scope(params), None)
        return True

    async def getMyCommands(self, params: Params) -> Any:  # noqa: N802
        return self._commands.get(self._scope(params), [])

    def _scope(self, params: Params) -> tuple[str, str]:
        return (params.get("scope") or {}).get("type", "default"), params.get("language_code") or ""

    async def setWebhook(self, params: Params) -> Any:  # noqa: N802
        self._server.updates.allow(params.get("allowed_updates"))
        await self._server.webhook.set(str(params.get("url", "")), str(params.get("secret_token", "")))
        return True

    async def deleteWebhook(self, params: Params) -> Any:  # noqa: N802
        await self._server.webhook.set("", "")
        if flag(params, "drop_pending_updates"):
            self._server.updates.confirm(2**31)
        return True

    async def getWebhookInfo(self, params: Params) -> Any:  # noqa: N802
        webhook = self._server.webhook
        info: dict[str, Any] = {
            "url": webhook.url,
            "has_custom_certificate": False,
            "pending_update_count": len(self._server.updates.first(10_000)),
        }
        if webhook.last_error:
            info |= {"last_error_date": EPOCH, "last_error_message": webhook.last_error}
        return info

    # Updates

    async def getUpdates(self, params: Params) -> Any:  # noqa: N802
        return await self._server.poll(
            offset=int(params.get("offset", 0)),
            limit=min(max(int(params.get("limit", 100)), 1), 100),
            wait_s=min(int(params.get("timeout", 0)), 50),
            allowed=params.get("allowed_updates"),
        )

    # Messages

    async def sendMessage(self, params: Params) -> Any:  # noqa: N802
        chat = self._chat(params)
        text, entities = self._text(params, "text", TEXT_UNITS)
        message = chat.add(
            self._server.me,
            text=text,
            entities=entities,
            keyboard=checked_keyboard(params.get("reply_markup")),
            reply_to=self._reply_to(chat, params),
            thread=self._thread(params),
        )
        return message.as_json()

    async def sendMessageDraft(self, params: Params) -> Any:  # noqa: N802
        chat = self._draft_chat(params)
        text, entities = self._text(params, "text", TEXT_UNITS, may_be_empty=True)
        chat.show_draft(int(params["draft_id"]), text, entities, flag(params, "can_stop"), flag(params, "keep_on_stop"))
        return True

    async def sendRichMessage(self, params: Params) -> Any:  # noqa: N802
        chat = self._chat(params)
        message = chat.add(
            self._server.me,
            rich=checked_rich(params.get("rich_message")),
            keyboard=checked_keyboard(params.get("reply_markup")),
            reply_to=self._reply_to(chat, params),
            thread=self._thread(params),
        )
        return message.as_json()

    async def sendRichMessageDraft(self, params: Params) -> Any:  # noqa: N802
        chat = self._draft_chat(params)
        rich = tuple(checked_rich(params.get("rich_message"), draft=True))
        can_stop, keep = flag(params, "can_stop"), flag(params, "keep_on_stop")
        chat.show_draft(int(params["draft_id"]), "", [], can_stop, keep, rich)
        return True

    async def editMessageText(self, params: Params) -> Any:  # noqa: N802
        message = self._own(params)
        if message.media:
            raise bad_request("there is no text in the message to edit")
        if params.get("rich_message") is None:
            rich: list[dict[str, Any]] = []
            text, entities = self._text(params, "text", TEXT_UNITS)
        else:
            rich, text, entities = checked_rich(params["rich_message"]), "", []
        keyboard = checked_keyboard(params.get("reply_markup"))
        new = (text, entities, rich, keyboard)
        if new == (message.text, message.entities, message.rich, message.keyboard):
            raise bad_request(NOT_MODIFIED)
        message.text, message.entities, message.rich, message.keyboard = new
        return self._edited(message)

    async def editMessageReplyMarkup(self, params: Params) -> Any:  # noqa: N802
        message = self._own(params)
        keyboard = checked_keyboard(params.get("reply_markup"))
        if keyboard == message.keyboard:
            raise bad_request(NOT_MODIFIED)
        message.keyboard = keyboard
        return self._edited(message)

    async def deleteMessage(self, params: Params) -> Any:  # noqa: N802
        chat = self._chat(params)
        message = chat.find(int(params.get("message_id", 0)))
        if message is None:
            raise bad_request("message to delete not found")
        if self._server.clock.now() - message.sent_at > DELETE_WINDOW_S:
            raise bad_request("message can't be deleted")
        chat.delete(message)
        return True

    async def deleteMessages(self, params: Params) -> Any:  # noqa: N802
        numbers = [int(number) for number in params.get("message_ids") or []]
        if not 1 <= len(numbers) <= 100:
            raise bad_request("message identifiers are not specified, or there are too many")
        chat = self._chat(params)
        for number in numbers:
            message = chat.find(number)
            if message is not None and self._server.clock.now() - message.sent_at <= DELETE_WINDOW_S:
                chat.delete(message)
        return True

    async def forwardMessage(self, params: Params) -> Any:  # noqa: N802
        message = self._original(params)
        kept = _content_of(message)
        return self._chat(params).add(self._server.me, forwarded=True, **kept).as_json()

    async def copyMessage(self, params: Params) -> Any:  # noqa: N802
        message = self._original(params)
        kept = _content_of(message)
        keyboard = checked_keyboard(params.get("reply_markup"))
        return {"message_id": self._chat(params).add(self._server.me, keyboard=keyboard, **kept).id}

    async def getChat(self, params: Params) -> Any:  # noqa: N802
        chat = self._chat(params)
        accepted = dict.fromkeys(
            ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
        )
        return {**chat.as_json(), "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": accepted}

    async def sendChatAction(self, params: Params) -> Any:  # noqa: N802
        self._chat(params).actions.append(str(params.get("action")))
        return True

    async def setMessageReaction(self, params: Params) -> Any:  # noqa: N802
        message = self._chat(params).find(int(params.get("message_id", 0)))
        if message is None:
            raise bad_request("message to react not found")
        message.reactions[self._server.me["id"]] = params.get("reaction") or []
        message.chat.changed()
        return True

    async def answerCallbackQuery(self, params: Params) -> Any:  # noqa: N802
        text = params.get("text", "")
        if len(text) > 200:
            raise bad_request("MESSAGE_TOO_LONG")
        if not self._server.answer_press(str(params.get("callback_query_id")), text):
            raise bad_request("query is too old and response timeout expired or query ID is invalid")
        return True

    async def answerInlineQuery(self, params: Params) -> Any:  # noqa: N802
        results = params.get("results") or []
        if len(results) > INLINE_RESULTS:
            raise bad_request("RESULTS_TOO_MUCH")
        for one in results:
            if not 1 <= len(str(one.get("id", "")).encode()) <= INLINE_ID_BYTES:
                raise bad_request("RESULT_ID_INVALID")
            content = one["input_message_content"]
            checked_text(content["message_text"], content.get("entities"), TEXT_UNITS)
        if len({one["id"] for one in results}) < len(results):
            raise bad_request("RESULT_ID_DUPLICATE")
        if not self._server.answer_inline(str(params.get("inline_query_id")), params):
            raise bad_request("query is too old and response timeout expired or query ID is invalid")
        return True

    # Files

    async def sendDocument(self, params: Params) -> Any:  # noqa: N802
        chat = self._chat(params)
        upload = params.get(str(params.get("document", "")).removeprefix("attach://"))
        if not isinstance(upload, Upload):
            raise bad_request("there is no document in the request")
        caption, _ = self._text(params, "caption", CAPTION_UNITS, may_be_empty=True)
        if len(upload.data) > UPLOAD_BYTES:
            raise Refused(413, "Request Entity Too Large")
        stored = self._server.keep_file(upload.name, upload.data)
        keyboard = checked_keyboard(params.get("reply_markup"))
        media = {"document": stored.as_document()}
        return chat.add(self._server.me, caption=caption, media=media, keyboard=keyboard).as_json()

    async def sendPhoto(self, params: Params) -> Any:  # noqa: N802
        chat = self._chat(params)
        upload = params.get(str(params.get("photo", "")).removeprefix("attach://"))
        if not isinstance(upload, Upload):
            raise bad_request("there is no photo in the request")
        if len(upload.data) > PHOTO_BYTES:
            raise Refused(413, "Request Entity Too Large")
        caption, _ = self._text(params, "caption", CAPTION_UNITS, may_be_empty=True)
        stored = self._server.keep_file(upload.name, upload.data, "image/jpeg")
        size = {"file_id": stored.id, "file_unique_id": f"u{stored.id}", "width": 90, "height": 90}
        keyboard = checked_keyboard(params.get("reply_markup"))
        return chat.add(self._server.me, caption=caption, media={"photo": [size]}, keyboard=keyboard).as_json()

    async def editMessageCaption(self, params: Params) -> Any:  # noqa: N802
        message = self._own(params)
        if not message.media:
            raise bad_request("there is no caption in the message to edit")
        caption, _ = self._text(params, "caption", CAPTION_UNITS, may_be_empty=True)
        keyboard = checked_keyboard(params.get("reply_markup"))
        if (caption, keyboard) == (message.caption, message.keyboard):
            raise bad_request(NOT_MODIFIED)
        message.caption, message.keyboard = caption, keyboard
        return self._edited(message)

    async def getFile(self, params: Params) -> Any:  # noqa: N802
        stored = self._server.file(str(params.get("file_id")))
        if stored is None:
            raise bad_request("invalid file_id")
        if stored.size > DOWNLOAD_BYTES:
            raise bad_request("file is too big")
        return {
            "file_id": stored.id,
            "file_unique_id": f"u{stored.id}",
            "file_size": stored.size,
            "file_path": stored.path,
        }


def _content_of(message: Message) -> dict[str, Any]:
    names = ("text", "entities", "caption", "rich", "media")
    return {name: getattr(message, name) for name in names}


METHODS = tuple(name for name in vars(Methods) if name[0].islower() and name != "find")
"""Every method that is modelled."""
