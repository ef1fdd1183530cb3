"""What kinds of data there are: the classes that a field is marked with.

Built-ins only, so that marking a field costs nothing at start-up.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, NoReturn


class DataClass:
    """One class of data, such as ``phi.name``. Immutable; made again of the same two words it is the same object.

    Arguments:
        taxonomy: the family, lower case, such as ``"phi"``.
        name: the class within it, lower case, such as ``"name"``.
    """

    # Interned, so that comparing and looking up rules costs what it costs for any object: an address.
    __slots__ = ("marker", "name", "taxonomy")

    taxonomy: str
    name: str
    marker: str  #: what stands in the value's place once it is erased, such as ``"[phi.name]"``

    def __new__(cls, taxonomy: str, name: str) -> "DataClass":  # noqa: PYI034 - it has no subclasses
        known = _KNOWN.get((taxonomy, name))
        if known is not None:
            return known
        made = object.__new__(DataClass)
        place = object.__setattr__
        place(made, "taxonomy", taxonomy)
        place(made, "name", name)
        place(made, "marker", f"[{taxonomy}.{name}]")
        return _KNOWN.setdefault((taxonomy, name), made)

    def __setattr__(self, name: str, value: object) -> "NoReturn":
        raise AttributeError("a DataClass never changes")

    def __delattr__(self, name: str) -> "NoReturn":
        raise AttributeError("a DataClass never changes")

    def __str__(self) -> str:
        return f"{self.taxonomy}.{self.name}"

    def __repr__(self) -> str:
        return f"DataClass({self.taxonomy!r}, {self.name!r})"

    def __reduce__(self) -> "tuple[type[DataClass], tuple[str, str]]":
        return (DataClass, (self.taxonomy, self.name))


_KNOWN: "dict[tuple[str, str], DataClass]" = {}


class PHI:
    """Protected health information: the eighteen identifiers of HIPAA Safe Harbor, and what is known about health.

    The letters are those of 45 CFR 164.514(b)(2)(i); `SAFE_HARBOR` maps each to its class.
    """

    NAME: "Final" = DataClass("phi", "name")  #: (A)
    ADDRESS: "Final" = DataClass("phi", "address")  #: (B) every geographic unit smaller than a state
    DATE: "Final" = DataClass("phi", "date")  #: (C) every date about a person, but for its year
    PHONE: "Final" = DataClass("phi", "phone")  #: (D)
    FAX: "Final" = DataClass("phi", "fax")  #: (E)
    EMAIL: "Final" = DataClass("phi", "email")  #: (F)
    SSN: "Final" = DataClass("phi", "ssn")  #: (G) social security and other national numbers
    MRN: "Final" = DataClass("phi", "mrn")  #: (H) medical record number
    HEALTH_PLAN: "Final" = DataClass("phi", "health_plan")  #: (I) beneficiary number
    ACCOUNT: "Final" = DataClass("phi", "account")  #: (J)
    LICENSE: "Final" = DataClass("phi", "license")  #: (K) certificate or licence number
    VEHICLE: "Final" = DataClass("phi", "vehicle")  #: (L) number plate or serial number
    DEVICE: "Final" = DataClass("phi", "device")  #: (M) device identifier or serial number
    URL: "Final" = DataClass("phi", "url")  #: (N)
    IP_ADDRESS: "Final" = DataClass("phi", "ip_address")  #: (O)
    BIOMETRIC: "Final" = DataClass("phi", "biometric")  #: (P) finger and voice prints
    PHOTO: "Final" = DataClass("phi", "photo")  #: (Q) full-face photographs and comparable images
    UNIQUE_ID: "Final" = DataClass("phi", "unique_id")  #: (R) any other unique number, characteristic or code

    BIRTH_DATE: "Final" = DataClass("phi", "birth_date")  #: a date of class (C)
    AGE: "Final" = DataClass("phi", "age")  #: ages over 89 belong to class (C)
    ZIP: "Final" = DataClass("phi", "zip")  #: an address of class (B)

    TEST: "Final" = DataClass("phi", "test")  #: what was examined
    RESULT: "Final" = DataClass("phi", "result")  #: what was found
    DIAGNOSIS: "Final" = DataClass("phi", "diagnosis")
    PROCEDURE: "Final" = DataClass("phi", "procedure")
    MEDICATION: "Final" = DataClass("phi", "medication")
    NOTE: "Final" = DataClass("phi", "note")  #: clinical text
    DOCUMENT: "Final" = DataClass("phi", "document")  #: the contents of a report or image


SAFE_HARBOR: "Final[dict[str, DataClass]]" = {
    "A": PHI.NAME,
    "B": PHI.ADDRESS,
    "C": PHI.DATE,
    "D": PHI.PHONE,
    "E": PHI.FAX,
    "F": PHI.EMAIL,
    "G": PHI.SSN,
    "H": PHI.MRN,
    "I": PHI.HEALTH_PLAN,
    "J": PHI.ACCOUNT,
    "K": PHI.LICENSE,
    "L": PHI.VEHICLE,
    "M": PHI.DEVICE,
    "N": PHI.URL,
    "O": PHI.IP_ADDRESS,
    "P": PHI.BIOMETRIC,
    "Q": PHI.PHOTO,
    "R": PHI.UNIQUE_ID,
}
"""The eighteen identifiers by their letter in 45 CFR 164.514(b)(2)(i)."""


class PII:
    """Personal data that is not about health: staff, relatives, users."""

    NAME: "Final" = DataClass("pii", "name")
    ADDRESS: "Final" = DataClass("pii", "address")
    EMAIL: "Final" = DataClass("pii", "email")
    PHONE: "Final" = DataClass("pii", "phone")
    BIRTH_DATE: "Final" = DataClass("pii", "birth_date")
    NATIONAL_ID: "Final" = DataClass("pii", "national_id")
    PASSPORT: "Final" = DataClass("pii", "passport")
    IP_ADDRESS: "Final" = DataClass("pii", "ip_address")
    LOCATION: "Final" = DataClass("pii", "location")
    PHOTO: "Final" = DataClass("pii", "photo")
    LICENSE: "Final" = DataClass("pii", "license")
    IDENTIFIER: "Final" = DataClass("pii", "identifier")


class SECRET:
    """What opens doors: never in a log, whoever reads it."""

    PASSWORD: "Final" = DataClass("secret", "password")
    TOKEN: "Final" = DataClass("secret", "token")
    API_KEY: "Final" = DataClass("secret", "api_key")
    KEY: "Final" = DataClass("secret", "key")
    COOKIE: "Final" = DataClass("secret", "cookie")
    DSN: "Final" = DataClass("secret", "dsn")  #: a connection string


class FINANCIAL:
    """Money, and what leads to it."""

    CARD: "Final" = DataClass("financial", "card")
    IBAN: "Final" = DataClass("financial", "iban")
    ACCOUNT: "Final" = DataClass("financial", "account")
    TAX_ID: "Final" = DataClass("financial", "tax_id")
    AMOUNT: "Final" = DataClass("financial", "amount")


class INTERNAL:
    """For this organisation only. Erased like the rest where a profile has no rule for it."""

    HOST: "Final" = DataClass("internal", "host")
    IDENTIFIER: "Final" = DataClass("internal", "identifier")
    NOTE: "Final" = DataClass("internal", "note")


class PUBLIC:
    """For everyone. A field marked so is shown, and its name is not learned."""

    DATA: "Final" = DataClass("public", "data")


class UNKNOWN:
    """What the marks could not find out; always erased, so no profile can have a rule that shows it."""

    UNRESOLVED: "Final" = DataClass("unknown", "unresolved")  #: an annotation that names nothing we can find
    AMBIGUOUS: "Final" = DataClass("unknown", "ambiguous")  #: one name or field with several classes
    GENERIC: "Final" = DataClass("unknown", "generic")  #: a type variable that nobody has filled in
    UNDECLARED: "Final" = DataClass("unknown", "undeclared")  #: what an ORM put on an instance besides its columns
    ELEMENT: "Final" = DataClass("unknown", "element")  #: a FHIR element or resource that no table knows
    EXCEPTION: "Final" = DataClass("unknown", "exception")  #: the text of an exception, which may quote any value
