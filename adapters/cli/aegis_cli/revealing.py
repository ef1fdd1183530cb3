"""Nothing printed is anybody's data, unless it was asked for by name, with a purpose and a reason, on record first."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, ClassVar

import attrs
from cyclopts import Parameter, Token

from aegis_cli.operator import system_user
from aegis_core import PHI, Aegis, AegisError, AuditEvent, ErrorCode, Principal, Purpose, acting
from aegis_core.marks import Classified


@attrs.frozen(kw_only=True)
class Revealed(AuditEvent):
    """Somebody is about to see data through the ``aegis`` command.

    Arguments:
        command: such as ``"audit show"``.
        reason: in the caller's words, which may name somebody: sealed.
    """

    action: ClassVar[str] = "cli.revealed"

    command: str
    reason: Annotated[str, PHI.NOTE]


def _purpose(_type: Any, tokens: Sequence[Token]) -> Purpose:
    said = tokens[0].value
    for purpose in Purpose:
        if said.upper().replace("-", "_") in {purpose.value, purpose.name}:
            return purpose
    raise ValueError(f"must be one of {', '.join(purpose.value for purpose in Purpose)}")


@Parameter(name="*", group="Revealing")
@attrs.frozen
class Revealing:
    """The four parameters of a command that can reveal. Without them, marks stand for values, as in the log."""

    reveal: Annotated[bool, Parameter(negative=(), help="Show what is marked. Needs the three below and a trail.")] = (
        False
    )
    purpose: Annotated[
        Purpose | None,
        Parameter(
            name="--purpose",
            converter=_purpose,
            n_tokens=1,
            show_choices=False,
            help="A code of HL7 PurposeOfUse: TREAT, HOPERAT …",
        ),
    ] = None
    principal: Annotated[str | None, Parameter(name="--as", help="Who looks, as the trail knows them.")] = None
    reason: Annotated[str | None, Parameter(help="Why, for the record; it is sealed there.")] = None

    def check(self) -> None:
        """Refuse half a request, before anything is opened.

        Raises:
            AegisError: ``invalid_argument``, naming every parameter that is missing.
        """
        said = {
            "--purpose": self.purpose,
            "--as": (self.principal or "").strip(),
            "--reason": (self.reason or "").strip(),
        }
        if not self.reveal:
            if any(said.values()):
                raise AegisError(ErrorCode.INVALID_ARGUMENT, f"{', '.join(said)} go with --reveal, which is missing")
            return
        missing = [name for name, value in said.items() if not value]
        if missing:
            raise AegisError(
                ErrorCode.INVALID_ARGUMENT, f"--reveal shows people's data, so it also needs {', '.join(missing)}"
            )

    @asynccontextmanager
    async def granted(
        self, aegis: Aegis, command: str, /, *, subject: Classified[str] | None = None
    ) -> AsyncGenerator[bool]:
        """A block in which marked values may be shown, or in which they may not. What reveals is on record, durably,
        before the block begins; who looks, and why, is the context of everything that is recorded inside.

        Arguments:
            aegis: open, with the part ``audit``.
            command: such as ``"audit show"``, for the record.
            subject: whose data, where that is known.

        Returns:
            Whether marked values may be shown.

        Raises:
            AegisError: as `check`; ``unavailable`` and its like where the trail does not take the event: then nothing
                is shown.
        """
        self.check()
        if not self.reveal or self.purpose is None or self.principal is None or self.reason is None:
            yield False
            return
        # Who types may type any name: what the operating system knows of them stands beside it.
        who = Principal(self.principal, verified_by=f"command line of system user {system_user()}")
        with acting(who, purpose=self.purpose, subject=subject):
            await aegis.audit.record(Revealed(command=command, reason=self.reason))
            yield True
