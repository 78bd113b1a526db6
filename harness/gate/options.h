/* harness/gate/options.h -- the command line of `gate`. Depends on live.h. */
#ifndef PAB_HARNESS_GATE_OPTIONS_H
#define PAB_HARNESS_GATE_OPTIONS_H

#include "harness/gate/live.h"

#define PAB_GATE_OUTPUT "pyallocbench-gate.json" /* where nothing else is said */

enum pab_gate_form { PAB_GATE_LIVE, PAB_GATE_DOCUMENTS, PAB_GATE_FILE };

struct pab_gate_arguments {
    enum pab_gate_form form;
    struct pab_gate_request request;
    struct pab_gate_settings settings;
    const char *base, *head, *file;
    const char *output, *markdown, *junit;
    bool github, quiet, verbose;
    bool tests_itself, tests_live;
};

/* Fills `out`; bad words of an option end the program, as argp does. PAB_USAGE: the options do not
 * belong together. */
enum pab_status pab_gate_arguments_parse(int argc, char **argv, struct pab_gate_arguments *out,
                                         struct pab_error *err);

#endif
