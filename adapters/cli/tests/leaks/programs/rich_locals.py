import sys

import rich.traceback

rich.traceback.install(show_locals=True)
# FIX

if __name__ == "__main__":
    mrn = sys.argv[1]
    raise LookupError("no such patient")
