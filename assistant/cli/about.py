"""Which Patina this is."""

from __future__ import annotations

import importlib.metadata
import tomllib

from assistant.paths import PACKAGE


def version() -> str:
    """Of the installed package, else of the checkout it runs from."""
    try:
        return importlib.metadata.version("patina")
    except importlib.metadata.PackageNotFoundError:
        project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))
        return str(project["project"]["version"])
