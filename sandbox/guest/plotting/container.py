"""What a chart gives back when it consists of several artists."""

from . import missing
from .strokes import stroke


class Container(tuple):
    """Artists with one label."""

    kind = "container"

    def __new__(cls, artists, label=None):
        return super().__new__(cls, artists)

    def __init__(self, artists, label=None):
        self.label = "" if label is None else str(label)

    def get_label(self):
        return self.label

    def set_label(self, label):
        self.label = str(label)

    def in_legend(self):
        return bool(self.label) and not self.label.startswith("_")

    def get_children(self):
        return [artist for artist in self if artist is not None]

    def remove(self):
        for artist in self.get_children():
            artist.remove()

    def draw_key(self, drawing, box):
        """Draws the sign of the first artist in a legend."""
        for artist in self.get_children()[:1]:
            artist.draw_key(drawing, box)

    def __repr__(self):
        return f"<{type(self).__name__} of {len(self)} artists>"


class BarContainer(Container):
    """The bars of a bar chart."""

    def __init__(self, patches, label=None, *, orientation="vertical", errorbar=None):
        super().__init__(patches, label)
        self.patches, self.orientation, self.errorbar = list(patches), orientation, errorbar

    def __new__(cls, patches, label=None, **options):
        return super().__new__(cls, patches, label)


class ErrorbarContainer(Container):
    """(line or None, lines of the caps, segments of the bars)."""

    def tip(self, index, across, sign):
        """The end of the error bar of a point, on the side that `sign` names."""
        segment = self[2][-1 if not across else 0].segments[index]
        return (max if sign > 0 else min)(segment)

    def get_children(self):
        line, caps, bars = self
        return [artist for artist in (line, *caps, *bars) if artist is not None]

    def draw_key(self, drawing, box):
        left, top, width, height = box
        line, _, bars = self
        for bar in bars[:1]:
            middle = left + width / 2
            strokes = stroke(bar.styled("color", "C0"), bar.styled("linewidth", 1.5))
            drawing.path([(middle, top - height / 2), (middle, top + 1.5 * height)], **strokes)
        if line is not None:
            line.draw_key(drawing, box)


class StemContainer(Container):
    """(line of the markers, stems, base line)."""

    @property
    def markerline(self):
        return self[0]

    @property
    def stemlines(self):
        return self[1]

    @property
    def baseline(self):
        return self[2]

    def draw_key(self, drawing, box):
        self[0].draw_key(drawing, box)


__getattr__ = missing.module_attribute("matplotlib.container")
