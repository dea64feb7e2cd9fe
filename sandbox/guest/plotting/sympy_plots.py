"""sympy's `plot` and `plot_parametric` without numpy.

sympy draws through matplotlib, and samples its expressions with numpy. Here the
functions are sampled in plain Python; what needs more says so.
"""

import importlib
import math

import sympy
from sympy.plotting import series
from sympy.plotting.backends.matplotlibbackend import MatplotlibBackend

from . import missing
from .patches import Rectangle

_POINTS = 1000
# A jump of a function that crosses this many times its usual height is a pole.
_POLE = 200


class Backend(MatplotlibBackend):
    """Draws curves with the matplotlib of this package."""

    def _process_series(self, all_series, ax):
        for one in all_series:
            if one.is_generic:
                _draw_extra(ax, one)
                continue
            looks = {"label": _text(one.label), "color": one.line_color, **(one.rendering_kw or {})}
            ax.plot(*_points(one), **looks)
        if self.xscale:
            ax.set_xscale(self.xscale)
        if self.yscale:
            ax.set_yscale(self.yscale)
        if self.axis_center:
            self._center(ax)
        if not self.axis:
            ax.set_axis_off()
        if self.legend:
            ax.legend()
        if self.margin:
            ax.margins(self.margin)
        if self.title:
            ax.set_title(self.title)
        if self.xlabel:
            ax.set_xlabel(_text(self.xlabel), position=(1, 0))
        if self.ylabel:
            ax.set_ylabel(_text(self.ylabel), position=(0, 1))
        if self.xlim:
            ax.set_xlim(self.xlim)
        if self.ylim:
            ax.set_ylim(self.ylim)
        ax.set_aspect(self.aspect)

    def process_series(self):
        try:
            super().process_series()
        except BaseException:
            # Else the next `show` would save what there is of it.
            self.close()
            raise

    def _create_figure(self):
        if any(one.is_3D for one in self._series):
            self.fig = None
            raise NotImplementedError(missing.message("a plot in three dimensions"))
        super()._create_figure()

    def _center(self, ax):
        places = self.axis_center
        if places == "auto":
            (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
            places = (0.0 if left * right <= 0 else "center", 0.0 if bottom * top <= 0 else "center")
        elif places == "center":
            places = ("center", "center")
        for side, place in zip(("left", "bottom"), places):
            ax.spines[side].set_position(place if place == "center" else ("data", place))


def _draw_extra(ax, one):
    """Draws what is given along with the expressions."""
    if one.type == "rectangles":
        ax.add_patch(Rectangle(*one.args, **one.rendering_kw))
    else:
        draw = {"markers": ax.plot, "annotations": ax.annotate, "fill": ax.fill_between}[one.type]
        draw(*one.args, **one.rendering_kw)


def _text(label):
    return sympy.latex(label, mode="inline") if isinstance(label, sympy.Basic) else str(label)


def _points(one):
    """(x values, y values) of a curve."""
    if isinstance(one, series.LineOver1DRangeSeries):
        xs = _samples(one.start, one.end, one.xscale == "log")
        return xs, _without_poles(list(map(_function(one.expr, one.var), xs)))
    if isinstance(one, series.Parametric2DLineSeries):
        x, y = _function(one.expr_x, one.var), _function(one.expr_y, one.var)
        ts = _samples(one.start, one.end, False)
        return list(map(x, ts)), list(map(y, ts))
    raise NotImplementedError(missing.message(f"a plot of {type(one).__name__}"))


def _samples(start, end, logarithmic):
    start, end = complex(start).real, complex(end).real
    if logarithmic and start > 0:
        return [start * (end / start) ** (index / (_POINTS - 1)) for index in range(_POINTS)]
    return [start + (end - start) * index / (_POINTS - 1) for index in range(_POINTS)]


def _function(expression, variable):
    """Evaluates to a float, nan where the value is not real."""
    if callable(expression) and not isinstance(expression, sympy.Basic):
        candidates = [expression]
    else:
        expression = sympy.sympify(expression)
        candidates = [sympy.lambdify(variable, expression, modules) for modules in ("math", "mpmath")]
        candidates.append(lambda value: expression.subs(variable, value).evalf())

    def evaluate(value):
        for candidate in candidates:
            try:
                result = complex(candidate(value))
            except (ZeroDivisionError, OverflowError):
                return math.nan
            except (TypeError, ValueError, NameError, AttributeError, SyntaxError):
                continue
            return result.real if abs(result.imag) <= 1e-8 else math.nan
        return math.nan

    return evaluate


def _without_poles(ys):
    """With a gap where the curve jumps from far above to far below, or back."""
    sizes = sorted(abs(y) for y in ys if math.isfinite(y))
    usual = sizes[len(sizes) // 2] if sizes else 0.0
    result = list(ys)
    for index in range(1, len(ys)):
        one, two = ys[index - 1], ys[index]
        if one * two < 0 and min(abs(one), abs(two)) > usual and abs(one - two) > _POLE * usual > 0:
            result[index] = math.nan
    return result


def install():
    """Makes sympy's `plot` use this backend."""
    # By name, since the package's `plot` is the function of the module.
    module = importlib.import_module("sympy.plotting.plot")
    module.MatplotlibBackend = module.plot_backends["matplotlib"] = Backend
