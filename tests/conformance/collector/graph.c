#include "tests/conformance/collector/graph.h"

#include "tests/conformance/support/pattern.h"

#include <stdarg.h>
#include <string.h>

#define OBJECTS  PAB_GRAPH_OBJECTS
#define NONE     PAB_GRAPH_NONE
#define OLDEST   (PAB_GC_GENERATIONS - 1)
#define RESERVED 4 /* places */

struct pab_graph pab_graph;

static struct pab_graph_object *object_at(int id)
{
    assert(id >= 0 && id < OBJECTS);
    return &pab_graph.objects[id];
}

void pab_graph_differs(int id, const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    if (id == NONE) {
        snprintf(pab_graph.text, sizeof(pab_graph.text), "%s", what);
    } else {
        snprintf(pab_graph.text, sizeof(pab_graph.text), "object %d: %s", id, what);
    }
    longjmp(pab_graph.end, 1); /* NOLINT(cert-err52-cpp) */
}

/* --- the graph ------------------------------------------------------------------------------ */

bool pab_graph_is_node(int id)
{
    const struct pab_graph_object *object = object_at(id);
    return object->state == PAB_GRAPH_ALIVE && object->type != &pab_toy_weakref;
}

void pab_graph_count(int *counts)
{
    memset(counts, 0, OBJECTS * sizeof(*counts));
    for (int id = 0; id < OBJECTS; id++) {
        const struct pab_graph_object *object = object_at(id);
        if (object->state == PAB_GRAPH_ABSENT) {
            continue;
        }
        counts[id] += object->roots + object->held + (object->owed != PAB_OWED_BY_NOBODY);
        for (size_t i = 0; i < PAB_TOY_REFS; i++) {
            if (object->refs[i] != NONE) {
                counts[object->refs[i]]++;
            }
        }
    }
}

static int references_to(int id)
{
    int counts[OBJECTS];
    pab_graph_count(counts);
    return counts[id];
}

static bool is_rooted(const struct pab_graph_object *object)
{
    return object->roots > 0 || object->held > 0 || object->owed != PAB_OWED_BY_NOBODY;
}

void pab_graph_search(const bool *within, bool *reached)
{
    int stack[OBJECTS];
    int depth = 0;
    memset(reached, 0, OBJECTS * sizeof(*reached));
    for (int id = 0; id < OBJECTS; id++) {
        const struct pab_graph_object *object = object_at(id);
        if (object->state != PAB_GRAPH_ABSENT && (!within[id] || is_rooted(object))) {
            stack[depth++] = id;
            reached[id] = true;
        }
    }
    while (depth > 0) {
        const struct pab_graph_object *object = object_at(stack[--depth]);
        for (size_t i = 0; i < PAB_TOY_REFS; i++) {
            int referent = object->refs[i];
            if (referent != NONE && !reached[referent]) {
                reached[referent] = true;
                stack[depth++] = referent;
            }
        }
    }
}

/* --- one collection ------------------------------------------------------------------------- */

static int generation_after(int generation)
{
    return generation < OLDEST ? generation + 1 : OLDEST;
}

static void count_collection(int generation, int survivors)
{
    if (generation < OLDEST) {
        pab_graph.counts[generation + 1]++;
    }
    for (int i = 0; i <= generation; i++) {
        pab_graph.counts[i] = 0;
    }
    if (generation == OLDEST) {
        pab_graph.total = survivors;
        pab_graph.pending = 0;
    } else if (generation == OLDEST - 1) {
        pab_graph.pending += survivors;
    }
}

/* All that leads to trash is cleared; callbacks are due of what is no trash itself. */
static void clear_weakrefs(void)
{
    for (int id = 0; id < OBJECTS; id++) {
        struct pab_graph_object *weakref = object_at(id);
        if (weakref->state != PAB_GRAPH_ALIVE || weakref->referent == NONE) {
            continue;
        }
        bool leads_to_trash = object_at(weakref->referent)->condemned;
        if (leads_to_trash && weakref->refs[0] != NONE && !weakref->condemned) {
            weakref->owed = PAB_OWED_BY_COLLECTION;
        }
        if (leads_to_trash || weakref->condemned) {
            weakref->referent = NONE;
        }
    }
}

/* Before it runs: what it must find, and where the survivors will be. */
static void begin_collection(int generation)
{
    bool within[OBJECTS];
    bool reached[OBJECTS];
    int survivors = 0;
    for (int id = 0; id < OBJECTS; id++) {
        const struct pab_graph_object *object = object_at(id);
        within[id] = object->state == PAB_GRAPH_ALIVE && object->generation <= generation;
    }
    pab_graph_search(within, reached);
    for (int id = 0; id < OBJECTS; id++) {
        if (within[id] && reached[id]) {
            object_at(id)->generation = generation_after(generation);
            survivors++;
        }
        object_at(id)->condemned = within[id] && !reached[id];
    }
    clear_weakrefs();
    count_collection(generation, survivors);
    pab_graph.collecting = generation;
    pab_graph.is_settled = false;
    pab_graph.telling = NONE;
    pab_graph.freed = 0;
}

/* Callbacks and finalizers have run: what they made reachable stays, as does what it leads to. */
static void settle(void)
{
    bool within[OBJECTS];
    bool reached[OBJECTS];
    pab_graph.trash = 0;
    for (int id = 0; id < OBJECTS; id++) {
        const struct pab_graph_object *object = object_at(id);
        within[id] = object->condemned;
        if (object->owed == PAB_OWED_BY_COLLECTION) {
            pab_graph_differs(id, "its callback was not called by the collection");
        }
        if (object->condemned && object->type->finalize != NULL && !object->finalized) {
            pab_graph_differs(id, "it is trash, and its finalizer did not run");
        }
    }
    pab_graph_search(within, reached);
    for (int id = 0; id < OBJECTS; id++) {
        if (within[id] && reached[id]) {
            object_at(id)->condemned = false;
            object_at(id)->generation = generation_after(pab_graph.collecting);
        }
        pab_graph.trash += within[id] && !reached[id];
    }
    pab_graph.is_settled = true;
    pab_graph.telling = NONE;
}

static void end_collection(void)
{
    int generation = pab_graph.collecting;
    if (!pab_graph.is_settled) {
        settle();
    }
    for (int id = 0; id < OBJECTS; id++) {
        if (object_at(id)->condemned) {
            pab_graph_differs(id, "it cannot be reached, and survived a collection of %d",
                              generation);
        }
    }
    pab_graph.collections[generation]++;
    pab_graph.collected[generation] += (uint64_t)(pab_graph.trash + pab_graph.freed);
    pab_graph.collecting = NONE;
}

/* The generation that the next allocation must collect, or none. */
static int due_generation(void)
{
    const int *counts = pab_graph.counts;
    const int *thresholds = pab_graph.thresholds;
    if (!pab_graph.enabled || pab_graph.collecting != NONE || thresholds[0] == 0 ||
        counts[0] <= thresholds[0]) {
        return NONE;
    }
    if (counts[2] > thresholds[2] && pab_graph.pending >= pab_graph.total / 4) {
        return 2;
    }
    return counts[1] > thresholds[1] ? 1 : 0;
}

/* --- events of the toys ----------------------------------------------------------------------- */

static int known(const struct pab_toy *toy, const char *event)
{
    if (toy->id < 0 || toy->id >= OBJECTS || pab_graph.toys[toy->id] != toy) {
        pab_graph_differs(toy->id, "%s, though it is gone", event);
    }
    return toy->id;
}

static void on_finalize(struct pab_toy *toy)
{
    int id = known(toy, "finalized");
    struct pab_graph_object *object = object_at(id);
    if (object->finalized) {
        pab_graph_differs(id, "its finalizer ran again");
    }
    bool dies_by_count = references_to(id) == 0;
    if (dies_by_count) { /* and is young again for the while */
        object->condemned = false;
        object->generation = 0;
    } else if (!object->condemned || pab_graph.is_settled) {
        pab_graph_differs(id, "finalized, though it can be reached");
    } else {
        for (int i = 0; i < OBJECTS; i++) {
            if (object_at(i)->owed == PAB_OWED_BY_COLLECTION) {
                pab_graph_differs(id, "finalized before the callback of %d was called", i);
            }
        }
        pab_graph.telling = NONE;
    }
    pab_graph_compare_below(id);
    pab_graph_compare_weakrefs();
    pab_graph_check_lists();
    object->finalized = true;
    object->held++;
    pab_graph.dies_by_count = dies_by_count;
    pab_graph.do_finalizer(id);
    object->held--;
}

static void on_death(struct pab_toy *toy)
{
    int id = known(toy, "destroyed");
    struct pab_graph_object *object = object_at(id);
    int references = references_to(id);
    if (object->state != PAB_GRAPH_ALIVE) {
        pab_graph_differs(id, "destroyed twice");
    }
    if (references != 0) {
        pab_graph_differs(id, "destroyed with %d references to it", references);
    }
    if (object->type->finalize != NULL && !object->finalized) {
        pab_graph_differs(id, "destroyed without being finalized");
    }
    pab_graph.freed += pab_graph.telling == id;
    object->state = PAB_GRAPH_DYING;
    object->condemned = false;
    object->referent = NONE;
    for (int i = 0; i < OBJECTS; i++) {
        struct pab_graph_object *weakref = object_at(i);
        if (weakref->state == PAB_GRAPH_ALIVE && weakref->referent == id) {
            weakref->referent = NONE;
            weakref->owed = weakref->refs[0] != NONE ? PAB_OWED_BY_DEATH : PAB_OWED_BY_NOBODY;
        }
    }
}

static void on_drop(struct pab_toy *toy, size_t slot)
{
    int id = known(toy, "cleared");
    struct pab_graph_object *object = object_at(id);
    if (object->state == PAB_GRAPH_ALIVE) {
        if (pab_graph.collecting != NONE && !pab_graph.is_settled) {
            settle();
        }
        if (!object->condemned) {
            pab_graph_differs(id, "cleared, though it can be reached");
        }
    }
    object->refs[slot] = NONE;
}

static void on_release(struct pab_toy *toy)
{
    int id = known(toy, "freed");
    if (object_at(id)->state != PAB_GRAPH_DYING) {
        pab_graph_differs(id, "freed before it died");
    }
    *object_at(id) = (struct pab_graph_object){.state = PAB_GRAPH_ABSENT};
    pab_graph.toys[id] = NULL;
    if (pab_graph.counts[0] > 0) {
        pab_graph.counts[0]--;
    }
}

static void on_told(struct pab_toy *toy)
{
    int id = known(toy, "told");
    struct pab_graph_object *weakref = object_at(id);
    if (weakref->owed == PAB_OWED_BY_NOBODY) {
        pab_graph_differs(id, "its callback was called, though none was due");
    }
    if (weakref->owed == PAB_OWED_BY_COLLECTION) {
        pab_graph.telling = id;
        weakref->generation = generation_after(pab_graph.collecting);
    }
    weakref->owed = PAB_OWED_BY_NOBODY;
    weakref->held++;
    pab_graph_compare_weakrefs();
    pab_graph_check_lists();
    pab_graph.do_callback(id);
    weakref->held--;
}

static void on_report(void *client, const struct pab_gc_report *report)
{
    (void)client;
    if (pab_graph.collecting != report->generation) {
        pab_graph_differs(NONE, "generation %d was collected, due was %d", report->generation,
                          pab_graph.collecting);
    }
    pab_graph_check_lists();
    if (report->done) {
        if (!pab_graph.is_settled) {
            settle();
        }
        if ((intmax_t)report->collected != pab_graph.trash + pab_graph.freed) {
            pab_graph_differs(NONE, "%zu objects collected instead of %d", report->collected,
                              pab_graph.trash + pab_graph.freed);
        }
    }
}

void pab_graph_begin(void)
{
    memset(&pab_graph, 0, sizeof(pab_graph));
    pab_graph.collecting = NONE;
    pab_graph.enabled = true;
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        pab_graph.thresholds[i] = pab_toys.gc.generations[i].threshold;
    }
    pab_toys.on_finalize = on_finalize;
    pab_toys.on_death = on_death;
    pab_toys.on_drop = on_drop;
    pab_toys.on_release = on_release;
    pab_toys.on_told = on_told;
    pab_toys.gc.report = on_report;
}

/* --- what a program does -------------------------------------------------------------------- */

static int free_place(int *count)
{
    int place = NONE;
    *count = 0;
    for (int id = OBJECTS - 1; id >= 0; id--) {
        if (object_at(id)->state == PAB_GRAPH_ABSENT) {
            place = id;
            ++*count;
        }
    }
    return place;
}

int pab_graph_place(void)
{
    int count;
    int place = free_place(&count);
    return count > RESERVED ? place : NONE;
}

static struct pab_toy *allocate(int id, const struct pab_type *type, size_t payload)
{
    pab_graph.counts[0]++;
    int due = due_generation();
    if (due != NONE) {
        begin_collection(due);
    }
    struct pab_toy *toy = pab_toy_new_sized(type, id, payload);
    if (due != NONE) {
        end_collection();
    }
    return toy;
}

static void add(int id, struct pab_toy *toy, int deed)
{
    assert(object_at(id)->state == PAB_GRAPH_ABSENT);
    pab_graph.toys[id] = toy;
    *object_at(id) = (struct pab_graph_object){
        .state = PAB_GRAPH_ALIVE,
        .type = toy->base.type,
        .deed = deed,
        .refs = {NONE, NONE, NONE, NONE},
        .referent = NONE,
        .roots = 1,
    };
    pab_graph_rewrite(id);
}

void pab_graph_rewrite(int id)
{
    struct pab_toy *toy = pab_graph.toys[id];
    object_at(id)->key = pab_pattern_key((uint64_t)id, ++pab_graph.keys);
    pab_pattern_fill(toy->payload, 0, toy->payload_bytes, object_at(id)->key);
}

/* A finalizer that ran while it was allocated may have taken the place that was meant for it. */
static int settle_place(struct pab_toy *toy)
{
    int count;
    if (object_at(toy->id)->state != PAB_GRAPH_ABSENT) {
        toy->id = free_place(&count);
    }
    return toy->id;
}

int pab_graph_make(int id, const struct pab_type *type, int deed, size_t payload)
{
    struct pab_toy *toy = allocate(id, type, payload);
    id = settle_place(toy);
    add(id, toy, deed);
    return id;
}

static bool has_plain_weakref(int referent)
{
    for (int id = 0; id < OBJECTS; id++) {
        const struct pab_graph_object *object = object_at(id);
        if (object->state == PAB_GRAPH_ALIVE && object->referent == referent &&
            object->refs[0] == NONE) {
            return true;
        }
    }
    return false;
}

int pab_graph_make_weakref(int id, int referent, int callback, int deed)
{
    struct pab_toy *target = pab_graph.toys[referent];
    pab_graph_add_root(referent); /* or the collection that this may start could free them */
    if (callback != NONE) {
        pab_graph_add_root(callback);
    }
    struct pab_toy *toy = allocate(id, &pab_toy_weakref, 0);
    id = settle_place(toy);
    add(id, toy, deed);
    if (callback != NONE) { /* the root becomes the weak reference's own */
        toy->weakref.callback = &pab_graph.toys[callback]->base;
        object_at(id)->refs[0] = callback;
        object_at(callback)->roots--;
    }
    if (callback != NONE || !has_plain_weakref(referent)) {
        pab_gc_weakref_attach(&toy->weakref, &target->base);
        object_at(id)->referent = referent;
    }
    pab_graph_drop_root(referent);
    return id;
}

void pab_graph_set_edge(int from, size_t slot, int to)
{
    object_at(from)->refs[slot] = to;
    pab_toy_set(pab_graph.toys[from], slot, to == NONE ? NULL : pab_graph.toys[to]);
}

void pab_graph_add_root(int id)
{
    object_at(id)->roots++;
    pab_toy_incref(pab_graph.toys[id]);
}

void pab_graph_drop_root(int id)
{
    assert(object_at(id)->roots > 0);
    object_at(id)->roots--;
    pab_toy_decref(pab_graph.toys[id]);
}

void pab_graph_collect(int generation)
{
    intptr_t expected = 0;
    intptr_t collected;
    if (pab_graph.collecting != NONE) {
        collected = pab_gc_collect(&pab_toys.gc, generation);
    } else {
        begin_collection(generation);
        collected = pab_gc_collect(&pab_toys.gc, generation);
        end_collection();
        expected = pab_graph.trash + pab_graph.freed;
    }
    if (collected != expected) {
        pab_graph_differs(NONE, "collect(%d) gives %jd instead of %jd", generation,
                          (intmax_t)collected, (intmax_t)expected);
    }
}

void pab_graph_freeze(void)
{
    for (int id = 0; id < OBJECTS; id++) {
        object_at(id)->generation = PAB_GRAPH_FROZEN;
    }
    memset(pab_graph.counts, 0, sizeof(pab_graph.counts));
    pab_gc_freeze(&pab_toys.gc);
}

void pab_graph_unfreeze(void)
{
    for (int id = 0; id < OBJECTS; id++) {
        if (object_at(id)->generation == PAB_GRAPH_FROZEN) {
            object_at(id)->generation = OLDEST;
        }
    }
    pab_gc_unfreeze(&pab_toys.gc);
}
