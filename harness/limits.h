/* harness/limits.h -- how much of the machine this process may use. Depends on libc alone. */
#ifndef PAB_HARNESS_LIMITS_H
#define PAB_HARNESS_LIMITS_H

#include <stdint.h>

struct pab_limits {
    unsigned cpus;         /* that it may run on, and that its control groups give it time for */
    uint64_t memory_bytes; /* free now, and within its control groups' limits */
};

/* `root`: where /proc and /sys begin, "" for the system's own. What cannot be read is no limit. */
void pab_limits_read(const char *root, struct pab_limits *out);

#endif
