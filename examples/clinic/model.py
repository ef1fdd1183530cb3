"""What the clinic knows of its patients and documents. The marks are all that keeps them out of the logs."""

from typing import Annotated

import attrs

from aegis_core.marks import PHI, guarded


@guarded
@attrs.frozen
class Patient:
    """A patient as the input names one. Identity is the resource's id, never a number."""

    patient_id: Annotated[str, PHI.MRN]
    names: Annotated[tuple[str, ...], PHI.NAME] = ()
    email: Annotated[str | None, PHI.EMAIL] = None
    numbers: Annotated[tuple[str, ...], PHI.UNIQUE_ID] = ()
    language: str = "en"


@guarded
@attrs.frozen
class Document:
    """Something to be filed: a resource, or a file that one carries."""

    document_id: Annotated[str, PHI.UNIQUE_ID]
    patient_id: Annotated[str, PHI.MRN]
    kind: str
    media_type: str
    content: Annotated[bytes, PHI.DOCUMENT] = attrs.field(repr=False)
    is_result: bool = False


@attrs.frozen
class Refusal:
    """Part of the input that was not taken, and why. ``where`` is for the terminal only."""

    where: str = attrs.field(repr=False)
    code: str
    reason: str


@attrs.define
class Intake:
    """All that one input holds."""

    patients: dict[str, Patient] = attrs.field(factory=dict[str, Patient], repr=False)
    documents: list[Document] = attrs.field(factory=list[Document], repr=False)
    others: dict[str, int] = attrs.field(factory=dict[str, int])
    refusals: list[Refusal] = attrs.field(factory=list[Refusal])
    without_subject: int = 0
    without_id: int = 0
    repeated: int = 0
