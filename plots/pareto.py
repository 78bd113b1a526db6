"""What is paid in memory for time: peak RSS against time, both relative to the baseline.
Depends on load.py and style.py."""

import math

import style

MEMORY = "peak_rss_bytes"
TITLE = "Time against memory"
PLOT_IN, LEFT_IN, RIGHT_IN, FOOT_IN = 4.25, 0.75, 0.3, 0.5
NAMES_WITHIN = 6  # ranked backends; the names of more would tangle, and stand above the plot
HEADER = ("workload", "backend", "ranked", "time_ratio", "time_lo", "time_hi", "memory_ratio",
          "on_frontier", "missing")


def draw(document):
    style.expect_passes(document, "time", "memory")
    style.expect_one_machine(document)
    backends = [b for b in document.backends if b.status == "ok"]
    points = {b.id: ratios(document, None, b.id) for b in backends}
    ranked = [b for b in backends if b.ranked and None not in points[b.id]]
    if len(ranked) < 2:
        raise style.NothingToDraw("fewer than two backends have both a time and a memory: run "
                                  "with two or more in -b")
    floors = [b for b in backends if not b.ranked and None not in points[b.id]]
    partial = {b.id for b in backends if not everywhere(document, b.id)}
    best = frontier([points[b.id] for b in ranked if b.id not in partial]
                    or [points[b.id] for b in ranked])

    cells = {b.id: per_workload(document, b.id) for b in ranked}
    bars = {b.id: interval(document, b.id) for b in ranked}
    limits = limits_of([points[b.id] for b in ranked] + sum(cells.values(), [])
                       + [(x, points[id_][1]) for id_, bar in bars.items() for x in bar])
    within = ranked + [b for b in floors if inside(points[b.id], limits)]
    texts = {b.id: text + ("*" if b.id in partial else "")
             for b, text in zip(ranked + floors, style.labels(ranked + floors))}
    key = keys(document, within if len(ranked) > NAMES_WITHIN else [], texts)
    key += keys(document, [b for b in floors if b not in within], texts, points)
    key_in = 0.1 + (style.legend_height_in([text for _, text in key]) if key else 0.0)

    title = f"Time against memory, relative to {document.baseline}"
    sheet = style.Sheet(document, (title, subtitle(document, bars, partial)),
                        key_in + PLOT_IN + FOOT_IN, ("time", "memory"))
    sheet.legend(0.0, key, lines=False)
    axes = sheet.axes(LEFT_IN, key_in, style.WIDTH_IN - LEFT_IN - RIGHT_IN, PLOT_IN)
    sheet.text(style.MARGIN_IN, key_in + PLOT_IN + 0.26, "↙ better", size=style.PANEL_PT)
    limit_axes(axes, limits, document.clock_word())
    draw_frontier(axes, best)
    draw_points(axes, document, ranked, points, cells)
    draw_intervals(axes, document, points, bars)
    draw_floors(axes, document, within[len(ranked):], points)
    if len(ranked) <= NAMES_WITHIN:
        labels = Labels(axes, sum(cells.values(), []), best)
        labels.keep_off([(bar[0], bar[1], points[id_][1]) for id_, bar in bars.items() if bar])
        labels.place([(b, texts[b.id]) for b in within], points)
    return style.Picture(sheet.figure, alt(document, ranked, points, best), HEADER,
                         table(document, backends, best))


def subtitle(document, bars, partial):
    if document.mean_size > 1 and len(document.workloads) > 1:
        text = "Large: geometric mean. Faint: one workload each. "
    elif len(document.workloads) > 1:
        program = next(one.id for one in document.workloads if one.is_in_means)
        text = f"Large: {program}. Faint: its replays. "
    else:
        text = f"One workload: {document.workloads[0].id}. "
    if any(bars.values()):
        text += "Bar: 95 % interval of the time. "
    else:
        text += "No intervals: they need at least 20 rounds. "
    return (text + "Dashed: no backend lies below it."
            + (" *: fewer workloads, so not on it." if partial else "")
            + (f" {document.clock_note()}" if document.clock_note() else ""))


def ratios(document, workload, backend):
    """(time, memory) of a cell; of the suite, where `workload` is None. Each may be None."""
    rows = document.time_of(workload, backend), document.cell(workload, backend, MEMORY)
    return tuple(row.ratio if row else None for row in rows)


def everywhere(document, backend):
    """Whether both means are over all workloads."""
    rows = document.time_of(None, backend), document.overall(backend, MEMORY)
    return not any(style.is_partial(document, row) for row in rows if row)


def per_workload(document, backend):
    """The points behind the mean; a single one is the mean."""
    if len(document.workloads) < 2:
        return []
    pairs = [ratios(document, workload.id, backend) for workload in document.workloads
             if document.mean_size > 1 or not workload.is_in_means]
    return [pair for pair in pairs if None not in pair]


def frontier(points):
    """Those that no other point beats in one way and equals in the other, from left to right."""
    best = []
    for point in sorted(set(points)):
        if not best or point[1] < best[-1][1]:
            best.append(point)
    return best


def interval(document, backend):
    """(lo, hi) of the time over all workloads; () where there is none."""
    row = document.time_of(None, backend)
    return () if row.lo is None else (row.lo, row.hi)


def limits_of(points):
    """((left, right), (low, high)) with some room around all points and 1."""
    found = []
    for values in zip(*points):
        low, high = min(values + (0.97,)), max(values + (1.03,))
        margin = (high / low) ** 0.09
        found.append((low / margin, high * margin))
    return found


def inside(point, limits):
    return all(low <= value <= high for value, (low, high) in zip(point, limits))


def limit_axes(axes, limits, word):
    for axis, (low, high) in zip((axes.xaxis, axes.yaxis), limits):
        style.ratio_axis(axis, low, high, 9)
        (axes.set_xlim if axis is axes.xaxis else axes.set_ylim)(low, high)
    axes.set_xlabel(f"{word} ratio (lower is faster)")
    axes.set_ylabel("peak RSS ratio (lower is smaller)")
    axes.tick_params(labelsize=style.SMALL_PT)
    axes.axvline(1.0, color=style.FAINT, linewidth=0.9, zorder=0)
    axes.axhline(1.0, color=style.FAINT, linewidth=0.9, zorder=0)


def draw_frontier(axes, best):
    """A staircase: to match a point in memory you pay the time of the next one."""
    xs = [best[0][0]] + [x for x, _ in best] + [axes.get_xlim()[1]]
    ys = [axes.get_ylim()[1]] + [y for _, y in best] + [best[-1][1]]
    axes.step(xs, ys, where="post", color=style.QUIET, linewidth=1.2, linestyle=(0, (4, 2)),
              zorder=1)


def draw_points(axes, document, ranked, points, cells):
    glyphs = style.glyphs(document)
    for backend in ranked:
        glyph = glyphs[backend.id]
        for x, y in cells[backend.id]:
            if not backend.is_baseline:  # its cells all lie at 1, 1
                axes.plot([x], [y], alpha=0.35, zorder=2, **glyph.marks(4))
        axes.plot([points[backend.id][0]], [points[backend.id][1]], zorder=4, **glyph.marks(9))


def draw_intervals(axes, document, points, bars):
    glyphs = style.glyphs(document)
    for id_, bar in bars.items():
        axes.plot(bar, [points[id_][1]] * len(bar), color=glyphs[id_].colour, linewidth=1.2,
                  zorder=3)


def draw_floors(axes, document, floors, points):
    """Hollow and grey."""
    glyphs = style.glyphs(document)
    for backend in floors:
        x, y = points[backend.id]
        axes.plot([x], [y], zorder=3, **glyphs[backend.id].marks(8))


def keys(document, backends, texts, outside=None):
    """Legend entries; of floors `outside` the scale, which the others set, with their place."""
    glyphs, found = style.glyphs(document), []
    for backend in backends:
        text = texts[backend.id].replace("\n", "")
        if outside:
            x, y = outside[backend.id]
            text += (f", off the scale: {style.ratio_text(x)}× time, "
                     f"{style.ratio_text(y)}× memory")
        found.append((glyphs[backend.id], text))
    return found


class Labels:
    """Puts names beside points, where they hide the least. Works in inches of the plot area."""

    def __init__(self, axes, obstacles, best):
        box = axes.get_position()
        self.axes = axes
        self.size = (box.width * style.WIDTH_IN, box.height * axes.figure.get_figheight())
        # (box, weight): a name over another name or a glyph is worse than one over a line.
        self.taken = [(around(self.inches(point), 0.05, 0.05), 0.5) for point in obstacles]
        self.taken += [(box, 0.5) for box in self.stairs(best)]

    def inches(self, point):
        x, y = self.axes.transAxes.inverted().transform(self.axes.transData.transform(point))
        return x * self.size[0], y * self.size[1]

    def stairs(self, best):
        corners = [self.inches(point) for point in best]
        boxes, (x, y) = [], (corners[0][0], self.size[1])
        for corner in corners + [(self.size[0], corners[-1][1])]:
            boxes.append((min(x, corner[0]), y - 0.02, corner[0], y + 0.02))
            boxes.append((corner[0] - 0.02, corner[1], corner[0] + 0.02, y))
            x, y = corner
        return boxes

    def keep_off(self, bars):
        for low, high, y in bars:
            (left, middle), (right, _) = self.inches((low, y)), self.inches((high, y))
            self.taken.append(((left, middle - 0.03, right, middle + 0.03), 1))

    def place(self, named, points):
        self.marks = [self.inches(points[backend.id]) for backend, _ in named]
        self.names = []
        self.taken += [(around(mark, 0.1, 0.1), 3) for mark in self.marks]
        for backend, text in named:
            half = (style.text_width_in(text, style.TEXT_PT) / 2 + 0.02,
                    0.075 * style.line_count(text) + 0.01)
            point = self.inches(points[backend.id])
            spot = self.free_spot(point, half)
            self.names.append(around(spot, *half))
            self.taken.append((self.names[-1], 3))
            self.write(text, point, spot, half, backend.ranked)

    def free_spot(self, point, half):
        """The best of a few rings of places around a point, the nearest of equals."""
        def cost(place):
            box = around(place, *half)
            outside = (max(0, -box[0]) + max(0, -box[1]) + max(0, box[2] - self.size[0])
                       + max(0, box[3] - self.size[1]))
            hidden = sum(weight * overlap(box, other) for other, weight in self.taken)
            end = nearest(box, point)
            crossed = sum(distance(mark, point, end) < 0.12 for mark in self.marks
                          if mark != point)
            crossed += sum(crosses(name, point, end) for name in self.names)
            return round(hidden + 3 * outside + 0.02 * math.dist(place, point) + crossed, 5)

        places = []
        for gap in (0.1, 0.16, 0.26, 0.4, 0.6, 0.85):
            for turn in range(16):
                angle = turn * math.pi / 8
                places.append((point[0] + math.cos(angle) * (half[0] + gap),
                               point[1] + math.sin(angle) * (half[1] + gap)))
        return min(places, key=cost)

    def write(self, text, point, spot, half, ranked):
        def share(place):
            return place[0] / self.size[0], place[1] / self.size[1]

        near = nearest(around(spot, *half), point)
        if math.dist(near, point) > 0.22:
            ends = share(point), share(near)
            self.axes.plot(*zip(*ends), transform=self.axes.transAxes, color=style.QUIET,
                           linewidth=0.6, zorder=3)
        # A box and no stroke: stroked text becomes outlines in SVG.
        ground = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5}
        self.axes.text(*share(spot), text, transform=self.axes.transAxes, ha="center",
                       va="center", fontsize=style.TEXT_PT, zorder=5, linespacing=1.15,
                       color=style.INK if ranked else style.QUIET, bbox=ground)


def around(centre, half_width, half_height):
    return (centre[0] - half_width, centre[1] - half_height,
            centre[0] + half_width, centre[1] + half_height)


def overlap(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0.0


def nearest(box, point):
    return min(max(point[0], box[0]), box[2]), min(max(point[1], box[1]), box[3])


def distance(point, start, end):
    """From a point to a stretch of line."""
    along = (end[0] - start[0], end[1] - start[1])
    length = along[0] ** 2 + along[1] ** 2
    share = 0.0
    if length > 0:
        share = ((point[0] - start[0]) * along[0] + (point[1] - start[1]) * along[1]) / length
    share = min(max(share, 0.0), 1.0)
    return math.dist(point, (start[0] + share * along[0], start[1] + share * along[1]))


def crosses(box, start, end):
    """Whether a stretch of line runs through a box; looked at in eighths."""
    steps = [i / 8 for i in range(9)]
    places = [(start[0] + s * (end[0] - start[0]), start[1] + s * (end[1] - start[1]))
              for s in steps]
    return any(box[0] < x < box[2] and box[1] < y < box[3] for x, y in places)


def table(document, backends, best):
    rows = []
    for backend in backends:
        for workload in [w.id for w in document.workloads] + [None]:
            pair = ratios(document, workload, backend.id)
            on = workload is None and backend.ranked and pair in best
            missing = None
            if None in pair:
                missing = document.why_missing(workload, backend.id,
                                               "time" if pair[0] is None else "memory")
            time = document.time_of(workload, backend.id)
            ends = (time.lo, time.hi) if time else (None, None)
            rows.append((workload or "geometric mean", backend.id, int(backend.ranked), pair[0],
                         *ends, pair[1], int(on), missing))
    return rows


def alt(document, ranked, points, best):
    said = "; ".join(f"{b.id} {points[b.id][0]:.2f} time, {points[b.id][1]:.2f} memory"
                     for b in ranked)
    on = ", ".join(b.id for b in ranked if points[b.id] in best)
    return (f"Scatter plot of peak RSS against {document.clock_word()} relative to {document.baseline}, geometric "
            f"means over {style.plural(len(document.workloads), 'workload')}; lower is better on "
            f"both axes. {said}. On the frontier: {on}.")
