/* harness/recorded.h -- recorded programs as workloads: those that ship with this program, and files
 * that the user names. Depends on workloads/trace/replay.h; on jansson.
 *
 * A trace's workload is called trace:NAME, NAME being the file's without folder and suffix. Those that
 * ship lie in the folder `traces` beside this program.
 */
#ifndef PAB_HARNESS_RECORDED_H
#define PAB_HARNESS_RECORDED_H

#include "workloads/trace/replay.h"
#include "workloads/workload.h"

#include <jansson.h>

/* Every workload: those of the registry, then the traces that ship, by name. Of a trace no more than
 * the name is known before pab_recorded_read(). */
size_t pab_catalogue_count(void);
const struct pab_workload *pab_catalogue_at(size_t index);
/* As pab_nearest() wants it. */
const char *pab_catalogue_name(size_t index);

/* Whether a word of -w names a file: trace:PATH, with a slash in it or our suffix at its end. */
bool pab_recorded_is_file(const char *word);
/* Whether it would, with trace: before it. */
bool pab_recorded_lacks_prefix(const char *word);
/* The workload of such a file. PAB_USAGE: no workload can be called so. */
enum pab_status pab_recorded_add(const char *word, const struct pab_workload **out,
                                 struct pab_error *err);

/* Reads a trace through, once: fills in the words and parameters of its workload, and the digest.
 * Fails for a file that cannot be read; of one that is damaged, pab_recorded_expect() tells. Any other
 * workload is left alone. */
enum pab_status pab_recorded_read(const struct pab_workload *workload, struct pab_error *err);
/* Whether it has all that these parameters ask for: a workload is run whole, or not at all. */
enum pab_status pab_recorded_expect(const struct pab_workload *workload, const uint64_t *params,
                                    struct pab_error *err);

/* What a document says of it: {digest, events, ...}; a new object, or NULL: it is no trace. */
json_t *pab_recorded_json(const struct pab_workload *workload);
/* As 16 hexadecimal digits. */
#define PAB_DIGEST_TEXT 17
void pab_recorded_digest(const struct pab_workload *workload, char out[PAB_DIGEST_TEXT]);

#endif
