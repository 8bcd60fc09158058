"""A picture of both journals: a lane for the client and for each server, time from left to right.

It must not import the player.
"""

from html import escape

from ollama_simulator.conformance.report import Moment

WIDTH = 860
LEFT = 70
LANE = 26
BAR = 8
AXIS = 24
STEPS = 8
"""Marks on the time axis, about."""
NICE = (1.0, 2.0, 5.0)
OPENS = {"asks": "ends", "asked": "done"}
MARKS = {"struck": "struck", "left": "left"}


def svg(moments: tuple[Moment, ...], failed_at: float | None = None) -> str:
    """The picture as an SVG element; empty if nothing happened. `failed_at` is marked."""
    rows = [moment for moment in moments if moment.side]
    if not rows:
        return ""
    lanes = _lanes(rows)
    last = max(max(moment.t for moment in rows), failed_at or 0.0, 0.001)
    scale = (WIDTH - LEFT - 10) / last
    height = sum(lanes.values()) + AXIS
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="client and servers on one time axis">'
    ]
    tops: dict[str, int] = {}
    top = 0
    for side, tall in lanes.items():
        tops[side] = top
        name = escape(side)
        parts.append(f'<rect class="lane" x="0" y="{top}" width="{WIDTH}" height="{tall - 2}"/>')
        parts.append(f'<text class="name" x="6" y="{top + 16}">{name}</text>')
        top += tall
    parts += _bars(rows, tops, scale, last)
    for moment in rows:
        if moment.kind in MARKS:
            x, y = LEFT + moment.t * scale, tops[moment.side] + 4
            title = f"{moment.t:.3f} s {moment.side} {moment.request} {moment.what}"
            parts.append(
                f'<path class="{MARKS[moment.kind]}" d="M{x:.1f} {y} l5 12 h-10 z">'
                f"<title>{escape(title)}</title></path>"
            )
    if failed_at is not None:
        x = LEFT + failed_at * scale
        parts.append(f'<line class="failed" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{top}"/>')
    parts += _axis(last, scale, top)
    return "".join([*parts, "</svg>"])


def _lanes(rows: list[Moment]) -> dict[str, int]:
    """The height of each lane: the client first, then the servers by name."""
    sides = sorted({moment.side for moment in rows}, key=lambda side: (side != "client", side))
    return {side: max(LANE, BAR * (_most_at_once(rows, side) + 1) + 6) for side in sides}


def _most_at_once(rows: list[Moment], side: str) -> int:
    running = most = 0
    for moment in rows:
        if moment.side == side:
            running += (moment.kind in OPENS) - (moment.kind in OPENS.values())
            most = max(most, running)
    return most


def _bars(rows: list[Moment], tops: dict[str, int], scale: float, last: float) -> list[str]:
    """A bar for each request on each side, from its beginning to its end."""
    parts = []
    taken: dict[str, list[str | None]] = {side: [] for side in tops}
    for index, moment in enumerate(rows):
        if moment.kind not in OPENS:
            if moment.kind in OPENS.values() and moment.request in taken[moment.side]:
                places = taken[moment.side]
                places[places.index(moment.request)] = None
            continue
        places = taken[moment.side]
        place = places.index(None) if None in places else len(places)
        places[place:] = [moment.request, *places[place + 1 :]]
        end = next(
            (
                other
                for other in rows[index + 1 :]
                if other.side == moment.side
                and other.request == moment.request
                and other.kind == OPENS[moment.kind]
            ),
            None,
        )
        until = last if end is None else end.t
        x = LEFT + moment.t * scale
        y = tops[moment.side] + 4 + place * BAR
        words = f"{moment.request} {moment.what}; {end.what if end else 'it had no end'}"
        title = f"{moment.t:.3f} to {until:.3f} s: {words}"
        wide = max((until - moment.t) * scale, 2)
        parts.append(
            f'<rect class="bar" x="{x:.1f}" y="{y}" width="{wide:.1f}" height="{BAR - 2}">'
            f"<title>{escape(title)}</title></rect>"
        )
    return parts


def _axis(last: float, scale: float, top: int) -> list[str]:
    step = 10.0**-4
    while last / step > STEPS:
        step = next((step * nice for nice in NICE if last / (step * nice) <= STEPS), step * 10)
    parts = []
    count = int(last / step + 1e-9)
    for number in range(count + 1):
        x = LEFT + number * step * scale
        parts.append(f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{top}"/>')
        words = f"{number * step:g} s"
        parts.append(f'<text class="time" x="{x:.1f}" y="{top + 16}">{words}</text>')
    return parts
