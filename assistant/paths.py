"""Where everything of one home lies. Nothing here creates or opens a file."""

from __future__ import annotations

import importlib.metadata
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Paths:
    """The layout of one home folder; `models` may lie elsewhere so that several homes share it."""

    home: Path
    models: Path

    @classmethod
    def default(cls) -> Paths:
        """From PATINA_HOME and PATINA_MODELS, else the user's data folder of this operating system."""
        home = Path(os.environ.get("PATINA_HOME") or platformdirs.user_data_path("patina")).expanduser().absolute()
        models = Path(os.environ.get("PATINA_MODELS") or home / "models").expanduser().absolute()
        return cls(home, models)

    @property
    def settings(self) -> Path:
        return self.home / "settings.toml"

    @property
    def database(self) -> Path:
        return self.home / "patina.db"

    @property
    def mailbox(self) -> Path:
        """What the Telegram bot has been sent and has to send, until it is dealt with."""
        return self.home / "telegram.db"

    @property
    def backups(self) -> Path:
        return self.home / "backups"

    @property
    def attachments(self) -> Path:
        return self.home / "attachments"

    @property
    def documents(self) -> Path:
        """What was uploaded to the library or fetched for it, under names of our own."""
        return self.home / "documents"

    @property
    def drafts(self) -> Path:
        """What is being made or fetched just now; emptied at every start."""
        return self.home / "drafts"

    @property
    def set_aside(self) -> Path:
        """What was in this home before something was restored into it."""
        return self.home / "set-aside"

    @property
    def vectors(self) -> Path:
        return self.home / "chroma"

    @property
    def passages(self) -> Path:
        """The vector index over chunks of documents."""
        return self.home / "chroma-passages"

    @property
    def states(self) -> Path:
        """What the model had computed of conversations; only saves time, and can be deleted at any time."""
        return self.home / "states"

    @property
    def measurements(self) -> Path:
        """What was measured to be quickest on this machine; only saves time, and can be deleted at any time."""
        return self.home / "engine.json"

    @property
    def recast(self) -> Path:
        """Weights in a format that is quicker here than a model's own. They belong to this machine, not to a home, and
        can be deleted at any time."""
        return platformdirs.user_cache_path("patina") / "recast"

    @property
    def embedder(self) -> Path:
        """The embedding model as the engine reads it; made from what is installed, and can be deleted at any time."""
        return platformdirs.user_cache_path("patina") / "embedder"

    @property
    def prompts(self) -> Path:
        """The person's own prompts, which override the seeds."""
        return self.home / "prompts"

    @property
    def metrics(self) -> Path:
        """The person's own metrics, one file each."""
        return self.home / "metrics"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def instance(self) -> Path:
        """Held by the one process that uses this home; says where it answers."""
        return self.home / "instance.json"


def seed_prompts() -> Path:
    """The prompts that come with Patina: beside the packages in a checkout, inside the package in a wheel."""
    packaged = PACKAGE / "seed_prompts"
    return packaged if packaged.is_dir() else PACKAGE.parent / "prompts"


def version() -> str:
    """Which Patina this is: that of the installed package, else of the checkout it runs from."""
    try:
        return importlib.metadata.version("patina")
    except importlib.metadata.PackageNotFoundError:
        project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))
        return str(project["project"]["version"])
