"""Style sheets: settings by name, for `plt.style.use`."""

from contextlib import contextmanager

from .rcsetup import cycler, rc_context, rcdefaults, rcParams

_DEEP = "#4C72B0 #DD8452 #55A868 #C44E52 #8172B3 #937860 #DA8BC3 #8C8C8C #CCB974 #64B5CD".split()
_PALETTES = {
    "deep": _DEEP,
    "muted": "#4878CF #6ACC65 #D65F5F #B47CC7 #C4AD66 #77BEDB".split(),
    "bright": "#003FFF #03ED3A #E8000B #8A2BE2 #FFC400 #00D7FF".split(),
    "pastel": "#92C6FF #97F0AA #FF9F9A #D0BBFF #FFFEA3 #B0E0E6".split(),
    "dark-palette": "#001C7F #017517 #8C0900 #7600A1 #B8860B #006374".split(),
    "colorblind": "#0072B2 #009E73 #D55E00 #CC79A7 #F0E442 #56B4E9".split(),
}
_SCALES = {"paper": 0.8, "notebook": 1.0, "talk": 1.5, "poster": 2.0}
_DARK_GRID = {
    "axes.facecolor": "#EAEAF2",
    "axes.edgecolor": "white",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "white",
    "axes.linewidth": 0.0,
    "grid.linewidth": 1.0,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
}
_WHITE_GRID = {
    **_DARK_GRID,
    "axes.facecolor": "white",
    "axes.edgecolor": ".8",
    "axes.linewidth": 1.0,
    "grid.color": ".8",
}

library = {
    "classic": {},
    "fast": {},
    "dark_background": {
        "axes.edgecolor": "white",
        "axes.facecolor": "black",
        "axes.labelcolor": "white",
        "figure.facecolor": "black",
        "grid.color": "white",
        "patch.edgecolor": "white",
        "text.color": "white",
        "xtick.color": "white",
        "ytick.color": "white",
        "axes.prop_cycle": cycler(
            color="#8dd3c7 #feffb3 #bfbbd9 #fa8174 #81b1d2 #fdb462 #b3de69 #bc82bd #ccebc4 #ffed6f".split()
        ),
    },
    "ggplot": {
        "axes.axisbelow": True,
        "axes.edgecolor": "white",
        "axes.facecolor": "#E5E5E5",
        "axes.grid": True,
        "axes.labelcolor": "#555555",
        "axes.labelsize": "large",
        "axes.linewidth": 1.0,
        "axes.titlesize": "x-large",
        "figure.facecolor": "white",
        "grid.color": "white",
        "patch.edgecolor": "#EEEEEE",
        "patch.facecolor": "#348ABD",
        "xtick.color": "#555555",
        "ytick.color": "#555555",
        "axes.prop_cycle": cycler(color="#E24A33 #348ABD #988ED5 #777777 #FBC15E #8EBA42 #FFB5B8".split()),
    },
    "bmh": {
        "axes.axisbelow": True,
        "axes.edgecolor": "#bcbcbc",
        "axes.facecolor": "#eeeeee",
        "axes.grid": True,
        "axes.titlesize": "x-large",
        "grid.color": "#b2b2b2",
        "grid.linestyle": "--",
        "grid.linewidth": 0.5,
        "lines.linewidth": 2.0,
        "axes.prop_cycle": cycler(
            color="#348ABD #A60628 #7A68A6 #467821 #D55E00 #CC79A7 #56B4E9 #009E73 #F0E442 #0072B2".split()
        ),
    },
    "fivethirtyeight": {
        "axes.axisbelow": True,
        "axes.edgecolor": "#f0f0f0",
        "axes.facecolor": "#f0f0f0",
        "axes.grid": True,
        "axes.labelsize": "large",
        "axes.linewidth": 3.0,
        "axes.titlesize": "x-large",
        "figure.facecolor": "#f0f0f0",
        "font.size": 14.0,
        "grid.color": "#cbcbcb",
        "grid.linewidth": 1.0,
        "lines.linewidth": 4.0,
        "xtick.major.size": 0.0,
        "ytick.major.size": 0.0,
        "axes.prop_cycle": cycler(color="#008fd5 #fc4f30 #e5ae38 #6d904f #8b8b8b #810f7c".split()),
    },
    "grayscale": {
        "axes.prop_cycle": cycler(color="0.00 0.40 0.60 0.70".split()),
        "figure.facecolor": "0.75",
        "image.cmap": "gray",
        "patch.facecolor": "0.5",
    },
    "tableau-colorblind10": {
        "axes.prop_cycle": cycler(
            color="#006BA4 #FF800E #ABABAB #595959 #5F9ED1 #C85200 #898989 #A2C8EC #FFBC79 #CFCFCF".split()
        )
    },
}
for _name, _settings in (
    ("", {**_DARK_GRID, "axes.prop_cycle": cycler(color=_DEEP)}),
    ("-darkgrid", _DARK_GRID),
    ("-whitegrid", _WHITE_GRID),
    ("-white", {}),
    ("-dark", {**_DARK_GRID, "axes.grid": False}),
    ("-ticks", {}),
    *((f"-{name}", {"axes.prop_cycle": cycler(color=colors)}) for name, colors in _PALETTES.items()),
    *((f"-{name}", {"font.size": 10.0 * scale, "lines.linewidth": 1.75 * scale}) for name, scale in _SCALES.items()),
):
    library[f"seaborn-v0_8{_name}"] = _settings

available = sorted(library)


def use(style):
    """Applies the style sheet called `style`, a dict of settings, or a list of these."""
    for one in style if isinstance(style, (list, tuple)) else [style]:
        if not isinstance(one, str):
            rcParams.update(one)
        elif one == "default":
            rcdefaults()
        else:
            name = one.replace("seaborn", "seaborn-v0_8", 1) if one.startswith("seaborn") and "v0_8" not in one else one
            if name not in library:
                raise OSError(f"{one!r} is not a style; known are default, {', '.join(available)}")
            rcParams.update(library[name])


@contextmanager
def context(style, after_reset=False):
    """A style that holds inside a `with` block."""
    with rc_context():
        if after_reset:
            rcdefaults()
        use(style)
        yield
