"""The block of the README, as it stands there, in a process of its own: it sets what is global."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
USE = """
with trace.get_tracer("clinic").start_as_current_span("admit") as span:
    span.set_attribute("url.full", f"https://lab.example/{sys.argv[1]}")
"""


def test_the_readmes_provider_redacts(phi_canary):
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    program = [sys.executable, "-c", f"import sys\n{block}{USE}", phi_canary.patient["mrn"]]
    ended = subprocess.run(program, capture_output=True, text=True, check=True)
    assert '"url.full": "https://lab.example"' in ended.stdout
    phi_canary.assert_absent(ended.stdout, ended.stderr)
