"""How steady the machine was: every timed sample in the order in which they ran, the baseline
against itself round by round, and what else the machine did. One facet a host: hosts are never
pooled. Depends on load.py, recompute.py and style.py."""

import math
from dataclasses import dataclass

import recompute
import style

TITLE = "Noise of the machine during the run"
FACET_HEAD_IN, RUN_IN, GAP_IN, CONTROL_IN, FOOT_IN = 0.42, 1.75, 0.72, 1.2, 0.5
LEFT_IN, BARS_IN, BARS_LABEL_IN, RIGHT_IN = 0.72, 1.15, 1.35, 0.55
DOTS_MOST = 3000  # samples drawn one by one; of more only the band
BANDS = 60
REACH = 0.5  # the scale ends where a sample takes half as much again
HEADER = ("host", "round", "position", "workload", "backend", "control", "ns_per_op",
          "of_cell_median", "control_ratio")


@dataclass(frozen=True)
class Point:
    """A sample and how far it lies off the median of its cell."""

    sample: object
    is_control: bool
    value: float
    off: float  # log of value over median


def draw(document):
    style.expect_passes(document, "time")
    hosts = [(index, host, points_of(document, index)) for index, host in enumerate(document.hosts)]
    if not any(points for _, _, points in hosts):
        raise style.nothing_counts("time")
    facet_in = FACET_HEAD_IN + RUN_IN + GAP_IN + CONTROL_IN + FOOT_IN
    sheet = style.Sheet(document, (TITLE, subtitle(hosts)), facet_in * len(hosts), ("time",))
    for place, (index, host, points) in enumerate(hosts):
        draw_facet(sheet, document, index, host, points, place * facet_in)
    return style.Picture(sheet.figure, alt(document, hosts), HEADER, table(hosts))


def subtitle(hosts):
    text = ("Top: every timed sample over the median of its workload and backend; line and band: "
            "median and middle 80 % of those near it. A flat, narrow band is a steady machine. "
            "Below: the baseline's second sample over its first; every difference there is noise.")
    if any(len(points) > DOTS_MOST for _, _, points in hosts):
        text += f" Above {DOTS_MOST} samples only the band is drawn."
    return text


# --- numbers --------------------------------------------------------------------------------------

def points_of(document, host):
    """Those that count, in the order in which they ran."""
    judge, found = recompute.Judge(document), []
    rows = [(sample, False) for sample in document.samples] + [(c, True) for c in document.control]
    for sample, is_control in rows:
        if sample.host == host and sample.pass_name == "time" and judge.counts(sample):
            value = recompute.sample_values(sample).get(document.clock(sample.workload))
            if value:
                found.append((sample, is_control, value))
    cells = {}
    for sample, is_control, value in found:
        cells.setdefault((sample.workload, sample.backend), []).append(value)
    middle = {cell: recompute.median(values) for cell, values in cells.items()}
    points = [Point(sample, is_control, value,
                    math.log(value / middle[sample.workload, sample.backend]))
              for sample, is_control, value in found]
    return sorted(points, key=lambda p: (p.sample.round, p.sample.position, p.is_control))


def control_ratios(points):
    """[(round, workload, second over first)] of the pairs that are whole."""
    first = {(p.sample.round, p.sample.workload, p.sample.backend): p.value
             for p in points if not p.is_control}
    pairs = []
    for point in points:
        cell = (point.sample.round, point.sample.workload, point.sample.backend)
        if point.is_control and cell in first:
            pairs.append((cell[0], cell[1], point.value / first[cell]))
    return pairs


def bands(values):
    """[(middle place, low, median, high)] of neighbours."""
    size = max(15, math.ceil(len(values) / BANDS))
    found = []
    for start in range(0, len(values) - size // 2, size):
        part = sorted(values[start:start + size])
        found.append((start + (len(part) - 1) / 2, part[int(0.1 * len(part))],
                      recompute.median(part), part[-1 - int(0.1 * len(part))]))
    return found


def percent(log):
    return 100 * (math.exp(log) - 1)


def share_text(share):
    return f"{100 * share:.0f} %" if share >= 0.0995 or share == 0 else f"{100 * share:.1f} %"


# --- drawing --------------------------------------------------------------------------------------

def draw_facet(sheet, document, index, host, points, top):
    name = f"host {index}: {style.machine(host.provenance)}" if len(document.hosts) > 1 else ""
    name = style.fitted(name, style.TEXT_IN, style.PANEL_PT, "bold")
    sheet.text(style.MARGIN_IN, top + 0.02, name, size=style.PANEL_PT, weight="bold")
    width = style.WIDTH_IN - LEFT_IN - BARS_LABEL_IN - BARS_IN - RIGHT_IN
    y = top + FACET_HEAD_IN
    run = sheet.axes(LEFT_IN, y, width, RUN_IN)
    draw_run(run, points)
    control = sheet.axes(LEFT_IN, y + RUN_IN + GAP_IN, width, CONTROL_IN)
    draw_control(control, host.noise, points)
    sheet.text(LEFT_IN, y - 0.2, "every sample", size=style.SMALL_PT, weight="bold")
    sheet.text(LEFT_IN, y + RUN_IN + GAP_IN - 0.2, "A/A control: " + said(host.noise)[0],
               size=style.SMALL_PT, weight="bold", color=said(host.noise)[1])
    bars = sheet.axes(LEFT_IN + width + BARS_LABEL_IN, y, BARS_IN,
                      RUN_IN + GAP_IN + CONTROL_IN)
    draw_bars(bars, host.noise)
    sheet.text(LEFT_IN + width + BARS_LABEL_IN, y - 0.2, "meanwhile", size=style.SMALL_PT,
               weight="bold")


def said(noise):
    """The verdict in a few words, and its colour."""
    control = noise.control
    if control is None:
        return "not made", style.QUIET
    if control["verdict"] in ("none", "too few"):
        return {"none": "not made", "too few": "too few rounds"}[control["verdict"]], style.QUIET
    row = control["rows"][-1]
    where = "all workloads" if row["workload"] is None else row["workload"]
    interval = f" [{row['lo']:.3f}, {row['hi']:.3f}]" if row["lo"] is not None else ""
    text = f"{row['ratio']:.3f}{interval} on {where}"
    return (f"FAILED, {text}", style.WARNING) if noise.failed else (text, style.INK)


def limit_percent(axes, reach):
    axes.set_ylim(-reach, reach)
    axes.yaxis.set_major_locator(style.round_ticks(5))
    axes.yaxis.set_major_formatter(lambda tick, _: f"{tick:+g} %" if tick else "0")
    axes.axhline(0, color=style.INK, linewidth=0.7, zorder=1)
    axes.tick_params(labelsize=style.SMALL_PT, length=3)


def draw_run(axes, points):
    offs = [percent(p.off) for p in points]
    reach = min(100 * REACH, 1.15 * max(map(abs, offs), default=1.0) + 1.0)
    limit_percent(axes, reach)
    axes.set_xlim(-0.01 * len(points) - 1, 1.01 * len(points) + 1)
    if len(points) <= DOTS_MOST:
        for is_control, face in ((False, style.QUIET), (True, "white")):
            inside = [(x, y) for x, (p, y) in enumerate(zip(points, offs))
                      if p.is_control == is_control and abs(y) <= reach]
            axes.plot([x for x, _ in inside], [y for _, y in inside], linestyle="none", marker="o",
                      markersize=2.6, color=style.QUIET, markerfacecolor=face, markeredgewidth=0.5,
                      alpha=0.7, zorder=2)
    outside = [(x, math.copysign(0.97 * reach, y)) for x, y in enumerate(offs) if abs(y) > reach]
    axes.plot([x for x, _ in outside], [y for _, y in outside], linestyle="none", marker="x",
              markersize=4, color=style.WARNING, zorder=4)
    parts = bands([p.off for p in points])
    if len(parts) > 1:
        xs = [place for place, *_ in parts]
        axes.fill_between(xs, [percent(low) for _, low, _, _ in parts],
                          [percent(high) for *_, high in parts], color="#e4e4e4", zorder=0,
                          linewidth=0)
        axes.plot(xs, [percent(middle) for _, _, middle, _ in parts], color=style.INK,
                  linewidth=1.4, zorder=3)
    note = "samples in the order in which they ran; hollow: control"
    if outside:
        note += f"; ×: {len(outside)} beyond the scale"
    axes.set_xlabel(note, fontsize=style.SMALL_PT)
    axes.set_ylabel("off its cell's median", fontsize=style.SMALL_PT)


def draw_control(axes, noise, points):
    pairs = control_ratios(points)
    offs = [100 * (ratio - 1) for _, _, ratio in pairs]
    reach = min(100 * REACH, 1.15 * max(map(abs, offs), default=1.0) + 0.5)
    limit_percent(axes, reach)
    rounds = [number for number, _, _ in pairs] or [0]
    axes.set_xlim(min(rounds) - 0.5, max(rounds) + 0.5)
    if pairs:
        axes.xaxis.set_major_locator(style.round_ticks(8, integer=True))
    else:
        axes.set_xticks([])
    if len(pairs) <= DOTS_MOST:
        inside = [(x, y) for (x, _, _), y in zip(pairs, offs) if abs(y) <= reach]
        axes.plot([x for x, _ in inside], [y for _, y in inside], linestyle="none", marker="D",
                  markersize=2.6, color=style.QUIET, markerfacecolor="white", markeredgewidth=0.6,
                  zorder=2)
    row = noise.control["rows"][-1] if noise.control and noise.control["rows"] else None
    if row and row["lo"] is not None:
        low, high = 100 * (row["lo"] - 1), 100 * (row["hi"] - 1)
        axes.axhspan(low, high, color="#d9d9d9", zorder=0, linewidth=0)
        axes.axhline(100 * (row["ratio"] - 1), color=style.INK, linewidth=1.4,
                     linestyle=(0, (5, 1.5)), zorder=3)
    beyond = sum(abs(y) > reach for y in offs)
    note = "round; dashed: estimate, grey: 95 % interval" if pairs else "no pairs"
    axes.set_xlabel(note + (f"; {beyond} beyond the scale" if beyond else ""),
                    fontsize=style.SMALL_PT)
    axes.set_ylabel("second over first", fontsize=style.SMALL_PT)


def meanwhile(noise):
    """[(what, share or None)], from the document alone."""
    told = noise.during
    return [("CPU taken by the\nhypervisor (steal)", told.get("steal_share")),
            ("tasks waited for\na CPU", told.get("waited_for_cpu")),
            ("tasks waited for\nmemory", told.get("waited_for_memory")),
            ("tasks waited for\nthe disk", told.get("waited_for_io")),
            ("CPUs idle", told.get("idle_share"))]


def draw_bars(axes, noise):
    rows = meanwhile(noise)
    axes.set_xlim(0, 100)
    axes.set_ylim(len(rows) + 0.9, -0.6)
    axes.set_xticks([0, 50, 100], ["0", "50", "100 %"])
    axes.set_yticks(range(len(rows)), [what for what, _ in rows])
    axes.tick_params(labelsize=style.SMALL_PT, length=0)
    axes.set_xlabel("of the run's time", fontsize=style.SMALL_PT)
    for y, (_, share) in enumerate(rows):
        text = "not told" if share is None else share_text(share)
        if share is not None:
            axes.barh([y], [100 * share], height=0.42, color="#9a9a9a", edgecolor=style.INK,
                      linewidth=0.6, hatch="" if y < 4 else "///", zorder=2)
        at = 0 if share is None or share > 0.6 else 100 * share
        axes.text(at + 4, y, text, va="center", fontsize=style.SMALL_PT, zorder=3,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85})
    axes.text(3, len(rows) + 0.2, extra(noise), va="center", fontsize=style.SMALL_PT,
              linespacing=1.4)


def extra(noise):
    lines = []
    if noise.load_before and noise.load_after:
        lines.append(f"load {noise.load_before[0]:.1f} before,\n{noise.load_after[0]:.1f} after")
    count = noise.during.get("throttled_count")
    if count:
        lines.append(f"stopped {style.plural(count, 'time')}\nby a CPU quota")
    return "\n".join(lines)


# --- words and numbers ----------------------------------------------------------------------------

def table(hosts):
    rows = []
    for index, _, points in hosts:
        ratios = {(number, workload): ratio for number, workload, ratio in control_ratios(points)}
        for point in points:
            sample = point.sample
            ratio = ratios.get((sample.round, sample.workload)) if point.is_control else None
            rows.append((index, sample.round, sample.position, sample.workload, sample.backend,
                         int(point.is_control), point.value, math.exp(point.off), ratio))
    return rows


def alt(document, hosts):
    parts = []
    for index, host, points in hosts:
        name = f"host {index}: " if len(hosts) > 1 else ""
        spread = recompute.median_distance([p.off for p in points]) if points else 0.0
        told = [f"{what.replace(chr(10), ' ')} {share_text(share)}"
                for what, share in meanwhile(host.noise) if share is not None]
        parts.append(f"{name}{style.plural(len(points), 'sample')}, half of them within "
                     f"{percent(spread):.1f} % of the median of their cell; A/A control "
                     f"{said(host.noise)[0]}" + (f"; {', '.join(told)}" if told else ""))
    return ("Run sequence of all timed samples over the median of their cell, the ratio of the "
            f"baseline {document.baseline} to itself by round, and what else the machine did. "
            + ". ".join(parts) + ".")
