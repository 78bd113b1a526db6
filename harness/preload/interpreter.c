#include "harness/preload/interpreter.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

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
