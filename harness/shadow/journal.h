/* harness/shadow/journal.h -- gives a process the file of its record. Depends on record.h. */
#ifndef PAB_HARNESS_SHADOW_JOURNAL_H
#define PAB_HARNESS_SHADOW_JOURNAL_H

#include "harness/shadow/record.h"

/* A new record of this process in `dir`, or NULL. `place` NULL: anywhere; else instead of the
 * mapping that is there, so that a forked child keeps its pointers. */
struct pab_record *pab_journal_open(const char *dir, struct pab_record *place);

#endif
