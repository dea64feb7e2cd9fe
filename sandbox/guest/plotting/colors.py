"""Colours, and how numbers become colours."""

import bisect
import math
import re

from . import missing
from .rcsetup import rcParams

BASE_COLORS = {
    "b": "0000ff",
    "g": "008000",
    "r": "ff0000",
    "c": "00bfbf",
    "m": "bf00bf",
    "y": "bfbf00",
    "k": "000000",
    "w": "ffffff",
}
TABLEAU_COLORS = {
    "tab:blue": "#1f77b4",
    "tab:orange": "#ff7f0e",
    "tab:green": "#2ca02c",
    "tab:red": "#d62728",
    "tab:purple": "#9467bd",
    "tab:brown": "#8c564b",
    "tab:pink": "#e377c2",
    "tab:gray": "#7f7f7f",
    "tab:olive": "#bcbd22",
    "tab:cyan": "#17becf",
}
# CSS Color Module Level 4, section 6.1.
_CSS = """
aliceblue:f0f8ff antiquewhite:faebd7 aqua:00ffff aquamarine:7fffd4 azure:f0ffff beige:f5f5dc bisque:ffe4c4
black:000000 blanchedalmond:ffebcd blue:0000ff blueviolet:8a2be2 brown:a52a2a burlywood:deb887 cadetblue:5f9ea0
chartreuse:7fff00 chocolate:d2691e coral:ff7f50 cornflowerblue:6495ed cornsilk:fff8dc crimson:dc143c cyan:00ffff
darkblue:00008b darkcyan:008b8b darkgoldenrod:b8860b darkgray:a9a9a9 darkgreen:006400 darkgrey:a9a9a9
darkkhaki:bdb76b darkmagenta:8b008b darkolivegreen:556b2f darkorange:ff8c00 darkorchid:9932cc darkred:8b0000
darksalmon:e9967a darkseagreen:8fbc8f darkslateblue:483d8b darkslategray:2f4f4f darkslategrey:2f4f4f
darkturquoise:00ced1 darkviolet:9400d3 deeppink:ff1493 deepskyblue:00bfff dimgray:696969 dimgrey:696969
dodgerblue:1e90ff firebrick:b22222 floralwhite:fffaf0 forestgreen:228b22 fuchsia:ff00ff gainsboro:dcdcdc
ghostwhite:f8f8ff gold:ffd700 goldenrod:daa520 gray:808080 green:008000 greenyellow:adff2f grey:808080
honeydew:f0fff0 hotpink:ff69b4 indianred:cd5c5c indigo:4b0082 ivory:fffff0 khaki:f0e68c lavender:e6e6fa
lavenderblush:fff0f5 lawngreen:7cfc00 lemonchiffon:fffacd lightblue:add8e6 lightcoral:f08080 lightcyan:e0ffff
lightgoldenrodyellow:fafad2 lightgray:d3d3d3 lightgreen:90ee90 lightgrey:d3d3d3 lightpink:ffb6c1 lightsalmon:ffa07a
lightseagreen:20b2aa lightskyblue:87cefa lightslategray:778899 lightslategrey:778899 lightsteelblue:b0c4de
lightyellow:ffffe0 lime:00ff00 limegreen:32cd32 linen:faf0e6 magenta:ff00ff maroon:800000 mediumaquamarine:66cdaa
mediumblue:0000cd mediumorchid:ba55d3 mediumpurple:9370db mediumseagreen:3cb371 mediumslateblue:7b68ee
mediumspringgreen:00fa9a mediumturquoise:48d1cc mediumvioletred:c71585 midnightblue:191970 mintcream:f5fffa
mistyrose:ffe4e1 moccasin:ffe4b5 navajowhite:ffdead navy:000080 oldlace:fdf5e6 olive:808000 olivedrab:6b8e23
orange:ffa500 orangered:ff4500 orchid:da70d6 palegoldenrod:eee8aa palegreen:98fb98 paleturquoise:afeeee
palevioletred:db7093 papayawhip:ffefd5 peachpuff:ffdab9 peru:cd853f pink:ffc0cb plum:dda0dd powderblue:b0e0e6
purple:800080 rebeccapurple:663399 red:ff0000 rosybrown:bc8f8f royalblue:4169e1 saddlebrown:8b4513 salmon:fa8072
sandybrown:f4a460 seagreen:2e8b57 seashell:fff5ee sienna:a0522d silver:c0c0c0 skyblue:87ceeb slateblue:6a5acd
slategray:708090 slategrey:708090 snow:fffafa springgreen:00ff7f steelblue:4682b4 tan:d2b48c teal:008080
thistle:d8bfd8 tomato:ff6347 turquoise:40e0d0 violet:ee82ee wheat:f5deb3 white:ffffff whitesmoke:f5f5f5
yellow:ffff00 yellowgreen:9acd32
"""
CSS4_COLORS = {name: f"#{code}" for name, _, code in (entry.partition(":") for entry in _CSS.split())}
_NAMED = {**{name: f"#{code}" for name, code in BASE_COLORS.items()}, **TABLEAU_COLORS, **CSS4_COLORS}
_NAMED["tab:grey"] = _NAMED["tab:gray"]
_HEX = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
NONE = (0.0, 0.0, 0.0, 0.0)


def to_rgba(color, alpha=None):
    """(red, green, blue, alpha) from 0 to 1 of any notation of a colour."""
    if isinstance(color, tuple) and len(color) == 2 and not _is_number(color[0]):
        color, alpha = color[0], color[1] if alpha is None else alpha
    rgba = _parse(color)
    if rgba is NONE or alpha is None:
        return rgba
    return (*rgba[:3], min(max(float(alpha), 0.0), 1.0))


def _parse(color):
    if isinstance(color, str):
        return _parse_text(color)
    if color is None:
        return NONE
    parts = color.tolist() if hasattr(color, "tolist") else color
    if not isinstance(parts, (tuple, list)) or len(parts) not in (3, 4) or not all(map(_is_number, parts)):
        raise ValueError(f"{color!r} is not a color: give a name, '#rrggbb', 'C0' to 'C9' or (red, green, blue)")
    parts = [float(part) for part in parts]
    if not all(0 <= part <= 1 for part in parts):
        raise ValueError(f"{color!r} is not a color: red, green, blue and alpha are from 0 to 1")
    return (*parts, 1.0) if len(parts) == 3 else tuple(parts)


def _parse_text(color):
    name = color.strip()
    if name.lower() == "none":
        return NONE
    code = _NAMED.get(name) or _NAMED.get(name.lower()) or name
    if _HEX.fullmatch(code):
        digits = code[1:]
        if len(digits) <= 4:
            digits = "".join(digit * 2 for digit in digits)
        parts = [int(digits[start : start + 2], 16) / 255 for start in range(0, len(digits), 2)]
        return (*parts, 1.0) if len(parts) == 3 else tuple(parts)
    if re.fullmatch(r"C\d+", name):
        cycle = rcParams["axes.prop_cycle"].by_key().get("color", ["C0"])
        return _parse_text(cycle[int(name[1:]) % len(cycle)])
    try:
        gray = float(name)
    except ValueError:
        gray = -1.0
    if 0 <= gray <= 1:
        return (gray, gray, gray, 1.0)
    raise ValueError(f"{color!r} is not a color: give a name, '#rrggbb', 'C0' to 'C9' or (red, green, blue)")


def _is_number(value):
    return not isinstance(value, (str, bytes, tuple, list)) and hasattr(value, "__float__")


def to_rgb(color):
    return to_rgba(color)[:3]


def to_rgba_array(colors, alpha=None):
    return [to_rgba(color, alpha) for color in each(colors)]


def to_hex(color, keep_alpha=False):
    rgba = to_rgba(color)
    return "#" + "".join(f"{round(part * 255):02x}" for part in rgba[: 4 if keep_alpha else 3])


def is_color_like(color):
    try:
        to_rgba(color)
    except (TypeError, ValueError):
        return False
    return True


def each(colors):
    """The colours of a list, or of one colour."""
    if isinstance(colors, str) or is_color_like(colors):
        return [colors]
    return list(colors)


def paint(kind, color, alpha=None):
    """SVG's attributes that fill or stroke (`kind`) with `color`."""
    rgba = to_rgba(color, alpha)
    if rgba[3] == 0:
        return {kind: "none"}
    attributes = {kind: to_hex(rgba)}
    if rgba[3] < 1:
        attributes[f"{kind}_opacity"] = rgba[3]
    return attributes


class Colormap:
    """Colours for numbers from 0 to 1, in `N` steps. An int is the number of a step."""

    def __init__(self, name, N=256):
        self.name, self.N = name, N
        self._bad = NONE

    def at(self, fraction):
        raise NotImplementedError

    def __call__(self, value, alpha=None, bytes=False):
        if isinstance(value, (list, tuple, range)) or hasattr(value, "tolist"):
            return [self(one, alpha, bytes) for one in value]
        if isinstance(value, int):
            step = min(max(value, 0), self.N - 1)
        elif math.isnan(value):
            return self._bad
        else:
            step = int(min(max(value * self.N, 0), self.N - 1))
        rgba = to_rgba(self.at(step), alpha)
        return tuple(round(part * 255) for part in rgba) if bytes else rgba

    def set_bad(self, color="k", alpha=None):
        self._bad = to_rgba(color, alpha)

    def copy(self):
        return self.resampled(self.N)


class ListedColormap(Colormap):
    """The colours of a list."""

    def __init__(self, colors, name="from_list", N=None):
        listed = each(colors)
        super().__init__(name, N or len(listed))
        self.colors = [to_rgba(listed[index % len(listed)]) for index in range(self.N)]

    def at(self, step):
        return self.colors[step]

    def resampled(self, lutsize):
        if lutsize == self.N:
            return ListedColormap(self.colors, self.name)
        last = max(lutsize - 1, 1)
        chosen = [self.colors[round(index / last * (self.N - 1))] for index in range(lutsize)]
        return ListedColormap(chosen, self.name)

    def reversed(self, name=None):
        return ListedColormap(self.colors[::-1], name or _reversed_name(self.name))


class LinearSegmentedColormap(Colormap):
    """Colours between the stops of a list."""

    def __init__(self, name, stops, N=256):
        if isinstance(stops, dict):
            raise NotImplementedError(missing.message("a colormap of segment data"))
        super().__init__(name, N)
        self._positions = [float(position) for position, _ in stops]
        self._colors = [to_rgba(color) for _, color in stops]

    @classmethod
    def from_list(cls, name, colors, N=256):
        """`colors` are evenly spaced, or pairs (position, colour)."""
        colors = list(colors)
        if not all(isinstance(entry, (tuple, list)) and len(entry) == 2 for entry in colors):
            last = max(len(colors) - 1, 1)
            colors = [(index / last, color) for index, color in enumerate(colors)]
        return cls(name, colors, N)

    def at(self, step):
        fraction = step / max(self.N - 1, 1)
        right = min(max(bisect.bisect_left(self._positions, fraction), 1), len(self._positions) - 1)
        low, high = self._positions[right - 1], self._positions[right]
        share = (fraction - low) / (high - low) if high > low else 0.0
        one, two = self._colors[right - 1], self._colors[right]
        return tuple(min(max(a + (b - a) * share, 0.0), 1.0) for a, b in zip(one, two))

    def resampled(self, lutsize):
        return LinearSegmentedColormap(self.name, list(zip(self._positions, self._colors)), lutsize)

    def reversed(self, name=None):
        stops = [(1 - position, color) for position, color in zip(self._positions, self._colors)]
        return LinearSegmentedColormap(name or _reversed_name(self.name), stops[::-1], self.N)


def _reversed_name(name):
    return name[:-2] if name.endswith("_r") else f"{name}_r"


class Normalize:
    """Numbers from `vmin` to `vmax` as 0 to 1."""

    def __init__(self, vmin=None, vmax=None, clip=False):
        self.vmin = None if vmin is None else float(vmin)
        self.vmax = None if vmax is None else float(vmax)

    def autoscale_None(self, values):
        """Takes the limits that are not set from the values."""
        known = [value for value in values if math.isfinite(value)]
        if self.vmin is None and known:
            self.vmin = min(known)
        if self.vmax is None and known:
            self.vmax = max(known)

    def __call__(self, value):
        if isinstance(value, (list, tuple, range)) or hasattr(value, "tolist"):
            values = [float(one) for one in value]
            self.autoscale_None(values)
            return [self._share(one) for one in values]
        self.autoscale_None([float(value)])
        return self._share(float(value))

    def _share(self, value):
        if self.vmin is None or self.vmax is None or self.vmax == self.vmin:
            return 0.0 if not math.isnan(value) else value
        return (value - self.vmin) / (self.vmax - self.vmin)


class LogNorm(Normalize):
    """The logarithms of numbers from `vmin` to `vmax` as 0 to 1."""

    def autoscale_None(self, values):
        super().autoscale_None([value for value in values if value > 0])

    def _share(self, value):
        if not value > 0 or self.vmin is None or self.vmax == self.vmin:
            return math.nan
        return math.log(value / self.vmin) / math.log(self.vmax / self.vmin)


class TwoSlopeNorm(Normalize):
    """`vmin` to `vcenter` as 0 to one half, and from there to `vmax` as the rest."""

    def __init__(self, vcenter, vmin=None, vmax=None):
        super().__init__(vmin, vmax)
        self.vcenter = float(vcenter)

    def _share(self, value):
        low, high = (self.vmin, self.vcenter) if value < self.vcenter else (self.vcenter, self.vmax)
        share = (value - low) / (high - low) if high > low else 0.0
        return share / 2 + (0.0 if value < self.vcenter else 0.5)


__getattr__ = missing.module_attribute("matplotlib.colors")
