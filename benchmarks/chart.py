"""A bar chart as SVG, without a library."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _LABELS, _ROW, _BAR = 720, 300, 30, 18
_LONGEST = _WIDTH - _LABELS - 70  # the figure stands behind the bar
# Grey and blue that can be read on a white and on a black page.
_TEXT, _OTHERS, _OURS = "#7a828a", "#9aa4ae", "#2f81f7"


class Bar(NamedTuple):
    """One bar; `ours` has a colour of its own."""

    label: str
    value: float
    ours: bool = False


def chart(title: str, unit: str, bars: Sequence[Bar]) -> str:
    """Return a chart of horizontal bars from zero, in the order given, each with its figure."""
    height = _ROW * (len(bars) + 1) + 6
    most = max(bar.value for bar in bars) or 1.0
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13" fill="{_TEXT}">',
        f"<title>{escape(title)}</title>",
        f'<text x="0" y="18" font-weight="bold">{escape(title)}</text>',
        *(_bar(bar, _ROW * place, most, unit) for place, bar in enumerate(bars, 1)),
        "</svg>\n",
    ]
    return "\n".join(lines)


def _bar(bar: Bar, top: int, most: float, unit: str) -> str:
    width = round(_LONGEST * bar.value / most, 1)
    line = top + _BAR - 4
    return (
        f'<text x="{_LABELS - 8}" y="{line}" text-anchor="end">{escape(bar.label)}</text>'
        f'<rect x="{_LABELS}" y="{top}" width="{width}" height="{_BAR}" fill="{_OURS if bar.ours else _OTHERS}"/>'
        f'<text x="{_LABELS + width + 6}" y="{line}">{bar.value:.1f} {escape(unit)}</text>'
    )
