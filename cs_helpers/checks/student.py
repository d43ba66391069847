"""The student's package: loaded when first needed, and again whenever a file has changed."""

import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

COURSE_ROOT = Path(__file__).resolve().parents[2]


class StudentPackage:
    """A package such as ``hw`` that may not exist, not compile, or change under our feet.

    ``package.layers`` imports ``hw.layers`` from below ``root`` and raises what the import raises. The
    modules live in a compartment of their own: ``sys.modules`` is as before once a use is over, so two
    trees can be loaded side by side and a notebook's own imports are left alone.

    Args:
        root: The folder that holds the package's folder.
        name: The package's name.
    """

    def __init__(self, root: Path = COURSE_ROOT, name: str = "hw") -> None:
        self._root = Path(root).resolve()
        self._name = name
        self._modules: dict[str, ModuleType] = {}
        self._stamp: dict[str, tuple[int, int]] = {}
        self._in_place = False

    def __getattr__(self, module: str) -> Any:
        if module.startswith("_"):
            raise AttributeError(module)
        name = f"{self._name}.{module}"
        with self._active():
            found = importlib.import_module(name)
            self._refuse_strangers(name)
            return found

    def __repr__(self) -> str:
        return f"<the package {self._name} in {self._root}, reloaded when a file changes>"

    @contextlib.contextmanager
    def _active(self) -> Iterator[None]:
        """Put the compartment's modules in place of those in ``sys.modules``, for a while."""
        if self._in_place:
            yield
            return
        self._forget_if_changed()
        self._in_place = True
        outside = self._take_out()
        sys.modules.update(self._modules)
        sys.path.insert(0, str(self._root))
        wrote_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        try:
            yield
        finally:
            self._in_place = False
            sys.dont_write_bytecode = wrote_bytecode
            with contextlib.suppress(ValueError):
                sys.path.remove(str(self._root))
            self._modules = self._take_out()
            sys.modules.update(outside)

    def _take_out(self) -> dict[str, ModuleType]:
        names = [name for name in sys.modules if name.split(".")[0] == self._name]
        return {name: sys.modules.pop(name) for name in names}

    def _refuse_strangers(self, name: str) -> None:
        """Raise if a module came from another tree: no installed course stands in for a missing file."""
        for known, module in list(sys.modules.items()):
            if known.split(".")[0] != self._name:
                continue
            places = [module.__file__] if getattr(module, "__file__", None) else list(module.__path__)
            if not all(self._root in Path(str(place)).resolve().parents for place in places):
                self._take_out()
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def _forget_if_changed(self) -> None:
        files = sorted((self._root / self._name).rglob("*.py"))
        stamp = {str(file): (file.stat().st_mtime_ns, file.stat().st_size) for file in files}
        if stamp != self._stamp:
            self._modules, self._stamp = {}, stamp
            importlib.invalidate_caches()


def active(package: Any) -> contextlib.AbstractContextManager[None]:
    """Keep a StudentPackage's modules in place during a whole run, for imports inside functions.

    Any other object that has the modules as attributes is taken as it is.
    """
    return package._active() if isinstance(package, StudentPackage) else contextlib.nullcontext()
