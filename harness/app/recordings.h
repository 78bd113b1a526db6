/* harness/app/recordings.h -- what a prediction replays: a recording of the program, and one of a
 * program that does nothing. Depends on program.h, plan.h.
 */
#ifndef PAB_HARNESS_APP_RECORDINGS_H
#define PAB_HARNESS_APP_RECORDINGS_H

#include "harness/plan.h"
#include "harness/program.h"

struct pab_app_recordings {
    struct pab_plan plan;     /* of their replays: the program's first */
    bool counts_instructions; /* so the program's must be counted, too */
    char scratch[4096];       /* folder of the one that nobody keeps; "": there is none */
    char path[4200];          /* the program's */
    bool is_there;            /* that file */
};

/* The program's recording: `trace` is a file, or "auto": then it is made, as OUTPUT with the suffix
 * .predict.pabtrace, unless there is such a file that is no trace. */
enum pab_status pab_app_recordings_place(struct pab_app_recordings *recordings, const char *trace,
                                         const char *output, struct pab_error *err);
/* Once it is placed, of a program that was checked. `request` says all but the workloads and the
 * passes. A recording of a program that does nothing that cannot be made is left out. */
enum pab_status pab_app_recordings_make(struct pab_app_recordings *recordings,
                                        const struct pab_program *program,
                                        const struct pab_request *request, struct pab_error *err);

/* NULL: a program that does nothing was not recorded. */
const char *pab_app_recordings_nothing(const struct pab_app_recordings *recordings);

/* False: the recording is of another command, which `out` is then. Wrappers before a command, and
 * the folder of its program, make no other one; of a command too long for a recording nobody can
 * tell. */
bool pab_app_recordings_is_of(const struct pab_app_recordings *recordings, char *const *command,
                              char *out, size_t size);

/* Frees the plan and removes the folder; the program's recording stays. */
void pab_app_recordings_fini(struct pab_app_recordings *recordings);

#endif
