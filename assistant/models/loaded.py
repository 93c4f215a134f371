"""The models in memory, as many as it holds; the one used longest ago goes first. In the engine's process only."""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Iterator
from typing import Final, TypeAlias

from assistant.errors import ModelFileInvalid, NotEnoughMemory
from assistant.models import gguf
from assistant.models.batch import NoRoom
from assistant.models.decoder import Decoder
from assistant.models.hardware import memory
from assistant.models.measured import Measurements
from assistant.models.measuring import Measuring, key_of
from assistant.models.native_devices import gpu_memory
from assistant.models.native_log import NativeLog
from assistant.models.native_model import NativeModel
from assistant.models.plan import Machine, plan
from assistant.models.protocol import LoadedModel, ModelSpec, TellLoading
from assistant.models.text_embedder import TextEmbedder
from assistant.models.wire import Count, Counted, Load

_SHARE: Final = 0.8
"""Of this machine's memory; the rest is for the person's other programs."""
_AGAIN_S: Final = 300.0
Loaded: TypeAlias = Decoder | TextEmbedder


def told(loaded: Loaded, command: Load | Count) -> LoadedModel | Counted:
    """What needs no computing."""
    if isinstance(command, Count):
        return Counted(len(loaded.model.tokenise(command.prompt)))
    return loaded.described


class LoadedModels:
    """`limit` bytes for all of them together; 0 is four fifths of the machine's. `owner` is that of their shelves."""

    def __init__(self, log: NativeLog, limit: int = 0, owner: str = "") -> None:
        self._log = log
        self._owner = owner
        self.limit = limit or int(memory()[0] * _SHARE)
        self._all: dict[ModelSpec, Loaded] = {}
        self._uses = itertools.count()
        self._used: dict[ModelSpec, int] = {}
        self._headers: dict[ModelSpec, gguf.GgufHeader] = {}
        self._measuring: dict[ModelSpec, Measuring] = {}
        self._again: dict[ModelSpec, float] = {}

    def __iter__(self) -> Iterator[Loaded]:
        """The one used longest ago first."""
        return iter(sorted(self._all.values(), key=lambda loaded: self._used[loaded.spec]))

    def __len__(self) -> int:
        return len(self._all)

    @property
    def memory(self) -> int:
        return sum(loaded.described.memory for loaded in self)

    def find(self, spec: ModelSpec) -> Loaded | None:
        return self._all.get(spec)

    def use(self, spec: ModelSpec) -> Loaded | None:
        """Find it, and note that it is needed; from any thread."""
        loaded = self._all.get(spec)
        if loaded is not None:
            self._used[spec] = next(self._uses)
        return loaded

    def could_load(self, spec: ModelSpec, beside: Collection[ModelSpec]) -> bool:
        """Whether it has all the room it wants while these stay; alone, whatever room there is has to do."""
        if not beside:
            return True
        taken = sum(self._all[other].described.memory for other in beside if other in self._all)
        return self._fits(spec, self.limit - taken)

    def make_room(self, spec: ModelSpec, beside: Collection[ModelSpec]) -> None:
        """Unload what is not needed, as far as it takes to load this one."""
        for other in [loaded.spec for loaded in self if loaded.spec not in beside]:
            if self._fits(spec, self._spare()):
                return
            self.unload(other)

    def load(self, spec: ModelSpec, tell: TellLoading) -> Loaded:
        """Load it into the room there is. Raises ModelLoadFailed or NotEnoughMemory."""
        machine = Machine(self._spare(), self.limit, gpu_memory())
        if spec.embedding:
            return TextEmbedder(spec, self._log, tell, machine)
        return Decoder(NativeModel(spec, self._log, tell, machine), self._owner)

    def add(self, loaded: Loaded) -> None:
        self._used[loaded.spec] = next(self._uses)
        self._all[loaded.spec] = loaded
        if isinstance(loaded, Decoder):
            self._remember(loaded)

    def unload(self, spec: ModelSpec) -> None:
        if (measuring := self._measuring.pop(spec, None)) is not None:
            measuring.close()
        self._again.pop(spec, None)
        self._all.pop(spec).close()

    def close(self) -> None:
        for spec in list(self._all):
            self.unload(spec)

    @property
    def unmeasured(self) -> ModelSpec | None:
        """A loaded model of which it is not known yet what is quickest here."""
        now = time.monotonic()
        return next(iter((*self._measuring, *(spec for spec, due in self._again.items() if due <= now))), None)

    def measure(self, spec: ModelSpec) -> None:
        """Try one thing; what is best is used as soon as all has been tried, and kept unless others computed meanwhile:
        then it is tried again after a while."""
        decoder = self._all[spec]
        if not isinstance(decoder, Decoder) or spec.measurements is None:
            return
        if self._again.pop(spec, None) is not None:
            self._measuring[spec] = Measuring(decoder.model)
        try:
            found = self._measuring[spec].step()
        except NoRoom:
            self._measuring.pop(spec).close()  # the context is full by now; when it is loaded again it is empty
            return
        if found is not None:
            self._measuring.pop(spec).close()
            decoder.use(found.measured)
            if found.disturbed:
                self._again[spec] = time.monotonic() + _AGAIN_S
            else:
                Measurements(spec.measurements).put(key_of(decoder.model), found.measured)

    def _remember(self, decoder: Decoder) -> None:
        if decoder.spec.measurements is None:
            return
        measured = Measurements(decoder.spec.measurements).get(key_of(decoder.model))
        if measured is None:
            self._measuring[decoder.spec] = Measuring(decoder.model)
        else:
            decoder.use(measured)

    def _spare(self) -> int:
        return min(self.limit - self.memory, memory()[1])

    def _fits(self, spec: ModelSpec, spare: int) -> bool:
        try:
            if spec not in self._headers:
                self._headers[spec] = gguf.read(spec.path)
            found = plan(spec, self._headers[spec], Machine(spare, self.limit, gpu_memory()))
        except NotEnoughMemory:
            return False
        except ModelFileInvalid:
            return True  # loading it says what is wrong
        return not any(choice.why == "memory" for choice in found.choices)
