"""A course in notebooks on adversarial examples, and the helpers that the notebooks import."""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

__version__ = "0.1.0"

_MODULES = {module.name for module in iter_modules(__path__) if not module.name.startswith("_")}


def __getattr__(name: str) -> ModuleType:
    """Import a submodule when it is first asked for, so that `import advtutor` stays cheap."""
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
