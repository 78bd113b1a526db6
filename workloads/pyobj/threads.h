/* workloads/pyobj/threads.h -- one runtime, several threads, as under CPython's GIL.
 * Depends on pyobj.h. Not to be had on a real libpython.
 */
#ifndef PAB_WORKLOADS_PYOBJ_THREADS_H
#define PAB_WORKLOADS_PYOBJ_THREADS_H

/* Makes a runtime that another thread started, in `storage`, this thread's current one. Only one
 * thread at a time may use it, and hands over with a lock. It is ended by the one that started it. */
void pab_py_enter(void *storage);
void pab_py_leave(void);

#endif
