import sys
import threading

from aegis_core import install_excepthook

# FIX


def admit(mrn: str) -> None:
    raise LookupError(f"no patient {mrn}")


if __name__ == "__main__":
    worker = threading.Thread(target=admit, args=(sys.argv[1],))
    worker.start()
    worker.join()
