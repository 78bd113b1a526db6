/* The k-th smallest of n(n+1)/2 or nx*ny pairs without making them, by narrowing the range in which
 * it can lie. As averages and differences grow with each of their values, also when rounded, a walk
 * along the edge between the pairs up to a limit and those above counts them in nx + ny steps, and
 * passes the nearest pair on either side, where the range is cut. Limits are guessed from the
 * counts so far, which takes some ten walks; every fourth one is the middle of the ordered doubles,
 * so that 256 are enough for any values. */
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

/* Where the pair looked for lies: between two pairs, with so many below the lower one and so many
 * up to the upper one. */
struct range {
    double lo, hi;
    uint64_t below, up_to;
};

/* As if the pairs lay evenly in the range; somewhat to the side of the far end, which so comes
 * near. */
static double guess(const struct range *range, uint64_t rank)
{
    double count = (double)(range->up_to - range->below);
    double share = (double)(rank - range->below) / count;
    double aside = 0.5 / sqrt(count);
    share += share < 0.5 ? aside : -aside;
    return range->lo + share * (range->hi - range->lo);
}

static double middle(const struct range *range)
{
    uint64_t low = order_of(range->lo);
    return value_of(low + (order_of(range->hi) - low) / 2);
}

/* rank: 1 to the number of pairs, `count`. */
static double pair_at(const struct pab_pairs *pairs, uint64_t count, uint64_t rank)
{
    struct range range = {.lo = lowest(pairs), .hi = highest(pairs), .up_to = count};
    for (unsigned walks = 1; range.lo < range.hi; walks++) {
        double limit = guess(&range, rank);
        if (walks % 4 == 0 || !(limit >= range.lo && limit < range.hi)) {
            limit = middle(&range);
        }
        struct edge edge = edge_of(pairs, limit);
        if (edge.count >= rank) {
            range.hi = edge.below;
            range.up_to = edge.count;
        } else {
            range.lo = edge.above;
            range.below = edge.count;
        }
    }
    return range.lo + 0.0; /* no negative zero */
}

static double median_of(const struct pab_pairs *pairs, uint64_t count)
{
    double lower = pair_at(pairs, count, (count + 1) / 2);
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
        out.lo = pair_at(pairs, count, k);
        out.hi = pair_at(pairs, count, count + 1 - k);
    }
    return out;
}
