import sys
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import cgitb

cgitb.enable(format="text")
# FIX


def age(mrn: str) -> float:
    return len(mrn) / 0


if __name__ == "__main__":
    age(sys.argv[1])
