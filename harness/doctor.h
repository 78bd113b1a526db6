/* harness/doctor.h -- what `doctor` looks at. Depends on jansson, status.h.
 *
 * Everything is a row {name value state advice}: text and JSON are made from the same rows. state
 * is "good", "note" (worth knowing) or "bad" (do something first); advice is null where there is
 * none. Nothing of the machine is ever changed.
 */
#ifndef PAB_HARNESS_DOCTOR_H
#define PAB_HARNESS_DOCTOR_H

#include "allocators/status.h"

#include <jansson.h>

#define PAB_DOCTOR_GOOD "good"
#define PAB_DOCTOR_NOTE "note"
#define PAB_DOCTOR_BAD  "bad"

/* Appends a row; `advice` may be NULL. */
void pab_doctor_add(json_t *rows, const char *state, const char *name, const char *advice,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Machine, system and settings. */
json_t *pab_doctor_host(void);
/* Backends of the default set, each opened in a worker as `run` would. */
json_t *pab_doctor_backends(void);
/* Passes, counters of the CPU, and what draws pictures: what can be measured here. */
json_t *pab_doctor_tools(void);
/* Clocks, load, steal, pressure and quotas since `before`, a look (noise.h). */
json_t *pab_doctor_noise(const json_t *before);

/* Runs short samples of some backends against themselves for about `seconds`, and says what they
 * could find: rows, with their numbers under "figures". PAB_IO: no files or processes to be had;
 * an `interrupted` run gives what it has. */
enum pab_status pab_doctor_measure(double seconds, const volatile int *interrupted, json_t **rows,
                                   struct pab_error *err);

#endif
