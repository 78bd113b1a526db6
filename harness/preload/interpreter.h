/* harness/preload/interpreter.h -- the interpreter as its exported symbols show it, without its
 * headers. Depends on libc alone.
 *
 * The two structs are public API, the same since 3.5: Doc/c-api/memory.rst.
 */
#ifndef PAB_HARNESS_PRELOAD_INTERPRETER_H
#define PAB_HARNESS_PRELOAD_INTERPRETER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* PyMemAllocatorEx */
struct pab_python_alloc {
    void *ctx;
    void *(*malloc)(void *ctx, size_t size);
    void *(*calloc)(void *ctx, size_t count, size_t size);
    void *(*realloc)(void *ctx, void *ptr, size_t size);
    void (*free)(void *ctx, void *ptr);
};

/* PyObjectArenaAllocator */
struct pab_python_arenas {
    void *ctx;
    void *(*alloc)(void *ctx, size_t size);
    void (*free)(void *ctx, void *ptr, size_t size);
};

/* PyMemAllocatorDomain */
enum pab_python_domain { PAB_PYTHON_RAW, PAB_PYTHON_MEM, PAB_PYTHON_OBJ };

/* An interpreter; functions that its version does not export are NULL. */
struct pab_interpreter {
    const char *version_text; /* "3.11.2 (main, ...) [GCC 12.2.0]" */
    int major, minor;
    void (*get_allocator)(int domain, struct pab_python_alloc *out);
    void (*set_allocator)(int domain, const struct pab_python_alloc *table);
    void (*get_arenas)(struct pab_python_arenas *out);
    void (*set_arenas)(const struct pab_python_arenas *table);
    int (*print_statistics)(FILE *out); /* the first part of sys._debugmallocstats() */
    ssize_t (*allocated_blocks)(void);  /* sys.getallocatedblocks(); up to 3.11 */
    int (*is_initialized)(void);
    int (*is_finalizing)(void);
    int (*holds_gil)(void);
    void *(*interpreter_head)(void);
    void *(*interpreter_main)(void);
    void *(*thread_state)(void); /* of the GIL's holder up to 3.11, of this thread since; or NULL */
    void *(*own_thread_state)(void); /* of this thread, with the GIL or without; or NULL */
    void *(*thread_interpreter)(void *thread_state);
    int64_t (*interpreter_id)(void *interpreter);
};

/* False: this process is no Python, or none that had its symbols at start-up. */
bool pab_interpreter_find(struct pab_interpreter *out);

#endif
