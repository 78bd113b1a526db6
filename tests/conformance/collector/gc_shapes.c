/* tests/conformance/collector/gc_shapes.c -- graphs of every shape: what cannot be reached goes,
 * what can be stays whole, wherever it stands in the collector's list. */
#include "tests/conformance/collector/scene.h"
#include "workloads/support/rng.h"

#include <string.h>

#define NODES_MAX 9

struct edge {
    signed char from, to;
};

struct shape {
    const char *name;
    int nodes;
    int edge_count;
    struct edge edges[20];
};

static const struct shape shapes[] = {
    {"a self loop", 1, 1, {{0, 0}}},
    {"four loops of one node", 1, 4, {{0, 0}, {0, 0}, {0, 0}, {0, 0}}},
    {"two that hold each other", 2, 2, {{0, 1}, {1, 0}}},
    {"two joined by four edges", 2, 5, {{0, 1}, {0, 1}, {0, 1}, {0, 1}, {1, 0}}},
    {"two joined doubly, one with loops", 2, 6, {{0, 1}, {1, 0}, {1, 0}, {0, 0}, {0, 0}, {0, 1}}},
    {"a ring of five", 5, 5, {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 0}}},
    {"a figure of eight", 5, 6, {{0, 1}, {1, 2}, {2, 0}, {0, 3}, {3, 4}, {4, 0}}},
    {"a ring with two tails",
     7,
     8,
     {{0, 1}, {1, 2}, {2, 0}, {0, 3}, {3, 4}, {2, 5}, {5, 6}, {1, 6}}},
    {"two rings, one holds the other", 4, 5, {{0, 1}, {1, 0}, {1, 2}, {2, 3}, {3, 2}}},
    {"a chain backwards into a loop", 4, 4, {{3, 2}, {2, 1}, {1, 0}, {0, 0}}},
    {"a clique of five", 5, 20, {{0, 1}, {0, 2}, {0, 3}, {0, 4}, {1, 0}, {1, 2}, {1, 3},
                                 {1, 4}, {2, 0}, {2, 1}, {2, 3}, {2, 4}, {3, 0}, {3, 1},
                                 {3, 2}, {3, 4}, {4, 0}, {4, 1}, {4, 2}, {4, 3}}},
};

static const struct pab_type *const kinds[] = {&pab_toy_plain, &pab_toy_spanned};

/* --- one shape, one node kept or none -------------------------------------------------------- */

static void build(const struct shape *shape, const struct pab_type *type, struct pab_toy **toys)
{
    int used[NODES_MAX] = {0};
    for (int i = 0; i < shape->nodes; i++) {
        toys[i] = pab_toy_new(type, i);
    }
    for (int i = 0; i < shape->edge_count; i++) {
        struct edge edge = shape->edges[i];
        pab_toy_set(toys[edge.from], (size_t)used[edge.from]++, toys[edge.to]);
    }
}

static void mark_reachable(const struct shape *shape, int from, bool *reached)
{
    memset(reached, 0, NODES_MAX * sizeof(*reached));
    if (from < 0) {
        return;
    }
    reached[from] = true;
    for (int round = 0; round < shape->nodes; round++) {
        for (int i = 0; i < shape->edge_count; i++) {
            reached[shape->edges[i].to] |= reached[shape->edges[i].from];
        }
    }
}

static bool stays_whole(struct pab_check_run *run, const struct shape *shape,
                        struct pab_toy *const *toys, const bool *reached)
{
    int used[NODES_MAX] = {0};
    for (int i = 0; i < shape->edge_count; i++) {
        struct edge edge = shape->edges[i];
        int slot = used[edge.from]++;
        if (reached[edge.from] && toys[edge.from]->refs[slot] != toys[edge.to]) {
            return pab_wrong(run, "%s: node %d, which can be reached, lost its edge to %d",
                             shape->name, edge.from, edge.to);
        }
    }
    return true;
}

/* All but `kept` are let go. How many of them a collection finds is what is left of them then. */
static bool lose(struct pab_check_run *run, const struct shape *shape, struct pab_toy **toys,
                 int kept)
{
    bool reached[NODES_MAX];
    mark_reachable(shape, kept, reached);
    int stay = 0;
    for (int i = 0; i < shape->nodes; i++) {
        if (i != kept) {
            pab_toy_decref(toys[i]);
        }
        stay += reached[i];
    }
    intmax_t before = pab_toys.blocks;
    intmax_t found = pab_gc_collect(&pab_toys.gc, 2);
    if (found != before - stay || pab_toys.blocks != stay) {
        return pab_wrong(
            run,
            "%s, kept by node %d (-1: by none): collect(2) gives %jd, %jd objects left; %jd and %d "
            "expected",
            shape->name, kept, found, (intmax_t)pab_toys.blocks, before - stay, stay);
    }
    if (!stays_whole(run, shape, toys, reached)) {
        return false;
    }
    if (kept >= 0) {
        pab_toy_decref(toys[kept]);
        pab_gc_collect(&pab_toys.gc, 2);
    }
    return pab_is(run, shape->name, pab_toys.blocks, 0);
}

static bool lose_each(struct pab_check_run *run, const struct shape *shape,
                      const struct pab_type *type)
{
    struct pab_toy *toys[NODES_MAX] = {NULL};
    for (int kept = -1; kept < shape->nodes; kept++) {
        build(shape, type, toys);
        if (!lose(run, shape, toys, kept)) {
            return false;
        }
    }
    for (int generation = 0; generation < PAB_GC_GENERATIONS; generation++) {
        build(shape, type, toys);
        pab_toy_drop(toys, shape->nodes);
        if (!pab_collects(run, generation, pab_toys.blocks) || !pab_has_blocks(run, 0)) {
            return false;
        }
    }
    return true;
}

static bool all_shapes(struct pab_check_run *run)
{
    for (size_t s = 0; s < ARRAY_COUNT(shapes); s++) {
        for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
            if (!lose_each(run, &shapes[s], kinds[k])) {
                return false;
            }
        }
    }
    return true;
}

/* --- rings of Python's containers ------------------------------------------------------------ */

#define CONTAINERS 5

static struct pab_object *answer_none(struct pab_object *self, struct pab_object *argument)
{
    (void)self;
    (void)argument;
    return pab_new_ref(pab_none());
}

/* A container of a kind that holds `item`, whose reference it takes over. */
static struct pab_object *wrap(int kind, struct pab_object *item, struct pab_object *class_object,
                               struct pab_object *name)
{
    struct pab_object *made;
    switch (kind) {
    case 0:
        made = pab_must(pab_list_new(0));
        pab_must_do(pab_list_append(made, item));
        break;
    case 1:
        made = pab_must(pab_tuple_pack(1, item));
        break;
    case 2:
        made = pab_must(pab_dict_new());
        pab_must_do(pab_dict_set_item(made, name, item));
        break;
    case 3:
        made = pab_must(pab_instance_new(class_object));
        pab_must_do(pab_object_set_attr(made, name, item));
        break;
    default:
        made = pab_must(pab_function_new(answer_none, item));
        break;
    }
    pab_decref(item);
    return made;
}

/* `count` containers, each holding the one before; the first, a list, holds the last. */
static bool lost_ring(struct pab_check_run *run, int first_kind, int kind_count, pab_ssize count)
{
    struct pab_object *class_object = pab_must(pab_class_new("Link", NULL, NULL));
    struct pab_object *name = pab_must(pab_unicode_from_ascii("next", 4));
    pab_must_do(pab_unicode_intern_in_place(&name));
    struct pab_object *first = pab_must(pab_list_new(0));
    struct pab_object *last = pab_new_ref(first);
    for (pab_ssize i = 1; i < count; i++) {
        last = wrap(first_kind + (int)(i % kind_count), last, class_object, name);
    }
    pab_must_do(pab_list_append(first, last));
    pab_decref(last);
    bool holds = pab_is(run, "a ring that is held: collect(2)", pab_py_collect(2), 0);
    pab_decref(first);
    holds = holds && pab_is(run, "a lost ring: collect(2)", pab_py_collect(2), count);
    pab_decref(name);
    pab_decref(class_object);
    return holds;
}

static bool rings_of_containers(struct pab_check_run *run)
{
    pab_ssize longest = (pab_ssize)pab_budget(run, 20000, 1000000);
    bool holds = true;
    for (int kind = 0; holds && kind < CONTAINERS; kind++) {
        holds = lost_ring(run, kind, 1, 50) && lost_ring(run, kind, 1, 2);
    }
    holds = holds && lost_ring(run, 0, CONTAINERS, 1000) && lost_ring(run, 0, 1, longest);
    pab_compared(run,
                 "%zu shapes; rings of lists, tuples, dicts, instances, functions, up to %zd long",
                 ARRAY_COUNT(shapes), longest);
    return holds;
}

static enum pab_verdict shapes_run(struct pab_check_run *run)
{
    return pab_scene_both(run, all_shapes, rings_of_containers);
}

/* --- order in the list ----------------------------------------------------------------------- */

#define CHAIN 5

/* order[0] -> order[1] -> ...; the toys were made in the order of their ids. */
static bool chain_in_order(struct pab_check_run *run, const struct pab_type *type, const int *order,
                           int root)
{
    struct pab_toy *toys[CHAIN];
    for (int i = 0; i < CHAIN; i++) {
        toys[i] = pab_toy_new(type, i);
        pab_toy_set(toys[i], 1, toys[i]); /* none goes by itself */
    }
    for (int i = 0; i + 1 < CHAIN; i++) {
        pab_toy_set(toys[order[i]], 0, toys[order[i + 1]]);
    }
    for (int i = 0; i < CHAIN; i++) {
        if (i != root) {
            pab_toy_decref(toys[order[i]]);
        }
    }
    if (!pab_collects(run, 2, root)) { /* those before the root are lost */
        return false;
    }
    for (int i = root; i < CHAIN; i++) {
        const struct pab_toy *toy = toys[order[i]];
        const struct pab_toy *next = i + 1 < CHAIN ? toys[order[i + 1]] : NULL;
        if (toy->refs[0] != next || toy->refs[1] != toy) {
            return pab_wrong(run,
                             "a chain of %d, ids %d %d %d %d %d, number %d held: %d is damaged",
                             CHAIN, order[0], order[1], order[2], order[3], order[4], root, i);
        }
    }
    pab_toy_decref(toys[order[root]]);
    return pab_collects(run, 2, CHAIN - root);
}

static bool all_orders(struct pab_check_run *run, const struct pab_type *type, int *order, int done)
{
    if (done == CHAIN) {
        for (int root = 0; root < CHAIN; root++) {
            if (!chain_in_order(run, type, order, root)) {
                return false;
            }
        }
        return true;
    }
    for (int i = done; i < CHAIN; i++) {
        int swapped = order[done];
        order[done] = order[i];
        order[i] = swapped;
        bool holds = all_orders(run, type, order, done + 1);
        order[i] = order[done];
        order[done] = swapped;
        if (!holds) {
            return false;
        }
    }
    return true;
}

#define LARGE 300

static struct {
    struct pab_toy *toys[LARGE];
    int refs[LARGE][PAB_TOY_REFS]; /* what was built: the collector is not asked */
    bool rooted[LARGE], reached[LARGE];
} large;

static void large_search(void)
{
    static int stack[LARGE];
    int depth = 0;
    for (int i = 0; i < LARGE; i++) {
        large.reached[i] = large.rooted[i];
        if (large.rooted[i]) {
            stack[depth++] = i;
        }
    }
    while (depth > 0) {
        const int *refs = large.refs[stack[--depth]];
        for (int k = 0; k < PAB_TOY_REFS; k++) {
            if (refs[k] >= 0 && !large.reached[refs[k]]) {
                large.reached[refs[k]] = true;
                stack[depth++] = refs[k];
            }
        }
    }
}

static void large_build(struct pab_rng *rng)
{
    memset(&large, 0, sizeof(large));
    for (int i = 0; i < LARGE; i++) {
        large.toys[i] = pab_toy_new(kinds[pab_rng_below(rng, 2)], i);
    }
    for (int i = 0; i < LARGE; i++) {
        for (int k = 0; k < PAB_TOY_REFS; k++) {
            bool is_set = pab_rng_below(rng, 3) == 0;
            large.refs[i][k] = is_set ? (int)pab_rng_below(rng, LARGE) : -1;
            if (is_set) {
                pab_toy_set(large.toys[i], (size_t)k, large.toys[large.refs[i][k]]);
            }
        }
        pab_toy_set(large.toys[i], 0, large.toys[i]); /* none goes by itself */
        large.refs[i][0] = i;
        large.rooted[i] = pab_rng_below(rng, 12) == 0;
    }
}

static bool large_graph(struct pab_check_run *run, struct pab_rng *rng)
{
    large_build(rng);
    large_search();
    int lost = 0;
    for (int i = 0; i < LARGE; i++) {
        lost += !large.reached[i];
        if (!large.rooted[i]) {
            pab_toy_decref(large.toys[i]);
        }
    }
    if (!pab_collects(run, (int)pab_rng_below(rng, PAB_GC_GENERATIONS), lost)) {
        return false;
    }
    for (int i = 0; i < LARGE; i++) {
        for (int k = 0; large.reached[i] && k < PAB_TOY_REFS; k++) {
            int to = large.refs[i][k];
            if (large.toys[i]->refs[k] != (to < 0 ? NULL : large.toys[to])) {
                return pab_wrong(run, "a graph of %d: node %d, which can be reached, lost an edge",
                                 LARGE, i);
            }
        }
    }
    for (int i = 0; i < LARGE; i++) {
        if (large.rooted[i]) {
            pab_toy_decref(large.toys[i]);
        }
    }
    return pab_collects(run, 2, LARGE - lost);
}

static bool any_order(struct pab_check_run *run)
{
    struct pab_rng rng;
    pab_rng_seed(&rng, run->seed);
    for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
        int order[CHAIN] = {0, 1, 2, 3, 4};
        if (!all_orders(run, kinds[k], order, 0)) {
            return false;
        }
    }
    uint64_t graphs = pab_budget(run, 100, 0);
    for (uint64_t i = 0; i < graphs; i++) {
        if (!large_graph(run, &rng)) {
            return false;
        }
    }
    pab_compared(run, "all orders of chains of %d, each node held; %ju random graphs of %d nodes",
                 CHAIN, (uintmax_t)graphs, LARGE);
    return true;
}

static enum pab_verdict orders_run(struct pab_check_run *run)
{
    return pab_scene_toys(run, any_order);
}

static const struct pab_check checks[] = {
    {
        .id = "GCC-05",
        .summary = "loops, multiple edges, rings, figures of eight, cliques, tails, and rings "
                   "through every kind of container are found, and kept whole while held",
        .source = "CPython Lib/test/test_gc.py test_list, test_tuple, test_dict, test_instance",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = shapes_run,
    },
    {
        .id = "GCC-06",
        .summary = "what can be reached stays, in whichever order the collector comes to it",
        .source = "CPython InternalDocs/garbage_collector.md: tentatively unreachable objects",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_MEMORY,
        .run = orders_run,
    },
};

const struct pab_check_group pab_checks_gc_shapes = {PAB_CHECK_CONTRACT, checks,
                                                     ARRAY_COUNT(checks)};
