/* harness/app/witness.h -- what a program says of itself from within: THE CONTRACT between `app`
 * and its preload library. Depends on libc alone.
 *
 * One file in shared memory, a place for each process image that was begun with the library: which
 * object its malloc lies in, which allocator serves its Python objects, its own high-water mark.
 * VmHWM is read by the process itself at its end: ru_maxrss would be inherited over exec.
 */
#ifndef PAB_HARNESS_APP_WITNESS_H
#define PAB_HARNESS_APP_WITNESS_H

#include <stdatomic.h>
#include <stdint.h>

#define PAB_WITNESS_FILE "PAB_WITNESS" /* in the environment: the path of the file */

#define PAB_WITNESS_FORMAT    1u
#define PAB_WITNESS_PROCESSES 1024

enum pab_witness_state {
    PAB_WITNESS_FREE,
    PAB_WITNESS_BEGUN,
    PAB_WITNESS_ENDED, /* of its own will: peak_rss_bytes is known */
};

/* Which allocator PyObject_Malloc ended up with. */
enum pab_witness_python {
    PAB_WITNESS_NO_PYTHON,
    PAB_WITNESS_POOLS,  /* its own: not what the raw domain has */
    PAB_WITNESS_MALLOC, /* that of the raw domain: PYTHONMALLOC=malloc */
};

struct pab_witness_process {
    _Atomic uint32_t state; /* enum pab_witness_state */
    int32_t pid;
    uint32_t python; /* enum pab_witness_python, at its end */
    uint32_t reserved;
    uint64_t malloc_inode, malloc_device; /* of the object that its malloc lies in */
    uint64_t peak_rss_bytes;
    char malloc_path[256]; /* as the loader names it */
    char version[48];      /* of the interpreter, or "" */
};

struct pab_witness {
    uint32_t format;        /* set by `app` */
    _Atomic uint32_t count; /* places asked for; may be more than there are */
    struct pab_witness_process processes[PAB_WITNESS_PROCESSES];
};

#endif
