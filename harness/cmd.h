/* harness/cmd.h -- the verbs of the command line. Depends on status.h. */
#ifndef PAB_HARNESS_CMD_H
#define PAB_HARNESS_CMD_H

#include "allocators/status.h"

#include <stdint.h>

/* Exit codes, as README.md documents them. */
enum pab_exit {
    PAB_EXIT_GOOD = 0,
    PAB_EXIT_ERROR = 1,          /* internal, or a file could not be used */
    PAB_EXIT_USAGE = 2,          /* the command line, or a file that is none of ours */
    PAB_EXIT_REGRESSION = 3,     /* something got worse, and was found worse again */
    PAB_EXIT_FAILED = 4,         /* a cell crashed, was wrong, or what was named is not there */
    PAB_EXIT_INCONCLUSIVE = 5,   /* what was asked cannot be told */
    PAB_EXIT_NOT_COMPARABLE = 6, /* a newer schema, another machine or build */
    PAB_EXIT_NOTHING = 77,       /* nothing of what was asked is available here */
};

/* argv[0] is the verb. They print their own errors and return an exit code. */
int pab_cmd_list(int argc, char **argv);
int pab_cmd_run(int argc, char **argv);
int pab_cmd_check(int argc, char **argv);
int pab_cmd_doctor(int argc, char **argv);
int pab_cmd_verify(int argc, char **argv);
int pab_cmd_trace(int argc, char **argv);
int pab_cmd_record(int argc, char **argv);
int pab_cmd_app(int argc, char **argv);
int pab_cmd_plot(int argc, char **argv);
int pab_cmd_merge(int argc, char **argv);
int pab_cmd_compare(int argc, char **argv);
int pab_cmd_gate(int argc, char **argv);

#define PAB_QUOTED_MAX 4400

/* `text` as one word for a shell, to be pasted. */
void pab_shell_quote(const char *text, char *out, size_t size);

struct argp_state;

/* Parsers of option values; a bad one ends the program, with the option and its range. */

uint64_t pab_cmd_whole(struct argp_state *state, const char *name, const char *text, uint64_t least,
                       uint64_t most);
double pab_cmd_number(struct argp_state *state, const char *name, const char *text, double least,
                      double most);
/* "90", "90s", "10m", "1.5h": seconds. */
double pab_cmd_duration(struct argp_state *state, const char *name, const char *text, double least,
                        double most);
/* The name of a file, `option` as the user writes it: "-o", "--md"; the verb where FILE stands
 * alone. No name is empty, and "-" is none here. */
const char *pab_cmd_file(struct argp_state *state, const char *option, const char *text);

#define PAB_SEED_MAX ((UINT64_C(1) << 53) - 1) /* JSON's readers hold no more exactly */

/* From now on SIGINT and SIGTERM only set what is pointed to: to their number. */
const volatile int *pab_cmd_catch_signals(void);

/* Prints the one line of an error and gives its exit code. */
int pab_cmd_fail(const struct pab_error *err);

#endif
