/* workloads/dict_growth.c -- dicts that fill up, are merged, emptied and taken apart.
 *
 * A dict is its head (48 bytes and a 16-byte GC header) and a key table, both from the object
 * domain in CPython 3.11. The table is made with the first key and again with the 6th, 11th, 22nd,
 * 43rd ... each time for three times the keys that there are: 120 208 400 768 1520 3264 ... bytes
 * with keys that are all str, half as much again with others (Objects/dictobject.c). It is never
 * resized in place: the new one is filled, then the old one is freed, so a growing dict asks for
 * ever larger blocks and leaves ever larger holes. Deleting frees nothing but the objects; clear()
 * goes back to no table at all.
 *
 * The body keeps a population of `live` dicts whose sizes, as in list_growth, hold about the same
 * number of items in every octave. Keys are words of a vocabulary that all dicts share, or new
 * ints; values are new ints or shared.
 *
 * An operation is one item stored, looked up, deleted or copied.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/mix.h"
#include "workloads/support/program.h"
#include "workloads/workload.h"

enum { LIVE, STEPS, LARGEST, STR_KEYS };

static const struct pab_param dict_growth_params[] = {
    {"live", "dicts in the population", "dicts", 400, 18000, 16, 10000000},
    {"steps", "dicts worked on in the steady phase", "dicts", 900, 20000, 16, 100000000},
    {"largest", "bound of the sizes that are drawn", "items", 2048, 32768, 16, 1048576},
    {"str_keys", "share of dicts whose keys are words of the vocabulary", "1/1000", 700, 0, 0,
     1000},
    {0},
};

#define WORDS      4096u /* of the vocabulary, a power of two */
#define SIZE_LIMIT 4096  /* items, above which a dict is not copied whole */

struct dict_growth {
    struct pab_program py;
    struct pab_mix mix;
    uint8_t *has_words; /* of each dict: what its keys are */
    /* Reset at the start of each body: */
    int64_t next_value;
    struct pab_object *dicts, *words;
};

/* The one that is worked on. */
struct pick {
    struct pab_object *dict; /* borrowed */
    bool words;
    uint32_t index;
};

static uint32_t below(struct dict_growth *w, uint32_t bound)
{
    return pab_rng_below(&w->py.rng, bound);
}

static void note(struct dict_growth *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

/* Octave k with probability 2^-(k+1), from 4..7 on, uniform within it. */
static uint32_t draw_size(struct dict_growth *w)
{
    uint64_t bits = pab_rng_next(&w->py.rng) | (uint64_t)1 << 20;
    uint32_t octave = (uint32_t)4 << __builtin_ctzll(bits);
    uint32_t size = octave + below(w, octave);
    uint32_t largest = (uint32_t)w->py.params[LARGEST];
    return size < largest ? size : 1 + below(w, largest);
}

/* Words come in runs of the vocabulary, as records of a kind have the same keys; beyond it, ints. */
static struct pab_object *new_key(struct dict_growth *w, bool words, uint32_t number)
{
    return words && number < WORDS ? pab_new_ref(pab_list_get_item(w->words, number))
                                   : pab_int(1000 + 17 * (int64_t)number);
}

static struct pab_object *new_value(struct dict_growth *w)
{
    int64_t value = w->next_value++;
    return value % 2 == 0 ? pab_int(value)
                          : pab_new_ref(pab_list_get_item(w->words, value % WORDS));
}

/* What any value of a dict adds to a sum. */
static uint64_t value_of(struct pab_object *value)
{
    return (uint64_t)pab_object_hash(value);
}

static struct pick draw_pick(struct dict_growth *w)
{
    uint32_t index = below(w, (uint32_t)w->py.params[LIVE]);
    return (struct pick){
        .dict = pab_list_get_item(w->dicts, index),
        .words = w->has_words[index] != 0,
        .index = index,
    };
}

/* for k in keys[first:first + n]: dict[k] = value */
static void fill(struct dict_growth *w, struct pick pick, uint32_t first, uint32_t n)
{
    for (uint32_t i = first; i < first + n; i++) {
        struct pab_object *value = new_value(w);
        pab_dict_store(pick.dict, new_key(w, pick.words, i), value);
    }
    w->py.ops += n;
}

/* A new dict of its own kind in the place of an old one; the list's item is set last. */
static struct pab_object *new_dict(struct dict_growth *w, uint32_t index)
{
    bool words = below(w, 1000) < w->py.params[STR_KEYS];
    struct pab_object *dict = pab_must(pab_dict_new());
    w->has_words[index] = words;
    uint32_t size = draw_size(w);
    fill(w, (struct pick){.dict = dict, .words = words}, words ? below(w, WORDS / 4) : 0, size);
    w->py.ops++;
    return dict;
}

/* --- what is done to a dict: each acts out the Python code above it -------------------------- */

/* dicts[i] = {}, and filled anew */
static void replace_dict(struct dict_growth *w, struct pick pick)
{
    pab_list_set_item(w->dicts, pick.index, new_dict(w, pick.index));
}

/* for _ in range(n): total += dict.get(key, 0) */
static void look_up(struct dict_growth *w, struct pick pick)
{
    uint32_t n = 64;
    uint32_t reach = 1 + 2 * (uint32_t)pab_dict_size(pick.dict);
    for (uint32_t i = 0; i < n; i++) {
        struct pab_object *key = new_key(w, pick.words, below(w, reach));
        struct pab_object *value = pab_dict_get_item(pick.dict, key);
        note(w, value == NULL ? 0 : value_of(value));
        pab_decref(key);
    }
    w->py.ops += n;
}

/* for key, value in dict.items(): a cache that ages: the oldest quarter goes, as much comes */
static void age(struct dict_growth *w, struct pick pick)
{
    struct pab_object *keys = pab_must(pab_dict_keys(pick.dict));
    uint32_t n = (uint32_t)pab_list_size(keys) / 4;
    for (uint32_t i = 0; i < n; i++) {
        struct pab_object *key = pab_list_get_item(keys, i);
        struct pab_object *old = pab_must(pab_dict_pop(pick.dict, key));
        note(w, value_of(old));
        pab_decref(old);
    }
    pab_decref(keys);
    w->py.ops += 5 * (uint64_t)n + 1;
    fill(w, pick, below(w, WORDS / 2), n);
}

/* merged = dict.copy(); merged.update(other): a table as it was, then one for both */
static void merge(struct dict_growth *w, struct pick pick)
{
    struct pick other = draw_pick(w);
    pab_ssize sizes = pab_dict_size(pick.dict) + pab_dict_size(other.dict);
    if (sizes > SIZE_LIMIT) {
        look_up(w, other);
        return;
    }
    struct pab_object *merged = pab_must(pab_dict_copy(pick.dict));
    pab_must_do(pab_dict_update(merged, other.dict));
    note(w, (uint64_t)pab_dict_size(merged));
    pab_decref(merged);
    w->py.ops += (uint64_t)sizes + 2;
}

/* for key, value in list(dict.items()): a tuple for each */
static void list_items(struct dict_growth *w, struct pick pick)
{
    if (pab_dict_size(pick.dict) > SIZE_LIMIT) {
        look_up(w, pick);
        return;
    }
    struct pab_object *items = pab_must(pab_dict_items(pick.dict));
    for (pab_ssize i = 0; i < pab_list_size(items); i += 4) {
        note(w, value_of(pab_tuple_get_item(pab_list_get_item(items, i), 1)));
    }
    w->py.ops += (uint64_t)pab_list_size(items) + 1;
    pab_decref(items);
}

/* groups.setdefault(k % 16, []).append(k): small dicts of lists, dropped when they were used */
static void group(struct dict_growth *w, struct pick pick)
{
    (void)pick;
    struct pab_object *groups = pab_must(pab_dict_new());
    uint32_t n = 16 + below(w, 64);
    for (uint32_t i = 0; i < n; i++) {
        struct pab_object *key = new_key(w, true, below(w, 16));
        struct pab_object *members = pab_dict_get_item(groups, key);
        if (members == NULL) {
            members = pab_must(pab_list_new(0));
            pab_must_do(pab_dict_set_item(groups, key, members));
            pab_decref(members); /* the dict has it */
        }
        pab_list_push(members, pab_int(w->next_value++));
        pab_decref(key);
    }
    note(w, (uint64_t)pab_dict_size(groups));
    pab_decref(groups);
    w->py.ops += 2 * (uint64_t)n + 1;
}

/* dict.clear(); the same dict fills again */
static void clear_and_refill(struct dict_growth *w, struct pick pick)
{
    pab_dict_clear(pick.dict);
    fill(w, pick, 0, draw_size(w));
    w->py.ops++;
}

/* {'k0': ..., ...}: records of six keys, made and read by the dozen */
static void make_records(struct dict_growth *w, struct pick pick)
{
    (void)pick;
    for (uint32_t left = 16; left > 0; left--) {
        struct pab_object *record = pab_must(pab_dict_new());
        fill(w, (struct pick){.dict = record, .words = true}, 0, 6);
        note(w, (uint64_t)pab_dict_size(record));
        pab_decref(record);
        w->py.ops++;
    }
}

/* Shares of 256, of dicts worked on. */
static const struct deed {
    void (*run)(struct dict_growth *w, struct pick pick);
    unsigned shares;
} deeds[] = {
    {replace_dict, 72}, {look_up, 48}, {age, 24},          {merge, 24},
    {list_items, 16},   {group, 24},   {make_records, 24}, {clear_and_refill, 24},
};

/* --- the phases ------------------------------------------------------------------------------ */

/* w0000, w0001, ...: interned, as keys that stand in the code are */
static void make_words(struct dict_growth *w)
{
    w->words = pab_must(pab_list_new(0));
    for (uint32_t i = 0; i < WORDS; i++) {
        char text[16];
        snprintf(text, sizeof(text), "word%u", (unsigned)i);
        pab_list_push(w->words, pab_name(text));
    }
}

static void build(struct dict_growth *w)
{
    make_words(w);
    w->dicts = pab_must(pab_list_new(0));
    for (uint32_t i = 0; i < w->py.params[LIVE]; i++) {
        pab_list_push(w->dicts, new_dict(w, i));
    }
}

static void note_all(struct dict_growth *w)
{
    struct pab_object *key;
    struct pab_object *value;
    for (uint32_t i = 0; i < w->py.params[LIVE]; i++) {
        struct pab_object *dict = pab_list_get_item(w->dicts, i);
        note(w, (uint64_t)pab_dict_size(dict));
        for (pab_ssize at = 0; pab_dict_next(dict, &at, &key, &value);) {
            note(w, value_of(value));
        }
    }
}

/* dicts[i] = None for three quarters in scattered order, then all the rest. */
static void drain(struct dict_growth *w, uint64_t seed)
{
    pab_program_scatter(&w->py, w->dicts, w->py.params[LIVE], seed);
    pab_unbind(&w->dicts);
    pab_unbind(&w->words);
}

static void dict_growth_body(struct pab_run *run)
{
    struct dict_growth *w = run->state;
    w->next_value = 1000;
    pab_program_begin(&w->py, run);
    build(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    for (uint64_t left = w->py.params[STEPS]; left > 0; left--) {
        struct pick pick = draw_pick(w);
        deeds[pab_mix_draw(&w->mix, &w->py.rng)].run(w, pick);
    }
    note_all(w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status dict_growth_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    struct dict_growth *w = pab_program_new(run, sizeof(*w));
    w->has_words = pab_inputs_take(run->inputs, run->params[LIVE]);
    for (unsigned i = 0; i < ARRAY_COUNT(deeds); i++) {
        pab_mix_add(&w->mix, i, deeds[i].shares);
    }
    PAB_CHECK(w->mix.filled == PAB_MIX_SHARES);
    return PAB_OK;
}

const struct pab_workload pab_workload_dict_growth = {
    .name = "dict_growth",
    .summary = "a population of dicts of unlike sizes, filled, merged, aged, cleared",
    .models = "Dicts as records, caches, counters and groups. A dict is a head of 64 bytes with "
              "its GC header and a key table that is made anew at the 1st, 6th, 11th, 22nd, 43rd "
              "... key for three times as many (CPython 3.11, Objects/dictobject.c). Sizes are "
              "equally heavy in every octave; that and the proportion of operations are our "
              "choice, not measured.",
    .unit = "one item stored, looked up, deleted or copied",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DEFAULT,
    .params = dict_growth_params,
    .setup = dict_growth_setup,
    .body = dict_growth_body,
};
