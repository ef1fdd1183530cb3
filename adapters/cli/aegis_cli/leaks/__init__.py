"""``aegis leaks``: the doors through which what is marked leaves an application, and the line that closes each."""

from aegis_cli.leaks.inspection import inspect_application
from aegis_cli.leaks.model import Door, Finding, Opening, Report, State
from aegis_cli.leaks.target import NotImportable

__all__ = ["Door", "Finding", "NotImportable", "Opening", "Report", "State", "inspect_application"]
