"""The application that is to be looked at: a module, ``module:app``, ``module:make_app()`` or a file."""

import importlib
import importlib.util
import os
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import attrs


class NotImportable(Exception):
    """The target can't be imported. The text names modules, types and places, no values."""


_STANDARD: Final = sysconfig.get_path("stdlib")
_INSTALLED: Final = f"{os.sep}site-packages{os.sep}"


@attrs.frozen
class Target:
    """A target in its parts.

    Arguments:
        root: the folder to import from.
        module: dotted.
        attribute: the application in the module; empty if none was named.
        is_factory: the attribute is called, as servers do with ``module:make_app()``.
    """

    root: Path
    module: str
    attribute: str = ""
    is_factory: bool = False


def parse(text: str, /, *, here: Path) -> Target:
    """Read a target as people write it.

    Arguments:
        here: the folder that module names are looked up from.

    Raises:
        NotImportable: it is a path, and there is no such file.
    """
    if not text.partition(":")[0].strip():
        raise NotImportable("name a module or a file, such as app.main:app or app/main.py")
    place, _, attribute = text.partition(":") if not _is_path(text.partition(":")[0]) else _split_path(text)
    is_factory = attribute.endswith("()")
    attribute = attribute.removesuffix("()")
    if not _is_path(place):
        return Target(here, place, attribute, is_factory)
    path = (here / place).resolve()
    if path.is_dir():
        path /= "__init__.py"
    if not path.is_file():
        raise NotImportable(f"there is no file {place}")
    names = [] if path.name == "__init__.py" else [path.stem]
    root = path.parent
    while (root / "__init__.py").is_file():
        names.insert(0, root.name)
        root = root.parent
    return Target(root, ".".join(names), attribute, is_factory)


def _is_path(place: str) -> bool:
    return place.endswith(".py") or "/" in place or os.sep in place


def _split_path(text: str) -> tuple[str, str, str]:
    place, colon, attribute = text.rpartition(":")
    return (place, colon, attribute) if colon and attribute.removesuffix("()").isidentifier() else (text, "", "")


def load(target: Target, /) -> ModuleType:
    """Import the target into this process. Nothing is served: whoever binds a TCP port meanwhile is refused.

    Raises:
        NotImportable: whatever the import raises, in one line.
    """
    sys.path.insert(0, str(target.root))
    sys.addaudithook(_refuse_servers)
    try:
        _prepare_django(target)
        module = importlib.import_module(target.module)
        application: Any = module
        for name in target.attribute.split(".") if target.attribute else ():
            if not hasattr(application, name):
                raise NotImportable(f"{target.module} has no {target.attribute}")
            application = getattr(application, name)
        if target.is_factory:
            # Kept where doors find it: a factory's product has no other name.
            module.__dict__.setdefault("__aegis_application__", application())
        _finish_django()
    except _Served:
        raise NotImportable(
            "it starts a server while it is imported: put that under if __name__ == '__main__'"
        ) from None
    except NotImportable:
        raise
    except ModuleNotFoundError as problem:
        raise NotImportable(f"there is no module {problem.name!r}{_place(problem)}") from None
    except SystemExit as problem:
        raise NotImportable(f"it ends the program while it is imported{_place(problem)}") from None
    except BaseException as problem:  # noqa: BLE001 - an application may raise anything; its text may hold values
        raise NotImportable(
            f"{type(problem).__name__} while it is imported{_place(problem)}{_wanted(problem)}"
        ) from None
    return module


class _Served(BaseException):
    pass


def _refuse_servers(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.bind":
        return
    import socket

    bound, address = arguments
    is_tcp = bound.type == socket.SOCK_STREAM and bound.family in {socket.AF_INET, socket.AF_INET6}
    if is_tcp and address[1]:  # any free port is what libraries ask for in order to find out about IPv6
        raise _Served


def _prepare_django(target: Target) -> None:
    """Set Django up before anything of a project is imported: its models need that.

    A target is a project's if it is a settings module itself, or if the environment names one.
    """
    if target.module.rpartition(".")[2] == "settings":
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", target.module)
    if "DJANGO_SETTINGS_MODULE" in os.environ and importlib.util.find_spec("django"):
        importlib.import_module("django").setup()


def _finish_django() -> None:
    """The same for a project in one file, which has configured its settings itself."""
    configured = getattr(getattr(sys.modules.get("django.conf"), "settings", None), "configured", False)
    is_ready = getattr(getattr(sys.modules.get("django.apps"), "apps", None), "ready", False)
    if configured and not is_ready:
        importlib.import_module("django").setup()


def _wanted(problem: BaseException) -> str:
    """Which variables or settings were missing, by name: what most imports fail for that need a reason."""
    last = problem.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if isinstance(problem, KeyError) and last is not None and last.tb_frame.f_locals.get("self") is os.environ:
        return f": the environment variable {problem.args[0]} is not set"
    if type(problem).__module__ == "pydantic_core._pydantic_core" and hasattr(problem, "errors"):
        tells: Any = problem
        errors = tells.errors(include_input=False, include_context=False, include_url=False)
        missing = [str(error["loc"][-1]) for error in errors if error["type"] == "missing" and error["loc"]]
        return f": {', '.join(missing)} missing" if missing else ""
    return ""


def _place(problem: BaseException) -> str:
    """Where it was raised, in the application's own file that is nearest."""
    if isinstance(problem, SyntaxError) and problem.filename:
        return f" ({problem.filename}:{problem.lineno})"
    places: list[tuple[str, int]] = []
    frame = problem.__traceback__
    while frame is not None:
        file = frame.tb_frame.f_code.co_filename
        if not file.startswith("<") and file != __file__ and Path(file).parent.name != "importlib":
            places.append((file, frame.tb_lineno))
        frame = frame.tb_next
    own = [place for place in places if not Path(place[0]).is_relative_to(_STANDARD) and _INSTALLED not in place[0]]
    file, line = (own or places or [("", 0)])[-1]
    return f" ({file}:{line})" if file else ""
