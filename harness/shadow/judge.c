#include "harness/shadow/judge.h"

#include "allocators/libpython.h"
#include "allocators/pymalloc/pymalloc.h"

#include <dlfcn.h>
#include <stdlib.h>

#define MINOR_OLDEST 8
#define MINOR_NEWEST 15

static bool has_hooks(const struct pab_interpreter *python)
{
    return python->get_allocator != NULL && python->set_allocator != NULL &&
           python->get_arenas != NULL && python->set_arenas != NULL;
}

static bool knows_interpreters(const struct pab_interpreter *python)
{
    return python->interpreter_head != NULL && python->interpreter_main != NULL &&
           python->thread_state != NULL && python->thread_interpreter != NULL &&
           python->interpreter_id != NULL;
}

/* The value of PYTHONMALLOC if it replaces the tables that we would stand in; NULL: it does not. */
static const char *replacing_variable(void)
{
    const char *value = getenv("PYTHONMALLOC");
    return value != NULL && value[0] != '\0' ? value : NULL;
}

bool pab_interpreter_judge(const struct pab_interpreter *python, const char *chosen,
                           char profile[8], char *reason, size_t reason_size)
{
    int known_minor = python->major == 3 ? python->minor : 0;
    if (pab_libpython_is_free_threaded(python->version_text)) {
        snprintf(reason, reason_size,
                 "a free-threaded build serves all from mimalloc, there is "
                 "no pymalloc in it to compare with");
        return false;
    }
    if (dlsym(RTLD_DEFAULT, PAB_LIBPYTHON_DEBUG_SYMBOL) != NULL) {
        snprintf(reason, reason_size,
                 "a debug build has debug hooks above pymalloc from the "
                 "start; use a release build");
        return false;
    }
    if (chosen == NULL && (known_minor < MINOR_OLDEST || known_minor > MINOR_NEWEST)) {
        snprintf(reason, reason_size,
                 "CPython %d.%d is not among the versions whose rules are known, 3.%d to 3.%d%s",
                 python->major, python->minor, MINOR_OLDEST, MINOR_NEWEST,
                 known_minor < MINOR_OLDEST ? "" : "; --profile NAME tries all the same");
        return false;
    }
    if (!has_hooks(python) || (known_minor >= 12 && !knows_interpreters(python))) {
        snprintf(reason, reason_size, "this interpreter does not export the allocator hooks");
        return false;
    }
    if (replacing_variable() != NULL) {
        snprintf(reason, reason_size,
                 "PYTHONMALLOC=%.40s sets allocators anew, after ours; unset it",
                 replacing_variable());
        return false;
    }
    snprintf(profile, 8, "%s", chosen != NULL ? chosen : "");
    if (chosen == NULL) {
        snprintf(profile, 8, "3.%d", known_minor);
    }
    if (pab_pymalloc_profile_find(profile) == NULL) {
        snprintf(reason, reason_size, "no profile is named '%s'", profile);
        return false;
    }
    return true;
}
