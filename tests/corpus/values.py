"""Values as patients have them, which nobody has and no program writes by chance. One seed gives the same ones."""

import random
import unicodedata
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

_LATIN: Final = "Quill Zarth Wyx Vorn Jask Thryn Ploz Kweld Mbro Xwick Zfel Fjörn Chü Ñand Dréa Gwyn Skjal Rhôm".split()
_THAI: Final = "สม ชัย ใจ ดี พร ทิพย์ รัตน์ วงศ์ ศรี กิต ติ ภัทร ณัฐ ธน วรรณ มา ลัย จันทร์ เพ็ญ ฐา ฌาน ฎี".split()
_MONTHS: Final = "มกราคม กุมภาพันธ์ มีนาคม เมษายน พฤษภาคม มิถุนายน กรกฎาคม สิงหาคม กันยายน ตุลาคม พฤศจิกายน ธันวาคม".split()


class Values:
    """Draws values of each kind, none twice.

    Arguments:
        seed: the same seed gives the same values.
    """

    def __init__(self, seed: str) -> None:
        self._chance = random.Random(seed)
        self._drawn: set[str] = set()

    def draw(self, kind: str) -> str:
        """A value of one of `KINDS` that was not drawn before."""
        while (value := KINDS[kind](self)) in self._drawn:
            pass
        self._drawn.add(value)
        return value

    def vary(self, value: str) -> str:
        """The value as it may be written elsewhere."""
        return self._chance.choice(VARIANTS)(value)

    def digits(self, count: int) -> str:
        return "".join(self._chance.choices("0123456789", k=count))

    def latin(self, syllables: int) -> str:
        return "".join(self._chance.choices(_LATIN, k=syllables)).capitalize()

    def thai(self, syllables: int) -> str:
        return "".join(self._chance.choices(_THAI, k=syllables))

    def day(self) -> date:
        return date(1921, 1, 1) + timedelta(days=self._chance.randrange(28_000))


def _national_id(values: Values) -> str:
    """Thirteen digits, the last of which checks the others."""
    first = str(values._chance.randint(1, 8)) + values.digits(11)
    total = sum(int(digit) * weight for digit, weight in zip(first, range(13, 1, -1), strict=True))
    return f"{first}{(11 - total % 11) % 10}"


def _thai_date(values: Values) -> str:
    day = values.day()
    return f"{day.day} {_MONTHS[day.month - 1]} พ.ศ. {day.year + 543}"


#: Each is also the name of a marked field, see `classes`.
KINDS: Final[dict[str, Callable[[Values], str]]] = {
    "patient_name": lambda values: f"{values.latin(3)} {values.latin(4)}",
    "patient_name_th": lambda values: f"{values.thai(4)} {values.thai(5)}",
    "hospital_number": lambda values: f"HN-{values.digits(9)}",
    "national_id": _national_id,
    "mobile": lambda values: f"+66 8{values.digits(1)} {values.digits(3)} {values.digits(4)}",
    "email": lambda values: f"{values.latin(2)}.{values.latin(3)}@clinic.example",
    "born": lambda values: values.day().isoformat(),
    "born_th": _thai_date,
    "home_address": lambda values: (
        f"{values.digits(3)}/{values.digits(2)} {values.latin(4)} Lane, Bangkok 10{values.digits(3)}"
    ),
}

#: What `aegis_core.Canary` finds all the same, by the value alone.
VARIANTS: Final[tuple[Callable[[str], str], ...]] = (
    str,
    str.upper,
    str.lower,
    lambda value: unicodedata.normalize("NFD", value),
    lambda value: f"  {value}  ",
    lambda value: f'{{"said": "{value}"}}',
)
