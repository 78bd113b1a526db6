"""How long single allocator calls take: which share of them takes how long or longer. One facet a
workload, taking on the left and giving back on the right. Depends on histogram.py, recompute.py and
style.py."""

import collections

import histogram
import recompute
import style

TITLE = "How long single allocator calls take"
FACET_HEAD_IN, PLOT_IN, FOOT_IN, AXIS_TITLE_IN = 0.42, 1.9, 0.3, 0.2
LEFT_IN, GAP_IN, RIGHT_IN = 1.0, 0.25, 0.15
COLUMNS = (("malloc, calloc, realloc", ("malloc", "calloc", "realloc")), ("free", ("free",)))
PERMILLES = (500, 900, 990, 999)
HEADER = ("workload", "backend", "kind", "calls", "p50_ns", "p90_ns", "p99_ns", "p999_ns",
          "mean_ns", "max_ns", "timer_cost_ns", "timer_resolution_ns")
TICKS = ((1, "1 ns"), (10, "10"), (100, "100"), (1e3, "1 µs"), (1e4, "10"), (1e5, "100"),
         (1e6, "1 ms"), (1e7, "10"), (1e8, "100"), (1e9, "1 s"))
SHARES = ((1, "all"), (1e-1, "1 in 10"), (1e-2, "1 in 100"), (1e-3, "1 in 1,000"),
          (1e-4, "1 in 10⁴"), (1e-5, "1 in 10⁵"), (1e-6, "1 in 10⁶"), (1e-7, "1 in 10⁷"),
          (1e-8, "1 in 10⁸"))


def draw(document):
    style.expect_passes(document, "latency")
    samples = recompute.good_samples(document, "latency")
    if not samples:
        raise style.nothing_counts("latency")
    style.expect_one_machine(document)
    workloads = [w for w in document.workloads if any(s.workload == w.id for s in samples)]
    backends = [b for b in document.backends if any(s.backend == b.id for s in samples)]
    names = [text.replace("\n", "") for text in style.labels(backends)]
    key_in = style.legend_height_in(names) + 0.08
    facet_in = FACET_HEAD_IN + PLOT_IN + FOOT_IN
    sheet = style.Sheet(document, (TITLE, subtitle(samples)),
                        key_in + facet_in * len(workloads) + AXIS_TITLE_IN, ("latency",))
    glyphs = style.glyphs(document)
    sheet.legend(0.0, [(glyphs[b.id], text) for b, text in zip(backends, names)])
    limits = scale(samples)
    for i, workload in enumerate(workloads):
        cells = {b.id: [s for s in samples if (s.workload, s.backend) == (workload.id, b.id)]
                 for b in backends}
        y = key_in + facet_in * i + FACET_HEAD_IN
        note_missing(sheet, document, workload, cells, y)
        axes = draw_facet(sheet, glyphs, cells, limits, y)
    for place in axes:
        place.set_xlabel("time of one call (left is faster)", fontsize=style.SMALL_PT)
    return style.Picture(sheet.figure, alt(workloads, backends, samples), HEADER,
                         table(workloads, backends, samples))


def subtitle(samples):
    resolution = max(s.figures.get("timer_resolution_ns", 0) for s in samples)
    cost = recompute.median([s.figures.get("timer_cost_ns", 0) for s in samples])
    return ("Lines: the share of calls that took that long or longer; left and low is better. "
            "Every call of one body per round, rounds together. The clock's own "
            f"{cost:.0f} ns are taken off; in the grey band it cannot tell times apart "
            f"({resolution:.0f} ns). Far right are preemptions: the machine's doing; a floor "
            "shows how many.")


def scale(samples):
    """(longest, rarest): one scale for all facets."""
    longest = max(s.figures.get(f"{kind}.max_ns", 1) for s in samples
                  for _, kinds in COLUMNS for kind in kinds)
    most = collections.Counter()  # of calls that one line is drawn of
    for s in samples:
        for name, kinds in COLUMNS:
            most[s.workload, s.backend, name] += sum(s.figures.get(f"{kind}.count", 0)
                                                     for kind in kinds)
    return max(longest, 1000) * 1.3, 0.5 / max(1, *most.values())


def together(samples, kinds):
    return histogram.added([s.series[kind] for s in samples for kind in kinds if kind in s.series])


def note_missing(sheet, document, workload, cells, y):
    names = style.short_names(document.backends)
    missing = [f"{names[backend]}: {document.why_missing(workload.id, backend, 'latency')}"
               for backend, samples in cells.items() if not samples]
    sheet.note(y - 0.36, workload.id, "; ".join(missing), style.WARNING)


def draw_facet(sheet, glyphs, cells, limits, y):
    width = (style.WIDTH_IN - LEFT_IN - GAP_IN - RIGHT_IN) / len(COLUMNS)
    drawn = []
    for j, (name, kinds) in enumerate(COLUMNS):
        axes = sheet.axes(LEFT_IN + (width + GAP_IN) * j, y, width - 0.02, PLOT_IN)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(1, limits[0])
        axes.set_ylim(limits[1], 1.3)
        ticks = [tick for tick in TICKS if tick[0] <= limits[0]]
        axes.set_xticks([tick for tick, _ in ticks], [text for _, text in ticks])
        shares = [share for share in SHARES if share[0] >= limits[1]]
        axes.set_yticks([share for share, _ in shares],
                        [text if j == 0 else "" for _, text in shares])
        axes.minorticks_off()
        axes.tick_params(labelsize=style.SMALL_PT)
        axes.text(0.0, 1.01, f" {name}", transform=axes.transAxes, color=style.QUIET,
                  fontsize=style.SMALL_PT, va="bottom", ha="left")
        for place, (backend, samples) in enumerate(cells.items()):
            draw_line(axes, glyphs[backend], together(samples, kinds), (place, len(cells)))
        resolution = max((s.figures.get("timer_resolution_ns", 0) for samples in cells.values()
                          for s in samples), default=0)
        axes.axvspan(1, max(resolution, 1), color="#ececec", linewidth=0, zorder=0)
        if j == 0:
            axes.set_ylabel("calls that took as long or longer", fontsize=style.SMALL_PT)
        drawn.append(axes)
    return drawn


def draw_line(axes, glyph, counts, place):
    total = sum(counts)
    if total == 0:
        return
    points = histogram.longer(counts)
    xs = [max(ns, 1) for ns, _ in points]
    ys = [left / total for _, left in points]
    axes.step(xs, ys, where="pre", color=glyph.colour, linestyle=glyph.dash, linewidth=1.3,
              zorder=3)
    # Three marks a line, at shares of its own, so that none hides another's.
    low = ys[-1]
    for third in range(3):
        share = low ** ((third + (place[0] + 0.5) / place[1]) / 3)
        spot = next(i for i, y in enumerate(ys) if y <= share)
        axes.plot([xs[spot]], [ys[spot]], linestyle="none", zorder=4, **glyph.marks(4))


def table(workloads, backends, samples):
    rows = []
    for workload in workloads:
        for backend in backends:
            cell = [s for s in samples if (s.workload, s.backend) == (workload.id, backend.id)]
            for kind in ("malloc", "calloc", "realloc", "free"):
                rows += kind_rows(workload, backend, kind, cell)
    return rows


def kind_rows(workload, backend, kind, cell):
    """Of all rounds together, as they are drawn."""
    cell = [s for s in cell if s.series.get(kind)]
    if not cell:
        return []
    counts = together(cell, (kind,))
    max_ns = max(s.figures[f"{kind}.max_ns"] for s in cell)
    middle = [histogram.percentile(counts, permille, max_ns) for permille in PERMILLES]
    medians = [recompute.median([s.figures[name] for s in cell])
               for name in (f"{kind}.mean_ns", "timer_cost_ns", "timer_resolution_ns")]
    return [(workload.id, backend.id, kind, sum(counts), *middle, medians[0], max_ns,
             medians[1], medians[2])]


def alt(workloads, backends, samples):
    said = []
    for workload in workloads:
        parts = []
        for backend in backends:
            cell = [s for s in samples if (s.workload, s.backend) == (workload.id, backend.id)]
            counts = together(cell, COLUMNS[0][1])
            if sum(counts):
                p999 = histogram.percentile(counts, 999, float("inf"))
                parts.append(f"{backend.id} "
                             + (histogram.text_ns(p999) if p999 is not None else "too few calls"))
        said.append(f"{workload.id}: " + ", ".join(parts))
    return ("Lines of the share of calls that took longer than a time, by workload, for taking "
            "memory and for giving it back. One in a thousand calls that take memory takes longer "
            f"than: {'. '.join(said)}.")
