/* harness/recorder/hooks.h -- the tables that stand before CPython's (PEP 445). Depends on
 * interpreter.h. */
#ifndef PAB_HARNESS_RECORDER_HOOKS_H
#define PAB_HARNESS_RECORDER_HOOKS_H

#include "harness/preload/interpreter.h"

/* Before the interpreter begins. `python` stays. */
void pab_hooks_install(const struct pab_interpreter *python);

#endif
