/* harness/compare/effect.h -- how much two series of one metric differ, and how sure that is.
 * Depends on reading.h, stats.h.
 *
 * Differences are those of logarithms, head - base: what is twice as much and what is half as much
 * are equally far from 0, so swapping the sides changes nothing but signs. Hosts are strata: values
 * of two machines are never in one ranking, and each host has the same weight.
 */
#ifndef PAB_HARNESS_COMPARE_EFFECT_H
#define PAB_HARNESS_COMPARE_EFFECT_H

#include "harness/compare/reading.h"
#include "harness/stats/stats.h"

/* Numbers by (host, round), ascending; owned. */
struct pab_numbers {
    size_t count;
    double *values;
    uint32_t *rounds;
    uint16_t *hosts;
};

/* A copy of those of `series` whose round is within [first, end). NULL: an empty series. */
struct pab_numbers pab_numbers_of(const struct pab_series *series, uint32_t first, uint32_t end);
void pab_numbers_free(struct pab_numbers *values);

/* ln(head / base) of every (host, round) that both have, where both are above 0. */
struct pab_numbers pab_log_ratios(const struct pab_numbers *base, const struct pab_numbers *head);

/* Adds `other` to `sums` where both have the (host, round), and drops the rest of `sums`. */
void pab_numbers_add(struct pab_numbers *sums, const struct pab_numbers *other);

/* How many values each host has, in the order of the values; at most `most` hosts, which must be
 * enough. Returns how many hosts there are. */
size_t pab_numbers_strata(const struct pab_numbers *values, size_t *counts, size_t most);

#define PAB_HOSTS_MAX 256u

struct pab_effect {
    struct pab_interval log_ratio; /* with several hosts: the mean of theirs */
    double error;                  /* its standard error; NAN without an interval */
    double p_greater, p_less, p_both;
    double least_p;       /* the smallest one-sided p that as many values can have */
    double heterogeneity; /* p that all hosts have the same ratio; 1 with one */
    size_t n_base, n_head;
};

/* Of pairs: Hodges-Lehmann and signed ranks, within each host. `logs` has at least one. */
struct pab_effect pab_effect_of_pairs(const struct pab_numbers *logs, double level);

/* Of samples that are not paired, all above 0: Hodges-Lehmann shift and rank sums of logarithms.
 * With several hosts the test is that of the mean shift over its error. False: no host has values
 * on both sides. */
bool pab_effect_of_samples(const struct pab_numbers *base, const struct pab_numbers *head,
                           double level, struct pab_effect *out);

/* Calls `each` with the values of every host that both sides have; returns how many there are. */
size_t pab_for_hosts(const struct pab_numbers *base, const struct pab_numbers *head,
                     void (*each)(void *arg, const struct pab_numbers *base,
                                  const struct pab_numbers *head),
                     void *arg);

/* P(head > base) + P(equal)/2, mean over the hosts that both have; NAN where there is none. */
double pab_superiority_by_host(const struct pab_numbers *base, const struct pab_numbers *head);

/* The mean of several estimates, their errors combined as independent ones. */
struct pab_interval pab_mean_interval(const struct pab_interval *parts, size_t count, double level);

#endif
