"""Logging to a file in the home, with secrets taken out before a line is written."""

from __future__ import annotations

import logging
import re
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

_SECRETS: Final = (
    (re.compile(r"(?<!\d)\d{6,12}:[A-Za-z0-9_-]{30,}"), "<telegram-token>"),
    (re.compile(r"(?i)(authorization['\"]?\s*[:=]\s*['\"]?bearer\s+)[^\s'\"]+"), r"\1<key>"),
    (re.compile(r"(?i)((?:api[_-]?key|token|secret|password)['\"]?\s*[:=]\s*['\"]?)[^\s'\",}]+"), r"\1<secret>"),
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@:]+:[^\s/@]+@"), r"\1<secret>@"),
    (re.compile(r"\bhf_[A-Za-z0-9]{20,}"), "<hub-token>"),
)
_MAX_BYTES: Final = 5_000_000


def redact(text: str) -> str:
    """The text without bot tokens, bearer tokens, keys and passwords."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class RedactingFormatter(logging.Formatter):
    """Redacts the finished line, so that arguments and tracebacks are covered as well."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def configure(folder: Path | None, *, verbose: bool = False) -> None:
    """Send all logging to `folder`/patina.log (rotated at 5 MB, three kept), and to stderr when `verbose`."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for old in list(root.handlers):
        root.removeHandler(old)
    targets: list[logging.Handler] = []
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        targets.append(RotatingFileHandler(folder / "patina.log", maxBytes=_MAX_BYTES, backupCount=3, encoding="utf-8"))
    if verbose:
        targets.append(logging.StreamHandler())
    for target in targets or [logging.NullHandler()]:
        target.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(target)
    for noisy in ("httpx", "httpcore", "aiogram.event", "chromadb.telemetry"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
