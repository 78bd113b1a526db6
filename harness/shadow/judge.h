/* harness/shadow/judge.h -- which interpreters can be shadowed. Depends on interpreter.h. */
#ifndef PAB_HARNESS_SHADOW_JUDGE_H
#define PAB_HARNESS_SHADOW_JUDGE_H

#include "harness/preload/interpreter.h"

/* Says why this interpreter cannot be shadowed; true: it can. `profile` is the name of the rules
 * that apply, unless the caller has chosen one. */
bool pab_interpreter_judge(const struct pab_interpreter *python, const char *chosen,
                           char profile[8], char *reason, size_t reason_size);

#endif
