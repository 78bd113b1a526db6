/* harness/recorder/pids.h -- which process is meant by a pid that it tells of itself. Depends on libc
 * alone.
 *
 * In a pid namespace (unshare -p, a sandbox) a process has another pid than the one that we see.
 */
#ifndef PAB_HARNESS_RECORDER_PIDS_H
#define PAB_HARNESS_RECORDER_PIDS_H

#include <stdint.h>

/* Of the calling process: a number that all processes of its pid namespace share; 0: not known. */
uint64_t pab_pid_space(void);

/* The pid that we know the process of that namespace by; 0: it has ended, or cannot be seen. */
int pab_pid_here(uint64_t space, int pid);

#endif
