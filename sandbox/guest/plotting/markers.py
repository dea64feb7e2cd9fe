"""The signs at the points of a line or a scatter plot."""

import math

from . import typeset


def _regular(corners, turn=0.0, inner=None):
    """A polygon, or a star if there is an inner radius, in a circle of diameter 1."""
    count = corners * (2 if inner else 1)
    points = []
    for index in range(count):
        radius = 0.5 * (inner if inner and index % 2 else 1.0)
        angle = math.radians(-90 + turn) + 2 * math.pi * index / count
        points.append((radius * math.cos(angle), radius * math.sin(angle)))
    return points


_PLUS = [(-1, -3), (1, -3), (1, -1), (3, -1), (3, 1), (1, 1), (1, 3), (-1, 3), (-1, 1), (-3, 1), (-3, -1), (-1, -1)]
_CROSS = [(-2, -1), (-1, -2), (0, -1), (1, -2), (2, -1), (1, 0), (2, 1), (1, 2), (0, 1), (-1, 2), (-2, 1), (-1, 0)]

_SHAPES = {
    "v": [(-0.5, -0.5), (0.5, -0.5), (0, 0.5)],
    "^": [(-0.5, 0.5), (0.5, 0.5), (0, -0.5)],
    "<": [(0.5, -0.5), (0.5, 0.5), (-0.5, 0)],
    ">": [(-0.5, -0.5), (-0.5, 0.5), (0.5, 0)],
    "s": [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)],
    "D": [(0, -0.707), (0.707, 0), (0, 0.707), (-0.707, 0)],
    "d": [(0, -0.707), (0.424, 0), (0, 0.707), (-0.424, 0)],
    "p": _regular(5),
    "h": _regular(6),
    "H": _regular(6, 30),
    "8": _regular(8, 22.5),
    "*": _regular(5, inner=0.382),
    "P": [(x / 6, y / 6) for x, y in _PLUS],
    "X": [(x / 4, y / 4) for x, y in _CROSS],
}
_STROKES = {
    "+": [[(-0.5, 0), (0.5, 0)], [(0, -0.5), (0, 0.5)]],
    "x": [[(-0.5, -0.5), (0.5, 0.5)], [(-0.5, 0.5), (0.5, -0.5)]],
    "|": [[(0, -0.5), (0, 0.5)]],
    "_": [[(-0.5, 0), (0.5, 0)]],
    "1": [[(0, 0), (0, 0.5)], [(0, 0), (-0.4, -0.25)], [(0, 0), (0.4, -0.25)]],
    "2": [[(0, 0), (0, -0.5)], [(0, 0), (-0.4, 0.25)], [(0, 0), (0.4, 0.25)]],
    "3": [[(0, 0), (-0.5, 0)], [(0, 0), (0.25, -0.4)], [(0, 0), (0.25, 0.4)]],
    "4": [[(0, 0), (0.5, 0)], [(0, 0), (-0.25, -0.4)], [(0, 0), (-0.25, 0.4)]],
}
_ROUND = {"o": 1.0, ".": 0.5, ",": 0.1}
NOTHING = (None, "", " ", "None", "none")
KNOWN = (*_ROUND, *_SHAPES, *_STROKES)


def check(marker):
    """`marker`, if there is such a marker."""
    if marker in NOTHING:
        return None
    text = str(marker)
    if text in KNOWN or (len(text) > 2 and text[0] == text[-1] == "$"):
        return text
    raise ValueError(f"{marker!r} is not a marker: give one of {' '.join(KNOWN)}, '$text$' or 'none'")


def is_open(marker):
    """Whether the marker consists of strokes, which have no inside."""
    return marker in _STROKES


def draw(drawing, marker, x, y, size, **attributes):
    """Draws a marker `size` pixels wide at (x, y)."""
    if marker in _ROUND:
        drawing.element("circle", cx=x, cy=y, r=size * _ROUND[marker] / 2, **attributes)
    elif marker in _SHAPES:
        drawing.path([(x + dx * size, y + dy * size) for dx, dy in _SHAPES[marker]], True, **attributes)
    elif marker in _STROKES:
        points = []
        for one in _STROKES[marker]:
            points.extend([(x + dx * size, y + dy * size) for dx, dy in one] + [None])
        drawing.path(points, **attributes)
    else:
        typeset.draw(drawing, x, y, marker, size, align="center", valign="center", **{**attributes, "stroke": "none"})
