/* harness/compare/words.h -- figures and calls as people read them. Depends on compare.h.
 *
 * Every output and every `why` writes them through here: the same figure looks the same anywhere.
 */
#ifndef PAB_HARNESS_COMPARE_WORDS_H
#define PAB_HARNESS_COMPARE_WORDS_H

#include "harness/compare/compare.h"

#define PAB_FIGURE_MAX 40

/* What noise.random_addresses means. */
#define PAB_RANDOM_ADDRESSES                                                                       \
    "personality() is refused here, as containers do: instructions were counted with random "      \
    "addresses"

/* "2.1 %" of 0.021; two digits that count. */
const char *pab_words_percent(double share, char out[PAB_FIGURE_MAX]);
/* "41.27 ns", "43.3 MiB", "12": four digits that count, bytes in KiB, MiB, GiB. "-" for none. */
const char *pab_words_figure(double value, const char *unit, char out[PAB_FIGURE_MAX]);
/* "0.694"; "-" for none. */
const char *pab_words_ratio(double ratio, char out[PAB_FIGURE_MAX]);
/* "[0.652, 0.731]", or "" where there is none. */
const char *pab_words_interval(double lo, double hi, char out[PAB_FIGURE_MAX]);

#endif
