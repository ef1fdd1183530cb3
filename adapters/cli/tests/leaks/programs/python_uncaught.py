import sys

from aegis_core import install_excepthook

# FIX

if __name__ == "__main__":
    raise LookupError(f"no patient {sys.argv[1]}")
