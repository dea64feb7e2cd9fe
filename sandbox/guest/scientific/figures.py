"""What `plt.show()` does where nobody sees a window: it saves the figures that are open, and
closes them."""

import os

from notebook import DATA_FOLDER

# For its settings, matplotlib wants a folder that it can write to.
os.environ["MPLCONFIGDIR"] = DATA_FOLDER

import matplotlib
from matplotlib._pylab_helpers import Gcf
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends import backend_agg
from matplotlib.backends.backend_agg import FigureCanvasAgg


class FigureManager(FigureManagerBase):
    def show(self):
        self.canvas.figure.savefig(next_path())
        Gcf.destroy(self)

    @classmethod
    def pyplot_show(cls, *, block=None):
        for manager in Gcf.get_all_fig_managers():
            manager.show()


def next_path():
    """`figure-1.png` and so on in the data folder: the first that is not there."""
    number = 1
    while os.path.exists(path := f"{DATA_FOLDER}/figure-{number}.png"):
        number += 1
    return path


def install():
    """Has the backend `agg`, which is the only one here, show figures in this way."""
    FigureCanvasAgg.manager_class = FigureManager
    backend_agg.FigureManager = FigureManager
    backend_agg.show = FigureManager.pyplot_show
    matplotlib.use("agg")
