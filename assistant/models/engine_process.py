"""The engine's own process: `python -m assistant.models.engine_process QUEUE_LIMIT MEMORY OWNER`.

Commands come on stdin, answers go to stdout, the log to stderr. A native crash ends this process and nothing else;
when the parent is gone, stdin ends, and so does this process within seconds, in the middle of a computation if need be.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from importlib.metadata import version
from io import BufferedReader
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from assistant.models.wire import Answer, Cancel, Describe, Forget, Ready, Rest, decode, encode

if TYPE_CHECKING:
    from assistant.models.scheduler import Scheduler


_ENVIRONMENT: Final = MappingProxyType(
    {
        # A crash should be over at once, not after a debugger has been started.
        "GGML_NO_BACKTRACE": "1",
        # How long a thread waits for the others at full speed before it sleeps. With OpenMP's usual 300,000 rounds
        # one other busy program makes every barrier last a scheduler's time slice: 2 tokens a second were seen
        # where a short wait gave 30. Too short a wait costs as well: on an idle machine 5,000 rounds read prompts
        # a seventh slower than 20,000, which lost nothing.
        "GOMP_SPINCOUNT": "20000",
    }
)


_SAVING_S: Final = 3.0


class Channel:
    """The answers' way out; whole lines, from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, request: int, answer: Answer) -> None:
        line = encode(request, answer)
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except BrokenPipeError:
                os._exit(0)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    commands = os.fdopen(os.dup(0), "rb")
    channel = Channel(os.dup(1))
    os.dup2(2, 1)  # whatever native code prints must not look like an answer
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import llama_cpp.llama_cpp as native

        from assistant.models.native_devices import devices
        from assistant.models.native_log import NativeLog
        from assistant.models.scheduler import Scheduler
    except (ImportError, OSError, RuntimeError) as error:
        channel.send(0, Ready("", "", gpu_offload=False, devices=(), failure=str(error)))
        return
    log = NativeLog()
    native.llama_backend_init()
    channel.send(
        0,
        Ready(
            version=version("llama-cpp-python"),
            system_info=native.llama_print_system_info().decode(),
            gpu_offload=native.llama_supports_gpu_offload(),
            devices=devices(),
        ),
    )
    queue_limit, memory_limit = map(int, sys.argv[1:3])
    scheduler = Scheduler(channel.send, log, queue_limit, memory_limit, owner=sys.argv[3])
    reader = threading.Thread(target=_to_the_end, args=(lambda: _read(commands, scheduler, channel),), daemon=True)
    reader.start()
    _to_the_end(scheduler.run)


def _read(commands: BufferedReader, scheduler: Scheduler, channel: Channel) -> None:
    """Take commands until the parent is gone; what is worth keeping then has a moment to be written."""
    for line in commands:
        request, command = decode(line)
        if isinstance(command, Cancel):
            scheduler.cancel(request)
        elif isinstance(command, Forget):
            scheduler.forget(request)
        elif isinstance(command, Rest):
            scheduler.rest(command.on)
        elif isinstance(command, Describe):
            channel.send(request, scheduler.describe())
        else:
            scheduler.submit(request, command)
    scheduler.close()
    threading.Event().wait(_SAVING_S)


def _to_the_end(work: Callable[[], None]) -> None:
    """Do `work` and end the process with it, without waiting for the other thread or for native code."""
    code = 0
    try:
        work()
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        code = 1
    os._exit(code)


if __name__ == "__main__":
    main()
