import sys

from loguru import logger

# FIX


def admit(mrn: str) -> None:
    raise LookupError(len(mrn))


if __name__ == "__main__":
    try:
        admit(sys.argv.pop())
    except LookupError:
        logger.exception("not admitted")
