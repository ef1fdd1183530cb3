"""Who may do what: the clinic's roster, and the check before anything is touched."""

from functools import partial
from typing import ClassVar, Final

import attrs

from aegis_core.kernel.context import Principal
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.kernel.recorder import AuditEvent, Recorder
from aegis_core.marks import Purpose
from examples.clinic.waiting import Waiting

_ROSTER: Final = {
    "dr-malee": Principal("dr-malee", verified_by="badge", roles=frozenset({"clinician"})),
    "clerk-ton": Principal("clerk-ton", verified_by="badge", roles=frozenset({"clerk"})),
}
_ALLOWED: Final = {"clinician": frozenset({Purpose.TREATMENT, Purpose.EMERGENCY})}


@attrs.frozen(kw_only=True)
class AccessDecided(AuditEvent):
    """Somebody asked to work with patients' documents."""

    action: ClassVar[str] = "access.decided"

    staff: str
    wanted: str


async def check_in(name: str, purpose: Purpose, recorder: Recorder, waiting: Waiting, /) -> Principal:
    """Check who is at work and for what; the decision is on record before anybody acts on it.

    Raises:
        AegisError: ``permission_denied`` for somebody unknown, or for a purpose that the role does not have.
    """
    principal = _ROSTER.get(name)
    allowed = principal is not None and any(purpose in _ALLOWED.get(role, frozenset()) for role in principal.roles)
    event = AccessDecided(
        staff=name if principal else "unknown", wanted=purpose.value, outcome="success" if allowed else "refused"
    )
    await waiting.until_done(partial(recorder.submit, event))
    if principal is None or not allowed:
        raise AegisError(
            ErrorCode.PERMISSION_DENIED,
            f"this member of staff may not work with documents for the purpose {purpose.value}",
            operation="clinic.check_in",
        )
    return principal
