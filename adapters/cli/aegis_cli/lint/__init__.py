"""``aegis lint``: lines of source that write what is marked where it does not belong."""

from aegis_cli.lint.model import RULES, Remark, Rule
from aegis_cli.lint.run import Linted, lint, lint_text

__all__ = ["RULES", "Linted", "Remark", "Rule", "lint", "lint_text"]
