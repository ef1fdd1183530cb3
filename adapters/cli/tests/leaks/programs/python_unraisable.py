import sys

from aegis_core import install_excepthook

# FIX


class Session:
    def __init__(self, mrn: str) -> None:
        self.mrn = mrn

    def __del__(self) -> None:
        raise LookupError(f"unsaved changes of {self.mrn}")


if __name__ == "__main__":
    Session(sys.argv[1])
