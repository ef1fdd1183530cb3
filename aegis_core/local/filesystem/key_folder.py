"""The folder of a file vault: who may read it, what lies in it, and how a key is made and destroyed. Blocking.

One file a key (``f1.key``), a tombstone once it is destroyed (``f1.destroyed``), the active key's id in ``active``, and
``passphrase.json`` where a passphrase protects the keys. ``.gitignore`` keeps all of it out of a repository.
"""

import contextlib
import errno
import json
import os
import re
import stat
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from aegis_core.crypto.model import KeyMaterial
from aegis_core.crypto.wrapping import NONCE_SIZE, VAULT_KEY_SIZE, refuse_missing
from aegis_core.kernel.errors import AegisError, ErrorCode
from aegis_core.local.filesystem.segments import flush

ADAPTER: Final = "file"

_VERSION: Final = 1
_SALT_SIZE: Final = 16
# 64 MiB and two lanes: as hard as OWASP's 128 MiB and one, in half the memory; about a third of a second.
_SCRYPT: Final[dict[str, int]] = {"n": 1 << 16, "r": 8, "p": 2}
# What a changed file may make us spend at most.
_HARDEST: Final = 1 << 31
_PROTECTS: Final = b"aegis/vault-key/v1\x00"
_KEY_FILE: Final = re.compile(r"f([1-9][0-9]{0,8})\.(key|destroyed)")
_KEY_ID: Final = re.compile(r"f[1-9][0-9]{0,8}")
_LARGEST_FILE: Final = 1 << 16


class KeyFolder:
    """One folder.

    Arguments:
        path: the folder.
        octets: that many random bytes.
        wall_ns: POSIX nanoseconds.
    """

    __slots__ = ("_octets", "_path", "_protection", "_wall_ns")

    def __init__(self, path: Path, /, *, octets: Callable[[int], bytes], wall_ns: Callable[[], int]) -> None:
        self._path = path
        self._octets = octets
        self._wall_ns = wall_ns
        self._protection: KeyMaterial | None = None

    @property
    def is_bare(self) -> bool:
        """Whether no passphrase protects the keys."""
        return self._protection is None

    def open(self, passphrase: KeyMaterial | None, /) -> None:
        """Check the folder, and make it with its first key where there is none.

        Raises:
            AegisError: ``permission_denied`` if others may read the folder or a file in it; ``integrity`` for a wrong
                passphrase; ``precondition_failed`` for a passphrase on a bare folder, or none on a protected one.
        """
        if sys.platform == "win32":
            raise AegisError(
                ErrorCode.UNSUPPORTED,
                "a folder of keys needs POSIX permissions: name a key service on Windows",
                operation="vault.open",
                adapter=ADAPTER,
            )
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            self._path.mkdir(mode=0o700)
        _check_private(self._path.stat(follow_symlinks=False), "the key folder", "700")
        self._create(".gitignore", KeyMaterial(b"*\n"))
        self._protection = self._protected_by(passphrase)
        self._finish_destroying()
        if not self._numbers() and self._read("active") is None:  # a key that was lost is not made anew
            self._create("f1.key", self._new_key("f1"))
        self._create("active", KeyMaterial(b"f1\n"))
        self.load(self.active())

    def active(self) -> str:
        """The id of the key that wraps now."""
        text = self._read("active")
        key_id = text.decode("ascii", "replace").strip() if text is not None else ""
        return key_id if _KEY_ID.fullmatch(key_id) else _malformed("active")

    def load(self, key_id: str, /) -> KeyMaterial:
        """Read one key.

        Raises:
            AegisError: ``not_found`` if there is none, or no more; ``integrity`` if its file was changed.
        """
        if not _KEY_ID.fullmatch(key_id) or (self._path / f"{key_id}.destroyed").exists():
            refuse_missing(ADAPTER)
        key = self._key_in(f"{key_id}.key", key_id)
        if key is None:
            refuse_missing(ADAPTER)
        return key if len(key.octets) == VAULT_KEY_SIZE else _malformed(f"{key_id}.key")

    def rotate(self) -> str:
        """Make a new key the active one, and give its id."""
        while True:
            number = max(self._numbers(), default=0) + 1
            key_id = f"f{number}"
            if self._create(f"{key_id}.key", self._new_key(key_id)):
                self._replace("active", KeyMaterial(f"{key_id}\n".encode()))
                return key_id

    def destroy(self, key_id: str, /) -> None:
        """Destroy a key: first the tombstone, then the file's bytes, then the file.

        Raises:
            AegisError: ``not_found`` if there never was such a key.
        """
        known = _KEY_ID.fullmatch(key_id) and any(
            (self._path / f"{key_id}.{end}").exists() for end in ("key", "destroyed")
        )
        if not known:
            refuse_missing(ADAPTER, operation="vault.destroy")
        self._create(f"{key_id}.destroyed", KeyMaterial(b""))
        self._finish_destroying()

    def count(self) -> int:
        """How many keys there are."""
        return sum(1 for name in self._names() if name.endswith(".key"))

    def _protected_by(self, passphrase: KeyMaterial | None) -> KeyMaterial | None:
        name = "passphrase.json"
        there = self._read(name)
        if there is None and passphrase is None:
            return None
        if there is None and passphrase is not None:
            if self._numbers():
                _refuse(
                    ErrorCode.PRECONDITION_FAILED,
                    "the keys in this folder are not protected by a passphrase: open it without one, or begin a new "
                    "folder and rewrap",
                )
            salt = self._octets(_SALT_SIZE)
            made = _derive(passphrase, salt, _SCRYPT)
            nonce = self._octets(NONCE_SIZE)
            check = nonce + AESGCM(made.octets).encrypt(nonce, b"", _PROTECTS)
            written: dict[str, object] = {
                "version": _VERSION,
                "kdf": "scrypt",
                **_SCRYPT,
                "salt": b64encode(salt).decode(),
                "check": b64encode(check).decode(),
            }
            if self._create(name, KeyMaterial(json.dumps(written, indent=1).encode())):
                return made
            there = self._read(name)  # another process was faster
        if passphrase is None:
            _refuse(
                ErrorCode.PRECONDITION_FAILED,
                "the keys in this folder are protected: name the secret that holds the passphrase, ?passphrase=NAME",
            )
        document = _parsed(there or b"", name)
        try:
            costs = {cost: int(document[cost]) for cost in _SCRYPT}
            salt = b64decode(document["salt"], validate=True)
            check = b64decode(document["check"], validate=True)
            if document["version"] != _VERSION or document["kdf"] != "scrypt" or _cost(costs) > _HARDEST:
                _malformed(name)
            derived = _derive(passphrase, salt, costs)
        except (KeyError, TypeError, ValueError):
            _malformed(name)
        try:
            AESGCM(derived.octets).decrypt(check[:NONCE_SIZE], check[NONCE_SIZE:], _PROTECTS)
        except (InvalidTag, ValueError):
            _refuse(ErrorCode.INTEGRITY, "the passphrase does not open the key folder")
        return derived

    def _new_key(self, key_id: str) -> KeyMaterial:
        """A fresh key's file. Kept out of the locals of whoever writes it."""
        stored = self._octets(VAULT_KEY_SIZE)
        if self._protection is not None:
            nonce = self._octets(NONCE_SIZE)
            stored = nonce + AESGCM(self._protection.octets).encrypt(nonce, stored, _PROTECTS + key_id.encode())
        document = {
            "version": _VERSION,
            "id": key_id,
            "created": self._wall_ns() // 1_000_000,
            "protection": "none" if self._protection is None else "scrypt",
            "key": b64encode(stored).decode(),
        }
        return KeyMaterial(json.dumps(document, indent=1).encode())

    def _key_in(self, name: str, key_id: str) -> KeyMaterial | None:
        """The key in a file, empty if the file is malformed; None: no such file. Raises with no key at hand."""
        text = self._read(name)
        if text is None:
            return None
        try:
            document = json.loads(text)
            stored = b64decode(document["key"], validate=True)
            if (document["version"], document["id"]) != (_VERSION, key_id):
                return KeyMaterial(b"")
            if self._protection is not None:
                nonce, sealed = stored[:NONCE_SIZE], stored[NONCE_SIZE:]
                stored = AESGCM(self._protection.octets).decrypt(nonce, sealed, _PROTECTS + key_id.encode())
        except (InvalidTag, KeyError, TypeError, ValueError, RecursionError):
            return KeyMaterial(b"")
        return KeyMaterial(stored)

    def _names(self) -> list[str]:
        return [path.name for path in self._path.iterdir()]

    def _numbers(self) -> list[int]:
        found = (_KEY_FILE.fullmatch(name) for name in self._names())
        return sorted(int(match[1]) for match in found if match is not None)

    def _finish_destroying(self) -> None:
        for name in self._names():
            match = _KEY_FILE.fullmatch(name)
            if match is None or match[2] != "key" or not (self._path / f"f{match[1]}.destroyed").exists():
                continue
            # Overwritten first: on a plain disk the bytes are gone, not only the name. Flash and snapshots may keep
            # copies, which is why a passphrase is asked for in production.
            with contextlib.suppress(FileNotFoundError):  # another process may be at it too
                descriptor = os.open(self._path / name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    os.write(descriptor, bytes(os.fstat(descriptor).st_size))
                    flush(descriptor)
                finally:
                    os.close(descriptor)
                (self._path / name).unlink()
                self._flush_folder()

    def _read(self, name: str) -> bytes | None:
        try:
            descriptor = os.open(self._path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            _check_private(os.fstat(descriptor), f"the file {name} of the key folder", "600")
            return os.read(descriptor, _LARGEST_FILE)
        finally:
            os.close(descriptor)

    def _create(self, name: str, text: KeyMaterial) -> bool:
        """Publish a whole file under a name that must be free; False: it was not."""
        if (self._path / name).exists():
            return False
        temporary = self._temporary(text)
        try:
            os.link(temporary, self._path / name)
        except FileExistsError:
            return False
        finally:
            temporary.unlink()
        self._flush_folder()
        return True

    def _replace(self, name: str, text: KeyMaterial) -> None:
        self._temporary(text).rename(self._path / name)
        self._flush_folder()

    def _temporary(self, text: KeyMaterial) -> Path:
        path = self._path / f".{self._octets(8).hex()}.tmp"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if os.write(descriptor, text.octets) != len(text.octets):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            flush(descriptor)
        except BaseException:
            path.unlink()
            raise
        finally:
            os.close(descriptor)
        return path

    def _flush_folder(self) -> None:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _derive(passphrase: KeyMaterial, salt: bytes, costs: dict[str, int]) -> KeyMaterial:
    scrypt = Scrypt(salt=salt, length=VAULT_KEY_SIZE, n=costs["n"], r=costs["r"], p=costs["p"])
    return KeyMaterial(scrypt.derive(passphrase.octets))


def _cost(costs: dict[str, int]) -> int:
    return 128 * costs["n"] * costs["r"] * costs["p"]


def _check_private(status: os.stat_result, what: str, mode: str) -> None:
    if stat.S_ISLNK(status.st_mode):
        _refuse(ErrorCode.PERMISSION_DENIED, f"{what} is a symbolic link: name the folder itself")
    if status.st_mode & 0o077:
        _refuse(
            ErrorCode.PERMISSION_DENIED,
            f"{what} is open to others (mode {stat.S_IMODE(status.st_mode):o}): whoever could read it has the keys; "
            f"close it with chmod {mode}, and rotate if others have accounts here",
        )
    if status.st_uid not in {os.geteuid(), 0}:
        _refuse(ErrorCode.PERMISSION_DENIED, f"{what} belongs to another user: make it yours with chown")


def _parsed(text: bytes, name: str) -> dict[str, Any]:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else _malformed(name)


def _malformed(name: str) -> NoReturn:
    _refuse(ErrorCode.INTEGRITY, f"the file {name} of the key folder was changed: restore it from a copy")


def _refuse(code: ErrorCode, message: str) -> NoReturn:
    raise AegisError(code, message, operation="vault", adapter=ADAPTER) from None
