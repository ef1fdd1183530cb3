import logging
import sys

logging.basicConfig(level=logging.INFO)
# FIX

if __name__ == "__main__":
    logging.getLogger("ward").info("admitted", sys.argv[1])
