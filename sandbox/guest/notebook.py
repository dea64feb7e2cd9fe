"""The notebook inside the sandbox.

Everything at module level runs once, when the guest is built: the memory that
results is the snapshot every session starts from. `Notebook.run` runs in a
session.
"""

import os
import sys

from library import Library

library = Library()
for _folder in list(sys.path):
    if os.path.isdir(_folder):
        library.add_folder(_folder)
        if os.path.isdir(os.path.join(_folder, "plotting")):
            library.add_folder(os.path.join(_folder, "plotting"), "matplotlib.")
sys.meta_path.insert(0, library)

import ast
import builtins
import gc
import importlib
import io
import linecache
import random
import traceback
import types

import wit_world
from componentize_py_types import Err

# In the snapshot, so that importing them in a cell is a dictionary look-up.
READY = """
    abc argparse array asyncio base64 binascii bisect calendar cmath codecs collections.abc
    colorsys concurrent.futures configparser contextlib copy csv dataclasses datetime decimal
    difflib enum fnmatch fractions functools getopt glob graphlib gzip hashlib heapq hmac html
    html.parser inspect ipaddress itertools json keyword locale logging math mimetypes numbers
    operator pathlib pickle platform pprint queue quopri re reprlib secrets shlex shutil sqlite3
    statistics string struct tarfile tempfile textwrap threading time timeit tokenize tomllib
    typing unicodedata unittest urllib.parse uuid warnings weakref xml.etree.ElementTree zipfile
    zlib zoneinfo _strptime mpmath
    sympy sympy.parsing.sympy_parser sympy.plotting sympy.stats
    matplotlib.pyplot
"""

# Of the scientific pack; `matplotlib` for what the small one here lacks.
SCIENTIFIC = {"lxml", "matplotlib", "mpl_toolkits", "numpy", "pandas", "scipy", "sklearn", "statsmodels"}

DATA_FOLDER = "/mnt/data"
# Tracebacks leave its lines out: what went wrong there is an argument of the cell's.
PLOTTING_FOLDER = os.path.dirname(library.get_filename("matplotlib")) + "/"
# Characters of a traceback: more says no more.
TRACEBACK_LENGTH = 8_000
# Characters of a value: the host cuts further, by its own limit.
VALUE_LENGTH = 1_000_000


def load_ready():
    # sympy asks ctypes, which WASI lacks, for the size of a C long and no more.
    stand_in = types.ModuleType("ctypes")
    stand_in.c_long, stand_in.sizeof = None, lambda _: 4
    sys.modules["ctypes"] = stand_in
    for name in READY.split():
        importlib.import_module(name)
    del sys.modules["ctypes"]
    warm_up()

    import event_loop
    from matplotlib import sympy_plots

    event_loop.install()
    sympy_plots.install()


def warm_up():
    """Has sympy import what it only imports when it is first used."""
    import sympy

    x, f = sympy.Symbol("x"), sympy.Function("f")
    sympy.solve(x**2 - 5 * x + 6, x)
    sympy.integrate(sympy.sin(x) ** 2, x)
    sympy.limit(sympy.sin(x) / x, x, 0)
    sympy.dsolve(f(x).diff(x) - f(x))
    sympy.simplify(sympy.sin(x) ** 2 + sympy.cos(x) ** 2)
    sympy.series(sympy.exp(x), x, 0, 3)
    sympy.Matrix([[2, 1], [1, 3]]).inv()
    sympy.summation(x, (x, 1, 10))


class Output(io.RawIOBase):
    """An unbuffered stream: what was printed before a cell is stopped is seen."""

    def __init__(self, descriptor, name):
        self._descriptor = descriptor
        self.name = name

    def writable(self):
        return True

    def fileno(self):
        return self._descriptor

    def write(self, data):
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest:
            rest = rest[os.write(self._descriptor, rest):]
        return size


def text_output(descriptor, name):
    return io.TextIOWrapper(
        Output(descriptor, name), encoding="utf-8", errors="backslashreplace", newline="\n", write_through=True
    )


def sendable(text):
    """`text` without lone surrogates, which the host's strings cannot hold."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


_setrecursionlimit = sys.setrecursionlimit


def limit_recursion(deepest):
    """Has `sys.setrecursionlimit` grant at most `deepest`: code asks for a million to
    be safe, and what the stack cannot hold ends the interpreter."""

    def setrecursionlimit(limit, /):
        _setrecursionlimit(min(limit, deepest))

    sys.setrecursionlimit = setrecursionlimit


class Notebook:
    """The state that cells share."""

    def __init__(self):
        main = types.ModuleType("__main__")
        main.__builtins__ = builtins
        sys.modules["__main__"] = main
        self.namespace = main.__dict__
        self.started = False
        self.cells = 0

    def start(self):
        """Undoes, at the first cell, what must not be the same in every session."""
        self.started = True
        random.seed()
        sys.modules["sympy.core.random"].rng.seed()
        os.environ.clear()
        sys.argv[:] = [""]
        sys.dont_write_bytecode = True
        os.chdir(DATA_FOLDER)

    def run(self, code, recursion):
        if not self.started:
            self.start()
            _setrecursionlimit(min(sys.getrecursionlimit(), recursion))
        # An empty one only shows that the interpreter is sound.
        self.cells += bool(code)
        limit_recursion(recursion)
        # A cell may have closed or replaced them.
        sys.stdout, sys.stderr = text_output(1, "<stdout>"), text_output(2, "<stderr>")
        name = f"<cell {self.cells}>" if code else "<empty cell>"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        tree = ast.parse(code, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec", dont_inherit=True), self.namespace)
        if last is None:
            return None
        value = eval(compile(ast.Expression(last.value), name, "eval", dont_inherit=True), self.namespace)
        if value is None:
            return None
        self.namespace["_"] = value
        return sendable(repr(value)[:VALUE_LENGTH])


def describe(error):
    """(kind, message, traceback) of an exception that left a cell."""
    kind = type(error).__name__
    try:
        message = sendable(str(error))[:TRACEBACK_LENGTH]
    except BaseException:
        message = ""
    if is_missing_package(error):
        return kind, message, f"{kind}: {message} ({advice_on(error.name.partition('.')[0])})\n"
    frame = error.__traceback__
    while frame is not None and not frame.tb_frame.f_code.co_filename.startswith("<cell "):
        frame = frame.tb_next
    shown = traceback.TracebackException(type(error), error, frame)
    shown.stack = traceback.StackSummary.from_list(
        line for line in shown.stack if not line.filename.startswith(PLOTTING_FOLDER)
    )
    text = sendable("".join(shown.format()))
    if len(text) > TRACEBACK_LENGTH:
        half = TRACEBACK_LENGTH // 2
        text = f"{text[:half]}\n[...]\n{text[-half:]}"
    return kind, message, text


def advice_on(package):
    if package in SCIENTIFIC:
        return "part of the scientific pack: glm sandbox install scientific"
    return "this sandbox has the standard library, sympy and mpmath, and nothing can be installed"


def is_missing_package(error):
    if not isinstance(error, ImportError) or not isinstance(error.name, str):
        return False
    package = error.name.partition(".")[0]
    if package == "matplotlib":
        return True
    if not isinstance(error, ModuleNotFoundError):
        return False
    return package not in library and package not in sys.builtin_module_names and package not in sys.modules


load_ready()
notebook = Notebook()

# What is here now stays: the garbage collector need not look at it, which would also
# write to all of its memory, where sessions share what none has written to.
gc.collect()
gc.freeze()

# Modules come from the library, and from files that cells write.
sys.path[:] = [DATA_FOLDER]
sys.path_importer_cache.clear()
builtins.exit = builtins.quit = sys.exit
os.environ.clear()


class WitWorld(wit_world.WitWorld):
    def run(self, code: str, recursion: int) -> str | None:
        try:
            return notebook.run(code, recursion)
        except BaseException as error:
            if isinstance(error, SystemExit) and not error.code:
                return None
            try:
                raised = wit_world.Raised(*describe(error))
            except BaseException:
                # Out of memory or stack while describing it.
                raised = wit_world.Raised(type(error).__name__, "", f"{type(error).__name__}\n")
            raise Err(raised) from None
