"""Resident memory of every backend over the work's demand: one facet a workload, and what is
still held after everything was given back. Depends on load.py and style.py."""

import style

TITLE = "Resident memory over the run"
FACET_HEAD_IN, PLOT_IN, FOOT_IN, AXIS_TITLE_IN = 0.42, 1.7, 0.3, 0.2
LEFT_IN, RETAINED_IN, GAP_IN, RIGHT_IN = 0.78, 1.75, 0.12, 0.15
HEADER = ("workload", "backend", "curve", "calls", "t_ms", "after_ms", "bytes")


def draw(document):
    style.expect_passes(document, "memory")
    curves, host = {}, min((line.host for line in document.timelines), default=0)
    for line in document.timelines:
        if line.host == host:
            curves.setdefault(line.workload, []).append(line)
    workloads = [w for w in document.workloads if w.id in curves]
    if not workloads:
        raise style.NothingToDraw("no cell has a timeline: `failures` in the document tell why")

    drawn = [b for b in document.backends
             if any(line.backend == b.id for lines in curves.values() for line in lines)]
    only = f"Host {host} of {len(document.hosts)}. " if len(document.hosts) > 1 else ""
    names = [text.replace("\n", "") for text in style.labels(drawn)]
    key_in = style.legend_height_in(names) + 0.08
    facet_in = FACET_HEAD_IN + PLOT_IN + FOOT_IN
    by_time = {workload.id for workload in workloads
               if all(line.is_by_time for line in curves[workload.id])}
    sheet = style.Sheet(document, (TITLE, only + subtitle(document, workloads, by_time)),
                        key_in + facet_in * len(workloads) + AXIS_TITLE_IN, ("memory",))
    glyphs = style.glyphs(document)
    sheet.legend(0.0, [(glyphs[b.id], text) for b, text in zip(drawn, names)])
    for i, workload in enumerate(workloads):
        lines = sorted(curves[workload.id],
                       key=lambda line: [b.id for b in drawn].index(line.backend))
        y, is_by_time = key_in + facet_in * i + FACET_HEAD_IN, workload.id in by_time
        draw = draw_program if is_by_time else draw_facet
        run, after = draw(sheet, document, workload, lines, y)
        later = [one.id in by_time for one in workloads[i + 1:]]
        if is_by_time not in later[:1]:  # the last one of several alike says what its axis is
            run.set_xlabel("ms since the program began" if is_by_time
                           else "allocator calls made, % of all", fontsize=style.SMALL_PT)
            if after:
                after.set_xlabel("seconds after the drain", fontsize=style.SMALL_PT)
    return style.Picture(sheet.figure, alt(document, workloads, curves), HEADER,
                         table(workloads, curves))


def subtitle(document, workloads, by_time):
    text = "Lines: RSS of the process while the work is done (first memory round). "
    if len(by_time) < len(workloads):
        text += ("Grey area: what the work asks for. Right: RSS after the last block was given back. "
                 + style.purge_note(document) + " ")
    if by_time:
        text += "Of a program: over its time, to its end, its calls not being counted. "
    return text + "Lower is better."


def draw_program(sheet, document, workload, lines, y):
    """One of which neither calls nor phases are known, nor what it held when all was given back."""
    axes = sheet.axes(LEFT_IN, y, style.WIDTH_IN - LEFT_IN - RIGHT_IN, PLOT_IN)
    top = limit(document, workload, lines)
    axes.set_ylim(0, top / style.MIB)
    axes.yaxis.set_major_locator(style.round_ticks(5))
    axes.set_xlim(0, max([line.calls[-1] for line in lines if line.calls] + [1]))
    draw_lines(axes, document, lines, lambda ms: ms)
    note(sheet, document, workload, lines, (top, y))
    return axes, None


def draw_facet(sheet, document, workload, lines, y):
    width = style.WIDTH_IN - LEFT_IN - RETAINED_IN - GAP_IN - RIGHT_IN
    axes = sheet.axes(LEFT_IN, y, width, PLOT_IN)
    after = sheet.axes(LEFT_IN + width + GAP_IN, y, RETAINED_IN, PLOT_IN, sharey=axes)
    top = limit(document, workload, lines)
    axes.set_ylim(0, top / style.MIB)
    axes.yaxis.set_major_locator(style.round_ticks(5))
    draw_run(axes, document, workload, lines)
    draw_retained(after, document, lines)
    note(sheet, document, workload, lines, (top, y))
    return axes, after


def note(sheet, document, workload, lines, place):
    """The facet's name, and who is missing from it or above its scale."""
    top, y = place
    names = style.short_names(document.backends)
    missing = [f"{names[b.id]}: {document.why_missing(workload.id, b.id, 'memory')}"
               for b in document.backends
               if b.status == "ok" and all(line.backend != b.id for line in lines)]
    above = [f"{names[line.backend]} ends at {max(line.rss_bytes) / style.MIB:.0f} MiB"
             for line in lines if max(line.rss_bytes, default=0) > top]
    sheet.note(y - 0.36, workload.id, "; ".join(missing + above),
               style.WARNING if missing else style.QUIET)


def limit(document, workload, lines):
    """Floors do not set the scale: they never give anything back."""
    floors = {b.id for b in document.backends if not b.ranked}
    values = [v for line in lines if line.backend not in floors
              for v in line.rss_bytes + list(line.retained.values())]
    values = values or [v for line in lines for v in line.rss_bytes]
    return 1.12 * max(values + workload.demand_live_bytes + [1])


def draw_run(axes, document, workload, lines):
    total = max([calls[-1] for calls in [workload.demand_calls] + [l.calls for l in lines]
                 if calls] + [1])
    axes.set_xlim(0, 100)
    axes.fill_between([100 * calls / total for calls in workload.demand_calls],
                      [live / style.MIB for live in workload.demand_live_bytes],
                      color="#e4e4e4", linewidth=0, zorder=1)
    draw_lines(axes, document, lines, lambda calls: 100 * calls / total)
    draw_phases(axes, document, workload, total)


def draw_lines(axes, document, lines, place_of):
    glyphs = style.glyphs(document)
    for place, line in enumerate(lines):
        glyph = glyphs[line.backend]
        xs = [place_of(calls) for calls in line.calls]
        ys = [rss / style.MIB for rss in line.rss_bytes]
        axes.plot(xs, ys, color=glyph.colour, linestyle=glyph.dash, linewidth=1.4, zorder=3)
        # Four marks a line, each line's at places of their own, so that none hides another's.
        spots = [int(len(xs) * (quarter + (place + 0.5) / len(lines)) / 4) for quarter in range(4)]
        spots = [spot for spot in spots if spot < len(xs) and ys[spot] <= 0.95 * axes.get_ylim()[1]]
        axes.plot([xs[i] for i in spots], [ys[i] for i in spots], linestyle="none", zorder=4,
                  **glyph.marks(4))
    axes.set_ylabel("RSS, MiB", fontsize=style.SMALL_PT)
    axes.tick_params(labelsize=style.SMALL_PT)


def draw_phases(axes, document, workload, total):
    """Marks of the first sample that has them: phases stand at the same calls on every backend."""
    phases = next((s.memory.phases for s in document.samples
                   if s.workload == workload.id and s.memory and s.memory.phases), [])
    for phase, calls in phases:
        if phase == "end":
            continue
        x = 100 * calls / total
        if x > 0:
            axes.axvline(x, color=style.QUIET, linewidth=0.7, linestyle=(0, (1, 2)), zorder=2)
        axes.text(x, 1.01, f" {phase} ", transform=axes.get_xaxis_transform(), color=style.QUIET,
                  fontsize=style.SMALL_PT, va="bottom", ha="left" if x < 92 else "right")


def draw_retained(axes, document, lines):
    glyphs = style.glyphs(document)
    moments = sorted({after for line in lines for after in line.retained})
    axes.set_xlim(-0.5, max(len(moments), 1) - 0.5)
    for i, line in enumerate(lines):
        glyph = glyphs[line.backend]
        shift = 0.6 * ((i + 0.5) / len(lines) - 0.5)
        xs = [moments.index(after) + shift for after in line.retained]
        ys = [rss / style.MIB for rss in line.retained.values()]
        axes.plot(xs, ys, color=glyph.colour, linewidth=0.7, alpha=0.6, zorder=2)
        axes.plot(xs, ys, linestyle="none", zorder=3, **glyph.marks(4))
    axes.set_xticks(range(len(moments)), [f"{after / 1000:g}" for after in moments])
    axes.set_facecolor("#f4f4f4")
    axes.tick_params(labelsize=style.SMALL_PT)
    axes.tick_params(axis="y", labelleft=False, length=0)
    axes.text(0.0, 1.01, " still held", transform=axes.transAxes, color=style.QUIET,
              fontsize=style.SMALL_PT, va="bottom", ha="left")


def table(workloads, curves):
    rows = []
    for workload in workloads:
        rows += [(workload.id, None, "demand", calls, None, None, live)
                 for calls, live in zip(workload.demand_calls, workload.demand_live_bytes)]
        for line in curves[workload.id]:
            rows += [(workload.id, line.backend, "rss",
                      *((None, at) if line.is_by_time else (at, None)), None, rss)
                     for at, rss in zip(line.calls, line.rss_bytes)]
            rows += [(workload.id, line.backend, "retained", None, None, after, rss)
                     for after, rss in line.retained.items()]
    return rows


def alt(document, workloads, curves):
    said = []
    for workload in workloads:
        parts = [f"{line.backend} {max(line.rss_bytes, default=0) / style.MIB:.0f}"
                 + (f", {list(line.retained.values())[-1] / style.MIB:.0f} at the end"
                    if line.retained else "")
                 for line in curves[workload.id]]
        asked = max(workload.demand_live_bytes, default=0) / style.MIB
        asks = f" asks for {asked:.0f} MiB at its peak;" if workload.demand_live_bytes else ","
        said.append(f"{workload.id}{asks} peak RSS in MiB: " + "; ".join(parts))
    return ("Lines of resident memory against allocator calls made (of a program: its time), over "
            "the bytes that the work has live, with what is held after the drain. "
            f"{'. '.join(said)}.")
