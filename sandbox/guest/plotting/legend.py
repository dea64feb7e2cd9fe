"""Legends: what the signs in a chart stand for."""

from . import missing, typeset
from .artist import AXES, Artist
from .colors import paint
from .data import sequence
from .rcsetup import font_size, rcParams
from .text import coordinates
from .typeset import POINT

_LOCATIONS = [
    "best",
    "upper right",
    "upper left",
    "lower left",
    "lower right",
    "right",
    "center left",
    "center right",
    "lower center",
    "upper center",
    "center",
]
# Kinds of artists that no legend lists.
_SIGNLESS = ("annotation", "cells", "text")
# In font sizes.
_BORDER_PAD, _LINE_GAP, _SIGN_LENGTH, _SIGN_HEIGHT, _SIGN_GAP, _EDGE_GAP, _COLUMN_GAP = (
    0.4,
    0.5,
    2.0,
    0.7,
    0.8,
    0.5,
    2.0,
)


class Legend(Artist):
    zorder = 5.0
    clipped = False
    kind = "legend"

    def __init__(
        self,
        entries,
        loc=None,
        *,
        bbox_to_anchor=None,
        ncols=None,
        ncol=1,
        title=None,
        fontsize=None,
        prop=None,
        title_fontsize=None,
        frameon=None,
        framealpha=None,
        facecolor=None,
        edgecolor=None,
        labelcolor=None,
        handlelength=_SIGN_LENGTH,
        labelspacing=_LINE_GAP,
        columnspacing=_COLUMN_GAP,
        borderaxespad=_EDGE_GAP,
        handletextpad=_SIGN_GAP,
        borderpad=_BORDER_PAD,
        bbox_transform=None,
        reverse=False,
        alignment=None,
        **style,
    ):
        super().__init__(**style)
        self.entries = list(entries)[::-1] if reverse else list(entries)
        self.location = _location(rcParams["legend.loc"] if loc is None else loc)
        self.anchor = None if bbox_to_anchor is None else [float(value) for value in bbox_to_anchor]
        self.anchor_system = AXES if bbox_transform is None else coordinates(bbox_transform)
        self.columns = max(ncols or ncol, 1)
        self.title = None if title is None else str(title)
        if fontsize is None:
            fontsize = (prop or {}).get("size", rcParams["legend.fontsize"])
        self.size = font_size(fontsize) * POINT
        title_size = title_fontsize or rcParams["legend.title_fontsize"]
        self.title_size = self.size if title_size is None else font_size(title_size) * POINT
        self.framed = rcParams["legend.frameon"] if frameon is None else frameon
        self.frame = (
            rcParams["legend.facecolor"] if facecolor is None else facecolor,
            rcParams["legend.edgecolor"] if edgecolor is None else edgecolor,
            rcParams["legend.framealpha"] if framealpha is None else framealpha,
        )
        self.text_color = labelcolor
        self.sign_length, self.sign_gap = handlelength * self.size, handletextpad * self.size
        self.line_gap, self.column_gap = labelspacing * self.size, columnspacing * self.size
        self.pad, self.edge_gap = borderpad * self.size, borderaxespad * self.size

    def get_texts(self):
        return [LegendText(self, index) for index in range(len(self.entries))]

    def get_title(self):
        return LegendText(self, None)

    def set_title(self, title, **style):
        self.title = str(title)

    def get_frame(self):
        return LegendFrame(self)

    def set_bbox_to_anchor(self, anchor, transform=None):
        self.anchor = [float(value) for value in anchor]

    def _rows(self):
        """The entries column by column, the first ones longer by one if need be."""
        count, columns = len(self.entries), min(self.columns, max(len(self.entries), 1))
        short, longer = divmod(count, columns)
        rest, result = list(self.entries), []
        for index in range(columns):
            size = short + (index < longer)
            result.append(rest[:size])
            rest = rest[size:]
        return result

    def _line_height(self, text):
        return typeset.height(text, self.size) - 0.12 * self.size

    def measure(self):
        """(width, height) in pixels."""
        columns = self._rows()
        widths = [
            self.sign_length + self.sign_gap + max((typeset.width(text, self.size) for _, text in column), default=0.0)
            for column in columns
        ]
        heights = [
            sum(self._line_height(text) for _, text in column) + self.line_gap * max(len(column) - 1, 0)
            for column in columns
        ]
        width, height = sum(widths) + self.column_gap * (len(columns) - 1), max(heights)
        if self.title:
            width = max(width, typeset.width(self.title, self.title_size))
            height += typeset.height(self.title, self.title_size) + self.line_gap
        return width + 2 * self.pad, height + 2 * self.pad

    def box(self, view, crowd):
        """(left, top, width, height). `crowd` are pixels that it had better not cover."""
        width, height = self.measure()
        if self.anchor is None:
            area = view.box
        else:
            x, y = self.anchor[:2]
            left, bottom = view.x(x, self.anchor_system.x), view.y(y, self.anchor_system.y)
            area = (left, bottom, 0.0, 0.0)
            if len(self.anchor) == 4:
                right, top = (
                    view.x(x + self.anchor[2], self.anchor_system.x),
                    view.y(y + self.anchor[3], self.anchor_system.y),
                )
                area = (left, top, right - left, bottom - top)
        if isinstance(self.location, tuple):
            left, bottom = view.x(self.location[0], "axes"), view.y(self.location[1], "axes")
            return left, bottom - height, width, height
        places = _LOCATIONS[1:] if self.location == "best" else [self.location]
        boxes = [(*_corner(place, area, width, height, self.edge_gap), width, height) for place in places]
        return min(boxes, key=lambda box: _covered(box, crowd)) if len(boxes) > 1 else boxes[0]

    def draw_in(self, drawing, box, background):
        left, top, width, height = box
        with drawing.group(class_=self.kind):
            if self.framed:
                face, edge, alpha = self.frame
                drawing.element(
                    "rect",
                    x=left,
                    y=top,
                    width=width,
                    height=height,
                    rx=0.2 * self.size,
                    **paint("fill", background if face == "inherit" else face, alpha),
                    **paint("stroke", edge, alpha),
                    stroke_width=POINT,
                )
            top += self.pad
            color = paint("fill", rcParams["text.color"] if self.text_color in (None, "linecolor") else self.text_color)
            if self.title:
                typeset.draw(
                    drawing, left + width / 2, top, self.title, self.title_size, align="center", valign="top", **color
                )
                top += typeset.height(self.title, self.title_size) + self.line_gap
            x = left + self.pad
            for column in self._rows():
                y = top
                for sign, text in column:
                    line = self._line_height(text)
                    middle = y + 0.5 * typeset.height("x", self.size) - 0.06 * self.size
                    key = (x, middle - _SIGN_HEIGHT * self.size / 2, self.sign_length, _SIGN_HEIGHT * self.size)
                    if sign is not None:
                        sign.draw_key(drawing, key)
                    typeset.draw(
                        drawing,
                        x + self.sign_length + self.sign_gap,
                        y - 0.06 * self.size,
                        text,
                        self.size,
                        valign="top",
                        class_="legend-text",
                        **color,
                    )
                    y += line + self.line_gap
                widest = max((typeset.width(text, self.size) for _, text in column), default=0.0)
                x += self.sign_length + self.sign_gap + widest + self.column_gap


class LegendText:
    """A text of a legend; its size and colour are those of all."""

    def __init__(self, legend, index):
        self._legend, self._index = legend, index

    def get_text(self):
        return self._legend.title or "" if self._index is None else self._legend.entries[self._index][1]

    def set_text(self, text):
        if self._index is None:
            self._legend.title = str(text)
        else:
            self._legend.entries[self._index] = (self._legend.entries[self._index][0], str(text))

    def set_color(self, color):
        self._legend.text_color = color

    def set_fontsize(self, size):
        if self._index is None:
            self._legend.title_size = font_size(size) * POINT
        else:
            self._legend.size = font_size(size) * POINT

    set_size = set_fontsize

    def __getattr__(self, name):
        raise AttributeError(missing.message(f"{name} of a text in a legend"))


class LegendFrame:
    """The frame of a legend."""

    def __init__(self, legend):
        self._legend = legend

    def _set(self, index, value):
        frame = list(self._legend.frame)
        frame[index] = value
        self._legend.frame = tuple(frame)

    def set_facecolor(self, color):
        self._set(0, color)

    def set_edgecolor(self, color):
        self._set(1, color)

    def set_alpha(self, alpha):
        self._set(2, alpha)

    def set_linewidth(self, width):
        self._legend.framed = width > 0

    def __getattr__(self, name):
        raise AttributeError(missing.message(f"{name} of the frame of a legend"))


def entries(artists, args, handles, labels):
    """(sign, text) of each entry, from the arguments of `legend`."""
    if len(args) == 1:
        labels = args[0]
    elif len(args) == 2:
        handles, labels = args
    elif len(args) > 2:
        raise TypeError(f"legend takes handles and labels, but {len(args)} arguments were given")
    if handles is None and labels is None:
        return [(artist, artist.label) for artist in artists if artist.in_legend()]
    if handles is None:
        handles = [artist for artist in artists if artist.kind not in _SIGNLESS and not artist.label.startswith("_")]
        handles = [artist for artist in handles if artist.label] or handles
    handles = sequence(handles)
    handles = [
        handle[0] if isinstance(handle, (list, tuple)) and not hasattr(handle, "draw_key") and handle else handle
        for handle in handles
    ]
    if labels is None:
        return [(handle, handle.get_label()) for handle in handles]
    return list(zip(handles, [str(label) for label in ([labels] if isinstance(labels, str) else sequence(labels))]))


def _location(loc):
    if isinstance(loc, int) and 0 <= loc < len(_LOCATIONS):
        loc = _LOCATIONS[loc]
    if isinstance(loc, (tuple, list)) and len(loc) == 2:
        return float(loc[0]), float(loc[1])
    known = {**{name: name for name in _LOCATIONS}, "right": "center right"}
    if loc.removeprefix("outside ") not in known:
        raise ValueError(f"{loc!r} is not a place for a legend: give one of {', '.join(_LOCATIONS)}")
    return known[loc.removeprefix("outside ")]


def _corner(place, area, width, height, gap):
    """The upper left corner of a box at a named place of an area."""
    left, top, wide, high = area
    x = left + gap if "left" in place else left + wide - width - gap if "right" in place else left + (wide - width) / 2
    y = top + gap if "upper" in place else top + high - height - gap if "lower" in place else top + (high - height) / 2
    return x, y


def _covered(box, crowd):
    left, top, width, height = box
    return sum(left - 2 <= x <= left + width + 2 and top - 2 <= y <= top + height + 2 for x, y in crowd)


__getattr__ = missing.module_attribute("matplotlib.legend")
