"""What every adapter has besides its port's methods, and what it is made from."""

from collections.abc import Callable
from typing import Literal, Protocol, TypeVar

import attrs

from aegis_core.kernel.clock import SYSTEM_CLOCK, Clock
from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.errors import ErrorCode
from aegis_core.kernel.health import Health
from aegis_core.kernel.metrics import NO_METRICS, Metrics
from aegis_core.kernel.url import ServiceUrl

T = TypeVar("T")
A_co = TypeVar("A_co", covariant=True)

Environment = Literal["development", "test", "production"]

#: The backends of a purely local adapter.
EVERY_BACKEND = frozenset({"asyncio", "trio"})


@attrs.frozen
class Capabilities:
    """The powers that an adapter declares: flags, and limits as ``int | None``. A port narrows this class."""

    def offered(self) -> frozenset[str]:
        """Names of the flags that are set and of the limits that are known, for ``require`` and for people."""
        return frozenset(
            field.name
            for field in attrs.fields(type(self))
            if (value := getattr(self, field.name)) is not None and value is not False
        )


class Adapter(Protocol):
    """Every adapter. ``open`` and ``aclose`` are idempotent, and ``aclose`` works on what was never opened."""

    @property
    def name(self) -> str:
        """For errors and doctor: the scheme, as a rule."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do beyond the port's duties. What is not declared raises `UnsupportedCapability`."""
        ...

    @property
    def backends(self) -> frozenset[str]:
        """The async backends its driver runs on: a subset of ``{"asyncio", "trio"}``."""
        ...

    async def open(self) -> None:
        """Connect, create what must exist, or raise."""
        ...

    async def aclose(self) -> None:
        """Let go of everything."""
        ...

    async def health(self) -> Health:
        """Say how it is, without raising."""
        ...

    def classify(self, exc: BaseException, /) -> ErrorCode | None:
        """Name the code of one of the driver's own exceptions; None: not one of mine."""
        ...

    def native(self, type_: type[T], /) -> T | None:
        """The driver's own client, if it is of that type: the honest way out."""
        ...


@attrs.frozen
class AdapterDeps:
    """What an adapter's ``from_url`` is handed.

    Arguments:
        create: whether `Adapter.open` makes what is not there yet. False, for who only looks: it makes nothing, and
            where nothing lies it raises ``not_found``.
    """

    clock: Clock = SYSTEM_CLOCK
    entropy: Entropy = SYSTEM_ENTROPY
    secrets: Callable[[str], str | None] = attrs.field(default=lambda _name: None, repr=False)
    metrics: Metrics = NO_METRICS
    environment: Environment = "development"
    create: bool = True


class FromUrl(Protocol[A_co]):
    """What an entry point names. Does no I/O; raises `SettingsError` with every problem at once."""

    def __call__(self, url: ServiceUrl, deps: AdapterDeps, /) -> A_co: ...
