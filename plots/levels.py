"""Allocators that sit at several insertion levels: time and peak RSS by how much each serves. A line
for each allocator. Depends on glyph.py, load.py and style.py."""

import glyph
import style

TITLE = "Where an allocator sits"
MEMORY = "peak_rss_bytes"
LEVELS = ("object", "mem", "raw", "arena")  # from what serves everything to what serves the least
PLOT_IN, HEAD_IN, FOOT_IN, LEFT_IN, GAP_IN, RIGHT_IN = 2.0, 0.36, 0.36, 0.72, 0.75, 0.15
FACETS_MOST = 6  # workloads drawn beside their mean; the table has all
HEADER = ("workload", "allocator", "level", "backend", "metric", "n", "ratio", "lo", "hi")


def draw(document):
    style.expect_one_machine(document)
    lines = lines_of(document)
    if not is_asked(lines):
        raise style.NotAsked("no allocator stands at two levels: run with one at several, such as "
                             "-b NAME,pymalloc+NAME,pymalloc:level=mem+NAME,pymalloc:level=arena+NAME")
    columns = columns_of(document, lines)
    if not columns:
        if not any(sample.pass_name in ("time", "memory") for sample in document.samples):
            raise style.NotMade("time", "memory")
        raise style.NothingToDraw("no backend was measured beside the baseline: `failures` in the "
                                  "document tell why")
    looks = glyphs(document, lines)
    places = places_of(document)
    key_in = style.legend_height_in(list(lines)) + 0.1
    facet_in = HEAD_IN + PLOT_IN + FOOT_IN
    sheet = style.Sheet(document, (f"{TITLE}: ratios to {document.baseline}",
                                   subtitle(document, columns)),
                        key_in + facet_in * len(places), ("time", "memory"))
    sheet.legend(0.0, [(looks[name], name) for name in lines])
    width = (style.WIDTH_IN - LEFT_IN - RIGHT_IN - GAP_IN * (len(columns) - 1)) / len(columns)
    for i, workload in enumerate(places):
        top = key_in + facet_in * i + HEAD_IN
        lacking = [is_time for is_time in columns
                   if not has_points(document, workload, lines, is_time)]
        remark = " and ".join("no time" if is_time else "no peak RSS" for is_time in lacking)
        sheet.note(top - 0.26, name_of(document, workload),
                   f"{remark} was measured" if lacking else "", style.QUIET)
        for j, column in enumerate(columns):
            if column in lacking:
                continue
            axes = sheet.axes(LEFT_IN + j * (width + GAP_IN), top, width, PLOT_IN)
            draw_facet(axes, (document, workload, lines, looks), column)
    return style.Picture(sheet.figure, alt(document, lines), HEADER,
                         table(document, lines, columns))


# --- numbers --------------------------------------------------------------------------------------

def lines_of(document):
    """{allocator: {level: backend}} of those at two levels or more; of two backends at one level the
    first counts."""
    found = {}
    for backend in document.backends:
        if backend.status == "ok" and backend.ranked and backend.level in LEVELS:
            found.setdefault(backend.allocator, {}).setdefault(backend.level, backend)
    short = style.short_names([one for levels in found.values() for one in levels.values()])
    return {short.get(name, name): {level: levels[level] for level in LEVELS if level in levels}
            for name, levels in found.items() if len(levels) > 1}


def is_asked(lines):
    """The system's malloc stands in most runs by itself and below a plain pymalloc: that alone is
    no study of levels."""
    return any(len(levels) > (2 if name == glyph.SYSTEM else 1) for name, levels in lines.items())


def places_of(document):
    """What has a facet: the mean, and the workloads where they are few."""
    names = [workload.id for workload in document.workloads]
    if len(names) == 1:
        return names
    mean = [None] if document.mean_size > 1 or len(names) > FACETS_MOST else []
    return mean + (names if len(names) <= FACETS_MOST else [])


def name_of(document, workload):
    if workload is None:
        return f"geometric mean over {document.mean_size} workloads"
    found = next(w for w in document.workloads if w.id == workload)
    return (workload + (", wall time" if found.is_wall else "")
            + (", more threads than CPUs" if found.is_oversubscribed else ""))


def row_of(document, workload, backend, is_time):
    return (document.time_of(workload, backend) if is_time
            else document.cell(workload, backend, MEMORY))


def columns_of(document, lines):
    """[is_time] of those that have a ratio of any level beside the baseline's own."""
    return [is_time for is_time in (True, False)
            if any(row.ratio is not None for row in rows_of(document, lines, is_time)
                   if row and row.backend != document.baseline)]


def rows_of(document, lines, is_time):
    return [row_of(document, workload, backend.id, is_time) for workload in places_of(document)
            for levels in lines.values() for backend in levels.values()]


def points_of(document, workload, levels, is_time):
    """[(place on the axis, row)] of the levels that have a ratio."""
    found = []
    for place, level in enumerate(LEVELS):
        row = (row_of(document, workload, levels[level].id, is_time) if level in levels else None)
        if row and row.ratio is not None:
            found.append((place, row))
    return found


def has_points(document, workload, lines, is_time):
    return any(points_of(document, workload, levels, is_time) for levels in lines.values())


def unbroken(points):
    """The same in runs of levels beside each other: nobody knows what lies between others."""
    runs = []
    for place, row in points:
        if not runs or place > runs[-1][-1][0] + 1:
            runs.append([])
        runs[-1].append((place, row))
    return runs


# --- drawing --------------------------------------------------------------------------------------

def glyphs(document, lines):
    """Each as it looks where it serves everything; one that does so nowhere, as its first level."""
    known = style.glyphs(document)
    found = {}
    for name, levels in lines.items():
        first = next(iter(levels.values()))
        if "object" not in levels and name in glyph.NAMED:
            colour, marker, dash, hatch = glyph.NAMED[name]
            found[name] = glyph.Glyph(colour, marker, dash, hatch, colour, colour)
        else:
            found[name] = known[first.id]
    return found


def subtitle(document, columns):
    text = ("What an allocator serves, the rest being pymalloc's. object: everything; mem: the raw and "
            "mem domains, and what is large; raw: the raw domain, and what is large; arena: the "
            "arenas alone. Lower is better. ")
    if True in columns:
        has_bars = any(row and row.lo is not None for row in document.summary)
        text += "Bar: 95 % interval. " if has_bars else "No intervals: they need more rounds. "
    if any(style.is_partial(document, row) for row in document.suite if row.ratio is not None):
        text += "*: over fewer workloads than the others. "
    if len(document.workloads) > FACETS_MOST:
        text += "The workloads stand in the table beside this picture. "
    return text + document.clock_note()


def limits(values):
    low, high = min(values + [0.97]), max(values + [1.03])
    margin = (high / low) ** 0.08
    return low / margin, high * margin


def draw_facet(axes, what, is_time):
    document, workload, lines, looks = what
    axes.set_xlim(-0.5, len(LEVELS) - 0.5)
    axes.set_xticks(range(len(LEVELS)), LEVELS)
    axes.tick_params(axis="x", labelsize=style.SMALL_PT, length=0)
    axes.tick_params(axis="y", labelsize=style.SMALL_PT, length=3)
    axes.axhline(1.0, color=style.INK, linewidth=0.9, zorder=1)
    drawn = {name: points_of(document, workload, levels, is_time)
             for name, levels in lines.items()}
    low, high = limits([bound for points in drawn.values() for _, row in points
                        for bound in (row.ratio, row.lo, row.hi) if bound is not None])
    style.ratio_axis(axes.yaxis, low, high, 6)
    axes.set_ylim(low, high)
    word = document.clock_word() if workload is None else "time"
    axes.set_ylabel(f"{word} ratio" if is_time else "peak RSS ratio", fontsize=style.SMALL_PT)
    for index, (name, points) in enumerate(drawn.items()):
        shift = 0.5 * ((index + 0.5) / len(drawn) - 0.5)
        for run in unbroken(points):
            draw_line(axes, [(place + shift, row) for place, row in run], looks[name])
        for place, row in points:
            if workload is None and style.is_partial(document, row):
                axes.annotate("*", (place + shift, row.ratio), (3, 3), fontsize=style.TEXT_PT,
                              textcoords="offset points")


def draw_line(axes, points, look):
    axes.plot([x for x, _ in points], [row.ratio for _, row in points], color=look.colour,
              linestyle=look.dash, linewidth=1.1, zorder=2)
    for x, row in points:
        if row.lo is not None:
            axes.plot([x, x], [row.lo, row.hi], color=look.colour, linewidth=1.8,
                      solid_capstyle="butt", zorder=2)
        axes.plot([x], [row.ratio], zorder=3, **look.marks(5))


# --- words and numbers ----------------------------------------------------------------------------

def table(document, lines, columns):
    rows = []
    for workload in [None] + [w.id for w in document.workloads]:
        for name, levels in lines.items():
            for level, backend in levels.items():
                for is_time in columns:
                    row = row_of(document, workload, backend.id, is_time)
                    figures = (row.n, row.ratio, row.lo, row.hi) if row else (0, None, None, None)
                    metric = document.clock(workload) if is_time else MEMORY
                    rows.append((workload or "geometric mean", name, level, backend.id, metric,
                                 *figures))
    return rows


def alt(document, lines):
    said = []
    place = None if document.mean_size == 1 else places_of(document)[0]
    for name, levels in lines.items():
        parts = []
        for level, backend in levels.items():
            row = document.time_of(place, backend.id)
            parts.append(f"{level} " + (f"{row.ratio:.2f}" if row and row.ratio else "n/a"))
        said.append(f"{name}: {', '.join(parts)}")
    return (f"Lines of {document.clock_word()} and of peak RSS relative to {document.baseline}, by "
            f"what an allocator serves. {document.clock_word()}: {'; '.join(said)}.")
