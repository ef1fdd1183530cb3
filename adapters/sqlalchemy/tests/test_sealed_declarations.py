"""What a declaration of a sealed attribute says, and which are refused."""

import pytest
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from aegis_core import PHI, AegisError, ErrorCode, UnsupportedCapability, marks_of, redacted
from aegis_sqlalchemy import sealed


def test_marks_are_known_once_there_is_an_object():
    class Other(DeclarativeBase):
        pass

    class Visit(Other):
        __tablename__ = "visit"
        id: Mapped[int] = mapped_column(primary_key=True)
        visit_cause: Mapped[str | None] = sealed(PHI.DIAGNOSIS)

    Visit(visit_cause="flu")
    assert redacted({"visit_cause": "flu"}) == {"visit_cause": "[phi.diagnosis]"}  # by its name, and no log line yet
    assert marks_of(Visit)["visit_cause"] is marks_of(Visit)["_visit_cause"] is PHI.DIAGNOSIS


def test_an_attribute_that_is_no_column_binds_nothing():
    class Other(DeclarativeBase):
        pass

    class Wrong(Other):
        __tablename__ = "wrong"
        id: Mapped[int] = mapped_column(primary_key=True)
        alias_name: Mapped[str | None] = sealed(PHI.NAME, subject="nobody")

    with pytest.raises(AegisError) as caught:
        Wrong()
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert "`nobody`" in str(caught.value)


def test_before_2_1_nothing_is_declared(monkeypatch):
    monkeypatch.delattr(hybrid_property, "bulk_dml")
    with pytest.raises(UnsupportedCapability):
        sealed(PHI.NAME)
