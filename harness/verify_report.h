/* harness/verify_report.h -- what the records of a shadowed program add up to, for people.
 * Depends on shadow/record.h and status.h. */
#ifndef PAB_HARNESS_VERIFY_REPORT_H
#define PAB_HARNESS_VERIFY_REPORT_H

#include "allocators/status.h"
#include "harness/shadow/record.h"

#include <sys/types.h>

/* All that was left in a folder, in the order in which the processes began. */
struct pab_records {
    struct pab_record *at;
    size_t count;
    size_t roomless; /* processes whose record found no room in the folder, not yet at least */
};

enum pab_status pab_records_read(const char *dir, struct pab_records *out, struct pab_error *err);
/* Children of fork() of which there is no record, not yet at least. */
uint64_t pab_records_lost(const struct pab_records *records);
void pab_records_free(struct pab_records *records);

struct pab_verify_totals {
    uint64_t compared, mismatches, skipped;
};

struct pab_verify_totals pab_records_total(const struct pab_records *records);

/* Every process, then what was not compared, then the line that counts. `root` ended with
 * `wait_status`. */
void pab_verify_report(FILE *out, const struct pab_records *records, pid_t root, int wait_status);

#endif
