"""From settings and instances to adapters: no I/O, and every problem at once."""

import os
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import attrs

from aegis_core.audit.port import AuditSink
from aegis_core.crypto.port import KeyVault
from aegis_core.kernel.adapter import Adapter, AdapterDeps
from aegis_core.kernel.clock import Clock
from aegis_core.kernel.entropy import Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.metrics import Metrics
from aegis_core.kernel.problems import Problem, SettingsError, did_you_mean
from aegis_core.kernel.registry import Registry
from aegis_core.kernel.settings import NEEDS, PARTS, Located, Part, PortKind, Settings, secrets_from, variable_of
from aegis_core.kernel.state import StateStore
from aegis_core.notifications.port import NotificationChannel
from aegis_core.observability.port import LogSink
from aegis_core.storage.port import StorageAdapter

DEFAULT: Final = "default"
"""The name of the store of all, among several."""

REGISTRY: Final = Registry()
"""Entry points of what is installed, looked up once a process."""


@attrs.frozen
class Given:
    """What the application hands over itself."""

    settings: Settings | None
    storage: StorageAdapter | Mapping[str, StorageAdapter] | None
    audit: AuditSink | None
    audit_copies: Mapping[str, AuditSink]
    keys: KeyVault | None
    state: StateStore | None
    subject_keys: StateStore | None
    email: NotificationChannel | None
    log: LogSink | None

    def kinds(self) -> frozenset[PortKind]:
        """The ports that need no variable."""
        return frozenset(kind for kind in _INSTANCES if self.instance(kind) is not None)

    def instance(self, kind: PortKind, /) -> Any:
        """What was handed over for a port; of the stores, the one of all."""
        return self.stores().get(DEFAULT) if kind == "storage" else getattr(self, kind)

    def stores(self) -> Mapping[str, StorageAdapter]:
        """Stores by name."""
        if self.storage is None:
            return {}
        return self.storage if isinstance(self.storage, Mapping) else {DEFAULT: self.storage}


_INSTANCES: Final[tuple[PortKind, ...]] = ("log", "keys", "state", "subject_keys", "audit", "storage", "email")
#: Whose instance has no meaning without its part; vault and stores of keys come with any part that needs them.
_OWN: Final[Mapping[PortKind, Part]] = {"log": "log", "audit": "audit", "storage": "storage", "email": "notify"}


class TenantStores(Mapping[str, StorageAdapter]):
    """The stores of tenants, found as a variable's name has them: the tenant ``eu-west`` under ``EU_WEST``."""

    def __init__(self, stores: Mapping[str, StorageAdapter], /) -> None:
        self._stores = stores

    def __getitem__(self, tenant: str) -> StorageAdapter:
        return self._stores[variable_of(tenant)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stores)

    def __len__(self) -> int:
        return len(self._stores)


@attrs.frozen
class Adapters:
    """Every adapter that the parts in use need, made and not open."""

    settings: Settings
    log: LogSink | None
    keys: KeyVault | None
    state: StateStore | None
    subject_keys: StateStore | None
    audit: AuditSink | None
    audit_copies: Mapping[str, AuditSink]
    storage: Mapping[str, StorageAdapter]
    tenants: Mapping[str, StorageAdapter]
    email: NotificationChannel | None

    def need_keys(self) -> tuple[KeyVault, StateStore]:
        """Vault and state; `wire` has seen to it that a part which needs them has them."""
        if self.keys is None or self.state is None:
            raise AegisError(ErrorCode.INTERNAL, "keys without a vault or a state store", operation="aegis.open")
        return self.keys, self.state

    def by_place(self) -> dict[str, Adapter]:
        """Every adapter that has a health, by the place it serves: ``keys``, ``storage images``, ``storage tenant EU``.

        A log sink is none: lines come before a loop runs and after it ended.
        """
        places: dict[str, Adapter | None] = {
            "keys": self.keys,
            "state": self.state,
            "subject_keys": self.subject_keys,
            "audit": self.audit,
            **{f"audit copy {name}": sink for name, sink in self.audit_copies.items()},
            **{store_place(name): adapter for name, adapter in self.storage.items()},
            **{f"storage tenant {name}": adapter for name, adapter in self.tenants.items()},
            "email": self.email,
        }
        return {place: adapter for place, adapter in places.items() if adapter is not None}


def store_place(name: str, /) -> str:
    """The place of a store: ``storage`` is the one of all, ``storage images`` a further one."""
    return "storage" if name == DEFAULT else f"storage {name}"


def wire(
    given: Given,
    only: Collection[Part],
    require: Collection[str],
    /,
    *,
    clock: Clock,
    entropy: Entropy,
    metrics: Metrics,
    environ: Mapping[str, str] | None = None,
    registry: Registry = REGISTRY,
    create: bool = True,
) -> Adapters:
    """Make the adapters of the parts in ``only``.

    Arguments:
        require: capabilities, as ``"storage.match"``.
        environ: by default `os.environ`.
        create: see `AdapterDeps`.

    Raises:
        SettingsError: with every problem of the settings, of the adapters' URLs and of ``require``.
    """
    environ = os.environ if environ is None else environ
    problems = [*_misfits(given, only)]
    settings = given.settings
    if settings is None:
        settings, found = Settings.examine(environ, only=only, given=given.kinds(), registry=registry, entropy=entropy)
        problems.extend(found)
    else:
        if settings.environment == "production" and not entropy.secure:
            problems.append(Problem("entropy", "must be secure in production"))
        problems.extend(_missing(settings, given, only))
    deps = AdapterDeps(
        clock=clock,
        entropy=entropy,
        secrets=secrets_from(environ),
        metrics=metrics,
        environment=settings.environment,
        create=create,
    )

    def made(kind: PortKind, where: Located | None) -> Any:
        if where is None:
            return None
        try:
            return registry.from_url(kind, where.url, deps, setting=where.variable, source=where.source)
        except SettingsError as error:
            problems.extend(error.problems)
            return None

    needed: set[PortKind] = {kind for part in PARTS if part in only for kind in NEEDS[part]}
    ports: dict[PortKind, Any] = {}
    for kind in _INSTANCES:
        instance = given.instance(kind)
        if instance is None and kind in needed:
            instance = made(kind, settings.ports.get(kind))
        ports[kind] = instance
    stores: dict[str, StorageAdapter] = {}
    tenants: dict[str, StorageAdapter] = {}
    if "storage" in only:
        stores = {DEFAULT: ports["storage"], **given.stores()} if ports["storage"] is not None else {}
        for name, where in settings.named.items():
            if name not in stores and (adapter := made("storage", where)) is not None:
                stores[name] = adapter
        for name, where in settings.tenants.items():
            if (adapter := made("storage", where)) is not None:
                tenants[name] = adapter
    copies: dict[str, AuditSink] = {}
    if "audit" in only:
        copies.update(given.audit_copies)
        for name, where in settings.copies.items():
            if name not in copies and (sink := made("audit", where)) is not None:
                copies[name] = sink
    adapters = Adapters(
        settings=settings,
        log=ports["log"],
        keys=ports["keys"],
        state=ports["state"],
        subject_keys=ports["subject_keys"],
        audit=ports["audit"],
        audit_copies=copies,
        storage=stores,
        tenants=TenantStores(tenants),
        email=ports["email"],
    )
    problems.extend(_unmet(require, adapters, needed))
    if problems:
        raise SettingsError(problems)
    return adapters


def _misfits(given: Given, only: Collection[str]) -> Iterator[Problem]:
    """What was written into the call of `Aegis` and cannot be meant."""
    for part in sorted(set(only).difference(PARTS)):
        yield Problem("only", f"must name parts: {', '.join(PARTS)}", hint=did_you_mean(part, PARTS))
    for kind, part in _OWN.items():
        if part not in only and (given.stores() if kind == "storage" else given.instance(kind) is not None):
            yield Problem(kind, f"was handed over, and `only` leaves out the part {part}")
    if given.audit_copies and "audit" not in only:
        yield Problem("audit_copies", "was handed over, and `only` leaves out the part audit")


def _missing(settings: Settings, given: Given, only: Collection[Part]) -> Iterator[Problem]:
    """What settings that were read for other parts do not hold."""
    absent = {
        kind: part
        for part in reversed(PARTS)
        if part in only
        for kind in NEEDS[part]
        if kind not in settings.ports and given.instance(kind) is None
    }
    for kind, part in absent.items():
        yield Problem(kind, f"is not in the settings that were handed over, and the part {part} needs it")


def _unmet(require: Collection[str], adapters: Adapters, needed: Collection[str]) -> Iterator[Problem]:
    default = adapters.storage.get(DEFAULT)
    ports: dict[str, list[Adapter | None]] = {
        # A tenant's call must find there what it would find in the store of all.
        "storage": [default, *adapters.tenants.values()],
        "audit": [adapters.audit],
        "keys": [adapters.keys],
        "state": [adapters.state],
        "subject_keys": [adapters.subject_keys],
        "email": [adapters.email],
    }
    for wanted in sorted(require):
        name, _, capability = wanted.partition(".")
        setting = f"require {wanted!r}"
        if name not in ports or not capability:
            yield Problem(setting, "must be port.capability", hint=did_you_mean(name, tuple(ports)))
            continue
        in_use = [adapter for adapter in ports[name] if adapter is not None]
        if not in_use and name not in needed:
            yield Problem(setting, f"needs the port {name}, which is not in use")
        for adapter in in_use:
            offered = adapter.capabilities.offered()
            if capability not in offered:
                yield Problem(
                    setting,
                    f"the adapter {adapter.name} does not offer it",
                    hint=f"it offers {', '.join(sorted(offered)) or 'nothing'}",
                )
