"""Results of a laboratory, by FastAPI, SQLAlchemy and httpx. Its doors are open on purpose: see README.md beside it."""

import logging

import httpx
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from aegis_core import LabResult, Mrn

logging.basicConfig(level=logging.INFO)
log = logging.getLogger(__name__)

engine = create_engine("sqlite://", echo=True)
app = FastAPI(debug=True)
laboratory = httpx.AsyncClient(base_url="http://127.0.0.1:8099")


class Base(DeclarativeBase):
    """Every table."""


class Result(Base):
    """A result as it is stored."""

    __tablename__ = "result"

    id: Mapped[int] = mapped_column(primary_key=True)
    mrn: Mapped[Mrn]
    value: Mapped[LabResult]

    def __repr__(self) -> str:
        return f"Result({self.mrn}: {self.value})"


class NewResult(BaseModel):
    """A result as it is sent."""

    mrn: Mrn
    value: LabResult
    national_id: str
    urgent: bool = False


@app.post("/results")
async def file(result: NewResult) -> dict[str, int]:
    """Store a result, and tell the laboratory that it came."""
    with Session(engine) as session, session.begin():
        row = Result(mrn=result.mrn, value=result.value)
        session.add(row)
        session.flush()
        log.info(f"stored {row}")
    await laboratory.post(f"/received/{result.mrn}")
    return {"id": row.id}
