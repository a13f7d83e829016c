"""Line charts as inline SVG: crisp at any size, coloured by the page's own light and dark palette."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from phasewise.report.items import Plot

# Small on purpose: the drawing is scaled to the page, and its 12-unit text must stay readable on a phone.
WIDTH, HEIGHT = 420, 250
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 30, 42
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
PALETTE = 8  # series colours that the style sheet defines


def line_chart(plot: Plot) -> str:
    """The plot as one ``<svg>`` element; every point carries its value as a tooltip."""
    curves = [[(x, y) for x, y in curve.points if y > 0 or not plot.log_y] for curve in plot.curves]
    flat = [point for curve in curves for point in curve]
    if not flat:
        return '<p class="muted">No finite values to draw.</p>'
    x_ticks = _linear_ticks(*_range([x for x, _ in flat]), integers=True)
    ys = [y for _, y in flat]
    y_ticks = _log_ticks(min(ys), max(ys)) if plot.log_y else _linear_ticks(*_range(ys))
    x_low, x_high = min(x for x, _ in flat), max(x for x, _ in flat)
    low, high = min(y_ticks[0], min(ys)), max(y_ticks[-1], max(ys))

    def across(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((x - x_low) / (x_high - x_low) if x_high > x_low else 0.5)

    def down(y: float) -> float:
        if plot.log_y:
            y, a, b = math.log(y), math.log(low), math.log(high)
        else:
            a, b = low, high
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - ((y - a) / (b - a) if b > a else 0.5))

    label = f"{plot.title}. " + " ".join(
        f"{curve.label}: {_short(points[0][1])} at first, {_short(points[-1][1])} at last."
        for curve, points in zip(plot.curves, curves, strict=True)
        if points
    )
    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">']
    for y in y_ticks:
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down(y):.1f}" y2="{down(y):.1f}"/>'
        )
        parts.append(f'<text x="{LEFT - 7}" y="{down(y) + 4:.1f}" text-anchor="end">{_short(y)}</text>')
    for x in x_ticks:
        if x_low <= x <= x_high:
            place = f'x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 18}"'
            parts.append(f'<text {place} text-anchor="middle">{_short(x)}</text>')
    parts.append(
        f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 5}" text-anchor="middle">'
        f"{escape(plot.x_label)}</text>"
        f'<text class="axis" x="2" y="13">{escape(plot.y_label)}</text>'
    )
    for k, (curve, points) in enumerate(zip(plot.curves, curves, strict=True)):
        parts.append(_series(k, curve.label, [(across(x), down(y)) for x, y in points], points))
    return "".join([*parts, "</svg>"])


def _series(
    k: int, label: str, places: Sequence[tuple[float, float]], values: Sequence[tuple[float, float]]
) -> str:
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7">'
        f"<title>{escape(label)}, {_short(a)}: {_short(b)}</title></circle>"
        for (x, y), (a, b) in zip(places, values, strict=True)
    )
    end = f'<circle class="end" cx="{places[-1][0]:.1f}" cy="{places[-1][1]:.1f}" r="3"/>' if places else ""
    return f'<g class="series s{k % PALETTE}"><polyline points="{line}"/>{end}<g class="hits">{dots}</g></g>'


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if low == high:
        pad = abs(low) * 0.1 or 1.0
        return low - pad, high + pad
    return low, high


def _linear_ticks(low: float, high: float, *, integers: bool = False, about: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten that cover ``[low, high]``."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * (1 - 1e-9))
    if integers:
        step = max(1.0, step)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten that cover ``[low, high]``, thinned; 1-2-5 steps when the range is under two decades."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    if last - first <= 2:
        fine = [m * 10.0**e for e in range(first, last + 1) for m in (1, 2, 5)]
        below = max((t for t in fine if t <= low * (1 + 1e-9)), default=fine[0])
        above = min((t for t in fine if t >= high * (1 - 1e-9)), default=fine[-1])
        return [t for t in fine if below <= t <= above]
    stride = max(1, math.ceil((last - first) / 6))
    return [10.0**e for e in range(first, last + stride, stride)]


def _short(value: float) -> str:
    """A number as a tick would show it: 20, 0.05, 10⁴, 3×10⁻⁷."""
    if value == 0 or 1e-3 <= abs(value) < 9999.5:
        return f"{value:.{4 if abs(value) >= 999.5 else 3}g}".replace("-", "\N{MINUS SIGN}")
    mantissa, exponent = f"{value:.1e}".replace(".0e", "e").split("e")
    power = "10" + str(int(exponent)).translate(_SUPERSCRIPT)
    return power if mantissa == "1" else f"{mantissa}×{power}".replace("-", "\N{MINUS SIGN}")
