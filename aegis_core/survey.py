"""What the settings lead to, to look at: every adapter by itself, made, not open, and told to create nothing."""

import os
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs

from aegis_core.kernel.adapter import AdapterDeps
from aegis_core.kernel.backend import refuse_other_backend
from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.errors import AegisError
from aegis_core.kernel.failing import Wrapping
from aegis_core.kernel.lifetimes import shielded
from aegis_core.kernel.problems import Problem, SettingsError
from aegis_core.kernel.registry import GROUPS, Registry
from aegis_core.kernel.settings import NEEDS, PARTS, Located, Part, PortKind, Settings, secrets_from
from aegis_core.wiring import REGISTRY

_ORDER: Final[tuple[PortKind, ...]] = ("log", "storage", "audit", "state", "subject_keys", "keys", "email")


@attrs.frozen
class Place:
    """One place that the settings name.

    Arguments:
        name: as people say it: ``storage``, ``storage images``, ``storage tenant EU``, ``audit``,
            ``audit copy offsite`` …
        kind: of port.
        where: its URL, and which variable said so.
        make: makes its adapter (a `LogSink` for ``log``), each time anew. No I/O but for a log's file.
    """

    name: str
    kind: PortKind
    where: Located
    make: Callable[[], Any]

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Any]:
        """Its adapter, made anew and open for a block; not for ``log``, whose sinks are not opened.

        Raises:
            AegisError: whatever the adapter lets out when it opens; ``not_found`` where nothing lies.
        """
        adapter = self.make()
        refuse_other_backend(adapter, operation="open")
        try:
            with Wrapping(adapter, "open"):
                await adapter.open()
            yield adapter
        finally:
            with shielded():
                await adapter.aclose()


@attrs.frozen
class Survey:
    """What settings say.

    Arguments:
        settings: as far as they could be read.
        problems: everything that is wrong with them and with the adapters' URLs; an `Aegis` would not open.
        places: what can be looked at; those with a problem are left out.
        secrets: name of a secret that an adapter asked for → ``environment``, the file it was read from, or
            ``missing``.
        schemes: kind of port → schemes that are installed.
    """

    settings: Settings
    problems: tuple[Problem, ...]
    places: tuple[Place, ...]
    secrets: Mapping[str, str]
    schemes: Mapping[str, tuple[str, ...]]


def survey(
    environ: Mapping[str, str] | None = None,
    /,
    *,
    only: Collection[Part] | None = None,
    registry: Registry = REGISTRY,
    clock: Clock = SYSTEM_CLOCK,
    entropy: Entropy = SYSTEM_ENTROPY,
) -> Survey:
    """Look at what an `Aegis` with these settings would open, without opening it. Raises nothing for wrong settings.

    Arguments:
        environ: by default `os.environ`.
        only: the parts that are used; None: all five.
    """
    environ = os.environ if environ is None else environ
    parts = PARTS if only is None else tuple(only)
    settings, found = Settings.examine(environ, only=parts, registry=registry, entropy=entropy)
    problems = list(found)
    secrets = _Secrets(environ)
    deps = AdapterDeps(clock=clock, entropy=entropy, secrets=secrets, environment=settings.environment, create=False)
    needed = {kind for part in parts for kind in NEEDS[part]}
    further: dict[PortKind, list[tuple[str, Located]]] = {
        "storage": [
            *((f"storage {name}", where) for name, where in settings.named.items()),
            *((f"storage tenant {name}", where) for name, where in settings.tenants.items()),
        ],
        "audit": [(f"audit copy {name}", where) for name, where in settings.copies.items()],
    }
    located: list[tuple[str, PortKind, Located]] = []
    for kind in _ORDER:
        if kind in needed and kind in settings.ports:
            located.append((kind, kind, settings.ports[kind]))
        for name, where in further.get(kind, ()):
            located.append((name, kind, where))
    places: list[Place] = []
    for name, kind, where in located:
        place = Place(name, kind, where, _maker(registry, kind, where, deps))
        try:
            place.make()
        except SettingsError as error:
            problems.extend(error.problems)
            continue
        except AegisError:  # a log's file that is not there, or may not be written: for who looks at it
            pass
        places.append(place)
    schemes = {kind: tuple(registry.schemes(kind)) for kind in GROUPS}
    return Survey(settings, tuple(problems), tuple(places), secrets.read, schemes)


def _maker(registry: Registry, kind: PortKind, where: Located, deps: AdapterDeps) -> Callable[[], Any]:
    return lambda: registry.from_url(kind, where.url, deps, setting=where.variable, source=where.source)


class _Secrets:
    """Reads secrets, and notes where each was found, never what it is."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._in_environment = secrets_from(environ, folder=None)
        self._anywhere = secrets_from(environ)
        self.read: dict[str, str] = {}

    def __call__(self, name: str, /) -> str | None:
        found = self._in_environment(name)
        if found is not None:
            self.read[name] = "environment"
            return found
        found = self._anywhere(name)
        self.read[name] = "missing" if found is None else f"/run/secrets/{name}"
        return found
