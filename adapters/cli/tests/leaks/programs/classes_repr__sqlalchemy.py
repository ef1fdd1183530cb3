import sys

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from aegis_core import Mrn, guarded


class Base(DeclarativeBase):
    pass


# FIX
class Patient(Base):
    __tablename__ = "patient"

    id: Mapped[int] = mapped_column(primary_key=True)
    mrn: Mapped[Mrn]

    def __repr__(self) -> str:
        return f"Patient({self.mrn})"


if __name__ == "__main__":
    print(Patient(mrn=sys.argv[1]))
