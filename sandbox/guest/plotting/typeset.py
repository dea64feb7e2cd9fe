"""How wide text is, and how it is set.

Who views a figure has fonts of their own; text is measured in DejaVu Sans, the
widest of the usual ones, so that what fits here fits there.
"""

import functools
import unicodedata
from dataclasses import dataclass

from . import mathtext

POINT = 100 / 72
LINE_HEIGHT = 1.2
# Shares of the font size: the height of a digit, and what is above and below the
# baseline of a line.
DIGIT, ASCENT, DESCENT = 0.73, 0.78, 0.24
RAISE = {1: 0.38, -1: -0.16}
SMALL = 0.7
BOLD = 1.1

# Hundredths of the font size; what is not listed takes 62.
_WIDTHS = {
    character: width
    for width, characters in {
        27: "'",
        28: "ijl",
        29: "IJ",
        32: " ,.·",
        34: "/:;\\|",
        35: "f",
        36: "-",
        39: "()[]t",
        40: "!",
        41: "r",
        46: '"',
        50: "*_`°",
        52: "sz∫",
        53: "?",
        55: "c",
        56: "L",
        58: "Fk",
        59: "vxy",
        61: "TYao",
        64: "$0123456789{}",
        66: "Kα",
        68: "AV",
        69: "BRXZ",
        70: "C",
        73: "U",
        75: "HN",
        77: "DG",
        78: "&",
        79: "OQ",
        82: "w",
        84: "#+<=>^~−×≤≥≈≠±ω∞",
        86: "M",
        95: "%",
        97: "m",
        99: "W",
        100: "@…—→←⇒",
    }.items()
    for character in characters
}


@dataclass(frozen=True)
class Run:
    """Text of one style. `raised` is in pixels above the baseline; `size` in
    pixels, or None for that of the line."""

    text: str
    raised: float = 0.0
    size: float | None = None
    italic: bool = False
    bold: bool = False


def lines(text, size):
    """The lines of `text`, each a list of runs."""
    result = []
    for line in str(text).split("\n"):
        runs = []
        for piece in mathtext.pieces(line):
            small = piece.level != 0
            runs.append(
                Run(
                    piece.text,
                    raised=RAISE.get(piece.level, 0.0) * size,
                    size=size * SMALL if small else None,
                    italic=piece.italic,
                    bold=piece.bold,
                )
            )
        result.append(runs)
    return result


@functools.lru_cache(4096)
def width(text, size, bold=False):
    """Pixels that the longest line of `text` takes."""
    return max(sum(_run_width(run, size) for run in line) for line in lines(text, size)) * (BOLD if bold else 1)


def height(text, size):
    """Pixels from the top of the first line of `text` to the bottom of the last."""
    return (ASCENT + DESCENT + LINE_HEIGHT * str(text).count("\n")) * size


def wrapped(text, size, room):
    """`text` with line breaks at spaces, so that its lines take at most `room` pixels."""
    result = []
    for line in str(text).split("\n"):
        words = line.split(" ")
        current = words[0]
        for word in words[1:]:
            # A formula is not broken, since its spaces are none of the text's.
            if "$" not in line and width(f"{current} {word}", size) > room:
                result.append(current)
                current = word
            else:
                current = f"{current} {word}"
        result.append(current)
    return "\n".join(result)


def _run_width(run, size):
    return sum(map(_character_width, run.text)) / 100 * (run.size or size)


def _character_width(character):
    known = _WIDTHS.get(character)
    if known is not None:
        return known
    if unicodedata.combining(character):
        return 0
    return 100 if unicodedata.east_asian_width(character) in "WF" else 62


def draw(drawing, x, y, text, size, *, align="left", valign="baseline", rotation=0, bold=False, italic=False, **style):
    """Draws `text` with the named point of its box, rotated by `rotation` degrees
    counter-clockwise, at (x, y)."""
    set_lines = lines(text, size)
    first = {
        "baseline": 0.0,
        "top": ASCENT * size,
        "bottom": -DESCENT * size - (len(set_lines) - 1) * LINE_HEIGHT * size,
        "center": (DIGIT - (len(set_lines) - 1) * LINE_HEIGHT) * size / 2,
        "center_baseline": (DIGIT - (len(set_lines) - 1) * LINE_HEIGHT) * size / 2,
    }[valign]
    anchor = {"left": None, "center": "middle", "right": "end"}[align]
    turn = f"rotate({-rotation:g} {x:.2f} {y:.2f})" if rotation % 360 else None
    for index, runs in enumerate(set_lines):
        if any(run.text.strip() for run in runs):
            drawing.rich_text(
                x,
                y + first + index * LINE_HEIGHT * size,
                runs,
                font_size=size,
                text_anchor=anchor,
                transform=turn,
                font_weight="bold" if bold else None,
                font_style="italic" if italic else None,
                **style,
            )
