#include "harness/compare/reading_state.h"

#include <math.h>
#include <string.h>

#define ANY UINT32_MAX /* what a null in a row of failures stands for */

/* --- arrays ----------------------------------------------------------------------------------- */

/* Ids of an array of objects, which are names and all different. */
static enum pab_status read_ids(struct pab_reading *reading, const char *array_name,
                                struct pab_names *ids, struct pab_error *err)
{
    const json_t *array = json_object_get(reading->run, array_name);
    size_t size = json_array_size(array);
    if ((array != NULL && !json_is_array(array)) || size > PAB_READING_IDS_MAX) {
        return pab_reading_refuse(reading, err, array_name, SIZE_MAX,
                                  "is no array of at most %u rows", PAB_READING_IDS_MAX);
    }
    for (size_t i = 0; i < size; i++) {
        const char *id = json_string_value(json_object_get(json_array_get(array, i), "id"));
        if (id == NULL || id[0] == '\0' || strlen(id) > PAB_READING_NAME_MAX) {
            return pab_reading_refuse(reading, err, array_name, i, "its id is not a name");
        }
        if (pab_names_add(ids, id, strlen(id)) != i) {
            return pab_reading_refuse(reading, err, array_name, i, "%s is there twice",
                                      pab_reading_show(id, strlen(id)).text);
        }
    }
    return PAB_OK;
}

static enum pab_status read_hosts(struct pab_reading *reading, struct pab_error *err)
{
    const json_t *hosts = json_object_get(reading->run, "hosts");
    size_t count = json_array_size(hosts);
    if (hosts != NULL && (count == 0 || count > PAB_READING_IDS_MAX)) {
        return pab_reading_refuse(reading, err, "hosts", SIZE_MAX,
                                  "is no array of 1 to %u machines", PAB_READING_IDS_MAX);
    }
    reading->host_count = hosts == NULL ? 1 : count;
    return PAB_OK;
}

/* By number of a name: its index among `ids`, or their count. New memory. */
static uint32_t *index_names(const struct pab_reading *reading, const struct pab_names *ids)
{
    uint32_t *out = malloc((reading->names.count + 1) * sizeof(*out));
    PAB_CHECK(out != NULL);
    for (size_t n = 0; n < reading->names.count; n++) {
        out[n] = pab_names_find(ids, reading->names.texts[n]);
    }
    return out;
}

static enum pab_status refuse_row(const struct pab_reading *reading,
                                  const struct pab_reading_row *row, const char *why,
                                  const char *name, struct pab_error *err)
{
    return pab_reading_refuse(reading, err, row->is_control ? "control" : "samples", row->index,
                              why, pab_reading_show(name, strlen(name)).text);
}

/* Rows name workloads and backends by numbers of names; from here on by indices. */
static enum pab_status resolve_rows(struct pab_reading *reading, struct pab_error *err)
{
    uint32_t *workloads = index_names(reading, &reading->workloads);
    uint32_t *backends = index_names(reading, &reading->backends);
    enum pab_status status = PAB_OK;
    for (size_t i = 0; i < reading->row_count && status == PAB_OK; i++) {
        struct pab_reading_row *row = &reading->rows[i];
        char *const *names = reading->names.texts;
        if (workloads[row->workload] == reading->workload_count) {
            status = refuse_row(reading, row, "the workload %s is none of workloads[]",
                                names[row->workload], err);
        } else if (backends[row->backend] == reading->backend_count) {
            status = refuse_row(reading, row, "the backend %s is none of backends[]",
                                names[row->backend], err);
        } else if (row->host >= reading->host_count) {
            status = refuse_row(reading, row, "its host is none of hosts[]%s", "", err);
        } else {
            row->workload = workloads[row->workload];
            row->backend = backends[row->backend];
        }
    }
    free(workloads);
    free(backends);
    return status;
}

/* --- what must come out ----------------------------------------------------------------------- */

struct checksum {
    uint64_t value;
    bool known;
};

/* Of a workload's own parameters and of those for memory. */
struct expected {
    struct checksum time, memory;
};

static struct checksum read_checksum(const json_t *known, const char *key)
{
    const char *text = json_string_value(json_object_get(known, key));
    if (text == NULL || strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16) {
        return (struct checksum){0};
    }
    return (struct checksum){strtoull(text, NULL, 16), true};
}

/* [workload][backend]; new memory */
static struct expected *read_expected(const struct pab_reading *reading)
{
    const json_t *workloads = json_object_get(reading->run, "workloads");
    const json_t *backends = json_object_get(reading->run, "backends");
    struct expected *out =
        calloc(reading->workload_count * reading->backend_count + 1, sizeof(*out));
    PAB_CHECK(out != NULL);
    for (size_t w = 0; w < reading->workload_count; w++) {
        for (size_t b = 0; b < reading->backend_count; b++) {
            const json_t *known =
                pab_variant_for(json_array_get(workloads, w), json_array_get(backends, b));
            out[w * reading->backend_count + b] = (struct expected){
                .time = read_checksum(known, "checksum"),
                .memory = read_checksum(known, "memory_checksum"),
            };
        }
    }
    return out;
}

static bool is_right(const struct pab_reading_row *row, const struct expected *expected)
{
    bool is_small = expected->time.known && row->checksum == expected->time.value;
    bool is_large = expected->memory.known && row->checksum == expected->memory.value;
    return (is_small && row->body != PAB_READING_LARGE) ||
           (is_large && row->body != PAB_READING_SMALL);
}

/* --- failures --------------------------------------------------------------------------------- */

/* What a row of failures names; ANY: all. */
struct pab_reading_pattern {
    uint32_t keys[5]; /* workload, backend, pass, round, host */
    uint32_t row;     /* of failures[] */
};

#define PATTERN_KEYS ARRAY_COUNT(((struct pab_reading_pattern *)NULL)->keys)
#define NOTHING      (ANY - 1) /* a name of no sample */

/* By the first `count` keys. */
static int compare_keys(const struct pab_reading_pattern *x, const struct pab_reading_pattern *y,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (x->keys[i] != y->keys[i]) {
            return x->keys[i] < y->keys[i] ? -1 : 1;
        }
    }
    return 0;
}

static int compare_patterns(const void *a, const void *b)
{
    const struct pab_reading_pattern *x = a;
    const struct pab_reading_pattern *y = b;
    int order = compare_keys(x, y, PATTERN_KEYS);
    return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

/* The index of a name; ANY for null, and their count or NOTHING for what no sample can be of. */
static uint32_t named(const json_t *value, const struct pab_names *ids)
{
    if (value == NULL || json_is_null(value)) {
        return ANY;
    }
    const char *text = json_string_value(value);
    return text == NULL ? NOTHING : pab_names_find(ids, text);
}

/* A pass that failed wherever it ran has no sample, and a name all the same. */
static uint32_t named_pass(const json_t *value, struct pab_names *names)
{
    const char *text = json_string_value(value);
    return text == NULL ? named(value, names) : pab_names_add(names, text, strlen(text));
}

static uint32_t counted(const json_t *value, uint32_t otherwise)
{
    if (value == NULL || json_is_null(value)) {
        return otherwise;
    }
    json_int_t number = json_integer_value(value);
    return number < 0 || number > PAB_READING_ROUND_MAX ? PAB_READING_ROUND_MAX + 1
                                                        : (uint32_t)number;
}

static uint32_t mask_of(const struct pab_reading_pattern *pattern)
{
    unsigned keys = 0;
    for (size_t k = 0; k < PATTERN_KEYS; k++) {
        keys |= (unsigned)(pattern->keys[k] == ANY) << k;
    }
    return UINT32_C(1) << keys;
}

static struct pab_reading_pattern read_pattern(struct pab_reading *reading, const json_t *row,
                                               size_t index)
{
    return (struct pab_reading_pattern){
        {
            named(json_object_get(row, "workload"), &reading->workloads),
            named(json_object_get(row, "backend"), &reading->backends),
            named_pass(json_object_get(row, "pass"), &reading->names),
            counted(json_object_get(row, "round"), ANY),
            counted(json_object_get(row, "host"), reading->host_count > 1 ? 0 : ANY),
        },
        (uint32_t)index};
}

/* There is a place for each row of the array. */
static enum pab_status read_failures(struct pab_reading *reading, const json_t *array,
                                     struct pab_error *err)
{
    struct pab_reading_failures *out = &reading->failures;
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(array, index, row)
    {
        if (!json_is_object(row)) {
            return pab_reading_refuse(reading, err, "failures", index, "is no object");
        }
        out->patterns[index] = read_pattern(reading, row, index);
        out->masks |= mask_of(&out->patterns[index]);
    }
    out->count = index;
    qsort(out->patterns, out->count, sizeof(*out->patterns), compare_patterns);
    return PAB_OK;
}

/* The first pattern with these first `count` keys, or NULL. */
static const struct pab_reading_pattern *find_pattern(const struct pab_reading_failures *failures,
                                                      const struct pab_reading_pattern *wanted,
                                                      size_t count)
{
    size_t first = 0;
    size_t end = failures->count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (compare_keys(&failures->patterns[middle], wanted, count) < 0) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    bool is_there =
        first < failures->count && compare_keys(&failures->patterns[first], wanted, count) == 0;
    return is_there ? &failures->patterns[first] : NULL;
}

/* The keys whose bits are set in `any` name all. */
static struct pab_reading_pattern widen(struct pab_reading_pattern pattern, unsigned any)
{
    for (size_t k = 0; k < PATTERN_KEYS; k++) {
        if ((any >> k & 1u) != 0) {
            pattern.keys[k] = ANY;
        }
    }
    return pattern;
}

/* However many failures there are: one search for each combination of nulls in them. */
static bool has_failed(const struct pab_reading_failures *failures,
                       const struct pab_reading_row *row)
{
    const struct pab_reading_pattern own = {
        {row->workload, row->backend, row->pass, row->round, row->host}, 0};
    for (uint32_t left = failures->masks; left != 0; left &= left - 1) {
        struct pab_reading_pattern wanted = widen(own, (unsigned)__builtin_ctz(left));
        if (find_pattern(failures, &wanted, PATTERN_KEYS) != NULL) {
            return true;
        }
    }
    return false;
}

const json_t *pab_reading_failure(const struct pab_reading *reading, size_t workload,
                                  size_t backend, const struct pab_metric *metric)
{
    PAB_CHECK(workload < reading->workload_count && backend < reading->backend_count);
    char pass[PAB_READING_NAME_MAX + 1] = "";
    if (metric != NULL) {
        pab_metric_pass(metric, pass, sizeof(pass));
    }
    const struct pab_reading_pattern cell = {
        {(uint32_t)workload, (uint32_t)backend, pab_names_find(&reading->names, pass), 0, 0}, 0};
    size_t keys = metric == NULL ? 2 : 3;
    const struct pab_reading_pattern *first = NULL;
    for (unsigned any = 0; any < 1u << keys; any++) {
        struct pab_reading_pattern wanted = widen(cell, any);
        const struct pab_reading_pattern *found = find_pattern(&reading->failures, &wanted, keys);
        first = first == NULL || (found != NULL && found->row < first->row) ? found : first;
    }
    return first == NULL ? NULL
                         : json_array_get(json_object_get(reading->run, "failures"), first->row);
}

static void judge_rows(struct pab_reading *reading)
{
    struct expected *expected = read_expected(reading);
    for (size_t i = 0; i < reading->row_count; i++) {
        struct pab_reading_row *row = &reading->rows[i];
        row->counts =
            row->ended_well && row->has_checksum &&
            is_right(row, &expected[row->workload * reading->backend_count + row->backend]) &&
            !has_failed(&reading->failures, row);
    }
    free(expected);
}

static enum pab_status judge(struct pab_reading *reading, struct pab_error *err)
{
    const json_t *array = json_object_get(reading->run, "failures");
    if (array != NULL && !json_is_array(array)) {
        return pab_reading_refuse(reading, err, "failures", SIZE_MAX, "is no array");
    }
    reading->failures.patterns =
        calloc(json_array_size(array) + 1, sizeof(*reading->failures.patterns));
    PAB_CHECK(reading->failures.patterns != NULL);
    enum pab_status status = read_failures(reading, array, err);
    if (status == PAB_OK) {
        judge_rows(reading);
    }
    return status;
}

/* --- cells ------------------------------------------------------------------------------------ */

static size_t cell_of(const struct pab_reading *reading, const struct pab_reading_row *row)
{
    size_t part = row->is_control ? PAB_PART_CONTROL : PAB_PART_SAMPLES;
    return (part * reading->workload_count + row->workload) * reading->backend_count + row->backend;
}

/* By host, round, pass: two that are equal in one cell are one sample told twice. */
static int compare_in_cell(const void *a, const void *b, void *rows)
{
    const struct pab_reading_row *x = &((const struct pab_reading_row *)rows)[*(const uint32_t *)a];
    const struct pab_reading_row *y = &((const struct pab_reading_row *)rows)[*(const uint32_t *)b];
    if (x->host != y->host) {
        return x->host < y->host ? -1 : 1;
    }
    if (x->round != y->round) {
        return x->round < y->round ? -1 : 1;
    }
    return (x->pass > y->pass) - (x->pass < y->pass);
}

/* By host, pass, round, position, as they ran; the baseline's second is in the same order. */
static int compare_places(const void *a, const void *b, void *rows)
{
    const struct pab_reading_row *x = &((const struct pab_reading_row *)rows)[*(const uint32_t *)a];
    const struct pab_reading_row *y = &((const struct pab_reading_row *)rows)[*(const uint32_t *)b];
    if (x->host != y->host) {
        return x->host < y->host ? -1 : 1;
    }
    if (x->pass != y->pass) {
        return x->pass < y->pass ? -1 : 1;
    }
    if (x->round != y->round) {
        return x->round < y->round ? -1 : 1;
    }
    return (x->position > y->position) - (x->position < y->position);
}

/* Sorts what is not sorted already, as most is. */
static void sort_rows(const struct pab_reading *reading, uint32_t *rows, size_t count,
                      int (*compare)(const void *, const void *, void *))
{
    for (size_t i = 1; i < count; i++) {
        if (compare(&rows[i - 1], &rows[i], reading->rows) > 0) {
            qsort_r(rows, count, sizeof(*rows), compare, reading->rows);
            return;
        }
    }
}

/* Every row into its cell: `sorted` holds all of them for now. */
static void gather_rows(struct pab_reading *reading)
{
    size_t cells = (size_t)2 * reading->workload_count * reading->backend_count;
    reading->cells = calloc(cells + 1, sizeof(*reading->cells));
    reading->sorted = calloc(reading->row_count + 1, sizeof(*reading->sorted));
    PAB_CHECK(reading->cells != NULL && reading->sorted != NULL);
    for (size_t i = 0; i < reading->row_count; i++) {
        reading->cells[cell_of(reading, &reading->rows[i])].count++;
    }
    size_t first = 0;
    for (size_t c = 0; c < cells; c++) {
        reading->cells[c].first = first;
        first += reading->cells[c].count;
        reading->cells[c].count = 0;
    }
    for (size_t i = 0; i < reading->row_count; i++) {
        struct pab_reading_cell *cell = &reading->cells[cell_of(reading, &reading->rows[i])];
        reading->sorted[cell->first + cell->count++] = (uint32_t)i;
    }
}

static enum pab_status refuse_twice(const struct pab_reading *reading, uint32_t index,
                                    struct pab_error *err)
{
    const struct pab_reading_row *row = &reading->rows[index];
    const char *const names[] = {reading->workloads.texts[row->workload],
                                 reading->backends.texts[row->backend],
                                 reading->names.texts[row->pass]};
    struct pab_reading_shown shown[ARRAY_COUNT(names)];
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        shown[i] = pab_reading_show(names[i], strlen(names[i]));
    }
    return pab_reading_refuse(reading, err, row->is_control ? "control" : "samples", row->index,
                              "a second sample of %s, %s, round %u of pass %s", shown[0].text,
                              shown[1].text, row->round, shown[2].text);
}

/* Sorts a cell, and keeps of it the rows that count. */
static enum pab_status settle_cell(struct pab_reading *reading, struct pab_reading_cell *cell,
                                   struct pab_error *err)
{
    uint32_t *rows = reading->sorted + cell->first;
    sort_rows(reading, rows, cell->count, compare_in_cell);
    size_t kept = 0;
    for (size_t i = 0; i < cell->count; i++) {
        if (i > 0 && compare_in_cell(&rows[i - 1], &rows[i], reading->rows) == 0) {
            return refuse_twice(reading, rows[i], err);
        }
    }
    for (size_t i = 0; i < cell->count; i++) {
        if (reading->rows[rows[i]].counts) {
            rows[kept++] = rows[i];
        }
    }
    cell->count = kept;
    return PAB_OK;
}

static enum pab_status settle_cells(struct pab_reading *reading, struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    size_t cells = (size_t)2 * reading->workload_count * reading->backend_count;
    gather_rows(reading);
    for (size_t c = 0; c < cells && status == PAB_OK; c++) {
        status = settle_cell(reading, &reading->cells[c], err);
    }
    reading->places = malloc((reading->row_count + 1) * sizeof(*reading->places));
    PAB_CHECK(reading->places != NULL);
    for (size_t i = 0; i < reading->row_count; i++) {
        reading->places[i] = (uint32_t)i;
    }
    sort_rows(reading, reading->places, reading->row_count, compare_places);
    return status;
}

/* Each may have a series here, and a row in a comparison. */
static enum pab_status check_size(const struct pab_reading *reading, struct pab_error *err)
{
    size_t cells = reading->workload_count * reading->backend_count * reading->metric_count;
    if (cells > PAB_READING_CELLS_MAX) {
        return pab_reading_refuse(reading, err, "samples", SIZE_MAX,
                                  "%zu workloads, %zu backends and %zu metrics are more than any "
                                  "of ours",
                                  reading->workload_count, reading->backend_count,
                                  reading->metric_count);
    }
    return PAB_OK;
}

enum pab_status pab_reading_arrange(struct pab_reading *reading, struct pab_error *err)
{
    enum pab_status status = read_ids(reading, "workloads", &reading->workloads, err);
    reading->workload_count = reading->workloads.count;
    if (status == PAB_OK) {
        status = read_ids(reading, "backends", &reading->backends, err);
        reading->backend_count = reading->backends.count;
    }
    if (status == PAB_OK) {
        status = read_hosts(reading, err);
    }
    if (status == PAB_OK) {
        status = resolve_rows(reading, err);
    }
    if (status == PAB_OK) {
        status = judge(reading, err);
    }
    if (status == PAB_OK) {
        pab_reading_name_metrics(reading);
        status = check_size(reading, err);
    }
    if (status == PAB_OK) {
        status = settle_cells(reading, err);
    }
    return status;
}
