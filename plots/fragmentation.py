"""Memory over and above what was asked for: at the peak, within blocks, and after the drain.
Depends on load.py, recompute.py and style.py."""

import recompute
import style

TITLE = "Fragmentation"
PITCH_IN, PAD_IN, HEAD_IN, FOOT_IN = 0.2, 0.08, 0.34, 0.3
TITLE_LINE_IN, VALUE_IN, GAP_IN = 0.14, 0.44, 0.14
HEADER = ("workload", "backend", "metric", "n", "median", "mad", "missing")
# (metric, axis title, how a value is written, what the axis shows at least)
COLUMNS = (
    ("f_peak", "F_peak: peak RSS growth / peak live", "{:.2f}".format, 1.0),
    ("internal", "internal: lost within blocks, %", lambda v: f"{100 * v:.1f} %", 0.01),
    ("f_ret", "F_ret: still held after, % of peak", lambda v: f"{100 * v:.0f} %", 1.0),
)


def draw(document):
    style.expect_passes(document, "memory")
    style.expect_one_machine(document)
    backends = [b for b in document.backends if b.status == "ok"]
    backends = [b for b in backends if b.ranked] + [b for b in backends if not b.ranked]
    workloads = [w for w in document.workloads
                 if any(values(document, [w], backends, metric) for metric, *_ in COLUMNS)]
    columns = [c for c in COLUMNS if values(document, workloads, backends, c[0])]
    if not columns:
        raise style.NothingToDraw("nothing was live enough in the memory pass to tell: larger "
                                  "presets make more live")

    labels = style.labels(backends)
    places = style.row_places(backends, labels, PITCH_IN, PAD_IN)
    height = places[-1] + PITCH_IN / 2 + PAD_IN
    facet_in = HEAD_IN + height + FOOT_IN
    left = style.MARGIN_IN + max(style.text_width_in(text, style.TEXT_PT) for text in labels) + 0.1
    pitch = (style.WIDTH_IN - left - 0.04) / len(columns)
    titles = ["\n".join(style.wrap(c[1], pitch - GAP_IN, style.SMALL_PT)) for c in columns]
    sheet = style.Sheet(document, (TITLE, subtitle(document, [c[0] for c in columns])),
                        facet_in * len(workloads) + 0.06
                        + TITLE_LINE_IN * max(map(style.line_count, titles)), ("memory",))
    kept = kept_at_last(document)
    for i, workload in enumerate(workloads):
        y = facet_in * i + HEAD_IN
        sheet.text(style.MARGIN_IN, y - 0.22, workload.id, size=style.PANEL_PT, weight="bold")
        for j, column in enumerate(columns):
            axes = sheet.axes(left + pitch * j, y, pitch - VALUE_IN - GAP_IN, height)
            axes.set_xlim(0, limit(document, backends, column))
            axes.set_ylim(height, 0)
            axes.set_yticks(places, labels if j == 0 else [])
            draw_bars(axes, document, (workload.id, list(zip(backends, places))), column, kept)
            if workload is workloads[-1]:
                axes.set_xlabel(titles[j], fontsize=style.SMALL_PT)
    return style.Picture(sheet.figure, alt(document, workloads, backends, columns), HEADER,
                         table(document, backends, kept))


def values(document, workloads, backends, metric):
    rows = [document.cell(w.id, b.id, metric) for w in workloads for b in backends]
    return [row.median for row in rows if row and row.median is not None]


def subtitle(document, drawn):
    text = "Lower is better everywhere. Bars: median over the memory rounds. "
    if "f_ret" in drawn:
        last = document.last_moment_ms()
        text += ("F_ret: bar at once" + (f", upright mark after {last / 1000:g} s" if last else "")
                 + f". {style.purge_note(document)} ")
    text += "n/a: not defined (too little was live to tell, or the allocator cannot be asked)."
    left_out = [column[1].split(":")[0] for column in COLUMNS if column[0] not in drawn]
    if left_out:
        text += (f" Not drawn, as this run has no value of {'it' if len(left_out) == 1 else 'them'}"
                 f": {', '.join(left_out)}.")
    return text


def scale(metric):
    return 1.0 if metric == "f_peak" else 100.0


def limit(document, backends, column):
    """One scale for all workloads; floors do not set it."""
    metric, _, _, least = column
    ranked = [b for b in backends if b.ranked]
    shown = values(document, document.workloads, ranked, metric)
    return scale(metric) * 1.05 * max(shown + [least])


def kept_at_last(document):
    """{(workload, backend): median of F_ret at the last moment}; empty where that is the first."""
    after, found = document.last_moment_ms(), {}
    for sample in recompute.good_samples(document, "memory") if after else ():
        value = sample.memory.f_ret.get(after) if sample.memory else None
        if value is not None:
            found.setdefault((sample.workload, sample.backend), []).append(value)
    return {cell: recompute.median(values) for cell, values in found.items()}


def draw_bars(axes, document, place, column, kept):
    (workload, placed), (metric, _, write, _) = place, column
    glyphs = style.glyphs(document)
    axes.spines["left"].set_color(style.QUIET)
    axes.tick_params(axis="y", length=0, labelsize=style.TEXT_PT, labelcolor=style.INK)
    axes.tick_params(axis="x", labelsize=style.SMALL_PT, length=3)
    axes.xaxis.set_major_locator(style.round_ticks(4))
    if metric == "f_peak":
        axes.axvline(1.0, color=style.INK, linewidth=0.9, zorder=4)
    for backend, y in placed:
        row = document.cell(workload, backend.id, metric)
        beside = {"transform": axes.get_yaxis_transform(), "va": "center",
                  "fontsize": style.SMALL_PT}
        if row is None or row.median is None:
            failed = row is None or document.cell(workload, backend.id, "peak_rss_bytes").n == 0
            why = document.why_missing(workload, backend.id, "memory") if failed else "n/a"
            axes.text(0.02, y, why, color=style.WARNING if failed else style.QUIET, **beside)
            continue
        glyph = glyphs[backend.id]
        value, right = scale(metric) * row.median, axes.get_xlim()[1]
        floor = not backend.ranked
        axes.barh(y, min(value, right), height=PITCH_IN * 0.68, zorder=3, **glyph.bar())
        beyond = " ▸" if value > right else ""
        axes.text(1.02, y, write(row.median) + beyond, color=style.QUIET if floor else style.INK,
                  **beside)
        last = kept.get((workload, backend.id)) if metric == "f_ret" else None
        if last is not None:
            axes.plot([min(scale(metric) * last, right)] * 2,
                      [y - PITCH_IN * 0.42, y + PITCH_IN * 0.42], color=style.INK, linewidth=2.0,
                      solid_capstyle="butt", zorder=5, clip_on=False)


def table(document, backends, kept):
    rows = []
    for workload in document.workloads:
        for backend in backends:
            for metric, *_ in COLUMNS:
                row = document.cell(workload.id, backend.id, metric)
                if row is None or row.median is None:
                    why = document.why_missing(workload.id, backend.id, "memory")
                    peak = document.cell(workload.id, backend.id, "peak_rss_bytes")
                    why = "n/a" if peak and peak.n else why
                    rows.append((workload.id, backend.id, metric, 0, None, None, why))
                else:
                    rows.append((workload.id, backend.id, metric, row.n, row.median, row.mad, None))
            last = kept.get((workload.id, backend.id))
            if last is not None:
                name = f"f_ret_after_{document.last_moment_ms()}_ms"
                rows.append((workload.id, backend.id, name, None, last, None, None))
    return rows


def alt(document, workloads, backends, columns):
    """Says the numbers of the first column alone; the table has all."""
    metric, title, write, _ = columns[0]
    said = []
    for workload in workloads:
        parts = []
        for backend in backends:
            row = document.cell(workload.id, backend.id, metric)
            value = write(row.median) if row and row.median is not None else "not available"
            parts.append(f"{backend.id} {value}")
        said.append(f"{title.split(':')[0]} in {workload.id}: " + ", ".join(parts))
    parts = {"f_peak": "at the peak", "internal": "within blocks", "f_ret": "after the drain"}
    where = ", ".join(parts[column[0]] for column in columns)
    return f"Bars of memory held over what was asked for: {where}. {'. '.join(said)}."
