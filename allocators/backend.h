/* allocators/backend.h -- THE CONTRACT of a backend. The file to read first. Depends on libc alone.
 *
 * A backend is a constant table in a file of its own (`struct pab_backend`). Opening one gives a
 * heap: three domain tables in the shape of PEP 445, so that decorators stack (a table whose ctx
 * holds another table), several heaps can live side by side, and the *insertion level* of an
 * allocator is just which table points where:
 *
 *                 raw domain           mem domain            obj domain
 *   jemalloc      jemalloc             jemalloc              jemalloc
 *   pymalloc      system               pymalloc -> system    pymalloc -> system
 *   pymalloc+     jemalloc             pymalloc -> jemalloc  pymalloc -> jemalloc
 *     jemalloc                         (over 512 bytes)      (over 512 bytes)
 *
 * What every domain table promises (CPython Doc/c-api/memory.rst, the PEP 445 contract):
 *   malloc(0), calloc(0, n), calloc(n, 0)   a distinct non-NULL block, as if 1 byte was asked
 *   realloc(NULL, n)                        is malloc(n)
 *   realloc(p, 0)                           resizes; p is never released without a successor
 *   realloc that fails                      returns NULL and leaves p as it was
 *   free(NULL)                              does nothing
 * What the caller promises: no size above PTRDIFF_MAX, no product in calloc above it (CPython's
 * public wrappers check this before they call a table, and so do workloads/pyobj's), a block is
 * given back to the domain that made it, one thread at a time unless PAB_CAP_THREADS is set.
 */
#ifndef PAB_ALLOCATORS_BACKEND_H
#define PAB_ALLOCATORS_BACKEND_H

#include "allocators/status.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* Raised when a table changes shape; the registry refuses a backend written for another. */
#define PAB_BACKEND_CONTRACT 3u

enum pab_domain {
    PAB_DOMAIN_RAW, /* PyMem_Raw*:   any size, in CPython the system allocator */
    PAB_DOMAIN_MEM, /* PyMem_*:      buffers of lists, key tables, values of instances */
    PAB_DOMAIN_OBJ, /* PyObject_*:   objects themselves */
    PAB_DOMAIN_COUNT,
};

/* One domain's table: PyMemAllocatorEx plus usable_size. */
struct pab_alloc {
    void *ctx;
    void *(*malloc)(void *ctx, size_t size);
    void *(*calloc)(void *ctx, size_t count, size_t size);
    void *(*realloc)(void *ctx, void *ptr, size_t size);
    void (*free)(void *ctx, void *ptr);
    /* Bytes the caller could use of a live block; exact, constant while the block lives.
     * NULL where the allocator cannot be asked (no PAB_CAP_USABLE_SIZE). */
    size_t (*usable_size)(void *ctx, const void *ptr);
};

/* The functions behind one domain exactly as a library exports them; what it lacks is NULL. The
 * identity proof looks at where these lie. */
struct pab_entry_points {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *ptr, size_t size);
    void (*free)(void *ptr);
    size_t (*usable_size)(void *ptr);
};

enum pab_cap {
    PAB_CAP_USABLE_SIZE = 1u << 0, /* usable_size is there and exact */
    PAB_CAP_THREADS = 1u << 1,     /* concurrent calls and frees from other threads are safe */
    PAB_CAP_RAW = 1u << 2,         /* can stand below another: OTHER+NAME */
    PAB_CAP_STACKS = 1u << 3,      /* stands on a raw heap: NAME+RAW, `system` if none is named */
    PAB_CAP_FAKE = 1u << 4,        /* does no real work: a floor, shown but never ranked */
    PAB_CAP_DEFAULT = 1u << 5,     /* part of the default set of `run` */
    PAB_CAP_RUNTIME = 1u << 6,     /* brings its own runtime: workloads run on that, not on pyobj */
    PAB_CAP_C_API = 1u << 7,       /* exports C's malloc family: that contract holds for it, too */
    PAB_CAP_INSTANCES = 1u << 8,   /* heaps side by side, each called by one thread at a time */
};

struct pab_debug;
struct pab_heap;
struct pab_leaky;
struct pab_slow;
struct pab_spec;

/* A key that a spec may set on a backend: NAME:key=value. The table ends at .name == NULL. */
enum pab_key_kind {
    PAB_KEY_CHOICE, /* one of the words in `choices`, separated by '|' */
    PAB_KEY_SIZE,   /* bytes with an optional K, M, G, T; a power of two within min..max */
    PAB_KEY_NUMBER, /* a whole number within min..max */
    PAB_KEY_PATH,   /* a file; may be given without `key=` as the spec's only bare word */
};

struct pab_key {
    const char *name;
    const char *summary;
    enum pab_key_kind kind;
    const char *choices;
    uint64_t min, max;
};

/* Who a backend really is, proven in the worker before a number is taken. */
struct pab_identity {
    char path[512];     /* the object that holds the entry points, as the loader names it */
    char build_id[72];  /* hex of its GNU build id, or "" */
    char version[96];   /* what the vendor's own probe answered */
    char tls_model[24]; /* "initial-exec", "global-dynamic" or "none" */
    char settings[256]; /* purge and arena settings that it runs with, as read back from it */
    char proof[160];    /* which evidence was taken: entry points, vendor probe, moved counter */
    uint64_t inode, device; /* of `path`: names differ, these do not */
    uint64_t size_bytes, modified_s;
};

/* One named count of a heap's structure (arenas, pools, ...). Deterministic for pymalloc. */
typedef void (*pab_stat_visit)(void *arg, const char *name, uint64_t value);

/* What a heap has taken from the system, by what it is for. Each byte counts once; what the allocator
 * does not tell is 0. */
struct pab_inventory {
    uint64_t blocks_bytes;      /* handed out, with the headers that blocks have */
    uint64_t free_blocks_bytes; /* free within pools, slabs or spans in use, and in caches */
    uint64_t free_pools_bytes;  /* free as a whole: pools, pages, arenas */
    uint64_t slack_bytes;       /* of pools, for no block: their headers, tails, alignment */
    uint64_t tables_bytes;      /* the allocator's own records */
    uint64_t absent_bytes;      /* of all these, what is known to have no memory behind it */
};

/* Sets one variable of a worker's environment; both strings are copied. */
typedef void (*pab_env_set)(void *arg, const char *name, const char *value);

struct pab_backend {     /* immutable */
    const char *name;    /* key on the command line, in results and in plots; = file name */
    const char *summary; /* one line for `list backends` */
    const char *package; /* Debian package that provides it, or NULL */
    unsigned contract;   /* PAB_BACKEND_CONTRACT it was written against */
    unsigned caps;
    const struct pab_key *keys; /* or NULL */

    /* Names what must stand in the environment before the worker is started. Optional. */
    void (*worker_env)(const struct pab_spec *spec, pab_env_set set, void *arg);

    /* Judges values that are fine alone but not together. Optional. Any process. */
    enum pab_status (*check_spec)(const struct pab_spec *spec, struct pab_error *err);
    /* Fills `heap`, zeroed by the caller except `backend` and `raw`. Worker only. Required. */
    enum pab_status (*open)(struct pab_heap *heap, const struct pab_spec *spec,
                            struct pab_error *err);
    /* Gives back what open() took. Optional: a library stays loaded until the worker ends. */
    void (*close)(struct pab_heap *heap);
    /* Version and settings as the allocator itself reports them. Required. */
    enum pab_status (*probe)(struct pab_heap *heap, struct pab_identity *out,
                             struct pab_error *err);
    /* A count kept by the allocator that grows when blocks are taken: bytes or blocks in use.
     * Optional: where there is none, the proof rests on the entry points. */
    uint64_t (*counter)(struct pab_heap *heap);
    /* Forgets every block at once; the caller promises that none is live. Optional. */
    void (*reset)(struct pab_heap *heap);
    /* Gives back to the system whatever it can at once. Optional. */
    void (*purge)(struct pab_heap *heap);
    /* Visits the counts of the heap's structure. Optional. */
    void (*stats)(struct pab_heap *heap, pab_stat_visit visit, void *arg);
    /* Fills `out`, zeroed by the caller, without what the heap below holds; false when it cannot be
     * asked. May take a walk over the heap. Optional. */
    bool (*inventory)(struct pab_heap *heap, struct pab_inventory *out);
};

/* An opened backend. Lives in the worker from pab_heap_open() to pab_heap_close(); tables point
 * into it, so it must not be moved. */
struct pab_heap {
    struct pab_alloc domain[PAB_DOMAIN_COUNT];
    struct pab_entry_points entry[PAB_DOMAIN_COUNT]; /* all NULL for a built-in allocator */
    const void *anchor; /* an address within the object that open() took the entries from */
    const struct pab_backend *backend;
    struct pab_heap *raw;    /* PAB_CAP_STACKS: the heap below, owned; else NULL */
    struct pab_heap *beside; /* one more that the same workload calls; what a heap tells of itself
                                is without it. Else NULL */
    struct pab_alloc bare[PAB_DOMAIN_COUNT]; /* the tables as open() made them */
    struct pab_debug *hooks;                 /* decorate/debug.h, owned; NULL without hooks=debug */
    struct pab_leaky *leaky;                 /* decorate/leaky.h, owned; NULL without leak=N */
    struct pab_slow *slow;                   /* decorate/slow.h, owned; NULL without slow=N */
    void *state;                             /* the backend's own */
    bool is_of_one_thread; /* set by open(): no thread may call but the one that opened it */
};

/* Opens what `spec` names, the raw heap below it first, and hooks both if it says so: as in
 * CPython, what pymalloc passes on to the raw domain passes that domain's hooks, too. The dials
 * (leak=N, then slow=N) go on top, where a caller's own calls pass them once: what the heap asks
 * of the one below does not. On failure nothing stays open. */
enum pab_status pab_heap_open(struct pab_heap *heap, const struct pab_spec *spec,
                              struct pab_error *err);
void pab_heap_close(struct pab_heap *heap);

/* PAB_UNAVAILABLE unless every domain has its four functions. A library of the user's may be opened
 * without calloc and realloc: then checks can be made of what it has, and nothing else. */
enum pab_status pab_heap_expect_whole(const struct pab_heap *heap, struct pab_error *err);

/* Proves that `heap` is what its spec says: every entry point lies in one object, the vendor's
 * probe answers, and its counter moves when blocks are taken, below any hooks and dials.
 * PAB_IDENTITY when it does not. */
enum pab_status pab_heap_identify(struct pab_heap *heap, struct pab_identity *out,
                                  struct pab_error *err);

/* The registry: every backend of CMake's one list, in its order. */
size_t pab_backend_count(void);
const struct pab_backend *pab_backend_at(size_t index);
const struct pab_backend *pab_backend_find(const char *name);

#endif
