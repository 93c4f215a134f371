"""Which Chromium the tests drive, and with what: nothing of its own may go out to the network."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--proxy-bypass-list=*",
)


def installed_chromium() -> Path | None:
    """The system's own; None leaves it to the one Playwright may have brought."""
    found = (shutil.which(name) for name in _NAMES)
    return next((Path(path) for path in found if path), None)
