"""Settings from environment variables: read once, every problem at once, and never a value in an error.

`Settings.read` is pure: it is handed a mapping and touches neither disk nor network. Local defaults under ``./.aegis/``
hold only where ``AEGIS_ENV`` is ``development`` or ``test``; in production each part that is used needs its variables.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, TypeVar

import attrs

from aegis_core.kernel.adapter import Environment
from aegis_core.kernel.entropy import Entropy
from aegis_core.kernel.problems import Problem, SettingsError, did_you_mean
from aegis_core.kernel.registry import Registry
from aegis_core.kernel.url import ServiceUrl

#: What an application may use of Aegis, each by itself.
Part: TypeAlias = Literal["log", "keys", "audit", "storage", "notify"]
#: Kinds of port that a variable names; keys of `registry.GROUPS`.
PortKind: TypeAlias = Literal["storage", "audit", "state", "subject_keys", "keys", "email", "log"]
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
OnLeak: TypeAlias = Literal["refuse", "erase"]

PARTS: Final[tuple[Part, ...]] = ("log", "keys", "audit", "storage", "notify")

#: Port → its variable and its default where defaults hold. The state store's default is the trail's own place.
_VARIABLES: Final[Mapping[PortKind, tuple[str, str]]] = MappingProxyType(
    {
        "log": ("AEGIS_LOG", "console://"),
        "keys": ("AEGIS_KEYS", "file:.aegis/keys"),
        "subject_keys": ("AEGIS_SUBJECT_KEYS", "sqlite:.aegis/subject-keys.db"),
        "audit": ("AEGIS_AUDIT", "file:.aegis/audit"),
        "state": ("AEGIS_STATE", ""),
        "storage": ("AEGIS_STORAGE", "file:.aegis/storage"),
        "email": ("AEGIS_EMAIL", "eml:.aegis/mail"),
    }
)
#: The ports that each part leans on.
NEEDS: Final[Mapping[Part, tuple[PortKind, ...]]] = MappingProxyType(
    {
        "log": ("log",),
        "keys": ("keys", "state", "subject_keys"),
        "audit": ("audit", "keys", "state", "subject_keys"),
        "storage": ("storage", "keys", "state"),
        "notify": ("email", "keys", "state"),
    }
)

_ENV: Final = "AEGIS_ENV"
_LEVEL: Final = "AEGIS_LOG_LEVEL"
_ON_LEAK: Final = "AEGIS_ON_LEAK"
_ORIGIN: Final = "AEGIS_ORIGIN"
_SECRET: Final = "AEGIS_SECRET_"  # noqa: S105 - the prefix of names
_STORES: Final = "AEGIS_STORAGE__"
_COPIES: Final = "AEGIS_AUDIT__"
_TENANT: Final = "TENANT_"
_EXAMPLES: Final[Mapping[str, str]] = MappingProxyType(
    {_STORES: f"{_STORES}IMAGES or {_STORES}{_TENANT}EU", _COPIES: f"{_COPIES}OFFSITE"}
)
#: Read by tests and demonstrations only.
_OTHERS: Final = ("AEGIS_VECTORS", "AEGIS_KILLS", "AEGIS_SERVERS")
KNOWN: Final = (_ENV, *(name for name, _ in _VARIABLES.values()), _LEVEL, _ON_LEAK, _ORIGIN, *_OTHERS)

_ENVIRONMENTS: Final[tuple[Environment, ...]] = ("development", "test", "production")
_LEVELS: Final[tuple[LogLevel, ...]] = ("debug", "info", "warning", "error")
_LEAKS: Final[tuple[OnLeak, ...]] = ("refuse", "erase")

_V = TypeVar("_V", bound=str)


@attrs.frozen
class Located:
    """Where one port's adapter lies, and which variable said so."""

    url: ServiceUrl
    variable: str
    source: str


@attrs.frozen
class Settings:
    """What the environment says, checked.

    Arguments:
        environment: from ``AEGIS_ENV``, which has no default.
        ports: port → where it lies; what is not needed or was given as an instance may be missing.
        named: further stores by name, in lower case: ``AEGIS_STORAGE__IMAGES`` is ``images``.
        tenants: stores of tenants, by the name in the variable: see `storage_of`.
        copies: copies of the trail by name, in lower case: ``AEGIS_AUDIT__OFFSITE`` is ``offsite``.
        origin: the trail's name, for ever, from ``AEGIS_ORIGIN``; no spaces, no ``+``.
        sources: variable → ``environment`` or ``default``, for doctor.
    """

    environment: Environment
    ports: Mapping[PortKind, Located]
    named: Mapping[str, Located]
    tenants: Mapping[str, Located]
    copies: Mapping[str, Located] = attrs.field(factory=dict[str, Located])
    log_level: LogLevel = "info"
    on_leak: OnLeak = "refuse"
    origin: str = "aegis.local/audit"
    sources: Mapping[str, str] = attrs.field(factory=dict[str, str])

    def storage_of(self, tenant: str, /) -> Located | None:
        """The store of a tenant: its own, or the one of all. A tenant's id is written in upper case, ``-`` as ``_``."""
        return self.tenants.get(variable_of(tenant)) or self.ports.get("storage")

    @classmethod
    def read(
        cls,
        environ: Mapping[str, str],
        /,
        *,
        only: Collection[Part] | None = None,
        given: Collection[PortKind] = (),
        registry: Registry | None = None,
        entropy: Entropy | None = None,
    ) -> "Settings":
        """Read and check ``AEGIS_*`` variables.

        Arguments:
            environ: such as `os.environ`.
            only: the parts that are used; None: all five.
            given: ports whose instances the application hands over itself: their variables are not needed.
            registry: checks each URL's scheme against what is installed.
            entropy: what will make keys; production refuses an insecure one.

        Raises:
            SettingsError: with every problem that was found.
        """
        settings, problems = cls.examine(environ, only=only, given=given, registry=registry, entropy=entropy)
        if problems:
            raise SettingsError(problems)
        return settings

    @classmethod
    def examine(
        cls,
        environ: Mapping[str, str],
        /,
        *,
        only: Collection[Part] | None = None,
        given: Collection[PortKind] = (),
        registry: Registry | None = None,
        entropy: Entropy | None = None,
    ) -> "tuple[Settings, Sequence[Problem]]":
        """The same for who has more to check: what could be read, and every problem, without raising."""
        reader = _Reader(environ, registry)
        settings = reader.settings(PARTS if only is None else only, frozenset(given))
        if entropy is not None and not entropy.secure and settings.environment == "production":
            reader.problem("entropy", "must be secure in production", hint="leave it out: the system's is used")
        return settings, reader.problems


def variable_of(tenant: str, /) -> str:
    """A tenant's id as the name of a variable has it: in upper case, ``-`` as ``_``."""
    return tenant.upper().replace("-", "_")


class _Reader:
    def __init__(self, environ: Mapping[str, str], registry: Registry | None) -> None:
        self.environ = {name: value for name, value in environ.items() if name.startswith("AEGIS_")}
        self.registry = registry
        self.problems: list[Problem] = []
        self.sources: dict[str, str] = {}

    def problem(self, setting: str, expected: str, *, source: str = "", hint: str = "") -> None:
        self.problems.append(Problem(setting, expected, source, hint))

    def settings(self, only: Collection[Part], given: frozenset[PortKind]) -> Settings:
        self.unknown_variables()
        environment = self.environment()
        needed = {kind for part in PARTS if part in only for kind in NEEDS[part]} - given
        ports: dict[PortKind, Located] = {}
        for kind in _VARIABLES:
            if kind in given:
                continue
            located = self.port(
                kind, needed=kind in needed, local=environment != "production", ports=ports, given=given
            )
            if located is not None:
                ports[kind] = located
        named, tenants = self.further("storage", _STORES) if "storage" in only else ({}, {})
        copies = self.copies(ports.get("audit")) if "audit" in only else {}
        if environment == "production":
            for kind, located in ports.items():
                if kind in needed:
                    self.fit_for_production(kind, located)
            for located in (*named.values(), *tenants.values()):
                self.fit_for_production("storage", located)
            for located in copies.values():
                self.fit_for_production("audit", located)
        return Settings(
            environment=environment,
            ports=ports,
            named=named,
            tenants=tenants,
            copies=copies,
            log_level=self.choice(_LEVEL, _LEVELS, "info"),
            on_leak=self.choice(_ON_LEAK, _LEAKS, "refuse"),
            origin=self.origin(needed=environment == "production" and "audit" in only),
            sources=self.sources,
        )

    def environment(self) -> Environment:
        if _ENV in self.environ:
            return self.choice(_ENV, _ENVIRONMENTS, "development")
        self.problem(
            _ENV,
            f"is missing; it must be one of {', '.join(_ENVIRONMENTS)}",
            hint="there is no default: say where this runs",
        )
        return "development"  # so that only this one problem is told of it

    def unknown_variables(self) -> None:
        for name in sorted(self.environ):
            if name not in KNOWN and not name.startswith((_STORES, _COPIES, _SECRET)):
                hint = did_you_mean(name.partition("__")[0], KNOWN)
                self.problem(name, "is no setting of Aegis", source="environment", hint=hint)

    def choice(self, name: str, words: tuple[_V, ...], default: _V) -> _V:
        value = self.environ.get(name)
        if value is None:
            self.sources[name] = "default"
            return default
        self.sources[name] = "environment"
        for word in words:
            if value == word:
                return word
        hint = did_you_mean(value.lower(), words)
        self.problem(name, f"must be one of {', '.join(words)}", source="environment", hint=hint)
        return default

    def origin(self, *, needed: bool) -> str:
        default = "aegis.local/audit"
        value = self.environ.get(_ORIGIN)
        self.sources[_ORIGIN] = "default" if value is None else "environment"
        if value is None:
            if needed:
                self.problem(_ORIGIN, "is missing", hint="name the trail once and for ever: clinic.example/audit")
            return default
        if not value or "+" in value or not value.isprintable() or any(letter.isspace() for letter in value):
            self.problem(_ORIGIN, "must be a name without spaces and +", source="environment")
            return default
        return value

    def port(
        self,
        kind: PortKind,
        *,
        needed: bool,
        local: bool,
        ports: Mapping[PortKind, Located],
        given: Collection[PortKind],
    ) -> Located | None:
        variable, default = _VARIABLES[kind]
        text = self.environ.get(variable)
        if text is not None:
            return self.located(kind, variable, text, "environment", needed=needed)
        if not needed:
            return None
        if kind == "state" and "audit" in ports:
            self.sources[variable] = "default"
            return self.beside_the_trail(variable, ports["audit"])
        if kind == "state" and "audit" in given:
            # What was signed of another trail, at a place of its own, would say of this one that it lost entries.
            self.problem(variable, "is missing", hint="hand over state= beside audit=: it holds what was signed of it")
            return None
        if kind == "state":
            if not local:
                self.problem(variable, "is missing", hint="or name AEGIS_AUDIT, beside which it lies by default")
                return None
            default = _VARIABLES["audit"][1]
        elif not local and kind != "log":
            # A trail or a key on a container's own layer would be gone with it, so nothing is local by default.
            self.problem(variable, "is missing; in production nothing is local unless you say so")
            return None
        return self.located(kind, variable, default, "default", needed=True)

    def beside_the_trail(self, variable: str, trail: Located) -> Located | None:
        source = f"default: that of {trail.variable}"
        if self.registry is not None and self.registry.problem("state", trail.url, setting=variable) is not None:
            schemes = ", ".join(self.registry.schemes("state"))
            self.problem(variable, f"is missing, and beside {trail.variable} no state can lie", hint=f"use {schemes}")
            return None
        return Located(trail.url, variable, source)

    def located(self, kind: PortKind, variable: str, text: str, source: str, *, needed: bool) -> Located | None:
        self.sources[variable] = source
        if not needed:  # it stands in the environment for another program: what is wrong with it is not told here
            try:
                return Located(ServiceUrl.parse(text), variable, source)
            except ValueError:
                return None
        try:
            url = ServiceUrl.parse(text)
        except ValueError as error:
            self.problem(variable, f"must be a URL, and {error}", source=source)
            return None
        if self.registry is not None:
            problem = self.registry.problem(kind, url, setting=variable, source=source)
            if problem is not None:
                self.problems.append(problem)
                return None
        if url.scheme in {"file", "sqlite", "eml", "jsonl"} and (url.host or url.port is not None):
            self.problem(
                variable,
                f"must name no host after {url.scheme}:",
                source=source,
                hint=f"{url.scheme}:folder is relative, {url.scheme}:///folder absolute",
            )
            return None
        return Located(url, variable, source)

    def further(self, kind: PortKind, prefix: str) -> tuple[dict[str, Located], dict[str, Located]]:
        """Further places of one port: by name, and by tenant."""
        named: dict[str, Located] = {}
        tenants: dict[str, Located] = {}
        for variable in sorted(self.environ):
            if not variable.startswith(prefix):
                continue
            name = variable.removeprefix(prefix)
            tenant = name.startswith(_TENANT)
            bare = name.removeprefix(_TENANT)
            if not bare or bare != bare.upper() or not bare.replace("_", "").isalnum() or not bare.isascii():
                self.problem(
                    variable,
                    f"must end in a name of capital letters, digits and _, as {_EXAMPLES[prefix]}",
                    source="environment",
                )
                continue
            located = self.located(kind, variable, self.environ[variable], "environment", needed=True)
            if located is not None:
                (tenants if tenant else named)[bare if tenant else bare.lower()] = located
        return named, tenants

    def copies(self, trail: Located | None) -> dict[str, Located]:
        copies, of_tenants = self.further("audit", _COPIES)
        for located in of_tenants.values():
            self.problem(
                located.variable,
                "must not name a tenant: a copy holds the whole trail",
                source=located.source,
                hint=f"{_TENANT} is kept for tenants: begin the copy's name with another word",
            )
        taken = [] if trail is None else [trail]
        for located in copies.values():
            for other in taken:
                if _place(located.url) == _place(other.url):
                    told = f"must be another place than {other.variable}"
                    self.problem(located.variable, told, source=located.source)
            taken.append(located)
        return copies

    def fit_for_production(self, kind: PortKind, located: Located) -> None:
        if located.url.scheme == "memory":
            self.problem(
                located.variable,
                "must not be memory: in production, where it would be gone with the process",
                source=located.source,
            )
        if kind == "keys" and located.url.scheme == "file" and not located.url.options.get("passphrase"):
            self.problem(
                located.variable,
                "must not be a folder of bare keys in production",
                source=located.source,
                hint="file:FOLDER?passphrase=NAME, where NAME is the name of a secret; or a key service",
            )


def _place(url: ServiceUrl, /) -> ServiceUrl:
    """What a URL names, whoever asks there."""
    return attrs.evolve(url, user=None, password=None)


def secrets_from(
    environ: Mapping[str, str], /, *, folder: Path | None = Path("/run/secrets")
) -> Callable[[str], str | None]:
    """A reader of secrets by name, for `AdapterDeps.secrets`: ``AEGIS_SECRET_<NAME>``, then a file of that name.

    Arguments:
        folder: where an orchestrator mounts secrets, one a file; a final newline is not part of it. None: nowhere.

    Returns:
        A function that gives a secret, or None. It reads when it is called and keeps nothing.
    """

    def secret(name: str) -> str | None:
        if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
            return None  # a name, not a path
        found = environ.get(_SECRET + name.upper().replace("-", "_"))
        if found is not None or folder is None:
            return found
        try:
            return (folder / name).read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, ValueError):
            return None

    return secret
