#include "tests/conformance/collector/programs.h"

#include "tests/conformance/collector/graph.h"

#include <inttypes.h>
#include <string.h>

#define OBJECTS     PAB_GRAPH_OBJECTS
#define NONE        PAB_GRAPH_NONE
#define PAYLOAD_MAX 600 /* over pymalloc's 512 */

/* What a finalizer does. */
enum deed {
    DEED_NONE,
    DEED_RESURRECT_SELF,
    DEED_RESURRECT_NEIGHBOUR,
    DEED_ALLOCATE, /* a cycle of two that nobody holds */
    DEED_CUT,      /* an edge of a neighbour's, or of its own */
    DEED_RAISE,    /* gives up half way: a reference that it took is given back */
    DEED_COLLECT,
    DEED_WEAKREF, /* a weak reference to itself, kept by the program */
    DEED_COUNT,
};

static_assert((int)DEED_COUNT == PAB_GRAPH_DEEDS, "each is counted");

/* What the callback of a weak reference does, besides. */
enum { DEED_DROP_SELF = DEED_COUNT };

static struct {
    const struct pab_graph_program *plan;
    struct pab_graph_program_result *result;
    struct pab_rng rng;
} program;

static int below(int bound)
{
    return (int)pab_rng_below(&program.rng, (uint32_t)bound);
}

static bool has(enum pab_graph_program_feature feature)
{
    return (program.plan->features & (unsigned)feature) != 0;
}

/* --- what is there ---------------------------------------------------------------------------- */

/* A random object that the program can reach, or none. */
static int any_reachable(void)
{
    bool within[OBJECTS];
    bool reached[OBJECTS];
    memset(within, true, sizeof(within));
    pab_graph_search(within, reached);
    int first = below(OBJECTS);
    for (int i = 0; i < OBJECTS; i++) {
        int id = (first + i) % OBJECTS;
        if (reached[id] && pab_graph.objects[id].state == PAB_GRAPH_ALIVE) {
            return id;
        }
    }
    return NONE;
}

/* The same, a node. */
static int any_node(void)
{
    int id = any_reachable();
    return id != NONE && pab_graph_is_node(id) ? id : NONE;
}

static bool is_alive(int id)
{
    return id != NONE && pab_graph.objects[id].state == PAB_GRAPH_ALIVE;
}

static int first_neighbour(int id)
{
    const int *refs = pab_graph.objects[id].refs;
    for (size_t i = 0; i < PAB_TOY_REFS; i++) {
        if (refs[i] != NONE) {
            return refs[i];
        }
    }
    return NONE;
}

/* --- making ----------------------------------------------------------------------------------- */

/* A rooted node, or none when there is no room. */
static int make_node(void)
{
    static const struct pab_type *const without[] = {&pab_toy_plain, &pab_toy_spanned,
                                                     &pab_toy_spanned, &pab_toy_wide};
    static const struct pab_type *const finalized[] = {&pab_toy_watched, &pab_toy_full};
    int id = pab_graph_place();
    if (id == NONE) {
        return NONE;
    }
    size_t payload = (size_t)below(below(8) == 0 ? PAYLOAD_MAX : 64);
    if (has(PAB_GRAPH_FINALIZERS) && below(3) == 0) {
        return pab_graph_make(id, finalized[below(2)], below(DEED_COUNT), payload);
    }
    return pab_graph_make(id, without[below(4)], DEED_NONE, payload);
}

static bool can_be_watched(int id)
{
    return is_alive(id) && pab_graph.objects[id].type->weaklist_offset != 0;
}

/* A rooted weak reference to `referent`, with a callback or without, or none. */
static int make_weakref(int referent)
{
    int id = pab_graph_place();
    if (!has(PAB_GRAPH_WEAKREFS) || id == NONE || !can_be_watched(referent)) {
        return NONE;
    }
    int callback = below(4) == 0 ? NONE : any_reachable();
    int deed = below(3) == 0 ? (int)DEED_DROP_SELF : below(DEED_COUNT);
    return pab_graph_make_weakref(id, referent, callback, deed);
}

static void drop_all_roots(int id)
{
    while (is_alive(id) && pab_graph.objects[id].roots > 0) {
        pab_graph_drop_root(id);
    }
}

static void make_lost_cycle(void)
{
    int first = make_node();
    int second = make_node();
    if (is_alive(first) && is_alive(second)) {
        pab_graph_set_edge(first, 0, second);
        pab_graph_set_edge(second, 0, first);
    }
    drop_all_roots(first);
    if (second != first) {
        drop_all_roots(second);
    }
}

/* --- deeds ------------------------------------------------------------------------------------ */

static void cut_edge_below(int id)
{
    int neighbour = first_neighbour(id);
    int from = neighbour != NONE && pab_graph_is_node(neighbour) ? neighbour : id;
    size_t slot = (size_t)below(PAB_TOY_REFS);
    if (pab_graph_is_node(from) && pab_graph.objects[from].refs[slot] != NONE) {
        pab_graph_set_edge(from, slot, NONE);
    }
}

static void resurrect(int id)
{
    if (is_alive(id)) {
        pab_graph_add_root(id);
    }
}

static void raise_error(int id)
{
    pab_graph_add_root(id);
    pab_graph_drop_root(id);
}

static void do_deed(int id)
{
    switch (pab_graph.objects[id].deed) {
    case DEED_RESURRECT_SELF:
        resurrect(id);
        break;
    case DEED_RESURRECT_NEIGHBOUR:
        resurrect(first_neighbour(id));
        break;
    case DEED_ALLOCATE:
        make_lost_cycle();
        break;
    case DEED_CUT:
        cut_edge_below(id);
        break;
    case DEED_RAISE:
        raise_error(id);
        break;
    case DEED_COLLECT:
        pab_graph_collect(below(PAB_GC_GENERATIONS));
        break;
    case DEED_WEAKREF:
        make_weakref(id);
        break;
    case DEED_DROP_SELF:
        drop_all_roots(id);
        break;
    default:
        break;
    }
}

static void do_finalizer(int id)
{
    program.result->deeds[pab_graph.objects[id].deed][pab_graph.dies_by_count]++;
    do_deed(id);
}

/* --- steps ------------------------------------------------------------------------------------ */

/* A new node takes over an old one, or an old one a new one: then only the edge keeps it alive,
 * and it stands on the wrong side of its referrer in the list. */
static void take_over(bool old_by_new)
{
    int old = any_node();
    int new = make_node();
    if (new == NONE || !is_alive(old) || !is_alive(new)) {
        return;
    }
    int from = old_by_new ? new : old;
    int hidden = old_by_new ? old : new;
    if (pab_graph_is_node(from)) {
        pab_graph_set_edge(from, (size_t)below(PAB_TOY_REFS), hidden);
        drop_all_roots(hidden);
    }
}

/* Two that hold each other, one three times or with two loops, and a weak reference: within or
 * not. */
static void lose_watched_pair(void)
{
    int first = make_node();
    int second = make_node();
    if (!is_alive(first) || !is_alive(second) || first == second) {
        return;
    }
    pab_graph_set_edge(first, 0, second);
    pab_graph_set_edge(second, 0, first);
    int again = below(2) == 0 ? first : second;
    pab_graph_set_edge(second, 1, again);
    pab_graph_set_edge(second, 2, again);
    int weakref = make_weakref(below(2) == 0 ? first : second);
    bool is_within = below(2) == 0;
    if (weakref != NONE && is_alive(first) && is_within) {
        pab_graph_set_edge(first, 2, weakref);
        drop_all_roots(weakref);
    }
    drop_all_roots(first);
    drop_all_roots(second);
}

static void change_edge(int from, int to)
{
    if (from != NONE && (to == NONE || is_alive(to))) {
        pab_graph_set_edge(from, (size_t)below(PAB_TOY_REFS), to);
    }
}

static void change_mode(void)
{
    int draw = below(4);
    if (draw < 2 && has(PAB_GRAPH_FREEZING)) {
        if (draw == 0) {
            pab_graph_freeze();
        } else {
            pab_graph_unfreeze();
        }
    } else if (has(PAB_GRAPH_AUTOMATIC)) {
        pab_toys.gc.enabled = pab_graph.enabled = below(4) != 0;
        int generation = below(PAB_GC_GENERATIONS);
        int threshold = below(generation == 0 ? 12 : 4);
        pab_graph.thresholds[generation] = threshold;
        pab_toys.gc.generations[generation].threshold = threshold;
    }
}

static void random_step(void)
{
    int draw = below(100);
    int id = any_reachable();
    if (draw < 18 || id == NONE) {
        make_node();
    } else if (draw < 36) {
        change_edge(any_node(), id);
    } else if (draw < 42) {
        change_edge(any_node(), NONE);
    } else if (draw < 62) {
        drop_all_roots(id);
    } else if (draw < 65) {
        pab_graph_add_root(id);
    } else if (draw < 73) {
        take_over(draw % 2 == 0);
    } else if (draw < 81) {
        lose_watched_pair();
    } else if (draw < 86) {
        make_weakref(id);
    } else if (draw < 88) {
        pab_graph_rewrite(id);
    } else if (draw < 98) {
        pab_graph_collect(below(PAB_GC_GENERATIONS));
    } else {
        change_mode();
    }
}

/* --- one program ------------------------------------------------------------------------------ */

/* Everything is dropped, again and again for what was resurrected: nothing may be left. */
static void end_program(void)
{
    pab_graph_unfreeze();
    pab_toys.gc.enabled = pab_graph.enabled = false;
    int left = 1;
    for (int round = 0; left > 0; round++) {
        left = 0;
        for (int id = 0; id < OBJECTS; id++) {
            drop_all_roots(id);
        }
        pab_graph_collect(PAB_GC_GENERATIONS - 1);
        pab_graph_compare();
        for (int id = 0; id < OBJECTS; id++) {
            left += pab_graph.toys[id] != NULL;
        }
        if (round > 1000) {
            pab_graph_differs(NONE, "%d objects are left for ever", left);
        }
    }
    if (pab_toys.blocks != 0) {
        pab_graph_differs(NONE, "%jd blocks of the heap are left", (intmax_t)pab_toys.blocks);
    }
}

static void begin_program(const struct pab_graph_program *plan)
{
    program.plan = plan;
    pab_rng_seed(&program.rng, plan->seed);
    pab_toy_begin(plan->under);
    if (has(PAB_GRAPH_AUTOMATIC)) {
        int young = below(12);
        int middle = below(4);
        pab_toy_thresholds(young, middle, below(4));
    } else {
        pab_toy_thresholds(0, 10, 10);
    }
    pab_graph_begin();
    pab_graph.do_finalizer = do_finalizer;
    pab_graph.do_callback = do_deed;
}

static void run_steps(struct pab_graph_program_result *result)
{
    while (result->steps < program.plan->steps) {
        result->steps++;
        random_step();
        pab_graph_compare();
    }
    end_program();
}

bool pab_graph_program_run(const struct pab_graph_program *plan,
                           struct pab_graph_program_result *result)
{
    memset(result, 0, sizeof(*result));
    begin_program(plan);
    program.result = result;
    if (setjmp(pab_graph.end) == 0) { /* NOLINT(cert-err52-cpp) */
        run_steps(result);
    } else {
        snprintf(result->text, sizeof(result->text), "%s (program of seed %" PRIu64 ", step %ju)",
                 pab_graph.text, plan->seed, (uintmax_t)result->steps);
    }
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        result->collections += pab_toys.gc.stats[i].collections;
        result->collected += pab_toys.gc.stats[i].collected;
    }
    result->finalized = pab_toys.finalized.count;
    result->told = pab_toys.told.count;
    result->freed = pab_toys.freed.count;
    return result->text[0] == '\0';
}
