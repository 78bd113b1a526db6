"""Time of every backend relative to the baseline: a dot and its interval for each workload,
the geometric mean last where there are several. CPU time, or the wall where threads run at once.
Depends on load.py and style.py."""

import math

import style

TITLE = "Time relative to the baseline"
COLUMNS = 3
PITCH_IN, PAD_IN = 0.205, 0.12  # a row; above the first and below the last
PANEL_HEAD_IN, PANEL_FOOT_IN = 0.26, 0.5
VALUE_IN = 0.42  # the number at the right of a row
HEADER = ("workload", "backend", "metric", "n", "ratio", "lo", "hi", "missing")


def draw(document):
    style.expect_passes(document, "time")
    style.expect_one_machine(document)
    backends = [b for b in document.backends if b.status == "ok"]
    backends = style.in_order(document, backends, document.clock(None))
    rows = [row for row in document.summary + document.suite
            if row.metric == document.clock(row.workload) and row.ratio is not None]
    if not any(row.backend != document.baseline for row in rows):
        raise style.NothingToDraw("no backend was timed beside the baseline: run with two or more "
                                  "in -b")

    labels = style.labels(backends)
    places = style.row_places(backends, labels, PITCH_IN, PAD_IN)
    height = places[-1] + PAD_IN + PITCH_IN / 2
    panels = places_of(document)
    columns = min(COLUMNS, len(panels))
    lines = math.ceil(len(panels) / columns)
    line_in = PANEL_HEAD_IN + height + PANEL_FOOT_IN
    word = document.clock_word()
    title = f"{word[0].upper()}{word[1:]} relative to {document.baseline}"
    sheet = style.Sheet(document, (title, subtitle(document, rows)), lines * line_in, ("time",))

    left = style.MARGIN_IN + max(style.text_width_in(text, style.TEXT_PT) for text in labels) + 0.1
    pitch = (style.WIDTH_IN - left - 0.06) / columns
    low, high = limits(rows)
    for i, workload in enumerate(panels):
        x, y = left + (i % columns) * pitch, i // columns * line_in + PANEL_HEAD_IN
        axes = sheet.axes(x, y, pitch - VALUE_IN - 0.08, height)
        axes.set_xlim(low, high)
        axes.set_ylim(height, 0)
        draw_panel(axes, document, workload, list(zip(backends, places)))
        last = i + columns >= len(panels)
        style.ratio_axis(axes.xaxis, low, high, 5)
        axes.set_yticks(places, labels if i % columns == 0 else [])
        axes.tick_params(axis="y", length=0, labelsize=style.TEXT_PT, labelcolor=style.INK)
        axes.tick_params(axis="x", labelsize=style.SMALL_PT, length=3)
        if last:
            axes.set_xlabel("time ratio (lower is faster)", fontsize=style.SMALL_PT)
    return style.Picture(sheet.figure, alt(document, backends), HEADER, table(document, backends))


def places_of(document):
    """What has a panel: every workload, and None for their mean, which of one would repeat it."""
    names = [workload.id for workload in document.workloads]
    return names + [None] if has_mean(document) else names


def has_mean(document):
    return min(len(document.workloads), document.mean_size) > 1


def subtitle(document, rows):
    text = "Dot: ratio paired by round (Hodges-Lehmann). "
    if document.has_intervals():
        text += "Bar: 95 % interval (exact signed-rank). "
    else:
        text += "No intervals: they need at least 6 rounds. "
    if has_mean(document):
        text += f"Geometric mean: {mean_bar(document)}. "
    text += "Left of the line is faster."
    if document.clock_note():
        text += f" {document.clock_note()}"
    if any(workload.is_oversubscribed for workload in document.workloads):
        text += " !: more threads than CPUs."
    if any(row.workload is None and style.is_partial(document, row) for row in rows):
        text += " *: over fewer workloads than the others."
    return text


def mean_bar(document):
    """What stands behind the interval of the panel over all workloads."""
    method = document.mean_intervals(document.clock(None))
    if method is None:
        return "an interval needs 20 rounds"
    return "bootstrap over rounds (BCa)" if "BCa" in method else "interval over rounds"


def limits(rows):
    values = [v for row in rows for v in (row.ratio, row.lo, row.hi) if v is not None]
    low, high = min(values + [0.95]), max(values + [1.05])
    margin = (high / low) ** 0.06
    return low / margin, high * margin


def draw_panel(axes, document, workload, placed):
    glyphs = style.glyphs(document)
    title, points = panel_title(axes, document, workload)
    axes.set_title(title, fontsize=points, loc="left", pad=5, weight="bold")
    say_clock(axes, document, workload)
    if workload is None:
        axes.set_facecolor("#f4f4f4")
    axes.axvline(1.0, color=style.INK, linewidth=0.9, zorder=1)
    axes.spines["left"].set_visible(False)
    floors = [y for backend, y in placed if not backend.ranked]
    if floors and len(floors) < len(placed):
        axes.axhline(floors[0] - PITCH_IN / 2 - 0.08, color=style.FAINT, linewidth=0.8)
    for backend, y in placed:
        axes.axhline(y, color=style.FAINT, linewidth=0.5, zorder=0)
        row = document.time_of(workload, backend.id)
        beside = {"transform": axes.get_yaxis_transform(), "va": "center",
                  "fontsize": style.SMALL_PT}
        if row is None or row.ratio is None:
            colour = style.WARNING if is_asked(document, workload) else style.QUIET
            axes.text(1.03, y, "n/a", color=colour, **beside)
            if workload:
                axes.text(0.02, y, document.why_missing(workload, backend.id, "time"),
                          color=colour, **beside,
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
            continue
        glyph = glyphs[backend.id]
        if row.lo is not None:
            axes.plot([row.lo, row.hi], [y, y], color=glyph.colour, linewidth=2.2,
                      solid_capstyle="butt", zorder=2)
            axes.plot([row.lo, row.hi], [y, y], color=glyph.colour, linestyle="none",
                      marker="|", markersize=11, markeredgewidth=0.9, zorder=2)
        axes.plot([row.ratio], [y], zorder=3, **glyph.marks(5))
        partial = workload is None and style.is_partial(document, row)
        axes.text(1.03, y, style.ratio_text(row.ratio) + ("*" if partial else ""),
                  color=style.INK if backend.ranked else style.QUIET, **beside)


def is_asked(document, workload):
    """Whether anybody timed it, or tried to: not every workload needs have the pass."""
    return workload is None or any(
        row.workload == workload and row.pass_name == "time"
        for row in document.samples + document.failures)


def panel_title(axes, document, workload):
    """(text, points): a long name is smaller, and loses its middle if that is not enough."""
    is_part = len(document.workloads) < document.mean_size
    text = workload or "geometric mean" + (f" of all {document.mean_size}" if is_part else "")
    room = axes.get_position().width * style.WIDTH_IN + VALUE_IN
    points = (style.PANEL_PT if style.text_width_in(text, style.PANEL_PT, "bold") <= room
              else style.SMALL_PT)
    return style.fitted(text, room, points, "bold"), points


def say_clock(axes, document, workload):
    """At the right end of the scale: whether it is of the wall, and of too many threads."""
    found = next((w for w in document.workloads if w.id == workload), None)
    if found is not None:
        marks = ["wall"] if found.is_wall and found.clock != document.clock(None) else []
        marks += ["!"] if found.is_oversubscribed else []
        axes.text(1.04, 0.0, " ".join(marks), transform=axes.transAxes, va="top",
                  fontsize=style.SMALL_PT)


def table(document, backends):
    rows = []
    for workload in places_of(document):
        for backend in backends:
            row, metric = document.time_of(workload, backend.id), document.clock(workload)
            name = workload or "geometric mean"
            if row is None or row.ratio is None:
                why = document.why_missing(workload, backend.id, "time")
                rows.append((name, backend.id, metric, 0, None, None, None, why))
            else:
                rows.append((name, backend.id, metric, row.n, row.ratio, row.lo, row.hi, None))
    return rows


def alt(document, backends):
    said = []
    for backend in backends:
        row = document.time_of(places_of(document)[-1], backend.id)
        if row and row.ratio and not backend.is_baseline:
            interval = f" ({row.lo:.2f} to {row.hi:.2f})" if row.lo else ""
            said.append(f"{backend.id} {row.ratio:.2f}{interval}"
                        + ("" if backend.ranked else ", a floor"))
    what = "Geometric means" if has_mean(document) else "Ratios"
    return (f"Dot plot of {document.clock_word()} relative to {document.baseline} for "
            f"{style.plural(len(document.workloads), 'workload')}; below 1 is faster. "
            f"{what}: {'; '.join(said) or 'none'}.")
