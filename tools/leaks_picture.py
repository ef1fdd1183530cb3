"""Print what `aegis leaks` prints of an application, as SVG: ``python leaks_picture.py results_api.py``.

It knows nothing of the checkout: the walk (tools/walk.py) runs it where only `aegis-health-cli` and what the
application needs are installed, because libraries load others where they find them.
"""

import io
import re
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from aegis_cli.leaks import inspect_application
from aegis_cli.leaks.show import shown

# Pages load nothing from elsewhere, so pictures bring no fonts.
_SVG = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace("Fira Code, ", "")


def picture(file: str) -> str:
    """The picture of an application in this folder."""
    console = Console(record=True, width=112, markup=False, highlight=False, emoji=False, file=io.StringIO())
    for part in shown(inspect_application(file, here=Path.cwd())):
        console.print(part)
    return console.export_svg(
        title=f"aegis leaks examples/leaky/{file}", code_format=_SVG, unique_id=f"leaks-{Path(file).stem}"
    )


if __name__ == "__main__":
    print(picture(sys.argv[1]), end="")
