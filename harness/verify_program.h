/* harness/verify_program.h -- the program that `verify` runs: can it be shadowed, and how did it
 * end. Depends on status.h. */
#ifndef PAB_HARNESS_VERIFY_PROGRAM_H
#define PAB_HARNESS_VERIFY_PROGRAM_H

#include "allocators/status.h"

#include <sys/types.h>

struct pab_program {
    char **command;          /* ends with NULL */
    const char *library;     /* to preload; NULL: the one beside this binary */
    const char *profile;     /* NULL: by its version */
    const char *dir;         /* where its processes leave their records */
    pid_t pid;               /* set by run() */
    int wait_status;         /* set by run() */
    char path[4096];         /* set by check(): the file that is run */
    char library_path[4096]; /* set by check() */
};

/* Refuses, with the reason, what is sure not to be shadowed: a file that is not there, is for
 * another machine, ignores preloading; and an environment that replaces the allocator. */
enum pab_status pab_program_check(struct pab_program *program, struct pab_error *err);

/* Runs it to its end. An interrupt from the terminal is the program's affair, a request to end
 * is passed on to it. */
enum pab_status pab_program_run(struct pab_program *program, struct pab_error *err);

#endif
