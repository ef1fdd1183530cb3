"""The small documents of Aegis Core in one JSON file."""

from aegis_template.state import TemplateState as TemplateState
from aegis_template.state import from_url as from_url

__all__ = ["TemplateState", "from_url"]
