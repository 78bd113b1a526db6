#include "workloads/pyobj/threads.h"

#include "workloads/pyobj/runtime.h"

void pab_py_enter(void *storage)
{
    assert(pab_py_current == NULL);
    pab_py_current = storage;
}

void pab_py_leave(void)
{
    pab_py_current = NULL;
}
