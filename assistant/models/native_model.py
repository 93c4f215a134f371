"""A GGUF file loaded through llama.cpp's C functions: its words, its window, and how to break off a computation.

Runs in the engine's process only; importing it loads the native library.
"""

from __future__ import annotations

import ctypes
import itertools
import sys
from collections.abc import Iterable
from functools import partial
from importlib.metadata import version
from typing import Any, Final

import llama_cpp.llama_cpp as native
import numpy as np

from assistant.errors import ModelFileInvalid, ModelLoadFailed
from assistant.models import gguf, recast
from assistant.models.cell_states import UnknownLayout
from assistant.models.native_devices import physical_cores
from assistant.models.native_log import NativeLog
from assistant.models.plan import Machine, plan
from assistant.models.protocol import Choice, LoadedModel, ModelSpec, PromptPart, TellLoading

_PARALLEL_STATES: Final = 2
_RESTING: Final = 48
"""Sequences of earlier conversations that may stay beside those being written."""
_CHUNK: Final = 256
"""Tokens of a prompt at once while nothing has been measured: on a processor more are no faster and tell less often how
far it is; half of it read prompts a twelfth slower."""
_BESIDE: Final = 128
"""The same beside running answers, which stand still meanwhile."""
READING_SEQUENCES: Final = 2
"""Of the context that only reads: what it reads, and the part of it that is being handed over."""
_NONE: Final = -1
_PARSED_FROM_TEXT: Final = native.LLAMA_TOKEN_ATTR_CONTROL | native.LLAMA_TOKEN_ATTR_UNKNOWN


class NativeModel:
    """A model, its vocabulary and a context that many sequences share. `filler` stands for an empty prompt.

    `window` is how many tokens one sequence may have, `cells` how many all of them may have together. One batch has at
    most `largest_batch` tokens and gives the logits of at most `rows` of them; `batch` and `beside` are how many
    tokens of prompts are best computed at once, alone and beside answers.
    """

    def __init__(self, spec: ModelSpec, log: NativeLog, tell: TellLoading, machine: Machine) -> None:
        """Load the file; ModelLoadFailed gives llama.cpp's reason, NotEnoughMemory says how much, and nothing stays
        allocated."""
        self.spec = spec
        self._log = log
        self._model: Any = None
        self._adapter: Any = None
        self.context: Any = None
        log.reset()
        self._file = spec.path
        try:
            header = gguf.read(spec.path)
            if spec.recast is not None and not machine.gpu and machine.spare > recast.ROOM * header.size:
                told = partial(tell, "recasting")
                self._file = recast.quicker(spec.path, header, spec.recast, spec.threads, told, log)
                header = gguf.read(self._file)
        except ModelFileInvalid as error:
            raise ModelLoadFailed(spec.name, error.reason) from error
        except MemoryError as error:
            raise ModelLoadFailed(spec.name, "there is no memory left even to look at the file") from error
        self._plan = plan(spec, header, machine)
        try:
            self._load(tell)
            self._open_context()
            self._adapt()
        except ModelLoadFailed:
            self.close()
            raise
        except _Refused as error:
            self.close()
            raise ModelLoadFailed(spec.name, log.first_error or str(error)) from error
        self._piece = ctypes.create_string_buffer(512)
        self.described = self._describe()

    def _load(self, tell: TellLoading) -> None:
        shown = -1

        def progress(fraction: float, _data: object) -> bool:
            nonlocal shown
            if (percent := int(fraction * 100)) != shown:
                shown = percent
                tell("loading", percent)
            return True

        params = native.llama_model_default_params()
        params.n_gpu_layers = self._plan.gpu_layers
        callback = native.llama_progress_callback(progress)
        params.progress_callback = callback
        self._model = native.llama_model_load_from_file(str(self._file).encode(), params)
        if not self._model:
            raise _Refused("llama.cpp could not read the file")
        self.dimensions = native.llama_model_n_embd_out(self._model)
        writes = native.llama_model_has_decoder(self._model) and not native.llama_model_has_encoder(self._model)
        if not writes and not self.spec.embedding:
            raise ModelLoadFailed(self.spec.name, "not_for_text")
        self.vocab = native.llama_model_get_vocab(self._model)
        self.vocabulary = native.llama_vocab_n_tokens(self.vocab)
        if not self.vocabulary:
            raise ModelLoadFailed(self.spec.name, "not_for_text")
        self.filler = max(native.llama_vocab_bos(self.vocab), native.llama_vocab_eos(self.vocab), 0)
        self.control = frozenset(
            token
            for token in range(self.vocabulary)
            if native.llama_vocab_get_attr(self.vocab, token) & _PARSED_FROM_TEXT
        )

    def _open_context(self) -> None:
        planned = self._plan
        self.largest_batch, self.window, self.parallel = planned.batch, planned.window, planned.parallel
        self.batch, self.beside = min(_CHUNK, planned.batch), min(_BESIDE, planned.batch)
        # A model whose memory is one running state, not a token each, can neither give a part of it nor go back,
        # and every sequence costs it a whole state.
        self.whole_only = bool(
            native.llama_model_is_recurrent(self._model) or native.llama_model_is_hybrid(self._model)
        )
        if self.whole_only and not self.spec.parallel:
            self.parallel = min(self.parallel, _PARALLEL_STATES)
        self.sequences = self.parallel * 2 + (0 if self.whole_only else _RESTING)
        self.rows = self.sequences + 1  # llama.cpp refuses fewer than sequences
        params = native.llama_context_default_params()
        params.n_ctx = planned.cells
        params.n_batch = params.n_ubatch = planned.batch
        # The last one is for measuring. Texts to be embedded come one at a time, and a model that reads both ways at
        # once makes llama.cpp end the process where it is given many places.
        params.n_seq_max = 1 if self.spec.embedding else self.sequences + 1
        if not self.spec.embedding:  # whose vector may be the mean over every token of a text
            params.n_outputs_max = self.rows
        params.kv_unified = True
        # On a processor llama.cpp's flash attention takes fewer than 64 tokens one at a time: behind 600 tokens a step
        # of 16 answers took 203 ms with it and 98 ms without; only prompts are read quicker with it, by 5 to 20 in 100.
        params.flash_attn_type = (
            native.LLAMA_FLASH_ATTN_TYPE_AUTO if planned.flash_attention else native.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
        params.type_k = params.type_v = native.GGML_TYPE_F16 if planned.exact else native.GGML_TYPE_Q8_0
        params.embeddings = self.spec.embedding
        if self.spec.embedding and not self._metadata(f"{self._metadata('general.architecture')}.pooling_type"):
            # One that only ever predicted the next token has read everything when it is at the last one.
            params.pooling_type = native.LLAMA_POOLING_TYPE_LAST
        params.swa_full = True  # else what slid out of the window could not be gone back to
        params.n_threads = params.n_threads_batch = self.spec.threads or physical_cores()
        self.context = native.llama_init_from_model(self._model, params)
        if not self.context:
            raise _Refused("llama.cpp could not make a context; memory may not suffice")
        self.memory = native.llama_get_memory(self.context)
        if not self.memory and not self.spec.embedding:
            raise ModelLoadFailed(self.spec.name, "not_for_text")
        self.cells: int = native.llama_n_ctx(self.context)
        # llama.cpp asks this before every node of the graph. A Python function would take the interpreter's lock a
        # thousand times a token; strlen says the same (0 is "go on") without it: one byte is the whole flag.
        self._aborting = ctypes.create_string_buffer(2)
        self._ask = native.ggml_abort_callback(_address_of_strlen())
        native.llama_set_abort_callback(self.context, self._ask, ctypes.cast(self._aborting, ctypes.c_void_p))

    def reading_context(self) -> Any:
        """A second context, of one sequence and with flash attention; whoever asked for it frees it."""
        params = native.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = self.window, self.largest_batch, self.largest_batch
        params.n_seq_max = params.n_outputs_max = READING_SEQUENCES
        params.kv_unified = True
        params.flash_attn_type = native.LLAMA_FLASH_ATTN_TYPE_ENABLED
        params.swa_full = True
        params.n_threads = params.n_threads_batch = native.llama_n_threads_batch(self.context)
        context = native.llama_init_from_model(self._model, params)
        if not context:
            raise UnknownLayout(self._log.first_error or "llama.cpp could not make a second context")
        native.llama_set_abort_callback(context, self._ask, ctypes.cast(self._aborting, ctypes.c_void_p))
        self._apply_adapter(context)
        return context

    @property
    def lean(self) -> bool:
        """Whether sequences that rest in the context make everything else slower."""
        return not self._plan.flash_attention and not self.whole_only

    @property
    def reads_apart(self) -> bool:
        """Whether long prompts are best read in a context of their own."""
        return self._plan.reads_apart and not self.whole_only

    def _adapt(self) -> None:
        """Add the spec's LoRA to the weights, as long as this context lives."""
        if self.spec.adapter is None:
            return
        self._adapter = native.llama_adapter_lora_init(self._model, str(self.spec.adapter).encode())
        if not self._adapter:
            raise _Refused(f"{self.spec.adapter.name} is no adapter for this model")
        self._apply_adapter(self.context)

    def _apply_adapter(self, context: Any) -> None:
        if not self._adapter:
            return
        adapters = (native.llama_adapter_lora_p_ctypes * 1)(self._adapter)
        if native.llama_set_adapters_lora(context, adapters, 1, (ctypes.c_float * 1)(self.spec.adapter_scale)):
            raise _Refused("llama.cpp did not take the adapter")

    def use(self, threads: int, batch_threads: int, batch: int, beside: int) -> None:
        """Compute with that many threads for single tokens and for batches, and that many tokens of prompts at once."""
        native.llama_set_n_threads(self.context, threads, batch_threads)
        self.batch, self.beside = min(batch, self.largest_batch), min(beside, self.largest_batch)
        self.described = self._describe(measured=True)

    def logits(self, row: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Of the token that follows the one in this row of the batch computed last; only until the next is computed."""
        return np.ctypeslib.as_array(native.llama_get_logits_ith(self.context, row), shape=(self.vocabulary,))

    def abort(self, wanted: bool) -> None:
        """Break off the running computation and any later one, until called with False; from any thread."""
        self._log.expects_errors = wanted
        self._aborting[0] = b"\x01" if wanted else b"\x00"

    def tokenise(self, prompt: Iterable[PromptPart]) -> list[int]:
        """The prompt's tokens, led by the model's beginning-of-text token if it wants one; from any thread."""
        runs = [
            ("".join(part.text for part in parts), trusted)
            for trusted, parts in itertools.groupby(prompt, key=lambda part: part.trusted)
        ]
        tokens = [token for text, trusted in runs for token in self._tokens_of(text, trusted)]
        if len(runs) > 1:
            # A vocabulary may join letters over a border, or put a space where a text begins. Where no control
            # token is at stake, the prompt as a whole gives the tokens the model was trained on.
            whole = self._tokens_of("".join(text for text, _ in runs), trusted=True)
            if self._control_of(whole) == self._control_of(tokens):
                tokens = whole
        begin = native.llama_vocab_bos(self.vocab)
        wants_begin = native.llama_vocab_get_add_bos(self.vocab) and begin != _NONE
        if wants_begin and tokens[:1] != [begin]:
            tokens.insert(0, begin)
        return tokens

    def tokens_of(self, part: PromptPart) -> list[int]:
        """The tokens of a part that stands in the middle of a text; from any thread."""
        return self._tokens_of(part.text, part.trusted)

    def _tokens_of(self, text: str, trusted: bool) -> list[int]:
        raw = text.encode("utf-8", "replace")
        size = len(raw) + 8
        buffer = (native.llama_token * size)()
        count = native.llama_tokenize(self.vocab, raw, len(raw), buffer, size, False, trusted)
        if count < 0:
            size = -count
            buffer = (native.llama_token * size)()
            count = native.llama_tokenize(self.vocab, raw, len(raw), buffer, size, False, trusted)
        return list(buffer[:count])

    def _control_of(self, tokens: list[int]) -> list[int]:
        return [token for token in tokens if token in self.control]

    def bytes_of(self, token: int) -> bytes:
        """The token's bytes, which may be part of a character; none for control tokens. One thread at a time."""
        size = native.llama_token_to_piece(self.vocab, token, self._piece, len(self._piece), 0, False)
        if size < 0:
            self._piece = ctypes.create_string_buffer(-size)
            size = native.llama_token_to_piece(self.vocab, token, self._piece, len(self._piece), 0, False)
        return self._piece.raw[:size]

    def ends(self, token: int) -> bool:
        """Whether the model says with this token that its text is complete."""
        return bool(native.llama_vocab_is_eog(self.vocab, token))

    def state_of(self, sequence: int) -> bytes:
        """The keys and values of a sequence, to be restored in this build of llama.cpp with this file."""
        return bytes(self.state_in(self.context, sequence))

    def state_in(self, context: Any, sequence: int) -> memoryview:
        """The same of a sequence in another context of this model."""
        size = native.llama_state_seq_get_size(context, sequence)
        buffer = (ctypes.c_uint8 * size)()
        written = native.llama_state_seq_get_data(context, buffer, size, sequence)
        return memoryview(buffer).cast("B")[:written]

    def restore(self, sequence: int, state: bytes) -> bool:
        """Fill an empty sequence; False when llama.cpp does not take it, and the sequence is empty then."""
        return self.restore_in(self.context, sequence, state)

    def append(self, sequence: int, state: bytes) -> bool:
        """Add a state whose tokens follow those of the sequence; False when llama.cpp does not take it."""
        spare = self.sequences  # nobody writes in this one
        if not self.restore(spare, state):
            return False
        native.llama_memory_seq_cp(self.memory, spare, sequence, -1, -1)
        native.llama_memory_seq_rm(self.memory, spare, -1, -1)
        return True

    def restore_in(self, context: Any, sequence: int, state: bytes) -> bool:
        """The same in another context of this model."""
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        if native.llama_state_seq_set_data(context, buffer, len(state), sequence):
            return True
        native.llama_memory_seq_rm(native.llama_get_memory(context), sequence, -1, -1)
        return False

    @property
    def fingerprint(self) -> str:
        """What a saved state depends on."""
        files = [path for path in (self._file, self.spec.adapter) if path is not None]
        stats = [(path.resolve(), path.stat()) for path in files]
        told = "|".join(f"{path}|{found.st_size}|{found.st_mtime_ns}" for path, found in stats)
        layout = f"{self._plan.exact}|{self._plan.flash_attention}|{self.spec.adapter_scale}"
        return f"{told}|{layout}|{version('llama-cpp-python')}"

    @property
    def system(self) -> str:
        """What the library was compiled for, in llama.cpp's words."""
        said: bytes = native.llama_print_system_info()
        return said.decode("utf-8", "replace")

    def close(self) -> None:
        if self.context:
            native.llama_free(self.context)
            self.context = None
        if self._adapter:
            native.llama_adapter_lora_free(self._adapter)
            self._adapter = None
        if self._model:
            native.llama_model_free(self._model)
            self._model = None

    def _describe(self, *, measured: bool = False) -> LoadedModel:
        template = native.llama_model_chat_template(self._model, None)
        return LoadedModel(
            context=self.window,
            trained_context=native.llama_model_n_ctx_train(self._model),
            architecture=self._metadata("general.architecture"),
            title=self._metadata("general.name"),
            parameters=native.llama_model_n_params(self._model),
            size=native.llama_model_size(self._model),
            chat_template=template.decode("utf-8", "replace") if template else None,
            bos_token=self._text_of(native.llama_vocab_bos(self.vocab)),
            eos_token=self._text_of(native.llama_vocab_eos(self.vocab)),
            special_tokens=tuple(self._text_of(token) for token in sorted(self.control)),
            memory=self._plan.memory,
            choices=self._choices(measured),
        )

    def _choices(self, measured: bool) -> tuple[Choice, ...]:
        threads, batch_threads = native.llama_n_threads(self.context), native.llama_n_threads_batch(self.context)
        why = "settings" if self.spec.threads else "measured" if measured else "cores"
        batches = "measured" if measured else "gpu" if self._plan.gpu_layers else "processor"
        adapter = self.spec.adapter
        return (
            Choice("threads", str(threads) if threads == batch_threads else f"{threads}/{batch_threads}", why),
            Choice("batch", f"{self.batch}/{self.beside}", batches),
            *self._plan.choices,
            *([Choice("weights", "Q8_0", "quicker")] if self._file != self.spec.path else []),
            *([Choice("adapter", f"{adapter.name} × {self.spec.adapter_scale:g}", "settings")] if adapter else []),
        )

    def _metadata(self, key: str) -> str:
        buffer = ctypes.create_string_buffer(512)
        native.llama_model_meta_val_str(self._model, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace")

    def _text_of(self, token: int) -> str:
        if token == _NONE:
            return ""
        text: bytes = native.llama_vocab_get_text(self.vocab, token)
        return text.decode("utf-8", "replace")


class _Refused(Exception):
    """llama.cpp returned nothing; its log says why."""


def _address_of_strlen() -> int:
    library = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
    return ctypes.cast(library.strlen, ctypes.c_void_p).value or 0
