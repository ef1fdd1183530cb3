"""A patient who does not exist, and the search for every trace of them."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from aegis_core.kernel.entropy import SYSTEM_ENTROPY, Entropy
from aegis_core.marks.canary import Canary

Place: TypeAlias = bytes | str | Path

_ONSETS = ("Quill", "Zarth", "Wyx", "Vorn", "Jask", "Thryn", "Ploz", "Kweld")
_ENDS = ("mbrook", "xwick", "zfeld", "quorth", "jborne", "vlund", "kthorpe", "wzley")
_THAI = ("ปักษา", "ธนูเงิน", "ฟ้าหม่น", "ขุนทอง", "ฉัตรแก้ว", "ฌานดี", "ฎีกา", "ฐานิศ")


class PhiCanary:
    """Made-up values that no program writes by chance, in the shape of a patient.

    Arguments:
        entropy: makes the values; with a seeded one they are the same in every run.
        elsewhere: gives further places that `assert_absent` searches when it is called, by name.
    """

    def __init__(
        self,
        *,
        entropy: Entropy = SYSTEM_ENTROPY,
        elsewhere: Callable[[], Mapping[str, Place]] = dict,
    ) -> None:
        chance = iter(entropy.octets(32))

        def pick(words: tuple[str, ...]) -> str:
            return words[next(chance) % len(words)]

        def digits(count: int) -> str:
            return "".join(str(next(chance) % 10) for _ in range(count))

        family = pick(_ONSETS) + pick(_ENDS) + "-" + pick(_ONSETS) + pick(_ENDS)
        given = pick(_ONSETS) + pick(_ENDS)
        self.patient: Mapping[str, str] = MappingProxyType(
            {
                "mrn": f"ZQ{digits(7)}X",
                "name": f"{given} {family}",
                "family_name": family,
                "given_name": given,
                "name_th": pick(_THAI) + pick(_THAI) + pick(_THAI),
                "email": f"{given}.{family}@canary.invalid".lower(),
                "address": f"{digits(4)} {family} Lane",
            }
        )
        self.values: tuple[str, ...] = tuple(self.patient.values())
        self._fields = tuple(self.patient)
        self._canary = Canary(self.values)
        self._elsewhere = elsewhere
        self._watched: list[Path] = []

    def watch(self, folder: Path, /) -> None:
        """Search a file, or every file below a folder, too, whenever `assert_absent` is called."""
        self._watched.append(folder)

    def sightings(self, *places: Place) -> list[str]:
        """Every trace, as ``field (encoding) in place``: raw, escaped, URL-encoded, base64 at each offset and more.

        Arguments:
            places: bytes, texts, files and folders; what is watched is searched as well.
        """
        found: list[str] = []
        named = [(f"argument {number}", place) for number, place in enumerate(places, 1)]
        named.extend((str(path), path) for path in self._watched)
        named.extend(self._elsewhere().items())
        for name, place in named:
            if isinstance(place, Path) and name.startswith("argument") and not place.exists():
                raise FileNotFoundError(f"{place} is not there: nothing would be searched")
            for where, octets in read(name, place):
                found.extend(
                    f"{self._fields[sighting.value]} ({sighting.encoding}) in {where}"
                    for sighting in self._canary.find(octets)
                )
        return found

    def assert_absent(self, *places: Place) -> None:
        """Fail if any value, in any encoding, is in a place or in a file's name.

        Raises:
            AssertionError: names the fields, encodings and places.
        """
        found = self.sightings(*places)
        if found:
            raise AssertionError("the canary was seen:\n  " + "\n  ".join(found))

    def __repr__(self) -> str:
        return "PhiCanary()"


def read(name: str, place: Place) -> Iterator[tuple[str, bytes]]:
    """Give what is to be searched of a place, each with its name: of a folder every file, and the names of files."""
    if isinstance(place, bytes):
        yield name, place
    elif isinstance(place, str):
        yield name, place.encode("utf-8", "surrogatepass")
    elif place.is_dir():
        for path in sorted(place.rglob("*")):
            yield f"a file's name below {name}", str(path.relative_to(place)).encode("utf-8", "surrogateescape")
            if path.is_file():
                yield str(path), path.read_bytes()
    elif place.exists():
        yield name, place.read_bytes()
