"""The loopback server keeps to the Bot API: every reply parses with aiogram's types, and its limits are real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramConflictError,
    TelegramEntityTooLarge,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.types import (
    BotCommand,
    BufferedInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResultArticle,
    InputRichMessage,
    InputTextMessageContent,
    MessageEntity,
    ReactionTypeEmoji,
    ReplyParameters,
)
from aiohttp import web

from bots.telegram.rich import rich_blocks
from tests.botapi import TOKEN, BotApiServer, ManualClock, Message, User
from tests.botapi.faults import Faults, Weather
from tests.botapi.methods import METHODS


@pytest.fixture
async def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server(clock: ManualClock) -> AsyncIterator[BotApiServer]:
    async with BotApiServer(clock=clock) as server:
        yield server


@pytest.fixture
async def bot(server: BotApiServer) -> AsyncIterator[Bot]:
    bot = bot_for(server, TOKEN)
    yield bot
    await bot.session.close()


@pytest.fixture
async def ann(server: BotApiServer) -> User:
    return server.user(1001, "Ann")


def bot_for(server: BotApiServer, token: str) -> Bot:
    return Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(server.url), timeout=10))


def keyboard(data: str = "x", label: str = "Go") -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text=label, callback_data=data)]])


async def test_every_modelled_method_answers_in_aiograms_types(server: BotApiServer, bot: Bot, ann: User) -> None:
    me = await bot.get_me()
    assert me.is_bot
    assert me.username == "patina_test_bot"
    question = ann.private.send("hello")
    sent = await bot.send_message(
        1001,
        "hi **there**",
        reply_markup=keyboard(),
        reply_parameters=ReplyParameters(message_id=question.id),
    )
    assert sent.reply_to_message is not None
    assert sent.reply_to_message.text == "hello"
    edited = await bot.edit_message_text("hi", chat_id=1001, message_id=sent.message_id)
    assert edited.text == "hi"
    assert edited.reply_markup is None, "an edit that does not repeat the keyboard removes it"
    shown = await bot.edit_message_reply_markup(chat_id=1001, message_id=sent.message_id, reply_markup=keyboard("y"))
    assert shown.reply_markup is not None
    assert await bot.send_message_draft(1001, draft_id=7, text="wri", can_stop=True)
    table = rich_blocks("| a | b |\n|---|---|\n| 1 | $x^2$ |\n\n1. one\n- [x] done\n\n> said **so**")
    assert table is not None
    rich = InputRichMessage(blocks=table)
    assert await bot.send_rich_message_draft(1001, draft_id=7, rich_message=rich, can_stop=True)
    drawn = await bot.send_rich_message(1001, rich, reply_markup=keyboard())
    assert drawn.rich_message is not None
    assert [block.type for block in drawn.rich_message.blocks] == ["table", "list", "list", "blockquote"]
    assert (await bot.edit_message_text("plain", chat_id=1001, message_id=drawn.message_id)).rich_message is None
    assert await bot.send_chat_action(1001, "typing")
    assert await bot.set_message_reaction(1001, question.id, reaction=[ReactionTypeEmoji(emoji="👍")])
    document = await bot.send_document(1001, BufferedInputFile(b"one,two", "table.csv"), caption="a table")
    assert document.document is not None
    assert document.document.file_name == "table.csv"
    downloaded = await bot.download(document.document.file_id)
    assert downloaded is not None
    assert downloaded.read() == b"one,two"
    assert await bot.set_my_commands([BotCommand(command="new", description="Begin")], language_code="en")
    assert [command.command for command in await bot.get_my_commands(language_code="en")] == ["new"]
    assert await bot.get_my_commands() == []
    assert await bot.delete_my_commands(language_code="en")
    photo = await bot.send_photo(1001, BufferedInputFile(b"\xff\xd8", "p.jpg"), caption="a picture")
    assert photo.photo is not None
    captioned = await bot.edit_message_caption(chat_id=1001, message_id=photo.message_id, caption="a better one")
    assert captioned.caption == "a better one"
    assert (await bot.forward_message(1001, 1001, sent.message_id)).forward_origin is not None
    copied = await bot.copy_message(1001, 1001, sent.message_id)
    assert (await bot.get_chat(1001)).first_name == "Ann"
    assert await bot.delete_message(1001, sent.message_id)
    assert await bot.delete_messages(1001, [copied.message_id, photo.message_id])
    assert await bot.get_updates(timeout=0)
    press = ann.private.press((await _shown(bot, server)), "Go")
    assert await bot.answer_callback_query(press.id)
    asked = ann.ask_inline("hello")
    article = InlineQueryResultArticle(
        id="1", title="hi", input_message_content=InputTextMessageContent(message_text="hi")
    )
    assert await bot.answer_inline_query(asked.id, [article])
    assert [result["title"] for result in await asked.answered()] == ["hi"]
    assert await bot.set_webhook("https://example.org/hook", secret_token="secret")
    assert (await bot.get_webhook_info()).url == "https://example.org/hook"
    assert await bot.delete_webhook()
    assert server.chats[1001].find(sent.message_id) is None
    called = {call.method.lower() for call in server.calls if call.status == 200}
    assert called == {name.lower() for name in METHODS}, "every method that is modelled was called and parsed"


async def _shown(bot: Bot, server: BotApiServer) -> Message:
    sent = await bot.send_message(1001, "press me", reply_markup=keyboard())
    found = server.chats[1001].find(sent.message_id)
    assert found is not None
    return found


async def test_what_people_do_arrives_as_updates_aiogram_understands(server: BotApiServer, bot: Bot, ann: User) -> None:
    await bot.get_updates(timeout=0, allowed_updates=["message", "callback_query", "message_reaction"])
    await bot.send_message(1001, "rate me", reply_markup=keyboard("rate"))
    answer = ann.private.chat.answers[0]
    ann.private.send("/start 123", reply_to=answer, quote="rate")
    ann.private.forward("from elsewhere")
    ann.private.send_document("note.txt", b"text", "read this")
    ann.private.send_photo()
    press = ann.private.press(answer, "Go")
    ann.private.react(answer, "👍")
    updates = await bot.get_updates(timeout=0)
    kinds = [update.event_type for update in updates]
    assert kinds == ["message"] * 4 + ["callback_query", "message_reaction"]
    first = updates[0].message
    assert first is not None
    assert first.quote is not None
    assert first.quote.text == "rate"
    assert first.entities is not None
    assert first.entities[0].type == "bot_command"
    query = updates[4].callback_query
    assert query is not None
    assert query.data == "rate"
    await bot.answer_callback_query(query.id, text="noted")
    assert await press.answered() == "noted"
    with pytest.raises(TelegramBadRequest, match="query is too old"):
        await bot.answer_callback_query(query.id)


async def test_the_stop_button_of_a_draft_reaches_the_bot(server: BotApiServer, bot: Bot, ann: User) -> None:
    await bot.send_message_draft(1001, draft_id=5, text="a", can_stop=True, keep_on_stop=True)
    ann.private.stop_draft()
    (update,) = await bot.get_updates(timeout=0)
    assert update.stopped_message_generation is not None
    assert update.stopped_message_generation.draft_id == 5
    assert ann.private.chat.draft is not None, "keep_on_stop leaves it until the message comes"
    await bot.send_message(1001, "a")
    assert ann.private.chat.draft is None


async def test_a_poll_waits_for_news_and_an_offset_confirms(bot: Bot, ann: User, clock: ManualClock) -> None:
    poll = asyncio.create_task(bot.get_updates(timeout=30))
    await clock.somebody_waits(30, 30)
    ann.private.send("now")
    (update,) = await poll
    assert [again.update_id for again in await bot.get_updates(timeout=0)] == [update.update_id]
    empty = asyncio.create_task(bot.get_updates(offset=update.update_id + 1, timeout=30))
    await clock.somebody_waits(30, 30)
    clock.advance(30)
    assert await empty == []


async def test_a_second_poller_ends_the_first_with_409(bot: Bot, clock: ManualClock, ann: User) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=30))
    await clock.somebody_waits(30, 30)
    second = asyncio.create_task(bot.get_updates(timeout=30))
    with pytest.raises(TelegramConflictError, match="terminated by other getUpdates"):
        await first
    ann.private.send("for the second")
    assert len(await second) == 1


async def test_a_draft_disappears_after_thirty_seconds(bot: Bot, ann: User, clock: ManualClock) -> None:
    await bot.send_message_draft(1001, draft_id=5, text="a")
    clock.advance(29)
    assert ann.private.chat.draft is not None
    clock.advance(1)
    assert ann.private.chat.draft is None


async def test_a_draft_belongs_to_a_private_chat(server: BotApiServer, bot: Bot, ann: User) -> None:
    server.group(-100, "Friends")
    with pytest.raises(TelegramBadRequest, match="TEXTDRAFT_PEER_INVALID"):
        await bot.send_message_draft(-100, draft_id=5, text="a")
    with pytest.raises(TelegramBadRequest, match="RANDOM_ID_INVALID"):
        await bot.send_message_draft(1001, draft_id=0, text="a")


async def test_texts_keep_to_the_limit_in_utf16_units(bot: Bot, ann: User) -> None:
    await bot.send_message(1001, "x" * 4096)
    await bot.send_message(1001, "😀" * 2048)
    for too_long in ("x" * 4097, "😀" * 2049):
        with pytest.raises(TelegramBadRequest, match="too long"):
            await bot.send_message(1001, too_long)
    with pytest.raises(TelegramBadRequest, match="text is empty"):
        await bot.send_message(1001, " \n ")


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 9), (1, 1), (-1, 2), (0, 0)],
    ids=["past the end", "inside 😀", "negative", "empty"],
)
async def test_entities_are_placed_in_utf16_units(bot: Bot, ann: User, offset: int, length: int) -> None:
    await bot.send_message(1001, "😀 bold", entities=[MessageEntity(type="bold", offset=3, length=4)])
    with pytest.raises(TelegramBadRequest, match="can't parse entities"):
        await bot.send_message(1001, "😀 bold", entities=[MessageEntity(type="bold", offset=offset, length=length)])


async def test_entities_move_along_when_the_text_is_trimmed(bot: Bot, ann: User) -> None:
    sent = await bot.send_message(1001, "\n\nbold ", entities=[MessageEntity(type="bold", offset=1, length=6)])
    assert sent.text == "bold"
    assert sent.entities is not None
    assert (sent.entities[0].offset, sent.entities[0].length) == (0, 4)


async def test_buttons_carry_at_most_64_bytes(bot: Bot, ann: User) -> None:
    await bot.send_message(1001, "ok", reply_markup=keyboard("x" * 64))
    with pytest.raises(TelegramBadRequest, match="BUTTON_DATA_INVALID"):
        await bot.send_message(1001, "ok", reply_markup=keyboard("好" * 22))


async def test_an_edit_that_changes_nothing_is_refused(bot: Bot, ann: User) -> None:
    sent = await bot.send_message(1001, "same", reply_markup=keyboard())
    with pytest.raises(TelegramBadRequest, match="message is not modified"):
        await bot.edit_message_text("same", chat_id=1001, message_id=sent.message_id, reply_markup=keyboard())
    with pytest.raises(TelegramBadRequest, match="message is not modified"):
        await bot.edit_message_reply_markup(chat_id=1001, message_id=sent.message_id, reply_markup=keyboard())
    question = ann.private.send("mine")
    with pytest.raises(TelegramBadRequest, match="can't be edited"):
        await bot.edit_message_text("yours", chat_id=1001, message_id=question.id)


async def test_menus_files_captions_and_toasts_have_their_limits(server: BotApiServer, bot: Bot, ann: User) -> None:
    for name, description in (("New", "x"), ("new" * 11, "x"), ("new", "x" * 257)):
        with pytest.raises(TelegramBadRequest, match="BOT_COMMAND"):
            await bot.set_my_commands([BotCommand(command=name, description=description)])
    with pytest.raises(TelegramBadRequest, match="BOT_COMMANDS_TOO_MUCH"):
        await bot.set_my_commands([BotCommand(command=f"c{number}", description="x") for number in range(101)])
    with pytest.raises(TelegramBadRequest, match="too long"):
        await bot.send_document(1001, BufferedInputFile(b"x", "x.txt"), caption="x" * 1025)
    big = ann.private.send_document("big.bin", b"x", size=20_000_001)
    with pytest.raises(TelegramBadRequest, match="file is too big"):
        await bot.get_file(big.media["document"]["file_id"])
    await bot.send_message(1001, "press", reply_markup=keyboard())
    press = ann.private.press(ann.private.chat.answers[0], "Go")
    with pytest.raises(TelegramBadRequest, match="MESSAGE_TOO_LONG"):
        await bot.answer_callback_query(press.id, text="x" * 201)
    assert len(await bot.get_updates(timeout=0, limit=1)) == 1
    with pytest.raises(TelegramEntityTooLarge):
        await bot.send_document(1001, BufferedInputFile(b"x" * 50_000_001, "big.bin"))
    with pytest.raises(TelegramEntityTooLarge):
        await bot.send_photo(1001, BufferedInputFile(b"x" * 10_000_001, "big.jpg"))


async def test_messages_can_be_deleted_for_two_days(bot: Bot, ann: User, clock: ManualClock) -> None:
    sent = await bot.send_message(1001, "old")
    clock.advance(48 * 3600 + 1)
    with pytest.raises(TelegramBadRequest, match="can't be deleted"):
        await bot.delete_message(1001, sent.message_id)


async def test_a_chat_that_spends_too_fast_gets_429_and_waits_longer_for_asking_early(
    clock: ManualClock,
) -> None:
    async with BotApiServer(clock=clock, per_second=1, burst=2) as server:
        bot = bot_for(server, TOKEN)
        server.user(1, "Ann")
        server.user(2, "Bo")
        await bot.send_message(1, "one")
        await bot.send_message(1, "two")
        waits = []
        for _ in range(3):
            with pytest.raises(TelegramRetryAfter) as refused:
                await bot.send_message_draft(1, draft_id=1, text="three")
            waits.append(refused.value.retry_after)
        assert waits == [1, 2, 3]
        await bot.send_message(2, "another chat is not concerned")
        clock.advance(3)
        await bot.send_message(1, "three")
        await bot.session.close()


async def test_a_refusal_asked_for_shuts_the_whole_chat(
    server: BotApiServer, bot: Bot, ann: User, clock: ManualClock
) -> None:
    server.faults.too_many("sendMessageDraft", retry_after=7)
    with pytest.raises(TelegramRetryAfter):
        await bot.send_message_draft(1001, draft_id=1, text="a")
    with pytest.raises(TelegramRetryAfter):
        await bot.send_message(1001, "a")
    clock.advance(8)
    await bot.send_message(1001, "a")


async def test_a_lost_response_leaves_the_message_and_a_cut_one_does_not(
    server: BotApiServer, bot: Bot, ann: User
) -> None:
    server.faults.lose_response("sendMessage")
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(1001, "kept")
    server.faults.cut("sendMessage")
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(1001, "not kept")
    assert [message.text for message in ann.private.chat.answers] == ["kept"]


async def test_wrong_tokens_and_unknown_methods_get_the_envelope(server: BotApiServer, bot: Bot) -> None:
    stranger = bot_for(server, "123456789:another0token0another0token0another")
    with pytest.raises(TelegramUnauthorizedError):
        await stranger.get_me()
    await stranger.session.close()
    with pytest.raises(TelegramNotFound, match="Not Found"):
        await bot.get_chat_menu_button()
    server.faults.refuse("getMe", 502, "Bad Gateway")
    with pytest.raises(Exception, match="Bad Gateway"):
        await bot.get_me()


async def test_in_a_group_the_bot_sees_only_what_is_meant_for_it(server: BotApiServer, bot: Bot, ann: User) -> None:
    group = server.group(-100, "Friends")
    seat = ann.in_chat(group)
    seat.send("talking to others")
    seat.send("@patina_test_bot hello")
    await bot.send_message(-100, "yes?")
    seat.send("and this", reply_to=group.answers[0])
    updates = await bot.get_updates(timeout=0)
    assert [update.message.text for update in updates if update.message] == [
        "@patina_test_bot hello",
        "and this",
    ]


async def test_every_call_is_logged_with_its_time(
    server: BotApiServer, bot: Bot, ann: User, clock: ManualClock
) -> None:
    await bot.send_message(1001, "one")
    clock.advance(2.5)
    await bot.send_chat_action(1001, "typing")
    logged = [(call.method, call.chat_id, call.at) for call in server.calls]
    assert logged == [("sendMessage", 1001, 0.0), ("sendChatAction", 1001, 2.5)]


async def test_the_whole_bot_has_a_limit_too(clock: ManualClock) -> None:
    async with BotApiServer(clock=clock, per_second_overall=1, burst_overall=2) as server:
        bot = bot_for(server, TOKEN)
        for number in (1, 2, 3):
            server.user(number, "Somebody")
        await bot.send_message(1, "one")
        await bot.send_message(2, "two")
        with pytest.raises(TelegramRetryAfter):
            await bot.send_message(3, "three")
        clock.advance(2)
        await bot.send_message(3, "three")
        await bot.session.close()


async def test_messages_are_counted_over_all_private_chats_and_apart_in_a_supergroup(
    server: BotApiServer, bot: Bot, ann: User
) -> None:
    bo = server.user(1002, "Bo")
    server.group(-1_000_000_000_100, "Friends")
    numbers = [(await bot.send_message(chat_id, "x")).message_id for chat_id in (1001, 1002, 1001, -1_000_000_000_100)]
    assert numbers == [1, 2, 3, 1]
    with pytest.raises(TelegramBadRequest, match="message to edit not found"):
        await bot.edit_message_text("y", chat_id=bo.id, message_id=1)


async def test_an_update_of_a_kind_the_bot_did_not_ask_for_or_knows_can_come(
    server: BotApiServer, bot: Bot, ann: User
) -> None:
    await bot.get_updates(timeout=0, allowed_updates=["message"])
    assert server.updates.push("poll", {"id": "1"}) is None
    server.updates.push("telepathy", {"thought": "hello"}, unasked=True)
    [update] = await bot.get_updates(timeout=0)
    assert update.model_extra == {"telepathy": {"thought": "hello"}}


async def test_a_stalled_call_happens_and_is_never_answered(server: BotApiServer, bot: Bot, ann: User) -> None:
    server.faults.stall("sendMessage")
    with pytest.raises(TelegramNetworkError, match="timeout"):
        await bot.send_message(1001, "heard", request_timeout=1)
    assert [message.text for message in ann.private.chat.answers] == ["heard"]


async def test_bad_weather_is_the_same_for_the_same_seed() -> None:
    drawn = []
    for _ in range(2):
        faults = Faults()
        faults.brew(Weather(cut=0.2, lost=0.2, too_many=0.2, bad_gateway=0.1), seed=7)
        drawn.append([faults.next("sendMessage") for _ in range(50)])
        assert faults.next("getMe") is None
        assert faults.met["lost"] > 2
    assert drawn[0] == drawn[1]


async def test_a_batch_can_come_shuffled_and_with_what_came_before(
    server: BotApiServer, bot: Bot, ann: User, clock: ManualClock
) -> None:
    server.faults.brew(Weather(again=1.0, shuffled=1.0), seed=3)
    ann.private.send("first")
    [first] = await bot.get_updates(timeout=0)
    for text in ("second", "third", "fourth"):
        ann.private.send(text)
    batch = await bot.get_updates(offset=first.update_id + 1, timeout=0)
    assert sorted(update.update_id for update in batch) == [first.update_id + number for number in range(4)]
    assert [update.update_id for update in batch] != sorted(update.update_id for update in batch)


async def test_a_webhook_gets_updates_with_its_secret_until_it_takes_them(
    server: BotApiServer, bot: Bot, ann: User, clock: ManualClock
) -> None:
    seen: list[tuple[str, int]] = []
    statuses = [500, 200, 200]
    all_seen = asyncio.Event()

    async def hook(request: web.Request) -> web.Response:
        seen.append((request.headers["X-Telegram-Bot-Api-Secret-Token"], (await request.json())["update_id"]))
        if len(seen) == len(statuses):
            all_seen.set()
        return web.Response(status=statuses[len(seen) - 1])

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    with pytest.raises(TelegramBadRequest, match="unallowed characters"):
        await bot.set_webhook(address, secret_token="not allowed")
    with pytest.raises(TelegramBadRequest, match="HTTPS"):
        await bot.set_webhook("http://example.org", secret_token="s3cret")
    ann.private.send("one")
    ann.private.send("two")
    await bot.set_webhook(address, secret_token="s3cret")
    with pytest.raises(TelegramConflictError, match="webhook is active"):
        await bot.get_updates(timeout=0)
    await clock.somebody_waits(1, 1)
    assert "500" in ((await bot.get_webhook_info()).last_error_message or "")
    clock.advance(1)
    async with asyncio.timeout(30):
        await all_seen.wait()
    assert [secret for secret, _ in seen] == ["s3cret"] * 3
    assert [number for _, number in seen] == [seen[0][1], seen[0][1], seen[0][1] + 1]
    await runner.cleanup()
