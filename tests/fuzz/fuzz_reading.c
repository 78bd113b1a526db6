/* tests/fuzz/fuzz_reading.c -- libFuzzer: any bytes as a results document. What is read has sound
 * numbers, and is the same by either way in; what is refused is said in one line. */
#include "harness/compare/reading.h"

#include <math.h>
#include <string.h>

/* The names are libFuzzer's. NOLINTBEGIN(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
/* NOLINTEND(readability-identifier-naming) */

/* --- what must hold --------------------------------------------------------------------------- */

struct totals {
    size_t values, counting;
    double sum;
};

static void check_series(const struct pab_series *series, struct totals *totals)
{
    for (size_t i = 0; i < series->count; i++) {
        PAB_CHECK(isfinite(series->values[i]));
        PAB_CHECK(i == 0 || series->hosts[i] > series->hosts[i - 1] ||
                  (series->hosts[i] == series->hosts[i - 1] &&
                   series->rounds[i] > series->rounds[i - 1]));
        totals->sum += series->values[i];
        totals->values++;
    }
}

static void check_cell(struct pab_reading *reading, size_t workload, size_t backend,
                       struct totals *totals)
{
    (void)pab_reading_failure(reading, workload, backend, NULL);
    for (size_t m = 0; m < pab_reading_metrics(reading); m++) {
        check_series(pab_reading_series(reading, PAB_PART_SAMPLES, workload, backend, m), totals);
        check_series(pab_reading_series(reading, PAB_PART_CONTROL, workload, backend, m), totals);
    }
}

static struct totals check_reading(struct pab_reading *reading)
{
    struct totals totals = {0};
    size_t workloads = pab_reading_workloads(reading);
    size_t backends = pab_reading_backends(reading);
    for (size_t w = 0; w < workloads; w++) {
        for (size_t b = 0; b < backends; b++) {
            check_cell(reading, w, b, &totals);
        }
    }
    for (size_t m = 0; m < pab_reading_metrics(reading); m++) {
        const char *name = pab_reading_metric(reading, m)->name;
        PAB_CHECK(pab_reading_find_metric(reading, name) == m);
    }
    for (size_t i = 0; i < pab_reading_places(reading); i++) {
        struct pab_row_place place = pab_reading_place(reading, i);
        PAB_CHECK(place.workload < workloads && place.backend < backends &&
                  place.host < pab_reading_hosts(reading));
        totals.counting += place.counts;
    }
    return totals;
}

/* A document that jansson takes, too, says the same as the run that it was made of. */
static void check_other_way(const uint8_t *data, size_t size, const struct totals *wanted)
{
    struct pab_reading *reading = NULL;
    struct pab_error err = {0};
    json_t *document = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (document != NULL) {
        const json_t *run = json_object_get(document, "pyallocbench");
        PAB_CHECK(pab_reading_of_run(run, &reading, &err) == PAB_OK);
        struct totals got = check_reading(reading);
        PAB_CHECK(got.values == wanted->values && got.counting == wanted->counting &&
                  got.sum == wanted->sum);
        pab_reading_close(reading);
    }
    json_decref(document);
}

/* NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pab_reading *reading = NULL;
    struct pab_error err = {0};
    enum pab_status status = pab_reading_parse("input", data, size, &reading, &err);
    if (status == PAB_OK) {
        struct totals totals = check_reading(reading);
        check_other_way(data, size, &totals);
        pab_reading_close(reading);
    } else {
        PAB_CHECK(status == PAB_BAD_DATA || status == PAB_NOT_COMPARABLE);
        PAB_CHECK(err.status == status && strncmp(err.text, "input: ", 7) == 0);
        for (const char *at = err.text; *at != '\0'; at++) {
            PAB_CHECK(*at >= ' ' && *at <= '~');
        }
    }
    return 0;
}

/* --- inputs that are JSON --------------------------------------------------------------------- */

/* Most changes of bytes end at the grammar; these are changes of values. */
static uint32_t draw(uint32_t *random, size_t below)
{
    *random = *random * 1664525u + 1013904223u;
    return (uint32_t)((*random >> 8) % (below == 0 ? 1 : below));
}

static json_t *odd_value(uint32_t *random)
{
    static const char *const texts[] = {
        "null",
        "true",
        "-1",
        "0",
        "0.5",
        "1e300",
        "9007199254740991",
        "9007199254740993",
        "\"\"",
        "\"b\"",
        "\"time\"",
        "\"00000000000000aa\"",
        "\"\\u001b[31m\"",
        "[]",
        "{}",
        "[[]]",
        "[1,2]",
        "{\"a\":1}",
        "65",
        "10000000",
        "\"pyallocbench-results/2\"",
        "\"structure\"",
    };
    const char *text = texts[draw(random, ARRAY_COUNT(texts))];
    return json_loads(text, JSON_DECODE_ANY, NULL);
}

/* A value within `parent`, and where it stands. */
struct place {
    json_t *parent;
    size_t index;
    const char *key;
    json_t *value;
};

static struct place child_of(json_t *parent, size_t index)
{
    struct place out = {.parent = parent, .index = index};
    if (json_is_array(parent)) {
        out.value = json_array_get(parent, index);
        return out;
    }
    void *at = json_object_iter(parent);
    for (size_t i = 0; i < index; i++) {
        at = json_object_iter_next(parent, at);
    }
    out.key = json_object_iter_key(at);
    out.value = json_object_iter_value(at);
    return out;
}

static size_t children_of(const json_t *value)
{
    return json_is_array(value) ? json_array_size(value) : json_object_size(value);
}

/* Anywhere in the tree, but at its root. */
static struct place draw_place(json_t *root, uint32_t *random)
{
    struct place place = {.value = root};
    while (children_of(place.value) > 0 && (place.parent == NULL || draw(random, 6) > 0)) {
        place = child_of(place.value, draw(random, children_of(place.value)));
    }
    return place;
}

static void put(const struct place *place, json_t *value)
{
    if (json_is_array(place->parent)) {
        json_array_set_new(place->parent, place->index, value);
    } else {
        json_object_set_new(place->parent, place->key, value);
    }
}

static void change(json_t *root, uint32_t *random)
{
    struct place place = draw_place(root, random);
    struct place other = draw_place(root, random);
    if (place.parent == NULL) {
        return;
    }
    switch (draw(random, 4)) {
    case 0:
        put(&place, odd_value(random));
        break;
    case 1: /* one value becomes like another */
        put(&place, json_deep_copy(other.value));
        break;
    case 2:
        if (json_is_array(place.parent)) {
            json_array_insert_new(place.parent, place.index, json_deep_copy(place.value));
        } else {
            json_object_set_new(place.parent, "added", json_deep_copy(other.value));
        }
        break;
    default:
        if (json_is_array(place.parent)) {
            json_array_remove(place.parent, place.index);
        } else {
            json_object_del(place.parent, place.key);
        }
        break;
    }
}

/* NOLINTNEXTLINE(readability-identifier-naming) */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint32_t random = seed;
    json_t *root = NULL;
    if (draw(&random, 4) > 0) {
        root = json_loadb((const char *)data, size, 0, NULL);
    }
    size_t written = 0;
    if (root != NULL) {
        for (uint32_t left = 1 + draw(&random, 3); left > 0; left--) {
            change(root, &random);
        }
        written = json_dumpb(root, (char *)data, max_size, JSON_COMPACT);
    }
    json_decref(root);
    if (written == 0 || written > max_size) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    return written;
}
