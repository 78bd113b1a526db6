#include "harness/stats/internal.h"

#include <math.h>
#include <stdlib.h>

struct place {
    double p;
    size_t index;
};

static int compare_places(const void *a, const void *b)
{
    double x = ((const struct place *)a)->p;
    double y = ((const struct place *)b)->p;
    return (x > y) - (x < y);
}

/* Ascending, with where each came from. */
static struct place *places_of(const double *p, size_t n)
{
    struct place *places = pab_stats_room(n, sizeof(*places));
    for (size_t i = 0; i < n; i++) {
        places[i] = (struct place){.p = p[i], .index = i};
    }
    if (n > 1) {
        qsort(places, n, sizeof(*places), compare_places);
    }
    return places;
}

void pab_holm(const double *p, size_t n, double *adjusted)
{
    struct place *places = places_of(p, n);
    double highest = 0;
    for (size_t i = 0; i < n; i++) {
        highest = fmax(highest, fmin(1, (double)(n - i) * places[i].p));
        adjusted[places[i].index] = highest;
    }
    free(places);
}

void pab_benjamini_hochberg(const double *p, size_t n, double *adjusted)
{
    struct place *places = places_of(p, n);
    double lowest = 1;
    for (size_t i = n; i > 0; i--) {
        lowest = fmin(lowest, (double)n / (double)i * places[i - 1].p);
        adjusted[places[i - 1].index] = lowest;
    }
    free(places);
}
