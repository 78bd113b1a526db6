/* harness/app/attempt.h -- the program once, under one configuration. Depends on program.h,
 * app/configuration.h, job.h.
 *
 * Its standard input is empty, what it prints goes to a file that is hashed and thrown away. It is
 * believed only if its own witness says that the allocator is the one that was asked for.
 */
#ifndef PAB_HARNESS_APP_ATTEMPT_H
#define PAB_HARNESS_APP_ATTEMPT_H

#include "harness/app/configuration.h"
#include "harness/job.h"
#include "harness/program.h"

struct pab_app_launch {
    const struct pab_program *program; /* checked */
    const struct pab_app_configuration *configuration;
    uint64_t pad_bytes;
    double timeout_s;
    const volatile int *interrupted; /* a signal's number once one came; NULL: nobody looks */
    bool ignores_output;             /* whatever it prints counts as the same */
};

struct pab_app_attempt {
    bool ok;
    char kind[PAB_NAME_MAX]; /* of the failure: failures[].kind of the document */
    char message[512];
    int interrupt;               /* the signal that was to end us all; 0: none came */
    char said[200];              /* the last line of its stderr */
    int exit_code;               /* as a shell has it */
    uint64_t result;             /* a hash of exit code and output */
    uint64_t wall_ns;            /* until its last process had ended */
    uint64_t user_ns, system_ns; /* of all its processes */
    uint64_t minor_faults, major_faults;
    uint64_t peak_rss_bytes;      /* the greatest VmHWM among its processes */
    uint64_t tree_peak_rss_bytes; /* the greatest sum that was seen */
    uint64_t first_rss_bytes;
    uint32_t processes;                          /* images that were begun with the library */
    char python[48];                             /* version of the first interpreter, or "" */
    char malloc_path[256];                       /* where its malloc lay */
    enum pab_witness_python served;              /* who served that interpreter's objects */
    struct pab_curve_point curve[PAB_CURVE_MAX]; /* RSS of the tree over time */
    size_t curve_count;
};

/* Not PAB_OK only where none could be made: no memory, no temporary file, no process. */
enum pab_status pab_app_attempt_make(const struct pab_app_launch *launch,
                                     struct pab_app_attempt *out, struct pab_error *err);

#endif
