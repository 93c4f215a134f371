"""A Bot API server on loopback: everything a bot sends is checked and kept, everything a person does is delivered."""

from __future__ import annotations

import asyncio
import json
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any, Final, NoReturn

from aiohttp import web

from bots.telegram.clock import Clock, wait_for_event
from tests.botapi.faults import Fault, Faults
from tests.botapi.limits import UPLOAD_BYTES, Bucket, Refused
from tests.botapi.methods import Methods
from tests.botapi.parameters import Params, StoredFile, Upload
from tests.botapi.people import InlineAsked, Press, User
from tests.botapi.webhook import Webhook
from tests.botapi.world import Chat, Message, Updates

TOKEN: Final = "123456789:AAE0loopback0test0token0of0patina00"
_JSON_FIELDS: Final = frozenset(
    {
        "reply_markup",
        "entities",
        "caption_entities",
        "commands",
        "scope",
        "reply_parameters",
        "link_preview_options",
        "allowed_updates",
        "reaction",
        "message_ids",
        "results",
        "button",
        "rich_message",
    }
)
_SPENDS: Final = ("send", "edit", "delete", "forward", "copy", "setmessagereaction")


@dataclass(frozen=True)
class Call:
    """One request of the bot; `at` in seconds of the server's clock."""

    method: str
    at: float
    params: Params
    status: int

    @property
    def chat_id(self) -> int | None:
        return int(self.params["chat_id"]) if "chat_id" in self.params else None


class BotApiServer:
    """An async context manager; `url` is the api_root to give to a bot.

    `per_second` and `burst` switch on a limit for every chat, those `overall` one for all of them together.
    `privacy` is the group privacy mode of the bot. There were so many updates and messages `before`, as far as a bot
    remembers that has been at another server.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        token: str = TOKEN,
        username: str = "patina_test_bot",
        per_second: float | None = None,
        burst: float = 3,
        per_second_overall: float | None = None,
        burst_overall: float = 30,
        before: int = 0,
    ) -> None:
        self.clock = clock or Clock()
        self.token = token
        self.me = {
            "id": int(token.split(":")[0]),
            "is_bot": True,
            "first_name": "Patina",
            "username": username,
        }
        self.privacy = True
        self.chats: dict[int, Chat] = {}
        self.updates = Updates(before)
        self.faults = Faults()
        self.calls: list[Call] = []
        self.downloads = 0
        self.redirect_downloads_to = ""
        self.url = ""
        self._limit = (per_second, burst)
        self._buckets: dict[int, Bucket] = {}
        self._overall = Bucket(
            self.clock, per_second_overall or 1e9, burst_overall if per_second_overall is not None else 1e9
        )
        self.webhook = Webhook(self)
        self._numbers = count(1 + before)
        self._file_numbers = count(1)
        self._files: dict[str, StoredFile] = {}
        self._presses: dict[str, Press] = {}
        self._inline: dict[str, InlineAsked] = {}
        self._methods = Methods(self)
        self._poller: asyncio.Event | None = None
        self._called = asyncio.Event()
        self._released = asyncio.Event()
        self._runner: web.AppRunner | None = None

    # Life

    async def __aenter__(self) -> BotApiServer:
        app = web.Application(client_max_size=UPLOAD_BYTES + 1_000_000)
        app.router.add_route("*", "/bot{token}/{method}", self._handle)
        app.router.add_get("/file/bot{token}/{path:.+}", self._download)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.webhook.close()
        self._released.set()
        if self._poller is not None:
            self._poller.set()
        if self._runner is not None:
            await self._runner.cleanup()

    # People

    def user(self, user_id: int, name: str, language_code: str | None = "en") -> User:
        return User(self, user_id, name, language_code)

    def group(self, chat_id: int, title: str) -> Chat:
        return self.open_chat(chat_id, "supergroup", {"title": title})

    def open_chat(self, chat_id: int, kind: str, names: dict[str, str]) -> Chat:
        if chat_id not in self.chats:
            # Telegram counts the messages of a supergroup apart, those of all other chats of a bot together.
            numbers = None if chat_id <= -1_000_000_000_000 else self._numbers
            self.chats[chat_id] = Chat(self.clock, chat_id, kind, names, numbers)
        return self.chats[chat_id]

    def shows(self, message: Message) -> bool:
        """Whether the bot gets to see it: in privacy mode only what is meant for it."""
        if message.chat.private or not self.privacy:
            return True
        to_bot = message.reply_to is not None and message.reply_to.from_bot
        command = any(entity["type"] == "bot_command" for entity in message.entities)
        return to_bot or command or f"@{self.me['username']}" in message.text + message.caption

    # What the bot did

    def calls_of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method.lower() == method.lower()]

    @property
    def asked_too_early(self) -> int:
        """How often the bot called a chat that had told it to wait."""
        return sum(bucket.asked_too_early for bucket in (self._overall, *self._buckets.values()))

    async def wait_for_call(self, wanted: Callable[[Call], bool], within: float = 30.0) -> Call:
        async with asyncio.timeout(within):
            while (found := next(filter(wanted, self.calls), None)) is None:
                await self._called.wait()
            return found

    # What the methods need

    async def poll(self, offset: int, limit: int, wait_s: int, allowed: list[str] | None) -> list[dict[str, Any]]:
        """A newer poller ends an older one with 409, as the real server does."""
        if self.webhook.active:
            raise Refused(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook first")
        if self._poller is not None:
            self._poller.set()
        replaced = self._poller = asyncio.Event()
        try:
            self.updates.allow(allowed)
            self.updates.confirm(offset)
            until = self.clock.now() + wait_s
            while not (found := self.updates.first(limit)) and (left := until - self.clock.now()) > 0:
                either = asyncio.Event()
                waits = [asyncio.create_task(_pass_on(event, either)) for event in (self.updates.news, replaced)]
                try:
                    await wait_for_event(self.clock, either, left)
                finally:
                    for wait in waits:
                        wait.cancel()
                if replaced.is_set():
                    raise Refused(
                        409,
                        "Conflict: terminated by other getUpdates request; "
                        "make sure that only one bot instance is running",
                    )
            return self.faults.mixed(found, self.updates.confirmed[-20:])
        finally:
            if self._poller is replaced:
                self._poller = None

    def keep_file(self, name: str, data: bytes, mime_type: str | None = None) -> StoredFile:
        guessed = mime_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        stored = StoredFile(f"F{next(self._file_numbers):06d}", name, data, guessed)
        self._files[stored.id] = stored
        return stored

    def file(self, file_id: str) -> StoredFile | None:
        return self._files.get(file_id)

    def lose_file(self, file_id: str) -> None:
        """It is not there any more."""
        del self._files[file_id]

    def new_press(self) -> Press:
        press = Press(id=f"{len(self._presses) + 1:012d}")
        self._presses[press.id] = press
        return press

    def answer_press(self, press_id: str, text: str) -> bool:
        press = self._presses.get(press_id)
        if press is None or press.answer is not None:
            return False
        press.settle(text)
        return True

    def new_inline(self) -> InlineAsked:
        asked = InlineAsked(id=f"{len(self._inline) + 1:012d}")
        self._inline[asked.id] = asked
        return asked

    def answer_inline(self, query_id: str, params: dict[str, Any]) -> bool:
        asked = self._inline.get(query_id)
        if asked is None or asked.results is not None:
            return False
        asked.settle(params)
        return True

    # HTTP

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        params = await _params(request)
        try:
            result = await self._answer(request, name, params)
        except _Cut:
            return web.Response()
        except Refused as refused:
            self._log(name, params, refused.status)
            envelope: dict[str, Any] = {
                "ok": False,
                "error_code": refused.status,
                "description": refused.description,
            }
            if refused.parameters:
                envelope["parameters"] = refused.parameters
            return web.json_response(envelope, status=refused.status)
        return web.json_response({"ok": True, "result": result})

    async def _answer(self, request: web.Request, name: str, params: Params) -> Any:
        if request.match_info["token"] != self.token:
            raise Refused(401, "Unauthorized")
        method = self._methods.find(name)
        if method is None:
            raise Refused(404, "Not Found")
        fault = self.faults.next(name)
        self._before(request, name, params, fault)
        result = await method(params)
        self._log(name, params, 200)
        if fault is not None and fault.kind == "stall":
            await self._released.wait()
        if fault is not None and fault.after is not None:
            await fault.after.wait()
        if fault is not None and fault.kind in {"lost", "stall"}:
            _cut(request)
        return result

    def _before(self, request: web.Request, name: str, params: Params, fault: Fault | None) -> None:
        if fault is not None and fault.kind == "refuse":
            raise Refused(fault.status, fault.description)
        if fault is not None and fault.kind == "cut":
            self._log(name, params, 0)
            _cut(request)
        chat_id = str(params.get("chat_id", ""))
        if not name.lower().startswith(_SPENDS) or not chat_id.lstrip("-").isdigit():
            return
        bucket = self._bucket(int(chat_id))
        if fault is not None and fault.kind == "too_many":
            bucket.shut(fault.retry_after)
            raise Refused(429, f"Too Many Requests: retry after {fault.retry_after}", retry_after=fault.retry_after)
        bucket.spend()
        self._overall.spend()

    def shut(self, chat_id: int, seconds: float) -> None:
        """Whatever is sent to this chat is too much, for so long."""
        self._bucket(chat_id).shut(seconds)

    def _bucket(self, chat_id: int) -> Bucket:
        if chat_id not in self._buckets:
            per_second, burst = self._limit
            unlimited = per_second is None
            self._buckets[chat_id] = Bucket(self.clock, 1e9 if unlimited else per_second, 1e9 if unlimited else burst)
        return self._buckets[chat_id]

    def _log(self, name: str, params: Params, status: int) -> None:
        self.calls.append(Call(name, self.clock.now(), params, status))
        called, self._called = self._called, asyncio.Event()
        called.set()

    async def _download(self, request: web.Request) -> web.Response:
        self.downloads += 1
        if self.redirect_downloads_to:
            raise web.HTTPFound(self.redirect_downloads_to)
        stored = self.file(request.match_info["path"].removeprefix("documents/"))
        if request.match_info["token"] != self.token or stored is None or self.faults.next("download"):
            return web.json_response({"ok": False, "error_code": 404, "description": "Not Found"}, status=404)
        return web.Response(body=stored.data, content_type="application/octet-stream")


class _Cut(Exception):
    """The connection is gone, and with it whoever would read an answer."""


def _cut(request: web.Request) -> NoReturn:
    if request.transport is not None:
        request.transport.abort()
    raise _Cut


async def _pass_on(event: asyncio.Event, to: asyncio.Event) -> None:
    await event.wait()
    to.set()


async def _params(request: web.Request) -> Params:
    params: Params = dict(request.query)
    if request.content_type == "application/json":
        return params | dict(await request.json())
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            params[name] = Upload(value.filename, value.file.read())
        elif name in _JSON_FIELDS:
            params[name] = json.loads(str(value))
        else:
            params[name] = value
    return params
