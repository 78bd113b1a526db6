#include "harness/figures.h"

void pab_figure(const char *subject, const char *name, double value)
{
    char full[PAB_NAME_MAX];
    snprintf(full, sizeof(full), "%s.%s", subject, name);
    pab_worker_figure(full, value);
}

void pab_figures_histogram(const char *subject, const struct pab_histogram *histogram)
{
    static const struct {
        unsigned permille;
        const char *name;
    } percentiles[] = {{500, "p50_ns"}, {900, "p90_ns"}, {990, "p99_ns"}, {999, "p999_ns"}};
    static_assert(PAB_HISTOGRAM_BUCKETS <= PAB_SERIES_MAX, "a histogram is one series");

    pab_figure(subject, "count", (double)histogram->count);
    if (histogram->count == 0) {
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(percentiles); i++) {
        double ns = 0;
        if (pab_histogram_percentile(histogram, percentiles[i].permille, &ns)) {
            pab_figure(subject, percentiles[i].name, ns);
        }
    }
    pab_figure(subject, "max_ns", (double)histogram->max_ns);
    pab_figure(subject, "over_10us", (double)histogram->over_10us);
    pab_figure(subject, "over_100us", (double)histogram->over_100us);
    pab_figure(subject, "over_1ms", (double)histogram->over_1ms);
    pab_worker_series(subject, histogram->buckets, pab_histogram_used(histogram));
}

void pab_figures_clock(const struct pab_clock *clock)
{
    double tick_ns = (double)clock->tick_ns / (double)(1u << PAB_CLOCK_SHIFT);
    pab_worker_figure("timer_cost_ns", (double)clock->cost_ticks * tick_ns);
    pab_worker_figure("timer_resolution_ns", clock->resolution_ns);
    pab_worker_figure("timer_is_counter", clock->is_counter ? 1 : 0);
}
