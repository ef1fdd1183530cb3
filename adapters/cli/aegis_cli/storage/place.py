"""Which store and whose objects a command is about."""

from typing import Annotated, Final

from cyclopts import Parameter

from aegis_core import Aegis, Storage

Store = Annotated[
    str | None, Parameter(name="--store", help="A further store by its name: images for AEGIS_STORAGE__IMAGES.")
]
Tenant = Annotated[str | None, Parameter(name="--tenant", help="Whose objects; without it those of no tenant.")]

MIB: Final = 1 << 20


def store_of(aegis: Aegis, name: str | None, /) -> Storage:
    """The store that is meant.

    Raises:
        AegisError: ``unavailable`` if there is none of that name, saying which variable it needs.
    """
    return aegis.get(Storage, name=name or "")
