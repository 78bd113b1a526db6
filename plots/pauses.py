"""How long the cyclic collector stops the program, by generation: one facet a workload. Depends on
histogram.py, recompute.py and style.py."""

import histogram
import recompute
import style

TITLE = "Pauses of the cyclic collector"
PITCH_IN, PAD_IN, HEAD_IN, FOOT_IN = 0.24, 0.08, 0.52, 0.3
AXIS_TITLE_IN, GAP_IN = 0.2, 0.12
GENERATIONS = ("gen0", "gen1", "gen2")
NAMES = ("young (generation 0)", "middle (1)", "full (2)")
EXPLAINED = ("Dot: the middle pause; bar: from the shortest to the longest; upright mark: 90 % are "
             "shorter (from 100 collections on). Left is better. Beside it: collections a round, "
             "and in brackets the share of the body's time that they take together. The longest "
             "ones hold preemptions, too.")
HEADER = ("workload", "backend", "generation", "collections", "shortest_ns", "p50_ns", "p90_ns",
          "p99_ns", "max_ns", "total_ns", "visited", "collected", "share_ppm", "missing")
TICKS = ((1e2, "100 ns"), (1e3, "1 µs"), (1e4, "10"), (1e5, "100"), (1e6, "1 ms"), (1e7, "10"),
         (1e8, "100"), (1e9, "1 s"), (1e10, "10"))


def draw(document):
    style.expect_passes(document, "pauses")
    samples = recompute.good_samples(document, "pauses")
    if not samples:
        raise style.nothing_counts("pauses")
    style.expect_one_machine(document)
    workloads = [w for w in document.workloads if any(s.workload == w.id for s in samples)]
    backends = [b for b in document.backends if any(s.backend == b.id for s in samples)]
    backends = [b for b in backends if b.ranked] + [b for b in backends if not b.ranked]
    labels = style.labels(backends)
    places = style.row_places(backends, labels, PITCH_IN, PAD_IN)
    height = places[-1] + PITCH_IN / 2 + PAD_IN
    facet_in = HEAD_IN + height + FOOT_IN
    sheet = style.Sheet(document, (TITLE, EXPLAINED), facet_in * len(workloads) + AXIS_TITLE_IN,
                        ("pauses",))
    left = style.MARGIN_IN + max(style.text_width_in(text, style.TEXT_PT) for text in labels) + 0.1
    pitch = (style.WIDTH_IN - left - 0.04) / len(GENERATIONS)
    value_in = 0.04 + max(style.text_width_in(beside(cell_of(samples, w, b), g), style.SMALL_PT)
                          for w in workloads for b in backends for g in GENERATIONS)
    limits = scale(samples)
    for i, workload in enumerate(workloads):
        y = facet_in * i + HEAD_IN
        sheet.text(style.MARGIN_IN, y - 0.44, workload.id, size=style.PANEL_PT, weight="bold")
        for j, generation in enumerate(GENERATIONS):
            axes = sheet.axes(left + pitch * j, y, pitch - value_in - GAP_IN, height)
            set_up(axes, limits, height, NAMES[j])
            axes.set_yticks(places, labels if j == 0 else [])
            for backend, place in zip(backends, places):
                cell = cell_of(samples, workload, backend)
                draw_row(axes, document, (workload, backend, generation), cell, place)
            if workload is workloads[-1]:
                axes.set_xlabel("length of one pause", fontsize=style.SMALL_PT)
    return style.Picture(sheet.figure, alt(workloads, backends, samples), HEADER,
                         table(document, workloads, backends, samples))


def cell_of(samples, workload, backend):
    return [s for s in samples if (s.workload, s.backend) == (workload.id, backend.id)]


def scale(samples):
    longest = max(s.figures.get(f"{g}.max_ns", 0) for s in samples for g in GENERATIONS)
    shortest = min((histogram.low_ns(first_bucket(s.series[g])) for s in samples
                    for g in GENERATIONS if s.series.get(g)), default=1000)
    return max(min(shortest, 1000) / 1.5, 1), max(longest, 1e5) * 1.5


def first_bucket(counts):
    return next(bucket for bucket, count in enumerate(counts) if count)


def set_up(axes, limits, height, name):
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    axes.set_ylim(height, 0)
    ticks = [tick for tick in TICKS if limits[0] <= tick[0] <= limits[1]]
    axes.set_xticks([tick for tick, _ in ticks], [text for _, text in ticks])
    axes.minorticks_off()
    axes.spines["left"].set_color(style.QUIET)
    axes.tick_params(axis="y", length=0, labelsize=style.TEXT_PT, labelcolor=style.INK)
    axes.tick_params(axis="x", labelsize=7, length=3)
    axes.text(0.0, 1.01, f" {name}", transform=axes.transAxes, color=style.QUIET,
              fontsize=style.SMALL_PT, va="bottom", ha="left")


def numbers(cell, generation):
    """Of all rounds together: count a round, shortest, middle, p90, p99, longest; or None."""
    counts = histogram.added([s.series.get(generation, []) for s in cell])
    if not sum(counts):
        return None
    longest = max(s.figures[f"{generation}.max_ns"] for s in cell)
    ranks = sorted(bucket for bucket, count in enumerate(counts) for _ in range(count))
    middle = min(histogram.middle_ns(ranks[(len(ranks) - 1) // 2]), longest)
    return (sum(counts) / len(cell), histogram.low_ns(ranks[0]), middle,
            histogram.percentile(counts, 900, longest), histogram.percentile(counts, 990, longest),
            longest)


def share(cell, generation):
    """Of the body's time; None where it was not timed."""
    found = [s.figures[f"{generation}.total_ns"] / s.figures["body_ns"] for s in cell
             if f"{generation}.total_ns" in s.figures and s.figures.get("body_ns")]
    return recompute.median(found) if found else None


def beside(cell, generation):
    """What stands at the end of a row: "72 (11 %)"."""
    if not cell:
        return ""
    count = recompute.median([s.figures[f"{generation}.count"] for s in cell])
    taken = share(cell, generation)
    return f"{count:,.0f}" + (f" ({share_text(taken)})" if taken else "")


def share_text(part):
    """Of a second digit below 10 % there is use; of a share of a thousandth there is none."""
    percent = 100 * part
    return "<0.1 %" if percent < 0.1 else f"{percent:.{0 if percent >= 9.95 else 1}f} %"


def draw_row(axes, document, place, cell, y):
    workload, backend, generation = place
    placed = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": style.SMALL_PT}
    if not cell:
        axes.text(0.02, y, document.why_missing(workload.id, backend.id, "pauses"),
                  color=style.WARNING, **placed)
        return
    found = numbers(cell, generation)
    axes.text(1.02, y, beside(cell, generation), color=style.INK if backend.ranked else style.QUIET,
              **placed)
    if found is None:
        none = not any(s.figures[f"{generation}.count"] for s in cell)
        axes.text(0.02, y, "none" if none else "no times: it does not tell", color=style.QUIET,
                  **placed)
        return
    _, shortest, middle, p90, _, longest = found
    glyph = style.glyphs(document)[backend.id]
    axes.plot([shortest, longest], [y, y], color=glyph.colour, linewidth=1.6, alpha=0.55,
              solid_capstyle="butt", zorder=2)
    if p90 is not None:
        axes.plot([p90, p90], [y - PITCH_IN * 0.3, y + PITCH_IN * 0.3], color=glyph.colour,
                  linewidth=1.4, zorder=3)
    axes.plot([middle], [y], linestyle="none", zorder=4, **glyph.marks(5))


def table(document, workloads, backends, samples):
    rows = []
    for workload in workloads:
        for backend in backends:
            cell = cell_of(samples, workload, backend)
            if not cell:
                why = document.why_missing(workload.id, backend.id, "pauses")
                rows.append((workload.id, backend.id) + (None,) * 11 + (why,))
                continue
            rows += [row(workload, backend, generation, cell) for generation in GENERATIONS]
    return rows


def row(workload, backend, generation, cell):
    def middle(name):
        values = [s.figures[name] for s in cell if name in s.figures]
        return recompute.median(values) if values else None

    times = numbers(cell, generation)
    times = times[1:] if times else (None,) * 5
    return (workload.id, backend.id, generation, middle(f"{generation}.count"), *times,
            middle(f"{generation}.total_ns"), middle(f"{generation}.visited"),
            middle(f"{generation}.collected"), middle("share_ppm"), None)


def alt(workloads, backends, samples):
    said = []
    for workload in workloads:
        parts = []
        for backend in backends:
            cell = cell_of(samples, workload, backend)
            found = numbers(cell, "gen2") if cell else None
            shares = [s.figures["share_ppm"] for s in cell if "share_ppm" in s.figures]
            if found and shares:
                parts.append(f"{backend.id} {histogram.text_ns(found[-1])}, all together "
                             f"{recompute.median(shares) / 1e4:.1f} % of the time")
        said.append(f"{workload.id}: " + ("; ".join(parts) or "no times"))
    return ("Bars from the shortest to the longest pause of the cyclic collector, by generation. "
            f"Longest pause of a full collection: {'. '.join(said)}.")
