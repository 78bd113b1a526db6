/* tests/conformance/support/process.h -- what the kernel says about this process, asked without
 * taking memory from any allocator. Depends on libc.
 */
#ifndef PAB_TESTS_CONFORMANCE_SUPPORT_PROCESS_H
#define PAB_TESTS_CONFORMANCE_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Resident bytes (statm), and what two such answers may differ by though nothing was taken: the
 * kernel keeps its counts by CPU, in pages, and adds them up late. */
size_t pab_process_rss_bytes(void);
size_t pab_process_rss_slack(void);

/* From now on the kernel makes no huge page of what this process, or one that it forks, touches,
 * whatever the machine's setting: resident is what was touched, not 2 MiB for each byte. */
void pab_process_avoid_huge_pages(void);

/* Lines of /proc/self/maps. */
size_t pab_process_mappings(void);

struct pab_mapping {
    uintptr_t start, end;
    bool readable, writable, executable;
    char path[128]; /* "" for memory without a file */
};

/* The mapping that holds `address`; false when none does. */
bool pab_process_mapping_of(const void *address, struct pab_mapping *out);

/* Hands each mapping to `each`, by address, until that says true. */
void pab_process_each_mapping(bool (*each)(void *arg, const struct pab_mapping *mapping),
                              void *arg);

/* Zeroed pages of the check's own, out of reach of the allocator under test; ends the process when
 * there are none. Never given back. */
void *pab_process_pages(size_t bytes);

unsigned pab_process_cpus(void); /* that this process may run on, at least 1 */

#endif
