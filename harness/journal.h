/* harness/journal.h -- nothing that was measured is ever lost. Depends on status.h, jansson.
 *
 * While a run goes on, every result is appended to FILE.partial as one line of JSON as soon as it
 * is known; room for the next line is reserved on the disk before the cell that fills it is run.
 * The same results stand in memory as the arrays of the document to come (the record).
 *
 *   line 1   {"header": {...}}
 *   line n   {"samples": {...}, "timelines": {...}}: each value goes to the array of that name
 *
 * What belongs together is one line, so it is kept or lost together. One run at a time: the file
 * is locked.
 */
#ifndef PAB_HARNESS_JOURNAL_H
#define PAB_HARNESS_JOURNAL_H

#include "allocators/status.h"

#include <jansson.h>
#include <stdbool.h>

struct pab_journal;

/* Begins the journal of a run that will write `path`. An unfinished journal of an earlier run is
 * moved aside (pab_journal_aside()). `header` is taken. PAB_USAGE: another run has it. */
enum pab_status pab_journal_create(const char *path, json_t *header, struct pab_journal **out,
                                   struct pab_error *err);
/* Where an earlier journal was moved to, or NULL. */
const char *pab_journal_aside(const struct pab_journal *journal);

/* Takes up the journal of an interrupted run; a last line that was cut off is dropped. Damage
 * before it is PAB_BAD_DATA, and the file stays as it is. */
enum pab_status pab_journal_resume(const char *path, struct pab_journal **out,
                                   struct pab_error *err);

/* Sees to it that the next line will fit on the disk. PAB_IO: stop before measuring. */
enum pab_status pab_journal_reserve(struct pab_journal *journal, struct pab_error *err);

/* Appends one line, on disk first: an object {array: value, ...}, taken. */
enum pab_status pab_journal_add(struct pab_journal *journal, json_t *line, struct pab_error *err);
/* The same for a single value, taken. */
enum pab_status pab_journal_add_one(struct pab_journal *journal, const char *array, json_t *value,
                                    struct pab_error *err);

/* {"header": {...}, "samples": [...], ...}; borrowed. */
json_t *pab_journal_record(const struct pab_journal *journal);
/* An array of the record, made if need be; borrowed. */
json_t *pab_journal_array(const struct pab_journal *journal, const char *name);

/* Ends it; `keep` leaves FILE.partial for --resume. */
void pab_journal_close(struct pab_journal *journal, bool keep);

#endif
