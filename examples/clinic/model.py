"""What the clinic knows of its patients and documents. The marks are all that keeps them out of the logs."""

from typing import Annotated

import attrs

from aegis_core.kernel.errors import AegisError
from aegis_core.marks import PHI, guarded


@guarded
@attrs.frozen
class Patient:
    """A patient as the input names one. Identity is the resource's id, never a number.

    Arguments:
        names: of the patient and of the contacts, whole and in parts.
        email: where letters go.
        numbers: identifiers, telephone numbers, date of birth, further addresses; those of the contacts, too.
    """

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
    repeated: int = 0  #: of the same id and the same content
    versions: int = 0  #: of an id that came before, with another content

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was taken."""
        return not (self.documents or self.patients or self.others or self.without_subject or self.without_id)

    def refuse(self, where: str, error: AegisError, /) -> None:
        """Note what is not taken."""
        self.refusals.append(Refusal(where, error.code.value, error.message))
