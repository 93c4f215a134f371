"""Every prompt in force: the seeds that come with Patina, overridden by the person's own files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from assistant.errors import PromptInvalid, PromptUnknown
from assistant.i18n import Language
from assistant.prompting.template import PromptVersion, parse


class PromptLibrary:
    """Looks for `NAME.LANGUAGE.md`, in `own` first. A changed file is in force from the next turn on."""

    def __init__(self, seeds: Path, own: Path) -> None:
        self.seeds = seeds
        self._own = own
        self._parsed: dict[Path, tuple[tuple[int, int], PromptVersion]] = {}

    def get(self, name: str, language: Language) -> PromptVersion:
        """PromptUnknown lists what there is; a damaged override is an error, not silently the seed."""
        for folder in (self._own, self.seeds):
            path = folder / f"{name}.{language}.md"
            if path.is_file():
                return self._read(path)
        raise PromptUnknown(name=f"{name}.{language}", known=tuple(self._names()))

    def all(self) -> list[PromptVersion]:
        versions: dict[str, PromptVersion] = {}
        for folder in (self.seeds, self._own):
            for path in sorted(folder.glob("*.*.md")):
                version = self._read(path)
                versions[f"{version.name}.{version.language}"] = version
        return [versions[key] for key in sorted(versions)]

    def _names(self) -> list[str]:
        found = {path.name.removesuffix(".md") for folder in (self.seeds, self._own) for path in folder.glob("*.*.md")}
        return sorted(found)

    def _read(self, path: Path) -> PromptVersion:
        facts = path.stat()
        stamp = (facts.st_mtime_ns, facts.st_size)
        known = self._parsed.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        version = parse(path)
        if path.name != f"{version.name}.{version.language}.md":
            raise PromptInvalid(
                path=str(path),
                reason=f"its front matter says {version.name}.{version.language}, its name says otherwise",
            )
        if path.parent != self.seeds:
            version = replace(version, author="person")
        self._parsed[path] = (stamp, version)
        return version
