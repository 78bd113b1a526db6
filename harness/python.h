/* harness/python.h -- finds an interpreter that can draw. Depends on libc. */
#ifndef PAB_HARNESS_PYTHON_H
#define PAB_HARNESS_PYTHON_H

#include <stdbool.h>
#include <stddef.h>

/* A python3 that can import matplotlib: the system's first, then PATH's (which may be one of a
 * version manager, without packages). False: there is none. */
bool pab_python_find(char *out, size_t size);

#endif
