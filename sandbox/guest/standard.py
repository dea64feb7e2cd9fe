"""The standard guest: CPython with its library and sympy, as componentize-py builds it.

Everything at module level runs once, when the guest is built: the memory that
results is the snapshot every session starts from. `WitWorld.run` runs in a
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

import builtins
import gc
import importlib
import types

import wit_world
from componentize_py_types import Err
from notebook import DATA_FOLDER, Notebook, is_missing

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


def advice(error):
    package = error.name.partition(".")[0]
    if package != "matplotlib" and not is_missing(error):
        return None
    if package in SCIENTIFIC:
        return "part of the scientific pack: glm sandbox install scientific"
    return "this sandbox has the standard library, sympy and mpmath, and nothing can be installed"


load_ready()
notebook = Notebook(
    advice,
    reseed=sys.modules["sympy.core.random"].rng.seed,
    inner=[os.path.dirname(library.get_filename("matplotlib"))],
)

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
        value, raised = notebook.run(code, recursion)
        if raised is not None:
            raise Err(wit_world.Raised(*raised))
        return value
