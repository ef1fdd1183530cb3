"""The job beside the service: ``python -m examples.service.verify`` recomputes the whole trail.

Exit codes: 0 intact; 1 it could not be read; 2 settings; 3 not intact; 75 try again.
"""

import sys
from typing import Final

from aegis_core import Aegis, AegisError, ErrorCode, SettingsError

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_INTACT: Final = 3
TRY_AGAIN: Final = 75


def verify() -> int:
    """Open the trail beside whoever writes it, and say what was found."""
    with Aegis(only=["log", "audit"]).blocking() as aegis:
        verdict = aegis.audit.verify()
        aegis.log.info("trail.verified", intact=verdict.intact, size=verdict.size, findings=len(verdict.findings))
    return OK if verdict.intact else NOT_INTACT


def main() -> int:
    """Run it, and turn what went wrong into a line and an exit code."""
    try:
        return verify()
    except SettingsError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return USAGE
    except AegisError as error:
        print(f"{error.code.value}: {error.message}", file=sys.stderr)
        if error.code is ErrorCode.INTEGRITY:
            return NOT_INTACT
        return TRY_AGAIN if error.retryable else FAILED


if __name__ == "__main__":
    sys.exit(main())
