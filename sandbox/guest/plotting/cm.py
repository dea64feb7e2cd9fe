"""Colormaps: colours for numbers.

The stops of viridis, plasma, inferno and magma are those of S. van der Walt and
N. Smith (CC0), of cividis of J. Nuñez, C. Anderton and R. Renslow (CC0), of turbo
of A. Mikhailov (Apache-2.0), of coolwarm of K. Moreland; those with capital letters
are C. Brewer's (Apache-2.0, colorbrewer.org).
"""

from . import missing
from .colors import Colormap, LinearSegmentedColormap, ListedColormap, Normalize, to_rgba
from .data import numbers
from .rcsetup import rcParams

# Evenly spaced, but for those that name their position.
_STOPS = dict(
    viridis="440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26818e "
    "21908c 1f9f88 28ae80 3ebc74 5dc963 82d34c abdc32 d5e21a fde725",
    plasma="0d0887 310596 4c02a1 6600a7 7e03a8 9511a2 a92396 bb3587 "
    "cb4778 d9596a e66c5c f07f4f f89441 fdab33 fdc328 f9dd25 f0f921",
    inferno="000004 0b0724 210c4a 3c0965 57106d 70196e 89226a a32b61 "
    "bb3755 d14644 e35932 f1711e f98d0a fcab0f f9ca32 f2e865 fcffa4",
    magma="000004 0a0822 1d1146 36106a 50127c 691c81 822681 9c2e7f "
    "b63779 cf4170 e65163 f5695c fb8761 fea571 fec387 fde0a2 fcfdbf",
    cividis="00224e 002e6a 1a386f 32436d 434e6c 52596d 61656f 6f7073 "
    "7c7b78 8b8778 9b9376 aba072 bbad6c ccba64 ddc958 efd748 fee838",
    gray="000000 ffffff",
    hot="0b0000 ff0000@.365 ffff00@.746 ffffff",
    cool="00ffff ff00ff",
    coolwarm="3b4cc0 4d68d7 6282ea 779af7 8db0fe a3c2fe b8d0f9 ccd9ee "
    "dddddd ecd3c5 f4c4ad f7b194 f49a7b ec7f63 de604d cb3e38 b40426",
    bwr="0000ff ffffff ff0000",
    seismic="00004c 0000ff ffffff ff0000 800000",
    jet="000080 0000f1@.11 0000ff@.125 00dbff@.34 00e5f7@.35 "
    "15ffe1@.375 ffff08@.65 ffec00@.66 ff1600@.89 f10800@.91 800000",
    turbo="30123b 4040a1 466be3 4293ff 29bbec 18dcc3 31f299 6bfd64 "
    "a3fd3c cced34 edd03a fdae35 fb8022 ec520f d23105 ac1701 7a0403",
    rainbow="8000ff 5542fd 2a7ff6 01b4ec 2adddd 55f6ca 80ffb4 aaf69b d4dd80 ffb462 ff7f42 ff4221 ff0000",
    hsv="ff0000 ffff00 00ff00 00ffff 0000ff ff00ff ff0018",
    spring="ff00ff ffff00",
    summer="008066 ffff66",
    autumn="ff0000 ffff00",
    winter="0000ff 00ff80",
    Greys="ffffff f0f0f0 d9d9d9 bdbdbd 969696 737373 525252 252525 000000",
    Blues="f7fbff deebf7 c6dbef 9ecae1 6baed6 4292c6 2171b5 08519c 08306b",
    Greens="f7fcf5 e5f5e0 c7e9c0 a1d99b 74c476 41ab5d 238b45 006d2c 00441b",
    Reds="fff5f0 fee0d2 fcbba1 fc9272 fb6a4a ef3b2c cb181d a50f15 67000d",
    Oranges="fff5eb fee6ce fdd0a2 fdae6b fd8d3c f16913 d94801 a63603 7f2704",
    Purples="fcfbfd efedf5 dadaeb bcbddc 9e9ac8 807dba 6a51a3 54278f 3f007d",
    YlOrRd="ffffcc ffeda0 fed976 feb24c fd8d3c fc4e2a e31a1c bd0026 800026",
    YlGnBu="ffffd9 edf8b1 c7e9b4 7fcdbb 41b6c4 1d91c0 225ea8 253494 081d58",
    YlGn="ffffe5 f7fcb9 d9f0a3 addd8e 78c679 41ab5d 238443 006837 004529",
    BuGn="f7fcfd e5f5f9 ccece6 99d8c9 66c2a4 41ae76 238b45 006d2c 00441b",
    GnBu="f7fcf0 e0f3db ccebc5 a8ddb5 7bccc4 4eb3d3 2b8cbe 0868ac 084081",
    PuBu="fff7fb ece7f2 d0d1e6 a6bddb 74a9cf 3690c0 0570b0 045a8d 023858",
    RdBu="67001f b2182b d6604d f4a582 fddbc7 f7f7f6 d1e5f0 92c5de 4393c3 2166ab 053061",
    RdYlGn="a50026 d73027 f46d43 fdae61 fee08b ffffbe d9ef8b a6d96a 66bd63 1a9850 006837",
    RdYlBu="a50026 d73027 f46d43 fdae61 fee090 ffffbf e0f3f8 abd9e9 74add1 4575b4 313695",
    Spectral="9e0142 d53e4f f46d43 fdae61 fee08b ffffbe e6f598 abdda4 66c2a5 3388bc 5e4fa2",
    PiYG="8e0152 c51c7d de77ae f1b6da fde0ef f7f7f7 e6f5d0 b8e186 7fbc41 4d9221 276419",
)
_STOPS["binary"] = "ffffff 000000"
_LISTS = dict(
    tab10="1f77b4 ff7f0e 2ca02c d62728 9467bd 8c564b e377c2 7f7f7f bcbd22 17becf",
    tab20="1f77b4 aec7e8 ff7f0e ffbb78 2ca02c 98df8a d62728 ff9896 9467bd c5b0d5 "
    "8c564b c49c94 e377c2 f7b6d2 7f7f7f c7c7c7 bcbd22 dbdb8d 17becf 9edae5",
    Set1="e41a1c 377eb8 4daf4a 984ea3 ff7f00 ffff33 a65628 f781bf 999999",
    Set2="66c2a5 fc8d62 8da0cb e78ac3 a6d854 ffd92f e5c494 b3b3b3",
    Set3="8dd3c7 ffffb3 bebada fb8072 80b1d3 fdb462 b3de69 fccde5 d9d9d9 bc80bd ccebc5 ffed6f",
    Pastel1="fbb4ae b3cde3 ccebc5 decbe4 fed9a6 ffffcc e5d8bd fddaec f2f2f2",
    Pastel2="b3e2cd fdcdac cbd5e8 f4cae4 e6f5c9 fff2ae f1e2cc cccccc",
    Paired="a6cee3 1f78b4 b2df8a 33a02c fb9a99 e31a1c fdbf6f ff7f00 cab2d6 6a3d9a ffff99 b15928",
    Dark2="1b9e77 d95f02 7570b3 e7298a 66a61e e6ab02 a6761d 666666",
    Accent="7fc97f beaed4 fdc086 ffff99 386cb0 f0027f bf5b17 666666",
)


def _load(name):
    if name in _LISTS:
        return ListedColormap([f"#{color}" for color in _LISTS[name].split()], name)
    stops = _STOPS[name].split()
    positions, colors = [], []
    for index, stop in enumerate(stops):
        color, _, position = stop.partition("@")
        positions.append(float(position) if position else index / (len(stops) - 1))
        colors.append(f"#{color}")
    return LinearSegmentedColormap.from_list(name, list(zip(positions, colors)))


_KNOWN = {name: _load(name) for name in (*_STOPS, *_LISTS)}
for _name, _alias in (("gray", "grey"), ("Greys", "Grays")):
    _KNOWN[_alias] = _KNOWN[_name]
_KNOWN |= {f"{name}_r": colormap.reversed() for name, colormap in _KNOWN.items()}


class ColormapRegistry(dict):
    """`matplotlib.colormaps`: by name, and callable for the list of names."""

    def __missing__(self, name):
        raise KeyError(f"{name!r} is not a known colormap name; known are {', '.join(sorted(self))}")

    def __call__(self):
        return sorted(self)

    def get_cmap(self, name):
        return get_cmap(name)

    def register(self, cmap, *, name=None, force=False):
        self[name or cmap.name] = cmap


colormaps = ColormapRegistry(_KNOWN)
globals().update(_KNOWN)


def get_cmap(name=None, lut=None):
    """The colormap called `name`, in `lut` steps if that is given."""
    if isinstance(name, Colormap):
        found = name
    else:
        name = name or rcParams["image.cmap"]
        if name not in colormaps:
            raise ValueError(f"{name!r} is not a valid value for cmap; known are {', '.join(sorted(colormaps))}")
        found = colormaps[name]
    return found if lut is None else found.resampled(lut)


class ScalarMappable:
    """Numbers and the colours they are shown in."""

    def __init__(self, norm=None, cmap=None):
        self.cmap = get_cmap(cmap)
        self.norm = norm if norm is not None else Normalize()
        self._values = []

    def set_array(self, values):
        self._values = [] if values is None else numbers(values)
        self.norm.autoscale_None(self._values)

    def get_array(self):
        return self._values

    def set_clim(self, vmin=None, vmax=None):
        if isinstance(vmin, (tuple, list)):
            vmin, vmax = vmin
        self.norm.vmin = self.norm.vmin if vmin is None else float(vmin)
        self.norm.vmax = self.norm.vmax if vmax is None else float(vmax)

    def get_clim(self):
        return self.norm.vmin, self.norm.vmax

    def set_cmap(self, cmap):
        self.cmap = get_cmap(cmap)

    def get_cmap(self):
        return self.cmap

    def to_rgba(self, value, alpha=None):
        """The colour of a number, or the list of those of several."""
        if isinstance(value, (list, tuple, range)):
            return [self.to_rgba(one, alpha) for one in value]
        return to_rgba(self.cmap(self.norm(value)), alpha)


__getattr__ = missing.module_attribute("matplotlib.cm")
