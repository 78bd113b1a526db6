"""From what was asked for to what the process grew by, at the peak: what each backend holds beyond
the payload, by what it is for. One facet a workload. Depends on recompute.py and style.py."""

from dataclasses import dataclass

import recompute
import style

TITLE = "Where the memory is at the peak"
PITCH_IN, PAD_IN, HEAD_IN, FOOT_IN = 0.26, 0.08, 0.36, 0.3
AXIS_TITLE_IN, VALUE_IN, KEY_IN = 0.2, 1.75, 0.2


@dataclass(frozen=True)
class Step:
    figure: str
    name: str
    colour: str
    hatch: str


STEPS = (
    Step("rounding_bytes", "rounding to sizes", "#0072b2", "|||"),
    Step("headers_bytes", "headers of blocks", "#56b4e9", "///"),
    Step("free_blocks_bytes", "free blocks in used pools", "#d55e00", ""),
    Step("free_pools_bytes", "free pools, pages, arenas", "#e69f00", "\\\\\\"),
    Step("slack_bytes", "slack of pools", "#cc79a7", "..."),
    Step("tables_bytes", "its own records", "#009e73", "+++"),
    Step("raw_heap_bytes", "the heap below", "#7f7f7f", "xxx"),
    Step("other_bytes", "not accounted for", "#bdbdbd", ""),
)
AWAY = Step("not_resident_bytes", "held without memory", "#ffffff", "----")
HEADER = ("workload", "backend", "payload_bytes", *(step.figure for step in STEPS), AWAY.figure,
          "rss_growth_bytes", "unexplained_bytes", "is_told", "missing")


def draw(document):
    style.expect_passes(document, "waterfall")
    samples = recompute.good_samples(document, "waterfall")
    if not samples:
        raise style.nothing_counts("waterfall")
    style.expect_one_machine(document)
    workloads = [w for w in document.workloads if any(s.workload == w.id for s in samples)]
    backends = [b for b in document.backends if any(s.backend == b.id for s in samples)]
    backends = [b for b in backends if b.ranked] + [b for b in backends if not b.ranked]
    labels = style.labels(backends)
    places = style.row_places(backends, labels, PITCH_IN, PAD_IN)
    height = places[-1] + PITCH_IN / 2 + PAD_IN
    facet_in = HEAD_IN + height + FOOT_IN
    key_in = KEY_IN * key_rows() + 0.1
    sheet = style.Sheet(document, (TITLE,
                        "In per cent of the payload, which is what the live blocks were asked for, "
                        "at the call that made most of them live. Right of 0: what is held beyond "
                        "it; left of 0: the part of all that without memory behind it. Diamond: "
                        "what the process grew by beyond the payload, which is right less left. "
                        "Lower is better."),
                        key_in + facet_in * len(workloads) + AXIS_TITLE_IN, ("waterfall",))
    draw_key(sheet)
    left = style.MARGIN_IN + max(style.text_width_in(text, style.TEXT_PT) for text in labels) + 0.1
    for i, workload in enumerate(workloads):
        y = key_in + facet_in * i + HEAD_IN
        axes = sheet.axes(left, y, style.WIDTH_IN - left - VALUE_IN, height)
        cells = [(backend, place, middle_sample(samples, workload, backend))
                 for backend, place in zip(backends, places)]
        payload = next(s.figures["payload_bytes"] for _, _, s in cells if s)
        sheet.text(style.MARGIN_IN, y - 0.28, f"{workload.id}: payload "
                   f"{payload / style.MIB:.1f} MiB", size=style.PANEL_PT, weight="bold")
        set_up(axes, cells, height)
        axes.set_yticks(places, labels)
        for backend, place, sample in cells:
            draw_row(axes, document, (workload, backend), sample, place)
        if workload is workloads[-1]:
            axes.set_xlabel("beyond the payload, % of it", fontsize=style.SMALL_PT)
    return style.Picture(sheet.figure, alt(workloads, backends, samples), HEADER,
                         table(document, workloads, backends, samples))


def middle_sample(samples, workload, backend):
    """The round whose growth is the median one: its steps belong together."""
    cell = sorted((s for s in samples if (s.workload, s.backend) == (workload.id, backend.id)),
                  key=lambda s: (s.figures["rss_growth_bytes"], s.round))
    return cell[(len(cell) - 1) // 2] if cell else None


def percent(sample, figure):
    return 100 * sample.figures[figure] / max(sample.figures["payload_bytes"], 1)


def reach(sample):
    return sum(percent(sample, step.figure) for step in STEPS)


def set_up(axes, cells, height):
    """Floors set no scale, nor does who cannot be asked."""
    ranked = [s for backend, _, s in cells if s and backend.ranked] or [s for _, _, s in cells if s]
    right = max([reach(s) for s in ranked] + [1.0])
    axes.set_xlim(-1.05 * max([percent(s, AWAY.figure) for s in ranked] + [0.02 * right]),
                  1.05 * right)
    axes.set_ylim(height, 0)
    axes.axvline(0, color=style.INK, linewidth=0.9, zorder=4)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0, labelsize=style.TEXT_PT, labelcolor=style.INK)
    axes.tick_params(axis="x", labelsize=style.SMALL_PT, length=3)


def draw_row(axes, document, place, sample, y):
    workload, backend = place
    beside = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": style.SMALL_PT}
    if sample is None:
        axes.text(0.02, y, document.why_missing(workload.id, backend.id, "waterfall"),
                  color=style.WARNING, **beside)
        return
    low, right = axes.get_xlim()
    start = 0.0
    for step in STEPS:
        value = percent(sample, step.figure)
        draw_bar(axes, step, (start, min(start + value, right)), y)
        start += value
    draw_bar(axes, AWAY, (max(-percent(sample, AWAY.figure), low), 0.0), y)
    net = percent(sample, "rss_growth_bytes") - 100
    if net <= right:
        axes.plot([net], [y], linestyle="none", marker="D", markersize=5, color=style.INK,
                  markerfacecolor="white", zorder=6)
    told = "" if sample.figures["is_told"] else "; cannot be asked"
    axes.text(1.01, y, f"{net:+.1f} %{' ▸' if net > right else ''}{told}",
              color=style.INK if backend.ranked else style.QUIET, **beside)


def draw_bar(axes, step, ends, y):
    if ends[1] > ends[0]:
        axes.barh(y, ends[1] - ends[0], left=ends[0], height=PITCH_IN * 0.62, zorder=3,
                  hatch=step.hatch, facecolor=step.colour, linewidth=0.4,
                  edgecolor=style.QUIET if step is AWAY else "white")


def key_places():
    return style.key_places([step.name for step in (*STEPS, AWAY)], 0.34, style.SMALL_PT)


def key_rows():
    return key_places()[-1][1] + 1


def draw_key(sheet):
    for step, (x, row, text) in zip((*STEPS, AWAY), key_places()):
        axes = sheet.axes(x, KEY_IN * row + 0.02, 0.26, 0.12)
        axes.set_axis_off()
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.barh(0.5, 1.0, height=1.0, facecolor=step.colour, hatch=step.hatch, linewidth=0.6,
                  edgecolor=style.QUIET if step is AWAY else "white")
        sheet.text(x + 0.34, KEY_IN * row + 0.08, text, size=style.SMALL_PT, va="center")


def table(document, workloads, backends, samples):
    rows = []
    for workload in workloads:
        for backend in backends:
            sample = middle_sample(samples, workload, backend)
            if sample is None:
                why = document.why_missing(workload.id, backend.id, "waterfall")
                rows.append((workload.id, backend.id) + (None,) * (len(HEADER) - 3) + (why,))
            else:
                rows.append((workload.id, backend.id,
                             *(sample.figures[name] for name in HEADER[2:-1]), None))
    return rows


def alt(workloads, backends, samples):
    said = []
    for workload in workloads:
        parts = []
        for backend in backends:
            sample = middle_sample(samples, workload, backend)
            if sample is not None:
                most = max(STEPS, key=lambda step: sample.figures[step.figure])
                parts.append(f"{backend.id} {percent(sample, 'rss_growth_bytes') - 100:+.1f} %, "
                             f"most of it {most.name}")
        said.append(f"{workload.id}: " + "; ".join(parts))
    return ("Bars of what is held at the peak beyond the bytes that were asked for, by what it is "
            f"for. The process grew beyond them by: {'. '.join(said)}.")
