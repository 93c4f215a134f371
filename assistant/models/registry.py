"""Every model this home knows: the catalogue's, the files on this machine and the remote ones, by name."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from assistant import config
from assistant.config import Adapter, RemoteModel, Settings
from assistant.errors import (
    DiskFull,
    HashMismatch,
    ModelFileInvalid,
    ModelNotFetched,
    ModelUnknown,
    NoModelChosen,
    SourcesUnreachable,
)
from assistant.models import adapters, catalogue, gguf
from assistant.models.catalogue import CatalogueEntry
from assistant.models.chat_model import ChatModel
from assistant.models.download import Downloader
from assistant.models.fit import DEFAULT_WINDOW, ModelSize, advice, choose_default, fit, preference, size_of
from assistant.models.hardware import Hardware
from assistant.models.hardware import read as read_hardware
from assistant.models.protocol import ModelSpec
from assistant.models.records import DownloadProgress, ModelInfo
from assistant.models.sources import source_for
from assistant.models.sources.folders import FoundModel, lm_studio, ollama, own
from assistant.paths import Paths

if TYPE_CHECKING:
    from assistant.models.engine import Engine


@dataclass(frozen=True, slots=True)
class _Answering:
    """A model in use, with the files it was made from: looking for models again costs more than a token."""

    model: ChatModel
    spec: ModelSpec | None = None
    stamps: tuple[tuple[int, int] | None, ...] = ()


class ModelRegistry:
    """Reads folders anew each time it is asked, so that a file dropped into one is there at once.

    The hardware is looked at once, when it is first needed. `others` is the folder below which other programs
    keep their models: the person's home folder.
    """

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        engine: Engine,
        hardware: Hardware | None = None,
        *,
        others: Path | None = None,
        downloader: Downloader | None = None,
    ) -> None:
        self._paths = paths
        self._settings = settings
        self._engine = engine
        self._hardware = hardware
        self._others = others if others is not None else Path.home()
        self._downloader = downloader or Downloader(paths.models)
        self._chosen = settings.model
        self._limit = settings.engine.memory * 1_000_000
        self._answering: dict[str, _Answering] = {}
        self._headers: dict[tuple[Path, int, int], gguf.GgufHeader] = {}

    @property
    def hardware(self) -> Hardware:
        if self._hardware is None:
            self._hardware = read_hardware()
        return self._hardware

    @property
    def current(self) -> str | None:
        """The chosen one, else the best of what is installed; None when nothing is."""
        if self._chosen in self._settings.remote:
            return self._chosen
        entries = self._entries()
        installed = self._installed(entries)
        if self._chosen is not None:
            return next((info.name for info in installed if _is_path(self._chosen, info)), self._chosen)
        usable = [info for info in installed if info.fit is not None]
        if not usable:
            return next(iter(self._settings.remote), None)
        return max(usable, key=lambda info: preference(info, entries.get(info.name))).name

    def answers_elsewhere(self) -> bool:
        """Whether what the current one is asked leaves this machine. Asked often, so files are seldom looked at."""
        remote = self._settings.remote
        found = remote.get(self._chosen or self.current or "") if remote else None
        return found is not None and found.is_elsewhere

    def list(self) -> list[ModelInfo]:
        """Installed ones first, then remote ones, then what can be fetched, the most advisable first."""
        entries = self._entries()
        installed = self._installed(entries)
        remote = [_remote(name, model) for name, model in self._settings.remote.items()]
        there = {info.name for info in installed}
        fetchable = [self._fetchable(entry) for entry in entries.values() if entry.name not in there]
        fetchable.sort(key=lambda info: advice(info, entries[info.name]), reverse=True)
        current = self.current
        return [replace(info, current=info.name == current) for info in (*installed, *remote, *fetchable)]

    def info(self, name: str) -> ModelInfo:
        """By name or by the path of a file; ModelUnknown lists what there is.

        For an adapter whose base is not there, that base is the one that is unknown or not fetched.
        """
        if name in self._settings.adapters and name not in self._settings.remote:
            self._base(self._settings.adapters[name])
        known = self.list()
        for info in known:
            if info.name == name or _is_path(name, info):
                return info
        path = _file_named(name)
        if path is not None:
            return self._local(FoundModel(path.stem, path, (path,)), self._header(path), None)
        raise ModelUnknown(name, tuple(info.name for info in known))

    def chat_model(self, name: str | None = None) -> ChatModel:
        """The same object for the same name. The file's header is checked before anything loads it.

        NoModelChosen when none is named and none installed, ModelUnknown, ModelNotFetched for one that is only in the
        catalogue, or ModelFileInvalid.
        """
        kept = self._answering.get(asked := name or self._chosen or "")
        # A server that answers because nothing is installed does so no longer than that.
        if kept is not None and kept.stamps == _stamps(kept.spec) and (asked or kept.spec is not None):
            return kept.model
        if (wanted := name or self.current) is None:
            raise NoModelChosen
        if wanted in self._settings.remote:
            found = self._answering.setdefault(wanted, _Answering(self._remote_model(wanted)))
        else:
            spec = self._spec(wanted)
            stamps = _stamps(spec)
            same = (model for model in self._answering.values() if (model.spec, model.stamps) == (spec, stamps))
            found = next(same, None) or _Answering(self._local_model(spec), spec, stamps)
        self._answering[asked] = found
        return found.model

    def use(self, name: str) -> None:
        """Make it the one that answers, now and after the next start."""
        if name not in self._settings.remote:
            self._spec(name)
        self._choose(name)

    async def pull(self, name: str | None = None) -> AsyncGenerator[DownloadProgress, None]:
        """Fetch it, or the best one for this machine that can be had. The first one fetched becomes the current.

        Besides the errors of a download, ModelUnknown for a name that is not in the catalogue.
        """
        entries = self._entries()
        if name is None:
            candidates: Sequence[CatalogueEntry] = choose_default(
                tuple(entries.values()), self.hardware, self._settings.engine.context, self._limit
            )
        elif name in entries:
            candidates = (entries[name],)
        else:
            raise ModelUnknown(name, tuple(entries))
        async with aclosing(self._first_of(candidates)) as steps:
            async for step in steps:
                yield step
                if step.stage == "done" and self._chosen is None:
                    self._choose(step.model)

    def remove(self, name: str) -> None:
        """Delete its file from the models folder; ModelUnknown for anything that does not lie there."""
        found = {model.name: model for model in own(self._paths.models)}
        if name not in found or name in self._settings.adapters:
            raise ModelUnknown(name, tuple(found))
        for file in found[name].files:
            file.unlink(missing_ok=True)
        self._downloader.forget(name)
        if self._chosen == name:
            self._choose(None)

    async def _first_of(self, candidates: Sequence[CatalogueEntry]) -> AsyncGenerator[DownloadProgress, None]:
        unreachable: set[str] = set()
        attempts: list[tuple[str, str]] = []
        first = ""
        for entry in candidates:
            first = first or entry.name
            sources = [source_for(spec, self._settings.package_index) for spec in entry.source]
            try:
                async with aclosing(self._downloader.fetch(entry, sources, unreachable)) as steps:
                    async for step in steps:
                        yield step
                return
            except SourcesUnreachable as error:
                attempts += [(f"{entry.name}, {label}", why) for label, why in error.attempts]
            except (HashMismatch, DiskFull) as error:
                if entry is candidates[-1]:
                    raise
                attempts.append((entry.name, error.code))
        raise SourcesUnreachable(first, tuple(attempts))

    def _spec(self, name: str) -> ModelSpec:
        """How a model is loaded; the headers of its files are sound."""
        info = self.info(name)
        if info.path is None:
            raise ModelNotFetched(info.name)
        adapter = self._settings.adapters.get(info.name)
        if adapter is not None and info.path == adapters.file_of(adapter, self._paths.models):
            base = self._base(adapter)
            adapters.check(info.path, self._header(info.path), self._header(base))
            return replace(self._as_set(info.name, base), adapter=info.path, adapter_scale=adapter.scale)
        if self._header(info.path).kind == "adapter":
            raise ModelFileInvalid(info.path, "adapter")
        return self._as_set(info.name, info.path)

    def _as_set(self, name: str, path: Path) -> ModelSpec:
        engine = self._settings.engine
        return ModelSpec(
            name,
            path,
            engine.context,
            engine.threads,
            engine.gpu_layers,
            engine.batch,
            engine.parallel,
            shelf=self._paths.states,
            shelf_limit=engine.kept * 1_000_000,
            parked_limit=engine.kept_memory * 1_000_000,
            measurements=self._paths.measurements,
            recast=self._paths.recast if engine.recast else None,
        )

    def _base(self, adapter: Adapter) -> Path:
        """The file of the model it belongs to."""
        entries = self._entries()
        found = {info.name: info.path for info in self._own(entries)}
        if (path := found.get(adapter.model)) is not None:
            return path
        if adapter.model in entries:
            raise ModelNotFetched(adapter.model)
        raise ModelUnknown(adapter.model, tuple(found))

    def _choose(self, name: str | None) -> None:
        config.save(self._paths, "model", name)
        self._chosen = name

    def _entries(self) -> dict[str, CatalogueEntry]:
        return {entry.name: entry for entry in catalogue.load(self._paths.home / "models.toml")}

    def _installed(self, entries: dict[str, CatalogueEntry]) -> Sequence[ModelInfo]:
        """What can answer on this machine. A name of the settings takes the place of a file's."""
        found = self._own(entries)
        return [*(info for info in found if info.name not in self._settings.adapters), *self._adapted(found)]

    def _adapted(self, bases: Sequence[ModelInfo]) -> Iterator[ModelInfo]:
        by_name = {info.name: info for info in bases}
        for name, adapter in self._settings.adapters.items():
            if adapter.model in by_name and name not in self._settings.remote:
                path = adapters.file_of(adapter, self._paths.models)
                yield adapters.adapted(name, by_name[adapter.model], path, self._sound(path))

    def _own(self, entries: dict[str, CatalogueEntry]) -> Sequence[ModelInfo]:
        """The whole models among the files here."""
        found = [*own(self._paths.models), *ollama(self._others), *lm_studio(self._others)]
        # A file that lies elsewhere and was chosen by its path is one of ours as long as it is.
        chosen = _file_named(self._chosen) if self._chosen else None
        if chosen is not None and chosen.is_file() and chosen not in {model.path for model in found}:
            taken = {model.name for model in found}
            found.append(FoundModel(str(chosen) if chosen.stem in taken else chosen.stem, chosen, (chosen,)))
        infos = []
        for model in found:
            # One that is not sound is listed all the same: the person put it there, and choosing it says what is wrong.
            header = self._sound(model.path)
            if header is None or header.kind != "adapter":
                infos.append(self._local(model, header, entries.get(model.name)))
        return infos

    def _local(self, model: FoundModel, header: gguf.GgufHeader | None, entry: CatalogueEntry | None) -> ModelInfo:
        size = sum(file.stat().st_size for file in model.files if file.is_file())
        parameters = entry.parameters if entry else self._parameters(model) / 1e9
        report = None
        if header is not None:
            window = min(self._settings.engine.context or DEFAULT_WINDOW, header.context or DEFAULT_WINDOW)
            needs = ModelSize(size, round(parameters * 1e9), header.kv_bytes_per_token, window)
            report = fit(needs, self.hardware, self._limit)
        return ModelInfo(
            name=model.name,
            title=entry.title if entry else (header.name if header and header.name else model.name),
            kind="local",
            installed=True,
            current=False,
            size=size,
            parameters=round(parameters, 3),
            quantisation=header.quantisation if header else "",
            context=header.context if header else 0,
            licence=entry.licence if entry else (header.licence if header else ""),
            languages=entry.languages if entry else (header.languages if header else ()),
            fit=report,
            path=model.path,
            removable=model.path.parent == self._paths.models,
        )

    def _parameters(self, model: FoundModel) -> int:
        """Each part of a split model holds tensors of its own."""
        try:
            return sum(self._header(file).parameters for file in model.files)
        except ModelFileInvalid:
            return 0

    def _fetchable(self, entry: CatalogueEntry) -> ModelInfo:
        return ModelInfo(
            name=entry.name,
            title=entry.title,
            kind="catalogue",
            installed=False,
            current=False,
            size=entry.size,
            parameters=entry.parameters,
            quantisation=entry.quantisation,
            context=entry.context,
            licence=entry.licence,
            languages=entry.languages,
            fit=fit(size_of(entry, self._settings.engine.context), self.hardware, self._limit),
        )

    def _sound(self, path: Path) -> gguf.GgufHeader | None:
        try:
            return self._header(path)
        except ModelFileInvalid:
            return None

    def _header(self, path: Path) -> gguf.GgufHeader:
        """Read once for as long as the file does not change."""
        try:
            found = path.stat()
        except OSError as error:
            raise ModelFileInvalid(path, "missing") from error
        key = (path, found.st_size, found.st_mtime_ns)
        if key not in self._headers:
            self._headers[key] = gguf.read(path)
        return self._headers[key]

    def _remote_model(self, name: str) -> ChatModel:
        from assistant.models.remote import RemoteChatModel

        return RemoteChatModel(name=name, settings=self._settings.remote[name])

    def _local_model(self, spec: ModelSpec) -> ChatModel:
        from assistant.models.local import LocalChatModel

        return LocalChatModel(engine=self._engine, spec=spec)


def _remote(name: str, model: RemoteModel) -> ModelInfo:
    return ModelInfo(
        name=name,
        title=model.model,
        kind="remote",
        installed=True,
        current=False,
        size=0,
        parameters=0,
        quantisation="",
        context=model.context,
        licence="",
        languages=(),
        fit=None,
        url=model.url,
        sees=model.sees,
    )


def _is_path(name: str | None, info: ModelInfo) -> bool:
    return bool(name) and info.path is not None and _file_named(name or "") == info.path


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _stamps(spec: ModelSpec | None) -> tuple[tuple[int, int] | None, ...]:
    """By these the files of a model are known to be the same still; a remote one has none."""
    files = (spec.path, spec.adapter) if spec is not None else ()
    return tuple(_stamp(path) for path in files if path is not None)


def _file_named(name: str) -> Path | None:
    """The path, when the name is one rather than a catalogue's name."""
    path = Path(name).expanduser()
    return path.absolute() if path.suffix.lower() == ".gguf" or path.is_file() else None
