/* harness/outcome.h -- what a worker's messages add up to. Depends on job.h.
 *
 * A library under test shares its worker's descriptors and may write anything there. So nothing is
 * believed: sizes are held to a table, texts are ended and cleaned, numbers that index are held to
 * their range.
 */
#ifndef PAB_HARNESS_OUTCOME_H
#define PAB_HARNESS_OUTCOME_H

#include "harness/job.h"

struct pab_outcome {
    bool ok;                 /* DONE was said: the parts below that the job produces are filled */
    char kind[PAB_NAME_MAX]; /* of the failure: failures[].kind of the document */
    char message[512];
    char said[200];           /* the last line that a failed worker printed, or empty */
    char stage[PAB_NAME_MAX]; /* what a failed worker was doing */
    int exit_code, signal;
    bool is_still; /* its addresses were not random: what PAB_PASS_STILL asks for */
    struct pab_opened opened;
    struct pab_manifest manifest;
    struct pab_verdict_note verdict;
    struct pab_demand demand;
    struct pab_time_sample time;
    struct pab_memory_sample memory;
    struct pab_curve_point *curve; /* PAB_CURVE_MAX places */
    size_t curve_count;
    struct pab_stat_note stats[PAB_STATS_MAX];
    size_t stat_count;
    struct pab_retained retained[PAB_RETAIN_MAX];
    size_t retained_count;
    struct pab_body_note body;
    struct pab_figure_note figures[PAB_FIGURES_MAX];
    size_t figure_count;
    struct pab_series_note *series; /* PAB_SERIES_COUNT places once there is one; else NULL */
    size_t series_count;
};

/* Whether a header can be a worker's: a known type with a payload of its size. */
bool pab_message_is_sound(const struct pab_message *header);

/* Adds a sound message that carries a result; false when its content cannot be a worker's. */
bool pab_outcome_take(struct pab_outcome *out, const struct pab_message *header,
                      const unsigned char *payload);

#endif
