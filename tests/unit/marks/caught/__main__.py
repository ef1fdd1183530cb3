"""Print the page: ``python -m tests.unit.marks.caught > docs/reference/marks-shapes.md``."""

import logging
import sys
import warnings

if __name__ == "__main__":
    logging.getLogger("aegis_core.marks").setLevel(logging.ERROR)  # it says of one case that it can't be resolved
    warnings.simplefilter("ignore")  # of libraries that see many classes of one name
    from tests.unit.marks.caught.page import page

    sys.stdout.write(page())
