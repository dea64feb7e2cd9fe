"""Writes SVG: the only file that knows its syntax.

Lengths are pixels, 100 to an inch, from the upper left corner. The same calls
give the same bytes.
"""

import base64
import re
import struct
import zlib
from contextlib import contextmanager

# Not allowed in XML, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def number(value):
    """`value` with two decimals at most."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def escape(text):
    text = _FORBIDDEN.sub("\ufffd", text)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    return text


def outline(points, closed=False):
    """The `d` of a path through `points`; None among them interrupts it."""
    parts, command = [], "M"
    for point in points:
        if point is None:
            command = "M"
        else:
            parts.append(f"{command}{number(point[0])} {number(point[1])}")
            command = "L"
    if closed and parts:
        parts.append("Z")
    return "".join(parts)


class Drawing:
    """An SVG document in the making."""

    def __init__(self, width, height, font_family):
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{number(width)}" height="{number(height)}" '
            f'viewBox="0 0 {number(width)} {number(height)}" font-family="{escape(font_family)}">'
        ]

    def text(self):
        """The whole document."""
        return "\n".join([*self._parts, "</svg>", ""])

    def element(self, name, content=None, **attributes):
        """An element without children; `content` is its text. An attribute that is
        None is left out, and `_` in a name stands for `-`."""
        tag = _tag(name, attributes)
        self._parts.append(f"<{tag}/>" if content is None else f"<{tag}>{escape(content)}</{name}>")

    @contextmanager
    def group(self, **attributes):
        """What is drawn inside shares the attributes."""
        with self._nested("g", attributes):
            yield

    @contextmanager
    def clip(self, box):
        """What is drawn inside is cut off at `box`. An inner `svg` needs no name,
        which a clip path does: names clash where one page shows several figures."""
        left, top, width, height = box
        view = " ".join(number(value) for value in box)
        with self._nested("svg", dict(x=left, y=top, width=width, height=height, viewBox=view, overflow="hidden")):
            yield

    @contextmanager
    def _nested(self, name, attributes):
        start = len(self._parts)
        self._parts.append(f"<{_tag(name, attributes)}>")
        yield
        if len(self._parts) == start + 1:
            self._parts.pop()
        else:
            self._parts.append(f"</{name}>")

    def path(self, points, closed=False, **attributes):
        d = outline(points, closed)
        if d:
            self.element("path", d=d, **attributes)

    def rich_text(self, x, y, runs, **attributes):
        """One line of text; see `typeset.Run`."""
        tag = _tag("text", dict(x=x, y=y, **attributes))
        spans, raised = [], 0.0
        for run in runs:
            style = {}
            if run.raised != raised:
                style["dy"] = raised - run.raised
                raised = run.raised
            if run.size is not None:
                style["font_size"] = run.size
            if run.italic:
                style["font_style"] = "italic"
            if run.bold:
                style["font_weight"] = "bold"
            content = escape(run.text)
            spans.append(f"<{_tag('tspan', style)}>{content}</tspan>" if style else content)
        self._parts.append(f"<{tag}>{''.join(spans)}</text>")

    def image(self, box, rows, **attributes):
        """A matrix of (red, green, blue, alpha), 0 to 255, stretched over `box`."""
        left, top, width, height = box
        png = base64.b64encode(_png(rows)).decode("ascii")
        self.element(
            "image",
            x=left,
            y=top,
            width=width,
            height=height,
            preserveAspectRatio="none",
            style="image-rendering:pixelated",
            href=f"data:image/png;base64,{png}",
            **attributes,
        )


def _tag(name, attributes):
    parts = [name]
    for key, value in attributes.items():
        if value is not None:
            text = value if isinstance(value, str) else number(value)
            parts.append(f'{key.rstrip("_").replace("_", "-")}="{escape(text)}"')
    return " ".join(parts)


def _png(rows):
    """A PNG file of 8-bit RGBA (W3C's Portable Network Graphics, section 11)."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 6, 0, 0, 0)
    lines = b"".join(b"\0" + bytes(part for pixel in row for part in pixel) for row in rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")
