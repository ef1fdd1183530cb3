"""Numbers as people read them."""


def grouped(number: int, /) -> str:
    """Digits in groups of three: ``48 201``."""
    return f"{number:,}".replace(",", " ")


def counted(number: int, one: str, many: str, /) -> str:
    """A number and what it counts: ``1 entry``, ``48 201 entries``."""
    return f"{grouped(number)} {one if number == 1 else many}"
