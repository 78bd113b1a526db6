/* harness/gate/self_test.h -- the gate put to the test: does it cry wolf, and does it see? Depends
 * on libc.
 *
 * In seconds, on made-up gates that go through the real reader, comparison and judge: false alarms
 * against the stated alpha, findings against the stated power, a battery of cases, and comparators
 * with one known fault each, every one of which the battery must find out. Live, in minutes: real
 * gates of this program with backends that are worse by a known amount.
 */
#ifndef PAB_HARNESS_GATE_SELF_TEST_H
#define PAB_HARNESS_GATE_SELF_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct pab_gate_self_test_options {
    uint64_t seed;   /* of all that is made up */
    unsigned trials; /* synthetic A/A gates; 0: 2,000 */
    bool live;       /* real gates, too */
    bool quiet;      /* no progress on stderr */
};

/* Tells on `out` what was tried and what came of it. 0 when all is as it should be; else 1. */
int pab_gate_self_test(const struct pab_gate_self_test_options *options, FILE *out);

#endif
