/* harness/gate/files.h -- what a gate leaves behind beside its document. Depends on show.h,
 * options.h. */
#ifndef PAB_HARNESS_GATE_FILES_H
#define PAB_HARNESS_GATE_FILES_H

#include "harness/gate/options.h"
#include "harness/gate/show.h"

/* Whatever would keep a file from being written is told before anything is run. `document` may be
 * NULL. */
enum pab_status pab_gate_expect_files(const struct pab_gate_arguments *arguments,
                                      const char *document, struct pab_error *err);

/* Markdown, JUnit, GitHub's step summary: each on its own, so that one that cannot be written costs
 * none of the others. False, and said on stderr, when one could not. */
bool pab_gate_write_files(const struct pab_gate_arguments *arguments,
                          const struct pab_gate_page *page);

#endif
