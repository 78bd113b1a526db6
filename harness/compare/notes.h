/* harness/compare/notes.h -- what limits a comparison, in words. Depends on compare.h. */
#ifndef PAB_HARNESS_COMPARE_NOTES_H
#define PAB_HARNESS_COMPARE_NOTES_H

#include "harness/compare/compare.h"

/* Adds a line. */
__attribute__((format(printf, 2, 3))) void pab_note(struct pab_comparison *comparison,
                                                    const char *format, ...);

/* What the machine did besides: of a merged run each machine's by its name, and once what several
 * of its parts say. `prefix`: "base: ". */
void pab_note_noise(struct pab_comparison *comparison, const struct pab_reading *reading,
                    const char *prefix);

/* Passes that one side has nothing of: one line in place of all their rows. */
void pab_note_passes(struct pab_comparison *comparison, const struct pab_reading *base,
                     const struct pab_reading *head);

#endif
