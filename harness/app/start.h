/* harness/app/start.h -- what it costs to begin under each configuration, and how many instructions
 * the whole program is. Depends on app/rounds.h.
 *
 * Of a program's start a replay sees the requests alone: not the loader that binds every symbol
 * through one library more, nor that library's own pages. The same is true of a program that begins
 * and does nothing else; so what a replay of that one misses is what any replay misses.
 */
#ifndef PAB_HARNESS_APP_START_H
#define PAB_HARNESS_APP_START_H

#include "harness/app/rounds.h"

/* The program that does nothing: of an interpreter `python3 -c pass`, of all others `true`. `out`
 * ends with NULL; its words live as long as `program`. */
void pab_app_start_command(const struct pab_program *program, char *out[static 4]);

/* Fills app->start[], after pab_app_rehearse(). */
enum pab_status pab_app_time_start(struct pab_app *app, struct pab_error *err);

/* Fills app->instructions by one run under callgrind, some fifty times slower than alone; 0 where
 * there is no valgrind, or it fails at this program. */
enum pab_status pab_app_count_instructions(struct pab_app *app, struct pab_error *err);

#endif
