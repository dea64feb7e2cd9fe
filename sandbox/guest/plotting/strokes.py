"""Lines as SVG draws them: dashes, widths, and what is left of them inside a box."""

from .colors import paint
from .typeset import POINT

# In line widths.
_DASHES = {
    "-": None,
    "solid": None,
    "--": (3.7, 1.6),
    "dashed": (3.7, 1.6),
    "-.": (6.4, 1.6, 1, 1.6),
    "dashdot": (6.4, 1.6, 1, 1.6),
    ":": (1, 1.65),
    "dotted": (1, 1.65),
}
_INVISIBLE = ("", " ", "none", "None")
# Pixels around the box that a line may leave before it is cut.
_SLACK = 20
# Lines with more points lose those that would not be seen.
_MANY = 2000


def is_line_style(style):
    return isinstance(style, str) and style in _DASHES


def is_drawn(style):
    """Whether a line of this style can be seen."""
    return style not in _INVISIBLE


def stroke(color, width, style="-", alpha=None):
    """SVG's attributes of a line `width` points wide."""
    if not is_drawn(style) or width <= 0:
        return {"stroke": "none"}
    attributes = paint("stroke", color, alpha)
    attributes["stroke_width"] = width * POINT
    dashes = _dashes(style)
    if dashes:
        attributes["stroke_dasharray"] = " ".join(f"{part * max(width, 0.5) * POINT:.4g}" for part in dashes)
    return attributes


def _dashes(style):
    if isinstance(style, (tuple, list)) and len(style) == 2:
        return style[1]
    if style not in _DASHES:
        raise ValueError(f"{style!r} is not a line style: give '-', '--', '-.', ':' or 'none'")
    return _DASHES[style]


def visible_part(points, box):
    """The line through `points` (None is a gap), cut near `box`, so that nothing
    far outside is written."""
    left, top, width, height = box
    limits = (left - _SLACK, top - _SLACK, left + width + _SLACK, top + height + _SLACK)
    result, before = [], None
    for point in _thinned(points) if len(points) > _MANY else points:
        if point is None:
            _break(result)
        elif before is None:
            if _inside(point, limits):
                result.append(point)
        else:
            piece = _cut(before, point, limits)
            if piece is None:
                _break(result)
            else:
                if not result or result[-1] != piece[0]:
                    _break(result)
                    result.append(piece[0])
                result.append(piece[1])
        before = point
    return result


def _break(result):
    if result and result[-1] is not None:
        result.append(None)


def between(points, box):
    """The points of a line and some between them, in or near `box`."""
    result, before = [], None
    for point in visible_part(points, box):
        if point is not None:
            if before is not None:
                steps = int(max(abs(point[0] - before[0]), abs(point[1] - before[1])) / 15)
                for step in range(1, steps + 1):
                    share = step / (steps + 1)
                    result.append(
                        (before[0] + (point[0] - before[0]) * share, before[1] + (point[1] - before[1]) * share)
                    )
            result.append(point)
        before = point
    return result


def _thinned(points):
    """Without points a fifth of a pixel from the one before."""
    last = None
    for index, point in enumerate(points):
        near = last and point and abs(point[0] - last[0]) < 0.2 and abs(point[1] - last[1]) < 0.2
        if not near or index == len(points) - 1:
            yield point
            last = point


def _inside(point, limits):
    return limits[0] <= point[0] <= limits[2] and limits[1] <= point[1] <= limits[3]


def _cut(start, end, limits):
    """The part of a segment inside the limits, or None (Liang and Barsky 1984)."""
    if _inside(start, limits) and _inside(end, limits):
        return start, end
    dx, dy = end[0] - start[0], end[1] - start[1]
    enter, leave = 0.0, 1.0
    for step, room in (
        (-dx, start[0] - limits[0]),
        (dx, limits[2] - start[0]),
        (-dy, start[1] - limits[1]),
        (dy, limits[3] - start[1]),
    ):
        if step == 0:
            if room < 0:
                return None
        elif step < 0:
            enter = max(enter, room / step)
        else:
            leave = min(leave, room / step)
    if enter > leave:
        return None
    one = start if enter == 0 else (start[0] + enter * dx, start[1] + enter * dy)
    two = end if leave == 1 else (start[0] + leave * dx, start[1] + leave * dy)
    return one, two


def stairs(xs, ys, where):
    """The corners of a step line."""
    points = []
    for index, (x, y) in enumerate(zip(xs, ys)):
        if index:
            before_x, before_y = xs[index - 1], ys[index - 1]
            if where == "pre":
                points.append((before_x, y))
            elif where == "post":
                points.append((x, before_y))
            elif where == "mid":
                middle = (before_x + x) / 2
                points.extend([(middle, before_y), (middle, y)])
            else:
                raise ValueError(f"where={where!r}: a step is at 'pre', 'mid' or 'post'")
        points.append((x, y))
    return [x for x, _ in points], [y for _, y in points]
