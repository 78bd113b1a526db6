/* harness/gate/settings.h -- what a gate demands, from options, the document and defaults. Depends
 * on verdict.h, jansson.
 *
 * An option wins over what the document of a live gate was made with, and that over the default.
 */
#ifndef PAB_HARNESS_GATE_SETTINGS_H
#define PAB_HARNESS_GATE_SETTINGS_H

#include "harness/gate/verdict.h"

#include <jansson.h>

enum pab_gate_number {
    PAB_GATE_ALPHA,
    PAB_GATE_POWER,
    PAB_GATE_DETECT,
    PAB_GATE_TIME_FLOOR,
    PAB_GATE_MEMORY_LIMIT,
    PAB_GATE_INSTRUCTIONS_LIMIT,
    PAB_GATE_NUMBER_COUNT,
};

#define PAB_GATE_CONFIRM_ALIKE (-1L) /* as many rounds as the measurement had */

struct pab_gate_settings {
    double numbers[PAB_GATE_NUMBER_COUNT]; /* NAN: not said */
    long confirm_rounds;                   /* 0: what is flagged is a regression at once */
    unsigned families;                     /* 1 << family; 0: all that were measured */
    unsigned expected;                     /* those that were asked for by name, or measured */
    bool allows_gone, shows_structure, inconclusive_passes;
    bool forces; /* documents of unlike machines or builds are compared all the same */
};

/* Nothing was said. */
struct pab_gate_settings pab_gate_settings_unset(void);

/* Fills what was not said: from `gate` of a document (NULL: there is none), else by default. */
void pab_gate_settings_fill(struct pab_gate_settings *settings, const json_t *gate);

/* Of filled ones. Where a confirmation is made, either look has the power that gives both together
 * what was asked. */
struct pab_rules pab_gate_rules(const struct pab_gate_settings *settings);
struct pab_gate_limits pab_gate_limits(const struct pab_gate_settings *settings);

/* `gate.rules` of a document: a new object. */
json_t *pab_gate_settings_json(const struct pab_gate_settings *settings);

/* The families that a pass of that name measures and a gate can judge; 0: none. */
unsigned pab_gate_families_of(const char *pass);

#endif
