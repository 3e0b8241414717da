"""Draws curves with logarithmic axes as SVG, by hand: three small plots need no library."""

import math
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import NamedTuple

WIDTH, HEIGHT = 320, 240
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 44, 40
COLOURS = ("#1b6ca8", "#c1440e", "#4a7c2f", "#7a4ea0", "#a0842b", "#5f6b73")


class Curve(NamedTuple):
    name: str
    points: Sequence[tuple[float, float]]


class Plot(NamedTuple):
    title: str
    across: str
    curves: Sequence[Curve]


def decades(values: Sequence[float]) -> tuple[int, int]:
    """The powers of ten around the values.

    >>> decades([3, 40, 1000])
    (0, 3)
    >>> decades([200, 300])
    (2, 3)
    """
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def label(power: int) -> str:
    """
    >>> label(2), label(6), label(-1)
    ('100', '1 000 000', '0.1')
    """
    return f"{10**power:,}".replace(",", " ") if power >= 0 else f"{10.0**power:g}"


def text(x: float, y: float, words: str, anchor: str = "middle", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{words}</text>'


def draw(plot: Plot) -> Iterator[str]:
    """One plot, as lines of SVG."""
    points = [point for curve in plot.curves for point in curve.points]
    x_low, x_high = decades([x for x, _ in points])
    y_low, y_high = decades([y for _, y in points])

    def right(x: float) -> float:
        return LEFT + (math.log10(x) - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)

    def down(y: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(y) - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)

    yield text(LEFT, 14, plot.title, "start", ' font-weight="bold"')
    for power in range(x_low, x_high + 1):
        x = right(10.0**power)
        yield f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>'
        if (power - x_low) % 2 == 0 or x_high - x_low < 5:
            yield text(x, HEIGHT - BOTTOM + 14, label(power))
    for power in range(y_low, y_high + 1):
        y = down(10.0**power)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        yield text(LEFT - 4, y + 3, label(power), "end")
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, plot.across)
    legend = LEFT
    for curve, colour in zip(plot.curves, cycle(COLOURS), strict=False):
        line = " ".join(f"{right(x):.1f},{down(y):.1f}" for x, y in curve.points)
        yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        yield from (
            f'<circle cx="{right(x):.1f}" cy="{down(y):.1f}" r="2.5" fill="{colour}"/>' for x, y in curve.points
        )
        yield text(legend, 32, curve.name, "start", f' fill="{colour}"')
        # Letters are about half as wide as they are high.
        legend += 5 * len(curve.name) + 14


def page(plots: Sequence[Plot]) -> str:
    """
    All plots in two columns, as one picture.

    >>> picture = page([Plot("decision, ns", "users", [Curve("hit", [(10, 200), (1000, 250)])])])
    >>> picture.count("<circle"), picture.startswith("<svg"), picture.endswith("</svg>\\n")
    (2, True, True)
    """
    height = HEIGHT * math.ceil(len(plots) / 2)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH * 2} {height}"',
        '     font-family="sans-serif" font-size="10">',
        f'<rect width="{WIDTH * 2}" height="{height}" fill="white"/>',
    ]
    for number, plot in enumerate(plots):
        lines += [f'<g transform="translate({number % 2 * WIDTH} {number // 2 * HEIGHT})">', *draw(plot), "</g>"]
    return "\n".join([*lines, "</svg>"]) + "\n"
