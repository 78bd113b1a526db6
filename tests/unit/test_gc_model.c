/* Random programs against a model of the collector that shares nothing with it. The model keeps a
 * graph of its own, changed by what the program does and never by what the collector answers: it
 * counts references itself, finds the reachable by search from the roots, and predicts every
 * collection, counter, finalizer, death and move between generations. It knows no list order.
 *
 * After each step all of it is compared, edges first: a collector that condemns a live object
 * clears it, and its own edges would then agree with the damage. */
#include "tests/unit/gc_toy_test.h"

#define NODES    48
#define PROGRAMS 4000
#define STEPS    150
#define NONE     (-1)
#define FROZEN   PAB_GC_GENERATIONS

enum kind { KIND_PLAIN, KIND_FINALIZING, KIND_RESURRECTING, KIND_COUNT };

struct model_node {
    bool exists, finalized;
    enum kind kind;
    int refs[TOY_REFS];
    int roots; /* references of the program's variables */
    int refcnt;
    int generation; /* FROZEN: the permanent one */
};

static struct model {
    struct model_node nodes[NODES];
    int counts[PAB_GC_GENERATIONS], thresholds[PAB_GC_GENERATIONS];
    int total, pending;
    uint64_t collections[PAB_GC_GENERATIONS], collected[PAB_GC_GENERATIONS];
    bool enabled;
    int finalizer_calls[NODES];
} model;

static struct program {
    struct toy_node *nodes[NODES]; /* the real ones */
    unsigned short random[3];
    int number, step;
} program;

static int below(int bound)
{
    return (int)(nrand48(program.random) % bound);
}

/* --- the model ---------------------------------------------------------------------------- */

static void model_decref(int id);

static void model_finalize(struct model_node *node)
{
    if (node->kind == KIND_PLAIN || node->finalized) {
        return;
    }
    node->finalized = true;
    model.finalizer_calls[node - model.nodes]++;
    if (node->kind == KIND_RESURRECTING) {
        node->roots++;
        node->refcnt++;
    }
}

static void model_forget(struct model_node *node)
{
    node->exists = false;
    if (model.counts[0] > 0) {
        model.counts[0]--;
    }
}

static void model_decref(int id)
{
    struct model_node *node = &model.nodes[id];
    assert_true(node->exists && node->refcnt > 0);
    if (--node->refcnt > 0) {
        return;
    }
    model_finalize(node);
    if (node->refcnt > 0) {
        node->generation = 0;
        return;
    }
    model_forget(node);
    for (size_t i = 0; i < TOY_REFS; i++) {
        if (node->refs[i] != NONE) {
            model_decref(node->refs[i]);
        }
    }
}

/* Marks everything in `within` that can be reached from a root, or from outside of `within`. */
static void model_search(const bool *within, bool *reached)
{
    int stack[NODES * (TOY_REFS + 1)];
    int depth = 0;
    memset(reached, 0, NODES * sizeof(*reached));
    for (int id = 0; id < NODES; id++) {
        const struct model_node *node = &model.nodes[id];
        if (node->exists && (node->roots > 0 || !within[id])) {
            stack[depth++] = id;
            reached[id] = true;
        }
    }
    while (depth > 0) {
        const struct model_node *node = &model.nodes[stack[--depth]];
        for (size_t i = 0; i < TOY_REFS; i++) {
            int referent = node->refs[i];
            if (referent != NONE && !reached[referent]) {
                reached[referent] = true;
                stack[depth++] = referent;
            }
        }
    }
}

static void model_count_collection(int generation)
{
    if (generation < 2) {
        model.counts[generation + 1]++;
    }
    for (int i = 0; i <= generation; i++) {
        model.counts[i] = 0;
    }
    model.collections[generation]++;
}

/* The trash dies at once; what only it kept alive outside dies by its reference count. */
static void model_delete(const bool *trash)
{
    for (int id = 0; id < NODES; id++) {
        if (trash[id]) {
            model_forget(&model.nodes[id]);
        }
    }
    for (int id = 0; id < NODES; id++) {
        for (size_t i = 0; trash[id] && i < TOY_REFS; i++) {
            int referent = model.nodes[id].refs[i];
            if (referent != NONE && !trash[referent]) {
                model_decref(referent);
            }
        }
    }
}

static int model_collect(int generation)
{
    model_count_collection(generation);
    int next = generation < 2 ? generation + 1 : 2;
    bool within[NODES];
    bool reached[NODES];
    int survivors = 0;
    for (int id = 0; id < NODES; id++) {
        within[id] = model.nodes[id].exists && model.nodes[id].generation <= generation;
    }
    model_search(within, reached);
    for (int id = 0; id < NODES; id++) {
        if (within[id] && reached[id]) {
            model.nodes[id].generation = next;
            survivors++;
            within[id] = false;
        } else if (within[id]) {
            model_finalize(&model.nodes[id]);
        }
    }
    if (generation == 1) {
        model.pending += survivors;
    } else if (generation == 2) {
        model.total = survivors;
        model.pending = 0;
    }
    model_search(within, reached); /* again: finalizers may have resurrected */
    int collected = 0;
    for (int id = 0; id < NODES; id++) {
        if (within[id] && reached[id]) {
            model.nodes[id].generation = next;
            within[id] = false;
        }
        collected += within[id];
    }
    model_delete(within);
    model.collected[generation] += (uint64_t)collected;
    return collected;
}

static void model_allocate(int id, enum kind kind)
{
    model.counts[0]++;
    if (model.enabled && model.thresholds[0] > 0 && model.counts[0] > model.thresholds[0]) {
        bool due[PAB_GC_GENERATIONS];
        for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
            due[i] = model.counts[i] > model.thresholds[i];
        }
        due[2] = due[2] && model.pending >= model.total / 4;
        model_collect(due[2] ? 2 : due[1] ? 1 : 0);
    }
    model.nodes[id] = (struct model_node){
        .exists = true, .kind = kind, .roots = 1, .refcnt = 1, .refs = {NONE, NONE, NONE, NONE}};
}

/* --- comparison --------------------------------------------------------------------------- */

static void fail_at_step(const char *what, int id)
{
    fail_msg("program %d, step %d, node %d: %s differs from the model", program.number,
             program.step, id, what);
}

static void compare_events(void)
{
    bool freed[NODES] = {false};
    for (size_t i = 0; i < toy.freed.count; i++) {
        freed[toy.freed.ids[i]] = true;
    }
    int calls[NODES] = {0};
    for (size_t i = 0; i < toy.finalized.count; i++) {
        calls[toy.finalized.ids[i]]++;
    }
    for (int id = 0; id < NODES; id++) {
        bool exists = program.nodes[id] != NULL && !freed[id];
        if (exists != model.nodes[id].exists) {
            fail_at_step("being alive", id);
        }
        if (!exists) {
            program.nodes[id] = NULL;
        }
        if (calls[id] != model.finalizer_calls[id]) {
            fail_at_step("the number of finalizer calls", id);
        }
    }
    memset(model.finalizer_calls, 0, sizeof(model.finalizer_calls));
    toy.freed.count = toy.finalized.count = 0;
}

static void compare_graph(void)
{
    for (int id = 0; id < NODES; id++) {
        const struct toy_node *real = program.nodes[id];
        if (real == NULL) {
            continue;
        }
        const struct model_node *node = &model.nodes[id];
        for (size_t i = 0; i < TOY_REFS; i++) {
            int referent = real->refs[i] == NULL ? NONE : real->refs[i]->id;
            if (referent != node->refs[i]) {
                fail_at_step("an edge", id);
            }
        }
        if (real->base.refcnt != node->refcnt) {
            fail_at_step("the reference count", id);
        }
        if (pab_gc_is_finalized(real) != node->finalized) {
            fail_at_step("the finalized bit", id);
        }
    }
}

static void compare_lists(void)
{
    assert_whole();
    int found = 0;
    for (int generation = 0; generation <= FROZEN; generation++) {
        const struct pab_gc_head *list =
            generation < FROZEN ? &toy.gc.generations[generation].head : &toy.gc.permanent;
        for (const struct toy_node *node = toy_after(list); pab_gc_head_of(node) != list;
             node = toy_after(pab_gc_head_of(node))) {
            if (model.nodes[node->id].generation != generation) {
                fail_at_step("the generation", node->id);
            }
            found++;
        }
    }
    for (int id = 0; id < NODES; id++) {
        found -= program.nodes[id] != NULL;
    }
    assert_int_equal(found, 0);
}

static void compare(void)
{
    compare_events();
    compare_graph();
    compare_lists();
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        assert_int_equal(toy.gc.generations[i].count, model.counts[i]);
        assert_int_equal(toy.gc.stats[i].collections, model.collections[i]);
        assert_int_equal(toy.gc.stats[i].collected, model.collected[i]);
    }
    assert_int_equal(toy.gc.long_lived_total, model.total);
    assert_int_equal(toy.gc.long_lived_pending, model.pending);
}

/* --- programs ----------------------------------------------------------------------------- */

static void resurrect(struct toy_node *self)
{
    if (model.nodes[self->id].kind == KIND_RESURRECTING) {
        self->base.refcnt++;
    }
}

/* A random node that the program can reach, or NONE. */
static int any_reachable(void)
{
    bool within[NODES];
    bool reached[NODES];
    for (int id = 0; id < NODES; id++) {
        within[id] = model.nodes[id].exists;
    }
    model_search(within, reached);
    int first = below(NODES);
    for (int i = 0; i < NODES; i++) {
        int id = (first + i) % NODES;
        if (model.nodes[id].exists && reached[id]) {
            return id;
        }
    }
    return NONE;
}

/* A rooted node, or NONE when there is no room. */
static int make_node(void)
{
    int id = 0;
    while (id < NODES && model.nodes[id].exists) {
        id++;
    }
    if (id == NODES) {
        return NONE;
    }
    int draw = below(8);
    enum kind kind = draw == 0 ? KIND_RESURRECTING : draw < 3 ? KIND_FINALIZING : KIND_PLAIN;
    program.nodes[id] = toy_new(kind == KIND_PLAIN ? &toy_plain : &toy_finalizing, id);
    assert_non_null(program.nodes[id]);
    model_allocate(id, kind);
    return id;
}

static void set_edge(int from, size_t slot, int to)
{
    struct model_node *node = &model.nodes[from];
    int old = node->refs[slot];
    if (to != NONE) {
        model.nodes[to].refcnt++;
    }
    node->refs[slot] = to;
    if (old != NONE) {
        model_decref(old);
    }
    toy_set(program.nodes[from], slot, to == NONE ? NULL : program.nodes[to]);
}

static void drop_root(int id)
{
    model.nodes[id].roots--;
    model_decref(id);
    toy_decref(program.nodes[id]);
}

static void collect(int generation)
{
    intptr_t expected = model_collect(generation);
    assert_int_equal(pab_gc_collect(&toy.gc, generation), expected);
}

static void freeze_or_unfreeze(void)
{
    bool freeze = below(2) == 0;
    for (int id = 0; id < NODES; id++) {
        struct model_node *node = &model.nodes[id];
        node->generation = freeze ? FROZEN : node->generation == FROZEN ? 2 : node->generation;
    }
    if (freeze) {
        memset(model.counts, 0, sizeof(model.counts));
        pab_gc_freeze(&toy.gc);
    } else {
        pab_gc_unfreeze(&toy.gc);
    }
}

/* A new node takes over an old one, or an old one a new one: then only the edge keeps it alive,
 * and it stands on the wrong side of its referrer in the list. */
static void take_over(bool old_by_new)
{
    int old = any_reachable();
    int new = make_node();
    compare_events(); /* making it may have collected */
    if (new == NONE || old == NONE || !model.nodes[old].exists) {
        return;
    }
    size_t slot = (size_t)below(TOY_REFS);
    set_edge(old_by_new ? new : old, slot, old_by_new ? old : new);
    int hidden = old_by_new ? old : new;
    while (model.nodes[hidden].exists && model.nodes[hidden].roots > 0) {
        drop_root(hidden);
    }
}

static void random_step(void)
{
    int draw = below(100);
    int node = any_reachable();
    int other = any_reachable();
    size_t slot = (size_t)below(TOY_REFS);
    if (draw < 25 || node == NONE) {
        make_node();
    } else if (draw < 55) {
        set_edge(node, slot, other);
    } else if (draw < 62) {
        set_edge(node, slot, NONE);
    } else if (draw < 82) {
        if (model.nodes[node].roots > 0) {
            drop_root(node);
        }
    } else if (draw < 85) {
        model.nodes[node].roots++;
        model.nodes[node].refcnt++;
        program.nodes[node]->base.refcnt++;
    } else if (draw < 92) {
        take_over(draw % 2 == 0);
    } else if (draw < 98) {
        collect(below(PAB_GC_GENERATIONS));
    } else if (draw < 99) {
        freeze_or_unfreeze();
    } else {
        toy.gc.enabled = model.enabled = below(4) != 0;
    }
}

/* Everything is dropped: nothing may be left. */
static void end_program(void)
{
    pab_gc_unfreeze(&toy.gc);
    for (int id = 0; id < NODES; id++) {
        model.nodes[id].generation =
            model.nodes[id].generation == FROZEN ? 2 : model.nodes[id].generation;
    }
    int round = 0;
    do { /* again for what was resurrected, each object once at most */
        assert_true(round++ <= NODES);
        for (int id = 0; id < NODES; id++) {
            while (model.nodes[id].exists && model.nodes[id].roots > 0) {
                drop_root(id);
            }
        }
        collect(2);
        compare();
    } while (any_reachable() != NONE);
    assert_int_equal(toy.blocks, 0);
}

static void run_program(int number)
{
    toy_begin();
    toy.on_finalize = resurrect;
    program = (struct program){.number = number};
    program.random[0] = (unsigned short)number;
    program.random[1] = (unsigned short)(number >> 16);
    model = (struct model){.enabled = true};
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        model.thresholds[i] = i == 0 ? below(12) : below(4);
        toy.gc.generations[i].threshold = model.thresholds[i];
    }
    for (program.step = 0; program.step < STEPS; program.step++) {
        random_step();
        compare();
    }
    end_program();
}

static void random_programs_follow_the_model(void **state)
{
    (void)state;
    uint64_t collections = 0;
    uint64_t collected = 0;
    for (int number = 0; number < PROGRAMS; number++) {
        run_program(number);
        for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
            collections += model.collections[i];
            collected += model.collected[i];
        }
    }
    print_message("%d programs, %llu collections, %llu objects collected\n", PROGRAMS,
                  (unsigned long long)collections, (unsigned long long)collected);
    assert_true(collections > PROGRAMS && collected > PROGRAMS); /* they did exercise it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs_follow_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
