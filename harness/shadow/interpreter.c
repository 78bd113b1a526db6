#include "harness/shadow/interpreter.h"

#include "allocators/libpython.h"
#include "allocators/pymalloc/pymalloc.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define MINOR_OLDEST 8
#define MINOR_NEWEST 15

static void *exported(const char *name)
{
    return dlsym(RTLD_DEFAULT, name);
}

/* The first that is there: names change between versions. */
static void *either_exported(const char *name, const char *other)
{
    void *found = exported(name);
    return found != NULL ? found : exported(other);
}

static void read_version(struct pab_interpreter *python)
{
    const char *(*get_version)(void) = NULL;
    *(void **)&get_version = exported("Py_GetVersion");
    python->version_text = get_version != NULL ? get_version() : "0.0";
    char *rest = NULL;
    python->major = (int)strtol(python->version_text, &rest, 10);
    python->minor = *rest == '.' ? (int)strtol(rest + 1, NULL, 10) : 0;
}

bool pab_interpreter_find(struct pab_interpreter *out)
{
    memset(out, 0, sizeof(*out));
    *(void **)&out->get_allocator = exported("PyMem_GetAllocator");
    *(void **)&out->set_allocator = exported("PyMem_SetAllocator");
    *(void **)&out->get_arenas = exported("PyObject_GetArenaAllocator");
    *(void **)&out->set_arenas = exported("PyObject_SetArenaAllocator");
    if (exported("PyObject_Malloc") == NULL) {
        return false;
    }
    *(void **)&out->print_statistics = exported("_PyObject_DebugMallocStats");
    *(void **)&out->allocated_blocks = exported("_Py_GetAllocatedBlocks");
    *(void **)&out->is_initialized = exported("Py_IsInitialized");
    *(void **)&out->is_finalizing = either_exported("Py_IsFinalizing", "_Py_IsFinalizing");
    *(void **)&out->holds_gil = exported("PyGILState_Check");
    *(void **)&out->interpreter_head = exported("PyInterpreterState_Head");
    *(void **)&out->interpreter_main = exported("PyInterpreterState_Main");
    *(void **)&out->thread_state =
        either_exported("PyThreadState_GetUnchecked", "_PyThreadState_UncheckedGet");
    *(void **)&out->own_thread_state = exported("PyGILState_GetThisThreadState");
    *(void **)&out->thread_interpreter = exported("PyThreadState_GetInterpreter");
    *(void **)&out->interpreter_id = exported("PyInterpreterState_GetID");
    read_version(out);
    return true;
}

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
    if (exported(PAB_LIBPYTHON_DEBUG_SYMBOL) != NULL) {
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
