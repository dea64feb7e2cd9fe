"""The standard library and the packages, held in memory.

The interpreter is snapshotted after its imports and then never sees the folders
it was built from. Modules that the snapshot has not loaded are imported from
here, and tracebacks find their source lines here.
"""

import importlib.abc
import importlib.util
import os
import tokenize  # decode_source imports it, which must not come back here
import zlib

# Of no use without a display, a terminal or processes, or only there to test.
LEFT_OUT = {
    "__pycache__", "componentize_py", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages",
    "test", "tests", "tkinter", "turtledemo", "venv",
    # The build's own: modules that are there already, and under another name.
    "packages", "plotting",
}


class Library(importlib.abc.MetaPathFinder, importlib.abc.ExecutionLoader):
    """Finds and loads pure Python modules from compressed source."""

    def __init__(self):
        self._modules = {}

    def add_folder(self, folder, prefix=""):
        """Takes in every module and package under `folder`."""
        for entry in os.scandir(folder):
            name, extension = os.path.splitext(entry.name)
            if entry.is_dir():
                if name not in LEFT_OUT and name.isidentifier():
                    self.add_folder(entry.path, f"{prefix}{name}.")
            elif extension == ".py" and name.isidentifier():
                package = name == "__init__"
                module = prefix.removesuffix(".") if package else prefix + name
                with open(entry.path, "rb") as file:
                    self._modules.setdefault(module, (package, entry.path, zlib.compress(file.read(), 9)))

    def __contains__(self, module):
        return module in self._modules

    def find_spec(self, fullname, path=None, target=None):
        if fullname in self._modules:
            return importlib.util.spec_from_loader(fullname, self)
        return None

    def is_package(self, fullname):
        return self._entry(fullname)[0]

    def get_filename(self, fullname):
        return self._entry(fullname)[1]

    def get_source(self, fullname):
        return importlib.util.decode_source(zlib.decompress(self._entry(fullname)[2]))

    def _entry(self, fullname):
        try:
            return self._modules[fullname]
        except KeyError:
            raise ImportError(f"no module named {fullname!r} in the library", name=fullname) from None
