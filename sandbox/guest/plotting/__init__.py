"""A small matplotlib: the usual calls for plain charts, drawn as SVG.

It stands in for matplotlib where there is no compiled code. It knows two-dimensional
charts with linear, logarithmic and date axes; everything else says that it is missing.
"""

import importlib

from . import missing
from .cm import colormaps
from .rcsetup import cycler, rc, rc_context, rcdefaults, rcParams, rcParamsDefault

# Of the interface that this follows.
__version__ = "3.10.0"

_backend = "svg"


def use(backend, *, force=True):
    """There is one way to draw here; the name is kept."""
    global _backend
    _backend = backend


def get_backend():
    return _backend


def set_loglevel(level):
    """Nothing is logged here."""


def interactive(b):
    """Figures are drawn when they are shown or saved."""


def is_interactive():
    return False


for _module in (
    "axes axis cm collections colorbar colors container dates figure gridspec image legend lines markers patches "
    "pyplot scale spines style text ticker"
).split():
    importlib.import_module(f".{_module}", __name__)

__getattr__ = missing.module_attribute("matplotlib")
