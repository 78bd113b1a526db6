#include "harness/footprint.h"

static double above(uint64_t bytes, uint64_t base)
{
    return bytes > base ? (double)(bytes - base) : 0.0;
}

struct pab_figure pab_footprint_peak(const struct pab_memory_sample *sample, uint64_t live_peak)
{
    if (live_peak < PAB_FOOTPRINT_LIVE_MIN) {
        return (struct pab_figure){0};
    }
    return (struct pab_figure){true,
                               above(sample->peak_rss_bytes, sample->r0_bytes) / (double)live_peak};
}

uint64_t pab_curve_at(struct pab_curve curve, uint64_t calls)
{
    size_t low = 0;
    size_t high = curve.count; /* points[low - 1].calls <= calls < points[high].calls */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (curve.points[middle].calls <= calls) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? 0 : curve.points[low - 1].bytes;
}

struct pab_figure pab_footprint_time(const struct pab_memory_sample *sample, struct pab_curve rss,
                                     struct pab_curve demand)
{
    double resident = 0.0;
    double requested = 0.0;
    uint64_t live_max = 0;
    for (size_t i = 1; i < rss.count; i++) {
        double seconds = (double)(rss.points[i].t_ns - rss.points[i - 1].t_ns) * 1e-9;
        uint64_t live = pab_curve_at(demand, rss.points[i].calls);
        resident += seconds * above(rss.points[i].bytes, sample->r0_bytes);
        requested += seconds * (double)live;
        live_max = live > live_max ? live : live_max;
    }
    if (live_max < PAB_FOOTPRINT_LIVE_MIN || requested <= 0.0) {
        return (struct pab_figure){0};
    }
    return (struct pab_figure){true, resident / requested};
}

struct pab_figure pab_footprint_retained(const struct pab_memory_sample *sample, uint64_t rss_bytes,
                                         uint64_t live_peak)
{
    double grown = above(sample->peak_rss_bytes, sample->r0_bytes);
    if (live_peak < PAB_FOOTPRINT_LIVE_MIN || grown <= 0.0) {
        return (struct pab_figure){0};
    }
    return (struct pab_figure){true, above(rss_bytes, sample->r0_bytes) / grown};
}

uint64_t pab_footprint_usable(struct pab_curve rss, struct pab_curve demand, uint64_t *live_bytes)
{
    uint64_t usable = 0;
    *live_bytes = 0;
    for (size_t i = 0; i < rss.count; i++) {
        uint64_t live = pab_curve_at(demand, rss.points[i].calls);
        if (live > *live_bytes) {
            *live_bytes = live;
            usable = rss.points[i].usable;
        }
    }
    return usable;
}

struct pab_figure pab_footprint_internal(struct pab_curve rss, struct pab_curve demand)
{
    uint64_t live = 0;
    uint64_t usable = pab_footprint_usable(rss, demand, &live);
    if (usable == 0 || usable < live) {
        return (struct pab_figure){0};
    }
    return (struct pab_figure){true, 1.0 - (double)live / (double)usable};
}
