"""The settings as the page changes them: in force at once here, on disk for the next start."""

from __future__ import annotations

from typing import Any

from assistant import config
from assistant.config import Settings
from assistant.i18n import Language, language_of
from assistant.paths import Paths


class Preferences:
    """One for all tabs, since the settings belong to the home and not to a browser."""

    def __init__(self, settings: Settings, paths: Paths) -> None:
        self.settings = settings
        self.paths = paths

    def language(self, tag: str | None) -> Language:
        """The language that was chosen, else the one the browser asks for."""
        return language_of(tag) if self.settings.language == "auto" else self.settings.language

    def save(self, key: str, value: str | float | bool | None) -> None:
        """Raises SettingsError for a value that cannot be used; nothing has changed then."""
        config.save(self.paths, key, value)
        # Values from flags and the environment stay in force, which loading the file again would lose.
        values: dict[str, Any] = self.settings.model_dump()
        table = values
        *parents, name = key.split(".")
        for parent in parents:
            table = table[parent]
        if value is None:
            table.pop(name, None)
        else:
            table[name] = value
        self.settings = Settings(**values)
