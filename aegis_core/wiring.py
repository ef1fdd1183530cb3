"""From settings and instances to adapters: no I/O, and every problem at once."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

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
from aegis_core.kernel.settings import Located, Part, PortKind, Settings, secrets_from
from aegis_core.kernel.state import StateStore
from aegis_core.notifications.port import NotificationChannel
from aegis_core.observability.port import LogSink
from aegis_core.storage.port import StorageAdapter

T = TypeVar("T")

REGISTRY = Registry()
"""Entry points of what is installed, looked up once a process."""

_USED_BY: Mapping[PortKind, frozenset[Part]] = {
    "log": frozenset({"log"}),
    "keys": frozenset({"keys", "audit", "storage", "notify"}),
    "state": frozenset({"keys", "audit", "storage", "notify"}),
    "subject_keys": frozenset({"keys", "audit"}),
    "audit": frozenset({"audit"}),
    "storage": frozenset({"storage"}),
    "email": frozenset({"notify"}),
}


@attrs.frozen
class Given:
    """What the application hands over itself."""

    settings: Settings | None
    storage: StorageAdapter | Mapping[str, StorageAdapter] | None
    audit: AuditSink | None
    keys: KeyVault | None
    state: StateStore | None
    subject_keys: StateStore | None
    email: NotificationChannel | None
    log: LogSink | None

    def kinds(self) -> frozenset[PortKind]:
        """The ports that need no variable."""
        kinds: tuple[PortKind, ...] = ("audit", "keys", "state", "subject_keys", "email", "log")
        given = {kind for kind in kinds if getattr(self, kind) is not None}
        return frozenset(given | {"storage"} if "default" in self.stores() else given)

    def stores(self) -> Mapping[str, StorageAdapter]:
        """Stores by name."""
        if self.storage is None:
            return {}
        return self.storage if isinstance(self.storage, Mapping) else {"default": self.storage}


@attrs.frozen
class Adapters:
    """Every adapter that the parts in use need, made and not open."""

    settings: Settings
    log: LogSink | None
    keys: KeyVault | None
    state: StateStore | None
    subject_keys: StateStore | None
    audit: AuditSink | None
    storage: Mapping[str, StorageAdapter]
    tenants: Mapping[str, StorageAdapter]
    email: NotificationChannel | None

    def need_keys(self) -> tuple[KeyVault, StateStore]:
        """Vault and state; `wire` has seen to it that a part which needs them has them."""
        if self.keys is None or self.state is None:
            raise AegisError(ErrorCode.INTERNAL, "keys without a vault or a state store", operation="aegis.open")
        return self.keys, self.state


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
) -> Adapters:
    """Make the adapters of the parts in ``only``.

    Arguments:
        require: capabilities, as ``"storage.match"``.
        environ: by default `os.environ`.

    Raises:
        SettingsError: with every problem of the settings, of the adapters' URLs and of ``require``.
    """
    import os

    environ = os.environ if environ is None else environ
    problems: list[Problem] = []
    settings = given.settings
    if settings is None:
        settings, found = Settings.examine(environ, only=only, given=given.kinds(), registry=registry, entropy=entropy)
        problems.extend(found)
    elif settings.environment == "production" and not entropy.secure:
        problems.append(Problem("entropy", "must be secure in production"))
    deps = AdapterDeps(
        clock=clock,
        entropy=entropy,
        secrets=secrets_from(environ),
        metrics=metrics,
        environment=settings.environment,
    )

    def located(kind: PortKind, where: Located | None) -> Any:
        if where is None:
            return None
        try:
            return registry.from_url(kind, where.url, deps, setting=where.variable, source=where.source)
        except SettingsError as error:
            problems.extend(error.problems)
            return None

    def port(kind: PortKind) -> Any:
        instance = getattr(given, kind)
        if instance is not None or _USED_BY[kind].isdisjoint(only):
            return instance
        return located(kind, settings.ports.get(kind))

    stores: dict[str, StorageAdapter] = {}
    tenants: dict[str, StorageAdapter] = {}
    if "storage" in only:
        stores.update(given.stores())
        if "default" not in stores and (adapter := located("storage", settings.ports.get("storage"))) is not None:
            stores["default"] = adapter
        for name, where in settings.named.items():
            if name not in stores and (adapter := located("storage", where)) is not None:
                stores[name] = adapter
        for name, where in settings.tenants.items():
            if (adapter := located("storage", where)) is not None:
                tenants[name] = adapter
    adapters = Adapters(
        settings=settings,
        log=port("log"),
        keys=port("keys"),
        state=port("state"),
        subject_keys=port("subject_keys"),
        audit=port("audit"),
        storage=stores,
        tenants=tenants,
        email=port("email"),
    )
    problems.extend(_unmet(adapters, require))
    if problems:
        raise SettingsError(problems)
    return adapters


def _unmet(adapters: Adapters, require: Collection[str]) -> list[Problem]:
    ports: dict[str, Adapter | None] = {
        "storage": adapters.storage.get("default"),
        "audit": adapters.audit,
        "keys": adapters.keys,
        "state": adapters.state,
        "subject_keys": adapters.subject_keys,
        "email": adapters.email,
    }
    problems: list[Problem] = []
    for wanted in require:
        name, _, capability = wanted.partition(".")
        adapter = ports.get(name)
        if name not in ports or not capability:
            problems.append(
                Problem(f"require {wanted!r}", "must be port.capability", hint=did_you_mean(name, tuple(ports)))
            )
        elif adapter is None:
            problems.append(Problem(f"require {wanted!r}", f"needs the port {name}, which is not in use"))
        elif capability not in adapter.capabilities.offered():
            offered = ", ".join(sorted(adapter.capabilities.offered())) or "nothing"
            problems.append(
                Problem(
                    f"require {wanted!r}", f"the adapter {adapter.name} does not offer it", hint=f"offers {offered}"
                )
            )
    return problems
