"""Where axes go in a figure: on the places that matplotlib gives them by default,
and apart and away from the edges as far as their labels need."""

from .rcsetup import rc_context
from .spines import SIDES

# Pixels between what belongs to different axes, and to the edge of the figure.
_GAP, _EDGE = 10.0, 8.0
_DEFAULTS = {"left": 0.125, "right": 0.9, "bottom": 0.11, "top": 0.88, "wspace": 0.2, "hspace": 0.2}
# Depths depend on ticks, which depend on sizes, which depend on depths.
_ROUNDS = 3


class Placed:
    """Axes with their view, their ticks and what they take outside their box."""

    def __init__(self, axes, view, ticks, depths, title_room):
        self.axes, self.view, self.ticks, self.depths, self.title_room = axes, view, ticks, depths, title_room


def arrange(figure, size, header):
    """A `Placed` for each visible axes, in the order of drawing. `header` are the
    pixels that a title of the figure takes."""
    depths = {}
    for _ in range(_ROUNDS):
        boxes = _boxes(figure, size, header, depths)
        placed = {}
        for axes in figure.axes:
            if axes in boxes and axes.colorbar is None:
                placed[axes] = _place(axes, boxes[axes], size, figure)
        for axes in figure.axes:
            if axes.colorbar is not None and axes.visible:
                placed[axes] = _place(axes, axes.colorbar.box(placed, boxes.get(axes)), size, figure)
        depths = _combined(placed)
    order = sorted(placed, key=lambda axes: axes.zorder)
    return [placed[axes] for axes in order]


def _place(axes, box, size, figure):
    view = axes.view(box, size)
    title_room = _title_room(axes, view, size)
    with rc_context(axes.settings):
        ticks = axes.arrange(view)
        axes.last_depths = axes.depths(view, ticks, title_room)
    return Placed(axes, view, ticks, axes.last_depths, title_room)


def _title_room(axes, view, size):
    """Pixels for a title above the middle of the axes: to the edges of the figure, or
    a little more than the axes where there are others beside them."""
    left, _, width, _ = view.box
    middle = left + width / 2
    room = 2 * (min(middle, size[0] - middle) - _EDGE)
    spec = axes.spec
    alone = not hasattr(spec, "grid") or spec.columns[1] - spec.columns[0] == spec.grid.ncols
    return room if alone else min(room, width + 60)


def _combined(placed):
    """What each axes, with its twins and colour bars, take outside the box."""
    result = {}
    for axes, place in placed.items():
        owner = axes.twin_of or axes
        if axes.colorbar is None:
            sides = result.setdefault(owner, dict.fromkeys(SIDES, 0.0))
            for side in SIDES:
                sides[side] = max(sides[side], place.depths[side])
    for axes, place in placed.items():
        if axes.colorbar is not None:
            axes.colorbar.depths = place.depths
    return result


def _boxes(figure, size, header, depths):
    """The box of each visible axes, by what they took outside it in the round before."""
    grids = {}
    for axes in figure.axes:
        if hasattr(axes.spec, "grid") and axes.twin_of is None:
            grids.setdefault(axes.spec.grid, []).append(axes)
    nothing = dict.fromkeys(SIDES, 0.0)
    edges = dict.fromkeys(SIDES, 0.0)
    for grid, members in grids.items():
        for axes in members:
            needed = _needed(axes, depths.get(axes, nothing))
            at_edge = {
                "left": axes.spec.columns[0] == 0,
                "right": axes.spec.columns[1] == grid.ncols,
                "top": axes.spec.rows[0] == 0,
                "bottom": axes.spec.rows[1] == grid.nrows,
            }
            for side in SIDES:
                if at_edge[side]:
                    edges[side] = max(edges[side], needed[side])
    boxes = {}
    for grid, members in grids.items():
        area, gaps = _frame(figure, grid, size, header, edges)
        boxes |= _cells(grid, members, area, gaps, depths)
    for axes in figure.axes:
        if axes.twin_of is not None and axes.twin_of in boxes:
            boxes[axes] = boxes[axes.twin_of]
        elif not hasattr(axes.spec, "grid") and axes.spec is not None:
            left, bottom, width, height = axes.spec
            boxes[axes] = (left * size[0], (1 - bottom - height) * size[1], width * size[0], height * size[1])
    return {axes: _without_colorbars(axes.twin_of or axes, box) for axes, box in boxes.items() if axes.visible}


def _needed(axes, depths):
    """Depths, where colour bars of several axes count as theirs."""
    result = dict(depths)
    for bar in axes.colorbars:
        if len(bar.parents) > 1:
            result[bar.side] = result[bar.side] + bar.space(axes.figure)
    return result


def _frame(figure, grid, size, header, edges):
    """(left, top, width, height) of a grid and its (default gap, fixed gap) between columns and rows."""
    width, height = size
    given = {**figure.spacing, **{name: value for name, value in grid.spacing.items() if value is not None}}
    share = {name: value for name, value in given.items() if value is not None}
    usual = _DEFAULTS if not figure.tight else {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": 0, "hspace": 0}
    wanted = {**usual, **share}
    left = max(wanted["left"] * width, edges["left"] + _EDGE)
    right = max((1 - wanted["right"]) * width, edges["right"] + _EDGE)
    top = max((1 - wanted["top"]) * height, edges["top"] + _EDGE + header)
    bottom = max(wanted["bottom"] * height, edges["bottom"] + _EDGE)
    area = (left, top, max(width - left - right, 20.0), max(height - top - bottom, 20.0))
    return area, {name: (wanted[name], name in share) for name in ("wspace", "hspace")}


def _cells(grid, members, area, gaps, depths):
    left, top, width, height = area
    columns = _lanes(
        width,
        grid.widths,
        gaps["wspace"],
        [
            (axes.spec.columns, depths.get(axes, {}).get("left", 0.0), depths.get(axes, {}).get("right", 0.0))
            for axes in members
        ],
    )
    rows = _lanes(
        height,
        grid.heights,
        gaps["hspace"],
        [
            (axes.spec.rows, depths.get(axes, {}).get("top", 0.0), depths.get(axes, {}).get("bottom", 0.0))
            for axes in members
        ],
    )
    boxes = {}
    for axes in members:
        (c0, c1), (r0, r1) = axes.spec.columns, axes.spec.rows
        x, y = columns[c0][0], rows[r0][0]
        boxes[axes] = (left + x, top + y, columns[c1 - 1][1] - x, rows[r1 - 1][1] - y)
    return boxes


def _lanes(length, ratios, gap, members):
    """(start, end) of each column or row."""
    count = len(ratios)
    share, fixed = gap
    usual = share * length / (count + share * (count - 1))
    gaps = []
    for boundary in range(1, count):
        before = max((after for (_, end), _, after in members if end == boundary), default=0.0)
        behind = max((before_ for (start, _), before_, _ in members if start == boundary), default=0.0)
        needed = before + behind + (_GAP if before + behind else 0.0)
        gaps.append(usual if fixed and share < 0.01 else max(usual, needed))
    free = max(length - sum(gaps), 10.0 * count)
    lanes, place = [], 0.0
    for index, ratio in enumerate(ratios):
        end = place + free * ratio / sum(ratios)
        lanes.append((place, end))
        place = end + (gaps[index] if index < len(gaps) else 0.0)
    return lanes


def _without_colorbars(axes, box):
    """What the colour bars of axes leave of their box."""
    left, top, width, height = box
    for bar in axes.colorbars:
        if len(bar.parents) > 1:
            continue
        space = bar.space_in(box)
        if bar.side == "right":
            width -= space
        elif bar.side == "left":
            left, width = left + space, width - space
        elif bar.side == "bottom":
            height -= space
        else:
            top, height = top + space, height - space
    return left, top, max(width, 10.0), max(height, 10.0)
