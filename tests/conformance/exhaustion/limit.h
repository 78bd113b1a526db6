/* tests/conformance/exhaustion/limit.h -- a process that may have little more memory than it has.
 * Depends on support/subject.h.
 */
#ifndef PAB_TESTS_CONFORMANCE_EXHAUSTION_LIMIT_H
#define PAB_TESTS_CONFORMANCE_EXHAUSTION_LIMIT_H

#include "tests/conformance/support/subject.h"

/* Why limits say nothing here: for pab_skip(). */
#define PAB_LIMIT_SANITIZED "a sanitizer needs memory of its own: it would be the one to fail"

#define PAB_LIMIT_BLOCKS (1u << 21) /* that one exhaustion may take */

/* Lets this process have `bytes` more: address space (RLIMIT_AS) and writable memory
 * (RLIMIT_DATA), since some allocators reserve the one and make it the other later. */
void pab_limit_set(size_t bytes);

/* Takes what the subject has set aside beyond the limit, in blocks that nobody writes to, and leaves
 * about `bytes`. Does nothing where a limit is felt at once. */
void pab_limit_drain_reserve(const struct pab_subject *subject, size_t bytes);

#endif
