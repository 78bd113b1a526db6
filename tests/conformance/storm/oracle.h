/* tests/conformance/storm/oracle.h -- a shared libpython as the oracle of addresses. Depends on
 * allocators/pymalloc/pymalloc.h, allocators/spec.h.
 *
 * Nothing is compiled against any CPython's headers: only functions and structs that its C API
 * documents are used, by name (Doc/c-api/memory.rst, Doc/c-api/init_config.rst).
 *
 *   2.7          PyObject_* alone; no arena hook, no calloc
 *   3.6 - 3.11   mem and obj; works before any interpreter is started
 *   3.12 - 3.15  mem and obj; the allocator's state is an interpreter's, so one is started, and
 *                everything that it takes meanwhile is compared, too
 */
#ifndef PAB_TESTS_CONFORMANCE_STORM_ORACLE_H
#define PAB_TESTS_CONFORMANCE_STORM_ORACLE_H

#include "allocators/pymalloc/pymalloc.h"
#include "allocators/spec.h"

#define PAB_ORACLE_DEFAULT "libpython3.11.so.1.0"

struct pab_oracle {
    void *handle;
    char file[512];   /* as it was asked for */
    char version[32]; /* "3.11.2" */
    char profile[8];  /* "3.11" */
    size_t align;     /* 8 or 16, as its first blocks show: some builds differ from the release */
    bool interpreted; /* 3.12+: needs an interpreter */
    bool has_arenas;  /* its arenas can be given by us: all but 2.7 */
};

/* Loads `file` (NULL: the system's libpython3.11) into this process and learns who it is. No
 * allocator of it is used: a process forked from here finds it as new. PAB_UNAVAILABLE: the
 * default one is not here; PAB_USAGE: `file` cannot serve, and why. */
enum pab_status pab_oracle_open(struct pab_oracle *out, const char *file, struct pab_error *err);

/* The geometry that the oracle itself has. */
struct pab_pymalloc_geometry pab_oracle_geometry(const struct pab_oracle *oracle);

/* PAB_USAGE when `spec` names a pymalloc that cannot be the oracle's, and says which would be.
 * What the spec changes by other keys than `profile` is the user's own wish: that passes. */
enum pab_status pab_oracle_expect_fit(const struct pab_oracle *oracle, const struct pab_spec *spec,
                                      struct pab_error *err);

/* Field for field PyMemAllocatorEx and PyObjectArenaAllocator. */
struct pab_oracle_table {
    void *ctx;
    void *(*malloc)(void *ctx, size_t size);
    void *(*calloc)(void *ctx, size_t count, size_t size); /* NULL in 2.7 */
    void *(*realloc)(void *ctx, void *ptr, size_t size);
    void (*free)(void *ctx, void *ptr);
};

struct pab_oracle_arenas {
    void *ctx;
    void *(*alloc)(void *ctx, size_t size);
    void (*free)(void *ctx, void *ptr, size_t size);
};

enum pab_oracle_domain { PAB_ORACLE_MEM, PAB_ORACLE_OBJ, PAB_ORACLE_DOMAINS };

/* What is put into an oracle, as far as it takes it. */
struct pab_oracle_hooks {
    struct pab_oracle_arenas arenas;
    struct pab_oracle_table raw; /* 3.6 to 3.11: below pymalloc */
    /* 3.12+: in the place of its own tables while an interpreter starts, and for good. */
    struct pab_oracle_table domain[PAB_ORACLE_DOMAINS];
};

/* Once in a process. Gives the oracle's own tables, in `own`, before anything is called. */
enum pab_status pab_oracle_start(const struct pab_oracle *oracle, struct pab_oracle_hooks *hooks,
                                 struct pab_oracle_table own[PAB_ORACLE_DOMAINS],
                                 struct pab_error *err);

/* sys.getallocatedblocks(), from within; false where it cannot be asked. */
bool pab_oracle_count_blocks(const struct pab_oracle *oracle, int64_t *out);

#endif
