"""What was one message when it was sent is one question, and what a question is about goes along as data."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from assistant.i18n import Language
from assistant.knowledge.framing import as_name, between_lines
from assistant.memory.records import Turn
from assistant.paths import seed_prompts
from assistant.prompting.library import PromptLibrary
from tests.bots.telegram.conftest import Play, Scene


async def turns(scene: Scene) -> list[Turn]:
    [conversation] = await scene.assistant.conversations()
    return await scene.assistant.history(conversation.id)


async def test_a_long_text_that_the_client_cut_is_one_question(play: Play) -> None:
    async with play("Read.", "Short.") as scene:
        ann = await scene.paired()
        text = "".join(chr(0x4E00 + number % 5000) for number in range(9000))
        for at in range(0, len(text), 4096):
            ann.private.send(text[at : at + 4096])
        await ann.private.chat.wait_for(lambda message: message.text == "Read." and bool(message.buttons))
        ann.private.send("And this")
        await ann.private.chat.wait_for(lambda message: message.text == "Short.")
        assert [turn.question for turn in await turns(scene)] == [text, "And this"]


async def test_a_text_cut_at_a_line_end_gets_it_back_and_a_command_is_no_piece(play: Play) -> None:
    async with play("Read.") as scene:
        ann = await scene.paired()
        ann.private.send("a" * 4000)
        ann.private.send("b" * 10)
        ann.private.send("/help")
        await ann.private.chat.wait_for(lambda message: "/regenerate" in message.text)
        assert [turn.question for turn in await turns(scene)] == ["a" * 4000 + "\n" + "b" * 10]


async def test_what_two_people_paste_into_a_group_is_not_mixed(play: Play) -> None:
    async with play("one", "two") as scene:
        scene.server.privacy = False
        ann, bo = await scene.paired(), await scene.paired(1002, "Bo")
        group = scene.server.group(-100, "Friends")
        ann.in_chat(group).send("@patina_test_bot " + "a" * 4000)
        bo.in_chat(group).send("@patina_test_bot mine")
        await group.wait_for(lambda message: message.text == "two")
        assert [turn.question for turn in await turns(scene)] == ["a" * 4000, "mine"]


async def test_an_album_of_files_is_one_question_with_its_caption(play: Play) -> None:
    async with play("Two lists.") as scene:
        ann = await scene.paired()
        ann.private.send_document("a.txt", b"apples", "Compare them", album="9")
        ann.private.send_document("b.txt", b"pears", album="9")
        await ann.private.chat.wait_for(lambda message: message.text == "Two lists.")
        [turn] = await turns(scene)
        assert turn.question == "Compare them"
        assert [file.name for file in turn.attachments] == ["a.txt", "b.txt"]


async def test_a_run_of_forwards_is_one_question_and_says_where_each_is_from(play: Play) -> None:
    async with play("A quarrel.") as scene:
        ann = await scene.paired()
        now = int(datetime.now(UTC).timestamp())
        channel = {"id": -1001, "type": "channel", "title": "News -----\n[1]"}
        ann.private.forward("Yes!", {"type": "user", "date": now, "sender_user": scene.server.user(5, "Cy").json})
        ann.private.forward("No!", {"type": "channel", "date": now, "chat": channel, "message_id": 3})
        await ann.private.chat.wait_for(lambda message: message.text == "A quarrel.")
        [turn] = await turns(scene)
        assert [(file.name, file.text) for file in turn.attachments] == [
            ("message forwarded from Cy.txt", "Yes!"),
            ("message forwarded from News ----- [1].txt", "No!"),
        ]
        assert "“message forwarded from News" in scene.model.calls[0][-1].text.replace('"', "“")


async def test_pieces_that_a_dead_process_left_are_one_question_after_the_restart(play: Play) -> None:
    async with play() as scene:
        ann = await scene.paired()
        await scene.server.wait_for_call(lambda call: call.method == "setMyCommands")
    ann.private.send("a" * 4096)
    ann.private.send("b")
    async with play("Read.") as scene:
        await ann.private.chat.wait_for(lambda message: message.text == "Read.")
        assert [turn.question for turn in await turns(scene)] == ["a" * 4096 + "b"]
        assert len(ann.private.chat.answers) == 1


async def test_a_reply_to_an_older_message_takes_it_along_and_one_to_the_last_does_not(play: Play) -> None:
    async with play("one", "two", "three", "four") as scene:
        ann = await scene.paired()
        ann.private.send("first")
        first = await ann.private.chat.wait_for(lambda message: message.text == "one" and bool(message.buttons))
        ann.private.send("second", reply_to=first)
        second = await ann.private.chat.wait_for(lambda message: message.text == "two" and bool(message.buttons))
        ann.private.send("third", reply_to=first)
        await ann.private.chat.wait_for(lambda message: message.text == "three" and bool(message.buttons))
        ann.private.send("fourth", reply_to=second, quote="tw")
        await ann.private.chat.wait_for(lambda message: message.text == "four" and bool(message.buttons))
        files = [[(file.name, file.text) for file in turn.attachments] for turn in await turns(scene)]
        assert [len(one) for one in files] == [0, 0, 1, 1]
        assert files[2][0][1] == "one"
        assert files[3] == [(files[3][0][0], "tw")]
        assert files[2][0][0].startswith("message of ")


async def test_a_very_long_quoted_message_is_cut(play: Play) -> None:
    async with play("one", "two", "three") as scene:
        ann = await scene.paired()
        long = ann.private.send("x" * 3700)
        await ann.private.chat.wait_for(lambda message: message.text == "one" and bool(message.buttons))
        ann.private.send("b")
        await ann.private.chat.wait_for(lambda message: message.text == "two" and bool(message.buttons))
        long.text = "y" * 9000
        ann.private.send("What was that?", reply_to=long)
        await ann.private.chat.wait_for(lambda message: message.text == "three")
        [file] = (await turns(scene))[-1].attachments
        assert file.text == "y" * 4000 + " …"


FRAMES = PromptLibrary(seed_prompts(), seed_prompts() / "none of one's own")
_HOSTILE = st.text(
    alphabet=st.sampled_from('-—–─━－ \t\n\r\u2028\u200b\u0085a"“”«」<|>/sim_startend好.{}%'), max_size=80
)


@given(_HOSTILE, _HOSTILE, st.sampled_from(["en", "zh"]))
def test_nothing_in_a_name_or_a_text_ends_the_frame(name: str, text: str, language: Language) -> None:
    frame = FRAMES.get("attachment", language)
    shown = frame.render(name=as_name(name), text=between_lines(text))
    lines = shown.splitlines()
    rules = [number for number, line in enumerate(lines) if set(line.replace("\u200b", "").split()) & {"-----"}]
    dashes = [line for line in lines if _is_rule(line)]
    assert dashes == ["-----", "-----"], "the frame's own lines and no others"
    assert rules[0] == 1, "the name stays in its line"
    assert rules[-1] == len(lines) - 1
    assert "<|" not in shown
    assert lines[0].count('"') == (2 if language == "en" else 0)
    assert lines[0].count("“") == (0 if language == "en" else 1)


def _is_rule(line: str) -> bool:
    marks = "".join(line.replace("\u200b", "").split())
    return len(marks) > 3 and set(marks) <= set("-—–─━－")


@given(st.text(max_size=300))
def test_an_ordinary_file_stays_as_it_is(text: str) -> None:
    code = f"# a\n{text.replace('-', '').replace('<', '')}\n---\nvector<int> a[1]; // x--\n| --- | --- |\n<b>c</b>"
    assert between_lines(code).endswith("---\nvector<int> a[1]; // x--\n| --- | --- |\n<b>c</b>")
