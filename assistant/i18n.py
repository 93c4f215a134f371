"""Sentences a person reads, in Chinese and English, kept as data beside the code that shows them.

A folder `locales/` holds `en.toml` and `zh.toml` with the same keys and the same placeholders; a test compares them.
"""

from __future__ import annotations

import locale
import os
import tomllib
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from assistant.errors import AssistantError

Language: TypeAlias = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")


def language_of(tag: str | None) -> Language:
    """The nearest language we speak for a BCP 47 tag or a POSIX locale: zh* gives Chinese, the rest English."""
    return "zh" if tag and tag.lower().replace("_", "-").split("-")[0] == "zh" else "en"


def system_language() -> Language:
    """What this session of the operating system speaks: the locale variables first, which also name a language whose
    locale is not installed."""
    named = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return language_of(next((tag for tag in named if tag), None) or locale.getlocale()[0])


def language_of_text(text: str, default: Language = "en") -> Language:
    """The language a message is written in: Chinese as soon as a tenth of its letters are Han characters.

    Chinese questions quote English names and code freely, the reverse is rare; without any letter, `default`.
    """
    letters = [c for c in text if c.isalpha()]
    if not letters:
        return default
    han = sum("\u4e00" <= c <= "\u9fff" or "\u3400" <= c <= "\u4dbf" for c in letters)
    return "zh" if han * 10 >= len(letters) else "en"


class Catalogue:
    """The sentences of one room or face, by dotted key."""

    def __init__(self, folder: Path) -> None:
        self._sentences: dict[Language, dict[str, str]] = {
            language: _flatten(tomllib.loads((folder / f"{language}.toml").read_text("utf-8")))
            for language in LANGUAGES
        }

    def keys(self, language: Language) -> set[str]:
        return set(self._sentences[language])

    def raw(self, language: Language, key: str) -> str:
        """The sentence with its placeholders; KeyError names a key that does not exist."""
        return self._sentences[language][key]

    def text(self, language: Language, key: str, /, **facts: object) -> str:
        """The sentence with its placeholders filled in."""
        return self._sentences[language][key].format(**facts)

    def find(self, language: Language, key: str) -> str | None:
        return self._sentences[language].get(key)


def _flatten(table: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict):
            flat.update(_flatten(value, f"{key}."))
        else:
            flat[key] = str(value)
    return flat


_ERRORS: Final = Catalogue(Path(__file__).parent / "locales")


def explain(error: AssistantError, language: Language) -> str:
    """What happened and what to do, for a person.

    A fact named `reason` is itself looked up under the error's reasons, so that known reasons are translated and an
    unknown one (an operating system's own words) is shown as it came.
    """
    facts: dict[str, object] = {}
    for name, value in error.facts.items():
        if name == "tool":
            facts[name] = tool_name(str(value), language)
        elif name == "kind":
            facts[name] = _ERRORS.find(language, f"kinds.{value}") or value
        elif name == "reason":
            facts[name] = explain_reason(error.code, str(value), language)
        elif name == "attempts":
            words = "reasons.download_interrupted"
            facts[name] = "; ".join(
                f"{source}: {_ERRORS.find(language, f'{words}.{why}') or why}" for source, why in value
            )
        elif isinstance(value, tuple):
            facts[name] = ", ".join(str(item) for item in value)
        elif name in {"needed", "available", "free", "size", "limit", "received", "total"} and isinstance(value, int):
            facts[name] = value if error.code == "engine_busy" else human_bytes(value)
        else:
            facts[name] = "-" if value is None else value
    key = f"errors.{error.code}"
    whole = f"{key}_whole" if facts.get("line") == 0 else key
    return _ERRORS.text(language, whole if _ERRORS.find(language, whole) else key, **facts)


def explain_reason(code: str, reason: str, language: Language) -> str:
    """The reason of an error alone, for where it stands beside what it is about. After a known one and a colon may
    stand what it is about."""
    known, colon, about = reason.partition(": ")
    found = _ERRORS.find(language, f"reasons.{code}.{known}")
    return reason if found is None else f"{found}{'：' if language == 'zh' and colon else colon}{about}"


def tool_name(name: str, language: Language) -> str:
    """What a tool does, in words; one that came from elsewhere has only its name."""
    return _ERRORS.find(language, f"tools.{name}") or name


def human_bytes(size: float) -> str:
    """Bytes with a decimal unit, as disks and downloads are sold: 491.4 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
