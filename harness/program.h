/* harness/program.h -- a real program, run with a library of ours preloaded: can it be, and how did
 * it end. Depends on status.h.
 *
 * The program's standard streams are this process's own unless `streams` names others. Interrupts
 * from the terminal reach it by themselves; a signal that some process sends to us is passed on.
 */
#ifndef PAB_HARNESS_PROGRAM_H
#define PAB_HARNESS_PROGRAM_H

#include "allocators/status.h"

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#define PAB_PROGRAM_VARIABLES_MAX 8

struct pab_program_variable {
    const char *name;
    const char *value; /* NULL: it is taken away */
};

struct pab_program {
    char **command;           /* ends with NULL */
    const char *library;      /* to preload; NULL: the one beside this binary */
    const char *library_name; /* of the one beside this binary: "libpab_shadow" */
    struct pab_program_variable variables[PAB_PROGRAM_VARIABLES_MAX]; /* ends with a NULL name */
    const char *pid_variable; /* gets the program's pid as its value; or NULL */
    const char *input;        /* file that is its standard input; NULL: streams[0] */
    int streams[3];           /* descriptors above 2 that become its 0, 1, 2; 0: this process's */
    pid_t pid;                /* set by start() */
    int wait_status;          /* set by wait() */
    struct rusage usage;      /* set by wait(): its own, and of descendants that were waited for */
    char path[4096];          /* set by check(): the file that is run */
    char library_path[4096];  /* set by check() */
};

/* Refuses, with the reason, what is sure not to be reached by a preload library: a file that is not
 * there, is for another machine, is linked statically, or runs with more rights than ours. */
enum pab_status pab_program_check(struct pab_program *program, struct pab_error *err);

/* Returns as soon as it has become the program. Only one can run at a time. */
enum pab_status pab_program_start(struct pab_program *program, struct pab_error *err);
/* Waits for its end, or only looks: *ended. From its end on signals are again what they were. */
enum pab_status pab_program_wait(struct pab_program *program, bool only_look, bool *ended,
                                 struct pab_error *err);
/* Start, and wait for the end. */
enum pab_status pab_program_run(struct pab_program *program, struct pab_error *err);

/* The last signal since start() that was to end us, or the program; 0: none came. */
int pab_program_signal(void);

/* What a reader of the command line would call it: the script, or the module, else the program. */
const char *pab_program_subject(char *const *command);

/* The exit status that a shell would give: 128 + N for an end by signal N. */
int pab_program_exit_code(const struct pab_program *program);

#endif
