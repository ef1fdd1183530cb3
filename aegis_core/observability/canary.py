"""The canary: before the first line is written, a made-up patient goes through the logger and must not come out."""

from typing import Annotated, Literal

import attrs

from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.marks.canary import Canary
from aegis_core.marks.classified import Classified
from aegis_core.marks.redaction import Redaction
from aegis_core.marks.shapes import marks_of
from aegis_core.marks.taxonomy import PHI
from aegis_core.observability.encoding import Encoder, best_encoder
from aegis_core.observability.logger import Logger


@attrs.frozen
class CanaryPatient:
    """A patient who does not exist, with values that stand nowhere else."""

    canary_mrn: Annotated[str, PHI.MRN]
    canary_name: Annotated[str, PHI.NAME]
    canary_address: Annotated[str, PHI.ADDRESS]


class _Capture:
    def __init__(self) -> None:
        self.written = b""

    def write(self, line: bytes, /) -> None:
        self.written += line

    def close(self, *, deadline: float) -> int:
        return 0


def leaks(redaction: Redaction, /, *, encoder: Encoder | None = None, entropy: Entropy = SYSTEM_ENTROPY) -> bool:
    """Whether a marked value gets through a logger with this redaction, in any encoding that is searched for.

    The values go as an object, as loose keywords, nested, classified, bound, and in an exception.
    """
    values = [f"CANARY{entropy.octets(8).hex()}" for _ in range(3)]
    patient = CanaryPatient(*values)
    capture = _Capture()
    logger = Logger(capture, level="debug", redaction=redaction, encoder=encoder or best_encoder())
    # Names of its own: an application may have a marked field that is called `patient`, of which nothing is looked at.
    marks_of(CanaryPatient)
    logger.info("canary", canary_patient=patient, canary_mrn=values[0])
    nested = [{"canary_patient": patient, "canary_name": values[1]}]
    logger.info("canary", nested=nested, card=Classified(values[0], PHI.MRN))
    logger.bind(canary_address=values[2], canary_patient=patient).info("canary")
    try:
        raise ValueError(values[1], patient)  # aegis: ignore[AEG007] - made up: whether it comes out is the question
    except ValueError:
        logger.exception("canary")
    return b'"canary"' not in capture.written or bool(Canary(values).find(capture.written))


def refuse_leaks(
    redaction: Redaction,
    /,
    *,
    on_leak: Literal["refuse", "erase"] = "refuse",
    encoder: Encoder | None = None,
    entropy: Entropy = SYSTEM_ENTROPY,
) -> Redaction:
    """Give a redaction that does not leak: this one, or with ``on_leak="erase"`` one that erases every class.

    Raises:
        AegisError: ``integrity`` if this one leaks and ``on_leak`` is ``refuse``, or if erasing does not help.
    """
    if not leaks(redaction, encoder=encoder, entropy=entropy):
        return redaction
    if on_leak == "erase":
        erasing = Redaction()
        if not leaks(erasing, encoder=encoder, entropy=entropy):
            return erasing
    raise AegisError(
        ErrorCode.INTEGRITY,
        "a marked value got through the logger: look at the redaction's rules and at the names it keeps, "
        "or set AEGIS_ON_LEAK=erase",
        operation="log.open",
    )
