"""Sealed columns next to columns under Fernet, the usual recipe: written, and read, through the ORM on SQLite.

Fernet has one key for everybody; here each patient has an own one, which can be shredded. The patients' keys exist
already and are unwrapped: what a store and a vault take for that is theirs.
"""

from collections.abc import Callable, Iterator
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool
from sqlalchemy.types import TypeDecorator

from aegis_core import PII, Mrn, blocking
from aegis_core.local.memory.keys import MemoryVault
from aegis_core.local.memory.state import MemoryState
from aegis_sqlalchemy import seal_with, sealed
from benchmarks.rows import Row, interleaved

AREA = "adapters"
FERNET = Fernet(Fernet.generate_key())
ID = "1-1002-00007-11-4"


class Encrypted(TypeDecorator[str]):
    """Text under Fernet, as the recipes write it."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return value and FERNET.encrypt(value.encode()).decode()

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        return value and FERNET.decrypt(value.encode()).decode()


class Base(DeclarativeBase):
    pass


class Ours(Base):
    __tablename__ = "ours"
    id: Mapped[int] = mapped_column(primary_key=True)
    mrn: Mapped[Mrn]
    national_id: Mapped[str | None] = sealed(PII.NATIONAL_ID, subject="mrn")


class Peer(Base):
    __tablename__ = "peer"
    id: Mapped[int] = mapped_column(primary_key=True)
    mrn: Mapped[str]
    national_id: Mapped[str | None] = mapped_column(Encrypted)


class Bare(Base):
    __tablename__ = "bare"
    id: Mapped[int] = mapped_column(primary_key=True)
    mrn: Mapped[str]
    national_id: Mapped[str | None]


def rows(quick: bool) -> Iterator[Row]:
    patients = 200 if quick else 500
    rounds = 5 if quick else 11
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with blocking.Keyring(MemoryVault(), MemoryState()) as ring:
        seal_with(Base.metadata, lambda: ring)
        Base.metadata.create_all(engine)
        for kind in (Ours, Peer, Bare):
            _write(engine, kind, patients)()
        written = interleaved(
            {kind.__name__: _write(engine, kind, patients) for kind in (Ours, Peer, Bare)}, number=1, repeat=rounds
        )
        read = interleaved({kind.__name__: _read(engine, kind) for kind in (Ours, Peer, Bare)}, number=1, repeat=rounds)
    engine.dispose()
    for name, took in (("write", written), ("read", read)):
        each = {kind: seconds / patients for kind, seconds in took.items()}
        yield Row(
            AREA,
            f"sealed column, {name} a row",
            each["Ours"],
            each["Peer"],
            peers={"Fernet": each["Peer"], "in the open": each["Bare"]},
            note=f"{patients} patients, a key for each, all at hand; limit: the same row under Fernet's one key",
        )


def _write(engine: Any, kind: type[Any], patients: int) -> Callable[[], None]:
    def write() -> None:
        with Session(engine) as session:
            session.query(kind).delete()
            session.add_all(kind(id=n, mrn=f"HN-{n:05}", national_id=ID) for n in range(1, patients + 1))
            session.commit()

    return write


def _read(engine: Any, kind: type[Any]) -> Callable[[], None]:
    def read() -> None:
        with Session(engine) as session:
            assert {_plain(row.national_id) for row in session.scalars(select(kind))} == {ID}

    return read


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else value.reveal()
