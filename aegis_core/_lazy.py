"""Lazy re-exports (PEP 562), so that importing a room costs nothing until a name is used.

Uses built-ins only: this module is loaded by every room, and a bare ``import aegis_core`` must stay as cheap as
starting Python.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def lazy(package: str, names: "dict[str, str]", /) -> "tuple[Callable[[str], object], Callable[[], list[str]]]":
    """Make a module's ``__getattr__`` and ``__dir__`` from a map of public name to the submodule that defines it.

    Arguments:
        package: the package's ``__name__``.
        names: public name → absolute or package-relative (leading dot) module name. A value that starts with ``:``
            names a submodule that *is* the attribute.

    Returns:
        ``(__getattr__, __dir__)``. A name is looked up once and then lies in the module's own namespace.
    """

    def __getattr__(name: str) -> object:
        try:
            target = names[name]
        except KeyError:
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg) from None
        import sys

        # Not importlib.import_module: that package costs as much as three of ours.
        module = f"{package}.{target[1:]}" if target[0] in ".:" else target
        __import__(module)
        found: object = sys.modules[module]
        value = found if target[0] == ":" else getattr(found, name)
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> "list[str]":
        return sorted(names)

    return __getattr__, __dir__
