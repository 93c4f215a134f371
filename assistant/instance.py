"""One process per home: the lock, and where the holder answers so that a second command can talk to it instead."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from types import TracebackType

from filelock import FileLock, Timeout

from assistant.errors import HomeInUse, HomeNotWritable
from assistant.paths import Paths


@dataclass(frozen=True, slots=True)
class Running:
    """The process that holds a home; `address` is None for one without a page."""

    pid: int
    address: str | None


class InstanceLock:
    """Held for as long as the process uses the home; the operating system lets go of it when the process dies."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._lock = FileLock(paths.instance.with_suffix(".lock"))

    def acquire(self) -> None:
        """Raises HomeInUse naming the holder, or HomeNotWritable."""
        try:
            self._paths.home.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            running = find_running(self._paths, locked=True) or Running(0, None)
            raise HomeInUse(path=self._paths.home, pid=running.pid, address=running.address) from error
        except OSError as error:
            raise HomeNotWritable(path=self._paths.home, reason=error.strerror or str(error)) from error
        self.publish(None)

    def publish(self, address: str | None) -> None:
        """Say where this process answers."""
        draft = self._paths.instance.with_suffix(".new")
        draft.write_text(json.dumps({"pid": os.getpid(), "address": address}), "utf-8")
        draft.replace(self._paths.instance)

    def release(self) -> None:
        if self._lock.is_locked:
            self._paths.instance.unlink(missing_ok=True)
            self._lock.release()

    def __enter__(self) -> InstanceLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def find_running(paths: Paths, *, locked: bool | None = None) -> Running | None:
    """The process that uses this home now, or None. `locked` spares asking the lock when the caller knows."""
    if locked is None:
        lock_file = paths.instance.with_suffix(".lock")
        if not lock_file.exists():
            return None
        probe = FileLock(lock_file)
        try:
            probe.acquire(timeout=0)
        except Timeout:
            pass
        except OSError:
            return None
        else:
            probe.release()
            return None
    try:
        told = json.loads(paths.instance.read_text("utf-8"))
        return Running(pid=int(told["pid"]), address=told["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
