/* harness/self.h -- what a worker can read about itself without allocating. Depends on libc. */
#ifndef PAB_HARNESS_SELF_H
#define PAB_HARNESS_SELF_H

#include <stdbool.h>
#include <stdint.h>

uint64_t pab_wall_ns(void); /* CLOCK_MONOTONIC */
uint64_t pab_cpu_ns(void);  /* CLOCK_PROCESS_CPUTIME_ID: all threads, user and kernel */

/* Resident set from /proc/self/statm: microseconds a call. Linux batches the counter per thread,
 * so it may lag by some 64 pages. */
uint64_t pab_rss_bytes(void);

/* Address space that is in use, likewise. */
uint64_t pab_mapped_bytes(void);

/* The resident set to the page, by a walk over the page tables: a millisecond for some 100 MiB. */
uint64_t pab_rss_exact_bytes(void);

/* Starts a new high-water mark (writes 5 to clear_refs); false where that is not permitted. */
bool pab_peak_rss_reset(void);
/* VmHWM since the last reset. The child's own: ru_maxrss would be inherited over exec. */
uint64_t pab_peak_rss_bytes(void);

struct pab_faults {
    uint64_t minor, major;
};

struct pab_faults pab_faults_read(void);

void pab_sleep_until_ns(uint64_t wall_ns);

#endif
