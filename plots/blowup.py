"""What more threads do to memory: F_peak with P threads over that with one, for each workload whose
number of threads was varied. Depends on load.py and style.py."""

import math
import re

import style

TITLE = "Memory by number of threads"
COLUMNS = 2
PLOT_IN, HEAD_IN, FOOT_IN, LEFT_IN, GAP_IN, RIGHT_IN = 2.0, 0.36, 0.55, 0.72, 0.72, 0.15
SUFFIX = re.compile(r":threads=\d+")
HEADER = ("workload", "backend", "threads", "oversubscribed", "f_peak", "blowup")


def draw(document):
    style.expect_one_machine(document)
    families = families_of(document)
    if not families:
        raise style.NotAsked("no workload has F_peak with one thread and with more: run one with "
                             "threads at a large preset with --threads 1,2,4")
    style.expect_passes(document, "memory")
    backends = [b for b in document.backends
                if any(b.id in lines for lines in families.values())]
    names = [text.replace("\n", "") for text in style.labels(backends)]
    glyphs = style.glyphs(document)
    key_in = style.legend_height_in(names) + 0.1
    columns = min(COLUMNS, len(families))
    facet_in = HEAD_IN + PLOT_IN + FOOT_IN
    sheet = style.Sheet(document, (TITLE, subtitle(document)),
                        key_in + facet_in * math.ceil(len(families) / columns), ("memory",))
    sheet.legend(0.0, [(glyphs[b.id], text) for b, text in zip(backends, names)])
    width = (style.WIDTH_IN - LEFT_IN - RIGHT_IN - GAP_IN * (columns - 1)) / columns
    for i, (name, lines) in enumerate(families.items()):
        x = LEFT_IN + i % columns * (width + GAP_IN)
        y = key_in + i // columns * facet_in + HEAD_IN
        axes = sheet.axes(x, y, width, PLOT_IN)
        axes.set_title(style.fitted(name, width, style.PANEL_PT, "bold"), loc="left", pad=5,
                       fontsize=style.PANEL_PT, weight="bold")
        draw_facet(axes, name, lines, (document, glyphs, backends))
    return style.Picture(sheet.figure, alt(families), HEADER, table(document, families))


# --- numbers --------------------------------------------------------------------------------------

def families_of(document):
    """{workload without its number of threads: {backend: {threads: blowup}}}; one thread has 1."""
    found = {}
    for row in document.blowup:
        lines = found.setdefault(SUFFIX.sub("", row.workload, 1), {})
        lines.setdefault(row.backend, {1: 1.0})[row.threads] = row.value
    return found


def workload_of(document, name, threads):
    return next(w for w in document.workloads
                if w.threads == threads and SUFFIX.sub("", w.id, 1) == name
                and w.id != name)


# --- drawing --------------------------------------------------------------------------------------

def subtitle(document):
    text = ("blowup(P): RSS gained at the peak per byte asked for (F_peak) with P threads, over that "
            "with one, which asks for as much. Lower is better; on the line threads add nothing. "
            "They take turns here: it holds what an allocator keeps for each of them.")
    if any(workload.is_oversubscribed for workload in document.workloads):
        text += " !: more threads than CPUs."
    return text


def draw_facet(axes, name, lines, what):
    document, glyphs, backends = what
    counts = sorted({threads for values in lines.values() for threads in values})
    marks = {n: " !" if workload_of(document, name, n).is_oversubscribed else "" for n in counts}
    axes.set_xlim(-0.5, len(counts) - 0.5)
    axes.set_xticks(range(len(counts)), [f"{n}{marks[n]}" for n in counts])
    axes.axhline(1.0, color=style.INK, linewidth=0.9, zorder=1)
    shown = [b for b in backends if b.id in lines]
    values = [value for b in shown if b.ranked for value in lines[b.id].values()] or [1.0]
    low, high = min(values + [0.97]), max(values + [1.03])
    margin = (high / low) ** 0.08
    style.ratio_axis(axes.yaxis, low / margin, high * margin, 6)
    axes.set_ylim(low / margin, high * margin)
    axes.tick_params(labelsize=style.SMALL_PT, length=3)
    axes.set_xlabel("threads", fontsize=style.SMALL_PT)
    axes.set_ylabel("F_peak over one thread's", fontsize=style.SMALL_PT)
    for index, backend in enumerate(shown):
        shift = 0.3 * ((index + 0.5) / len(shown) - 0.5)
        points = [(counts.index(n) + shift, value) for n, value in sorted(lines[backend.id].items())]
        look = glyphs[backend.id]
        axes.plot(*zip(*points), color=look.colour, linestyle=look.dash, linewidth=1.2, zorder=2)
        axes.plot(*zip(*points), linestyle="none", zorder=3, **look.marks(5))


# --- words and numbers ----------------------------------------------------------------------------

def table(document, families):
    rows = []
    for name, lines in families.items():
        for backend, values in lines.items():
            for threads, value in sorted(values.items()):
                workload = workload_of(document, name, threads)
                f_peak = document.cell(workload.id, backend, "f_peak")
                rows.append((name, backend, threads, int(workload.is_oversubscribed),
                             f_peak.median if f_peak else None, value))
    return rows


def alt(families):
    said = []
    for name, lines in families.items():
        parts = [f"{backend} {values[max(values)]:.2f} with {max(values)}"
                 for backend, values in lines.items()]
        said.append(f"{name}: {', '.join(parts)}")
    return ("Lines of F_peak by number of threads, over that of one thread at an equal peak of bytes "
            f"asked for. {'. '.join(said)}.")
