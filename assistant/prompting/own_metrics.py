"""Metrics that people bring along: functions of installed packages, or of files in their home.

A package names them in the entry point group `patina.metrics`; a file `metrics/NAME.py` in the home holds a function
`score(answer, accepted)`. Nothing is ever run from the folder of a task, which may come from anywhere.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from assistant.errors import TaskInvalid
from assistant.prompting.metric import METRICS, Metric

GROUP: Final = "patina.metrics"
_log = logging.getLogger(__name__)


class OwnMetrics:
    """Called, it gives those that come with Patina and those of `folder` and of packages; one with the name of ours
    does not take its place. What cannot be loaded is there with its `trouble`, and with a line in the log. A file is
    loaded again when it has changed, a package at the next start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[Path, tuple[tuple[int, int], Metric]] = {}
        self._packages: Sequence[Metric] | None = None

    def __call__(self) -> Mapping[str, Metric]:
        if self._packages is None:
            self._packages = _of_packages()
        files = [self._of_file(path) for path in sorted(self._folder.glob("*.py"))]
        return {**{one.name: one for one in (*self._packages, *files) if one}, **METRICS}

    def _of_file(self, path: Path) -> Metric | None:
        try:
            facts = path.stat()
        except OSError:  # it was there a moment ago
            return None
        stamp, known = (facts.st_mtime_ns, facts.st_size), self._files.get(path)
        if known is None or known[0] != stamp:
            known = self._files[path] = stamp, _of_code(path)
        return known[1]


def _of_packages() -> Sequence[Metric]:
    found: list[Metric] = []
    for entry in entry_points(group=GROUP):
        try:
            found.append(Metric(entry.name, _checked(entry.name, entry.load())))
        except (Exception, SystemExit) as error:  # whatever another package does must not end ours
            _log.exception("the metric %s cannot be loaded", entry.name)
            found.append(_broken(entry.name, error))
    return found


def _of_code(path: Path) -> Metric:
    try:
        return Metric(path.stem, _checked(path.stem, _loaded(path)))
    except (Exception, SystemExit) as error:
        _log.exception("the metric in %s cannot be loaded", path)
        return _broken(path.stem, error)


def _broken(name: str, error: BaseException) -> Metric:
    return Metric(name, lambda answer, accepted: 0.0, trouble=f"{type(error).__name__}: {error}")


def _loaded(path: Path) -> Any:
    names: dict[str, Any] = {"__name__": f"patina_metric_{path.stem}", "__file__": str(path)}
    exec(compile(path.read_text("utf-8"), str(path), "exec"), names)  # noqa: S102 - the person's own file, in their home
    return names["score"]


def _checked(name: str, function: Any) -> Callable[[str, Sequence[str]], float]:
    """What it says has to be a share: anything else would be believed without a word."""
    if not callable(function):
        raise TypeError(f"{name} is no function")

    def score(answer: str, accepted: Sequence[str]) -> float:
        try:
            value = float(function(answer, accepted))
        except Exception as error:
            raise TaskInvalid(path=Path(name), line=0, reason=f"metric: {name} failed: {error!r}") from error
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise TaskInvalid(path=Path(name), line=0, reason=f"metric: {name} gave {value}, not a share from 0 to 1")
        return value

    return score
