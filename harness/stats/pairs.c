/* The k-th smallest of n(n+1)/2 or nx*ny pairs without making them. A step halves the range in which
 * it can lie, by counting the pairs up to its middle. As averages and differences grow with each of
 * their values, also when rounded, a walk along the edge between those up to a limit and those
 * above takes nx + ny steps; it passes the nearest pair on either side, where the range is cut. At
 * most 64 halvings, as the middle is that of the ordered doubles; some log2 of the pairs in fact. */
#include "harness/stats/internal.h"

#include <math.h>
#include <string.h>

#define SIGN_BIT 0x8000000000000000u

/* Doubles as integers in the same order; one zero. */
static uint64_t order_of(double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof(bits));
    return (bits & SIGN_BIT) != 0 ? SIGN_BIT - (bits ^ SIGN_BIT) : SIGN_BIT + bits;
}

static double value_of(uint64_t order)
{
    uint64_t bits = order < SIGN_BIT ? (SIGN_BIT - order) | SIGN_BIT : order - SIGN_BIT;
    double value = 0;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* The pairs up to a limit, the largest of them, and the smallest of the others. */
struct edge {
    uint64_t count;
    double below, above;
};

/* A pair (i, last) that is not above takes (i, i..last) along; one that is above rules out `last`
 * for all that follow. */
static struct edge edge_of_averages(const double *x, size_t n, double limit)
{
    struct edge edge = {.below = -INFINITY, .above = INFINITY};
    size_t i = 0;
    size_t end = n;
    while (i < end) {
        double value = (x[i] + x[end - 1]) / 2;
        bool counts = value <= limit;
        edge.count += counts ? end - i : 0;
        edge.below = counts && value > edge.below ? value : edge.below;
        edge.above = !counts && value < edge.above ? value : edge.above;
        i += counts;
        end -= !counts;
    }
    return edge;
}

static struct edge edge_of_differences(const struct pab_pairs *pairs, double limit)
{
    struct edge edge = {.below = -INFINITY, .above = INFINITY};
    size_t i = 0;
    size_t j = 0;
    while (i < pairs->nx && j < pairs->ny) {
        double value = pairs->x[i] - pairs->y[j];
        bool counts = value <= limit;
        edge.count += counts ? pairs->ny - j : 0;
        edge.below = counts && value > edge.below ? value : edge.below;
        edge.above = !counts && value < edge.above ? value : edge.above;
        i += counts;
        j += !counts;
    }
    return edge;
}

static struct edge edge_of(const struct pab_pairs *pairs, double limit)
{
    return pairs->y == NULL ? edge_of_averages(pairs->x, pairs->nx, limit)
                            : edge_of_differences(pairs, limit);
}

static double lowest(const struct pab_pairs *pairs)
{
    return pairs->y == NULL ? pairs->x[0] : pairs->x[0] - pairs->y[pairs->ny - 1];
}

static double highest(const struct pab_pairs *pairs)
{
    return pairs->y == NULL ? pairs->x[pairs->nx - 1] : pairs->x[pairs->nx - 1] - pairs->y[0];
}

/* rank: 1 to the number of pairs. */
static double pair_at(const struct pab_pairs *pairs, uint64_t rank)
{
    double lo = lowest(pairs);
    double hi = highest(pairs);
    while (lo < hi) {
        uint64_t low = order_of(lo);
        struct edge edge = edge_of(pairs, value_of(low + (order_of(hi) - low) / 2));
        if (edge.count >= rank) {
            hi = edge.below;
        } else {
            lo = edge.above;
        }
    }
    return lo + 0.0; /* no negative zero */
}

static double median_of(const struct pab_pairs *pairs, uint64_t count)
{
    double lower = pair_at(pairs, (count + 1) / 2);
    struct edge edge = edge_of(pairs, lower);
    bool is_middle = count % 2 == 1 || edge.count > count / 2;
    return is_middle ? lower : (lower + edge.above) / 2;
}

struct pab_interval pab_stats_middle(const struct pab_pairs *pairs, size_t k)
{
    uint64_t n = pairs->nx;
    uint64_t count = pairs->y == NULL ? n * (n + 1) / 2 : n * pairs->ny;
    struct pab_interval out = {.estimate = median_of(pairs, count)};
    if (k >= 1) {
        out.has_interval = true;
        out.lo = pair_at(pairs, k);
        out.hi = pair_at(pairs, count + 1 - k);
    }
    return out;
}
