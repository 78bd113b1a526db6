/* workloads/support/inputs.h -- memory for a workload's inputs and bookkeeping.
 *
 * Depends on allocators/os_pages.h. A bump arena in one anonymous mapping, so that nothing of the
 * harness or of a workload's own state lies in the heap under test. It only grows and is given
 * back whole.
 */
#ifndef PAB_WORKLOADS_SUPPORT_INPUTS_H
#define PAB_WORKLOADS_SUPPORT_INPUTS_H

#include "allocators/status.h"

#include <stdint.h>

struct pab_inputs {
    unsigned char *base;
    size_t used, capacity;
};

/* Reserves `capacity` bytes of address space; pages cost memory once touched. */
enum pab_status pab_inputs_init(struct pab_inputs *inputs, size_t capacity, struct pab_error *err);
void pab_inputs_fini(struct pab_inputs *inputs);

/* Zeroed, aligned to 16. Running out is a bug of the workload (PAB_CHECK). */
void *pab_inputs_take(struct pab_inputs *inputs, size_t size);

#endif
