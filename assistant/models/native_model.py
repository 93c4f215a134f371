"""A GGUF file loaded through llama.cpp's C functions: its words, its window, and how to break off a computation.

Runs in the engine's process only; importing it loads the native library.
"""

from __future__ import annotations

import ctypes
import itertools
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any, Final

import llama_cpp.llama_cpp as native
import psutil
from llama_cpp._ggml import libggml

from assistant.errors import ModelLoadFailed
from assistant.models.protocol import LoadedModel, ModelSpec, PromptPart

_DEFAULT_WINDOW: Final = 8192
_PARALLEL: Final = 16
_PARALLEL_STATES: Final = 2
_RESTING: Final = 48
"""Sequences of earlier conversations that may stay beside those being written."""
_KV_SHARE: Final = 0.1
"""Share of the memory that keys and values may take beyond what one window needs."""
_CPU_BATCH: Final = 256
"""On a processor a larger batch is no faster; half of it read prompts a twelfth slower, more often telling how far."""
_NONE: Final = -1
_PARSED_FROM_TEXT: Final = native.LLAMA_TOKEN_ATTR_CONTROL | native.LLAMA_TOKEN_ATTR_UNKNOWN
_WARNING: Final = 3
_ERROR: Final = 4
_CONTINUED: Final = 5


class NativeLog:
    """Takes llama.cpp's log: warnings and errors go to stderr, the newest error is kept as a reason to give."""

    def __init__(self) -> None:
        self.last_error = ""
        self.expects_errors = False
        """While a computation is being broken off on purpose, of which llama.cpp makes four errors."""
        self._level = 0
        self._callback = native.llama_log_callback(self._take)  # kept: C holds no reference
        native.llama_log_set(self._callback, None)

    def _take(self, level: int, text: bytes, _data: object) -> None:
        if level != _CONTINUED:
            self._level = level
        if self._level not in (_WARNING, _ERROR) or self.expects_errors:
            return
        line = text.decode("utf-8", "replace")
        if self._level == _ERROR and line.strip():
            self.last_error = line.strip()
        sys.stderr.write(line)
        sys.stderr.flush()


class NativeModel:
    """A model, its vocabulary and a context that many sequences share. `filler` stands for an empty prompt.

    `window` is how many tokens one sequence may have, `cells` how many all of them may have together, and at most
    `parallel` rows of logits come out of one batch of at most `batch` tokens.
    """

    def __init__(self, spec: ModelSpec, log: NativeLog, on_percent: Callable[[int], None]) -> None:
        """Load the file; ModelLoadFailed gives llama.cpp's reason, and nothing stays allocated."""
        self.spec = spec
        self._log = log
        self._model: Any = None
        self.context: Any = None
        log.last_error = ""
        try:
            self._load(on_percent)
            self._open_context()
        except ModelLoadFailed:
            self.close()
            raise
        except _Refused as error:
            self.close()
            raise ModelLoadFailed(spec.name, log.last_error or str(error)) from error
        self._piece = ctypes.create_string_buffer(512)
        self.described = self._describe()

    def _load(self, on_percent: Callable[[int], None]) -> None:
        shown = -1

        def progress(fraction: float, _data: object) -> bool:
            nonlocal shown
            if (percent := int(fraction * 100)) != shown:
                shown = percent
                on_percent(percent)
            return True

        params = native.llama_model_default_params()
        params.n_gpu_layers = self.spec.gpu_layers
        callback = native.llama_progress_callback(progress)
        params.progress_callback = callback
        self._model = native.llama_model_load_from_file(str(self.spec.path).encode(), params)
        if not self._model:
            raise _Refused("llama.cpp could not read the file")
        if native.llama_model_has_encoder(self._model) or not native.llama_model_has_decoder(self._model):
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
        trained = native.llama_model_n_ctx_train(self._model) or _DEFAULT_WINDOW
        offloads = native.llama_supports_gpu_offload() and self.spec.gpu_layers != 0
        self.batch = self.spec.batch if offloads else min(self.spec.batch, _CPU_BATCH)
        threads = self.spec.threads or psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
        params = native.llama_context_default_params()
        self.window = min(self.spec.context or _DEFAULT_WINDOW, trained)
        # A model whose memory is one running state, not a token each, can neither give a part of it nor go back,
        # and every sequence costs it a whole state.
        self.whole_only = bool(
            native.llama_model_is_recurrent(self._model) or native.llama_model_is_hybrid(self._model)
        )
        self.parallel = min(self.spec.parallel or (_PARALLEL_STATES if self.whole_only else _PARALLEL), self.batch)
        self.sequences = self.parallel * 2 + (0 if self.whole_only else _RESTING)
        params.n_ctx = self._cells()
        params.n_batch = params.n_ubatch = self.batch
        params.n_seq_max = self.sequences
        params.n_outputs_max = self.sequences  # llama.cpp refuses fewer than sequences
        params.kv_unified = True
        # On a processor llama.cpp's flash attention takes fewer than 64 tokens one at a time: behind 600 tokens a step
        # of 16 answers took 203 ms with it and 98 ms without; only prompts are read quicker with it, by 5 to 20 in 100.
        params.flash_attn_type = (
            native.LLAMA_FLASH_ATTN_TYPE_AUTO if offloads else native.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
        params.swa_full = True  # else what slid out of the window could not be gone back to
        params.n_threads = params.n_threads_batch = threads
        self.context = native.llama_init_from_model(self._model, params)
        if not self.context:
            raise _Refused("llama.cpp could not make a context; memory may not suffice")
        self.memory = native.llama_get_memory(self.context)
        if not self.memory:
            raise ModelLoadFailed(self.spec.name, "not_for_text")
        self.cells: int = native.llama_n_ctx(self.context)
        # llama.cpp asks this before every node of the graph. A Python function would take the interpreter's lock a
        # thousand times a token; strlen says the same (0 is "go on") without it: one byte is the whole flag.
        self._aborting = ctypes.create_string_buffer(2)
        self._ask = native.ggml_abort_callback(_address_of_strlen())
        native.llama_set_abort_callback(self.context, self._ask, ctypes.cast(self._aborting, ctypes.c_void_p))

    def _cells(self) -> int:
        """Room for one window, and for a second one where several answers share it and memory allows."""
        if self.parallel == 1:
            return self.window
        heads = native.llama_model_n_head_kv(self._model) / max(native.llama_model_n_head(self._model), 1)
        token = native.llama_model_n_layer(self._model) * native.llama_model_n_embd(self._model) * heads * 4
        spare = int(psutil.virtual_memory().total * _KV_SHARE / max(token, 1))
        return self.window + min(self.window, spare)

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
        size = native.llama_state_seq_get_size(self.context, sequence)
        buffer = (ctypes.c_uint8 * size)()
        written = native.llama_state_seq_get_data(self.context, buffer, size, sequence)
        return bytes(memoryview(buffer)[:written])

    def restore(self, sequence: int, state: bytes) -> bool:
        """Fill an empty sequence; False when llama.cpp does not take it, and the sequence is empty then."""
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        if native.llama_state_seq_set_data(self.context, buffer, len(state), sequence):
            return True
        native.llama_memory_seq_rm(self.memory, sequence, -1, -1)
        return False

    @property
    def fingerprint(self) -> str:
        """What a saved state depends on."""
        found = self.spec.path.stat()
        return f"{self.spec.path.resolve()}|{found.st_size}|{found.st_mtime_ns}|{version('llama-cpp-python')}"

    def close(self) -> None:
        if self.context:
            native.llama_free(self.context)
            self.context = None
        if self._model:
            native.llama_model_free(self._model)
            self._model = None

    def _describe(self) -> LoadedModel:
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


def devices() -> tuple[str, ...]:
    """What llama.cpp can compute on, in its own words."""
    libggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    libggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    libggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    for ask in (libggml.ggml_backend_dev_name, libggml.ggml_backend_dev_description):
        ask.argtypes = [ctypes.c_void_p]
        ask.restype = ctypes.c_char_p
    found = (libggml.ggml_backend_dev_get(index) for index in range(libggml.ggml_backend_dev_count()))
    return tuple(
        f"{libggml.ggml_backend_dev_name(device).decode('utf-8', 'replace')}: "
        f"{libggml.ggml_backend_dev_description(device).decode('utf-8', 'replace')}"
        for device in found
    )


def _address_of_strlen() -> int:
    library = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
    return ctypes.cast(library.strlen, ctypes.c_void_p).value or 0
