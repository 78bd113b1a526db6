/* harness/recorder/life.h -- the beginning of a recorded process, its forks, its end. Depends on
 * put.h. */
#ifndef PAB_HARNESS_RECORDER_LIFE_H
#define PAB_HARNESS_RECORDER_LIFE_H

#include "harness/recorder/put.h"

/* Whether events are wanted of this process. */
bool pab_life_is_active(void);
/* Gives a child that was made without fork()'s handlers its ring, if there is one to be had. */
void pab_life_reopen(void);
/* Nobody reads any more: from here on the program runs unrecorded. */
void pab_life_stop(void);
bool pab_life_has_reader(void);
/* Whether a program that is begun with this environment will be recorded. */
bool pab_life_is_handed_on(char *const *environment);

#endif
