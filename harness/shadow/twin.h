/* harness/shadow/twin.h -- our pymalloc beside a real one: given each call after CPython served it,
 * says whether ours would have done the same. Depends on mirror.h, record.h and pymalloc.h.
 *
 *   CPython's answer   ------------------------------+
 *   arena events that came during its call --+       |
 *                                            v       v
 *   the call  ---> our pymalloc ---> wants arenas?  same image?  ---> same, or the first mismatch
 *
 * After a mismatch the two heaps differ for good, so a twin then stops: one mismatch a heap.
 */
#ifndef PAB_HARNESS_SHADOW_TWIN_H
#define PAB_HARNESS_SHADOW_TWIN_H

#include "allocators/pymalloc/pymalloc.h"
#include "harness/shadow/mirror.h"
#include "harness/shadow/record.h"

#define PAB_CALL_EVENTS_MAX 4u /* a realloc may take one arena and release another */

/* What the real arena hook saw. */
struct pab_arena_event {
    uintptr_t arena; /* 0: an allocation that failed */
    size_t size;
    bool taken; /* or released */
};

/* One call of a domain, while it is being served. */
struct pab_call {
    enum pab_domain domain;
    enum pab_call_kind kind;
    size_t size;       /* asked for; 0 for free */
    const void *block; /* realloc, free: the real block */
    void *result;      /* the real one */
    unsigned event_count, events_used;
    struct pab_arena_event events[PAB_CALL_EVENTS_MAX];
};

/* Address bits of CPython's map from addresses to arenas (3.10 and later), for the count of its
 * nodes; they are never given back. */
#define PAB_MAP_MIDDLE_SHIFT_3_10 38u
#define PAB_MAP_BOTTOM_SHIFT_3_10 28u
#define PAB_MAP_MIDDLE_SHIFT_3_11 49u
#define PAB_MAP_BOTTOM_SHIFT_3_11 34u

struct pab_node_set {
    unsigned shift; /* address >> shift: which node; 0: this version has no map */
    unsigned count;
    uintptr_t seen[128];
};

struct pab_twin {
    struct pab_pymalloc *pm;
    struct pab_alloc ours;
    struct pab_pymalloc_geometry geometry;
    struct pab_call *call;
    struct pab_record *record;
    void *descriptors;   /* the table that our pymalloc took from its raw domain */
    bool stopped;        /* no further call is for it */
    bool gave_up;        /* ... nor is the one in which it stopped: it could not follow */
    char complaint[160]; /* what was wrong about an arena during this call; "": nothing */
    struct pab_node_set middle_nodes, bottom_nodes;
    struct pab_mirror mirror;
};

/* A twin of a heap that has served nothing yet; NULL: no memory. `map_shifts` are those of the two
 * kinds of nodes, 0 without a map; `arenas_max` as for its mirror. */
struct pab_twin *pab_twin_create(const struct pab_pymalloc_geometry *geometry,
                                 struct pab_record *record, const unsigned map_shifts[2],
                                 size_t arenas_max);

/* Each: `call` as CPython served it. False: ours would not have, and the record says how; or the
 * twin gave up and the call is not compared. */
bool pab_twin_malloc(struct pab_twin *twin, struct pab_call *call);
bool pab_twin_calloc(struct pab_twin *twin, struct pab_call *call, size_t count, size_t size);
bool pab_twin_realloc(struct pab_twin *twin, struct pab_call *call);
bool pab_twin_free(struct pab_twin *twin, struct pab_call *call);

/* Whether a real block lies in one of this twin's arenas. */
bool pab_twin_owns(const struct pab_twin *twin, const void *block);

#endif
