/* harness/journal.h -- nothing that was measured is ever lost. Depends on status.h, jansson.
 *
 * While a run goes on, every result is appended to FILE.partial as one line of JSON as soon as it
 * is known; room for the next line is reserved on the disk before the cell that fills it is run.
 * The same results stand in memory as the arrays of the document to come (the record).
 *
 *   line 1   {"kind": "header", "value": {...}}
 *   line n   {"kind": "samples" | "backends" | ..., "value": {...}}
 */
#ifndef PAB_HARNESS_JOURNAL_H
#define PAB_HARNESS_JOURNAL_H

#include "allocators/status.h"

#include <jansson.h>
#include <stdbool.h>

struct pab_journal;

/* Begins the journal of a run that will write `path`. An unfinished journal of an earlier run is
 * moved aside to FILE.partial.bak. `header` is taken. */
enum pab_status pab_journal_create(const char *path, json_t *header, struct pab_journal **out,
                                   struct pab_error *err);

/* Takes up the journal of an interrupted run; a last line that was cut off is dropped. */
enum pab_status pab_journal_resume(const char *path, struct pab_journal **out,
                                   struct pab_error *err);

/* Sees to it that the next line will fit on the disk. PAB_IO: stop before measuring. */
enum pab_status pab_journal_reserve(struct pab_journal *journal, struct pab_error *err);

/* Appends `value` (taken) to array `kind` of the record, on disk first. */
enum pab_status pab_journal_add(struct pab_journal *journal, const char *kind, json_t *value,
                                struct pab_error *err);

/* {"header": {...}, "samples": [...], ...}; borrowed. */
json_t *pab_journal_record(const struct pab_journal *journal);
/* Array `kind` of the record, made if need be; borrowed. */
json_t *pab_journal_array(const struct pab_journal *journal, const char *kind);

/* Ends it; `keep` leaves FILE.partial for --resume. */
void pab_journal_close(struct pab_journal *journal, bool keep);

#endif
