"""Which adapter serves a port: one URL, resolved through entry points that are looked up on demand."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.problems import Problem, SettingsError, did_you_mean
from aegis_core.kernel.url import ServiceUrl

#: Kind of port → entry-point group.
GROUPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "storage": "aegis.storage",
        "audit": "aegis.audit",
        "state": "aegis.state",
        "subject_keys": "aegis.state",
        "keys": "aegis.keys",
        "email": "aegis.notification",
        "log": "aegis.log",
    }
)

#: Entry-point group → scheme → the distribution of this house that brings its adapter.
DISTRIBUTIONS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "aegis.storage": {"s3": "aegis-health-s3"},
        "aegis.audit": {"postgresql": "aegis-health-postgres"},
        "aegis.state": {"postgresql": "aegis-health-postgres"},
        "aegis.keys": {"awskms": "aegis-health-s3", "vault": "aegis-health-vault"},
        "aegis.notification": dict.fromkeys(("smtp", "smtp+starttls", "smtps"), "aegis-health-smtp"),
    }
)


class EntryPointLike(Protocol):
    """What we need of `importlib.metadata.EntryPoint`."""

    @property
    def name(self) -> str: ...

    def load(self) -> Any: ...


def _installed(group: str) -> Iterable[EntryPointLike]:
    from importlib.metadata import entry_points

    return entry_points(group=group)


class Registry:
    """Finds adapters by scheme. What is installed is looked up once a group, when it is first asked for.

    Arguments:
        discover: lists the entry points of a group; by default those of the installed distributions.
    """

    def __init__(self, discover: Callable[[str], Iterable[EntryPointLike]] = _installed) -> None:
        self._discover = discover
        self._found: dict[str, dict[str, EntryPointLike]] = {}

    def _group(self, kind: str) -> dict[str, EntryPointLike]:
        group = GROUPS[kind]
        found = self._found.get(group)
        if found is None:
            found = self._found[group] = {point.name.lower(): point for point in self._discover(group)}
        return found

    def schemes(self, kind: str, /) -> Sequence[str]:
        """The schemes that are installed for a kind of port (a key of `GROUPS`), sorted."""
        return sorted(self._group(kind))

    def problem(self, kind: str, url: ServiceUrl, /, *, setting: str, source: str = "") -> Problem | None:
        """What is wrong with a URL's scheme; None: an adapter serves it. Imports no adapter."""
        installed = self._group(kind)
        if url.scheme in installed:
            return None
        distribution = DISTRIBUTIONS.get(GROUPS[kind], {}).get(url.scheme)
        meant = f"pip install {distribution};" if distribution else did_you_mean(url.scheme, installed)
        there = f"installed: {', '.join(sorted(installed)) or 'none'}"
        return Problem(
            setting,
            # Where nothing is near it, it may be a secret in the wrong place.
            f'no adapter for the scheme "{url.scheme}"' if meant else "no adapter for its scheme",
            source,
            f"{meant} {there}".strip(),
        )

    def from_url(self, kind: str, url: ServiceUrl, deps: AdapterDeps, /, *, setting: str = "", source: str = "") -> Any:
        """Make the adapter that serves a URL. No I/O beyond importing it.

        Arguments:
            kind: a key of `GROUPS`; the adapter's type is that port's.
            setting: the variable's name, for the error.

        Raises:
            SettingsError: no adapter serves the scheme, it can't be imported here, or it refuses the URL.
        """
        problem = self.problem(kind, url, setting=setting or kind, source=source)
        if problem is not None:
            raise SettingsError([problem])
        try:
            make = self._group(kind)[url.scheme].load()
        except ImportError as error:
            missing = Problem(
                setting or kind,
                f'the adapter for "{url.scheme}" cannot be imported',
                source,
                f"install what it needs: {error.name}" if error.name else "",
            )
            raise SettingsError([missing]) from error
        try:
            return make(url, deps)
        except SettingsError as error:
            if not setting:
                raise
            # The adapter knows no variable's name: say which one it is about.
            raise SettingsError(
                [Problem(setting, found.expected, found.source or source, found.hint) for found in error.problems]
            ) from None


def resolve(
    kind: str,
    registry: Registry,
    url: ServiceUrl | None,
    deps: AdapterDeps,
    /,
    *,
    instance: Any = None,
    setting: str = "",
    source: str = "",
) -> Any:
    """The adapter for a port: an explicit instance wins over a URL; None where there is neither."""
    if instance is not None:
        return instance
    if url is None:
        return None
    return registry.from_url(kind, url, deps, setting=setting, source=source)


def local_path(url: ServiceUrl, /) -> Path:
    """The path that a URL of a local adapter names: ``file:.aegis/x`` is relative, ``file:///var/x`` absolute.

    Raises:
        SettingsError: there is a host, a port or a user in it, or no path.
    """
    if url.host or url.port is not None or url.user is not None:
        raise SettingsError(
            [
                Problem(
                    url.scheme,
                    "names a host",
                    hint=f"write {url.scheme}:folder for a relative path, {url.scheme}:///folder for an absolute one",
                )
            ]
        )
    if not url.path or url.path == "/":
        raise SettingsError([Problem(url.scheme, "names no path", hint=f"write {url.scheme}:folder")])
    return Path(url.path)


def check_options(url: ServiceUrl, /, *known: str) -> None:
    """Refuse options that an adapter does not know, all at once.

    Raises:
        SettingsError: one problem an unknown option.
    """
    unknown = [name for name in url.options if name not in known]
    if unknown:
        raise SettingsError(
            [
                Problem(
                    url.scheme,
                    "has an option that the adapter does not know",
                    hint=did_you_mean(name, known) or (f"known: {', '.join(known)}" if known else "it takes none"),
                )
                for name in unknown
            ]
        )
