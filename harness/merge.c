#include "harness/merge.h"

#include "harness/compare/reading.h"
#include "harness/derived.h"
#include "harness/json_text.h"
#include "harness/merge_facts.h"
#include "harness/pass.h"

#include <inttypes.h>

#define HOSTS_MAX 256 /* of a document: what its readers take */

struct merge {
    const struct pab_merge_part *parts;
    size_t count;
    json_t *run;    /* what is made: the "pyallocbench" of the document */
    json_t *hosts;  /* its machines */
    json_t *ids;    /* {run_id: index of its part} */
    json_t *cells;  /* {a sample's place in words: index of its part} */
    json_t *rounds; /* {"PASS/ROUND": true} */
};

static const json_t *run_of(const struct pab_merge_part *part)
{
    return json_object_get(part->document, "pyallocbench");
}

static json_t *value_or_null(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return value == NULL ? json_null() : json_incref(value);
}

static bool are_texts(const json_t *array)
{
    size_t index = 0;
    json_t *text = NULL;
    json_array_foreach(array, index, text)
    {
        if (!json_is_string(text)) {
            return false;
        }
    }
    return true;
}

static bool knows_machines(const json_t *run)
{
    const json_t *hosts = json_object_get(run, "hosts");
    bool good = hosts != NULL || json_is_object(json_object_get(run, "provenance"));
    for (size_t i = 0; i < json_array_size(hosts); i++) {
        good = good && json_is_object(json_object_get(json_array_get(hosts, i), "provenance"));
    }
    return good;
}

/* What a comparison can do without, and a merger cannot. */
static enum pab_status check_parts(const struct pab_merge_part *parts, size_t count,
                                   struct pab_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *run = run_of(&parts[i]);
        if (json_object_get(run, "gate") != NULL) {
            return pab_fail(err, PAB_USAGE,
                            "%.200s: is of `gate`: which rounds measured and which confirmed is "
                            "its own, so it is no part of a whole: judge it with `gate FILE`",
                            parts[i].path);
        }
        const char *lacks = !json_is_object(json_object_get(parts[i].document, "context"))
                                ? "context"
                            : !knows_machines(run)                       ? "provenance"
                            : !are_texts(json_object_get(run, "passes")) ? "names of its passes"
                                                                         : NULL;
        if (lacks != NULL) {
            return pab_fail(err, PAB_BAD_DATA,
                            "%.200s: has no %s, so it cannot be merged: take the file as "
                            "pyallocbench wrote it",
                            parts[i].path, lacks);
        }
    }
    return PAB_OK;
}

static enum pab_status check_plans(const struct pab_merge_part *parts, size_t count,
                                   struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    json_t *first = pab_merge_facts(run_of(&parts[0]));
    for (size_t i = 1; i < count && status == PAB_OK; i++) {
        char found[300];
        char paths[2][PAB_MERGE_PATH_MAX];
        json_t *other = pab_merge_facts(run_of(&parts[i]));
        if (pab_merge_differences(first, other, found, sizeof(found)) > 0) {
            pab_merge_short_path(parts[0].path, paths[0]);
            pab_merge_short_path(parts[i].path, paths[1]);
            status = pab_fail(err, PAB_NOT_COMPARABLE,
                              "%s and %s are no parts of one experiment: %s: run all with the same "
                              "options and build",
                              paths[0], paths[1], found);
        }
        json_decref(other);
    }
    json_decref(first);
    return status;
}

/* --- machines --------------------------------------------------------------------------------- */

/* What a machine is, and its name: shards that ran on one are one block. */
static void machine_key(const json_t *provenance, const char *name, char *out, size_t size)
{
    double gib = json_number_value(json_object_get(provenance, "memory_bytes")) / 0x1p30;
    snprintf(out, size, "%s/%s/%" JSON_INTEGER_FORMAT "/%.0f/%s/%s", name,
             pab_json_text(provenance, "cpu_model"), pab_json_count(provenance, "cpu_count"), gib,
             pab_json_text(provenance, "kernel"), pab_json_text(provenance, "virtualization"));
}

static size_t find_host(const json_t *hosts, const json_t *provenance, const char *name)
{
    char wanted[1024];
    char key[1024];
    size_t index = 0;
    json_t *host = NULL;
    machine_key(provenance, name, wanted, sizeof(wanted));
    json_array_foreach(hosts, index, host)
    {
        machine_key(json_object_get(host, "provenance"), pab_json_text(host, "name"), key,
                    sizeof(key));
        if (strcmp(key, wanted) == 0) {
            break;
        }
    }
    return index;
}

/* The index of that machine, which is added where it is new. */
static size_t host_of(json_t *hosts, json_t *provenance, const char *name)
{
    size_t index = find_host(hosts, provenance, name);
    if (index == json_array_size(hosts)) {
        json_array_append_new(
            hosts, json_pack("{s:s, s:O, s:[]}", "name", name, "provenance", provenance, "parts"));
    }
    return index;
}

static json_t *part_row(const json_t *run)
{
    static const char *const keys[] = {"run_id",   "started", "duration_s",
                                       "complete", "shard",   "noise"};
    json_t *out = json_object();
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        json_object_set_new(out, keys[i], value_or_null(run, keys[i]));
    }
    return out;
}

/* Adds the runs of one machine, each of which may be there once. */
static enum pab_status add_runs(struct merge *merge, size_t part, size_t host, json_t *rows,
                                struct pab_error *err)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        const char *id = pab_json_text(row, "run_id");
        const json_t *before = json_object_get(merge->ids, id);
        if (before != NULL && (size_t)json_integer_value(before) != part) {
            char paths[2][PAB_MERGE_PATH_MAX];
            pab_merge_short_path(merge->parts[json_integer_value(before)].path, paths[0]);
            pab_merge_short_path(merge->parts[part].path, paths[1]);
            return pab_fail(err, PAB_USAGE,
                            "%s and %s hold the same run (%.60s): name each part once", paths[0],
                            paths[1], id);
        }
        json_object_set_new(merge->ids, id, json_integer((json_int_t)part));
        json_array_append(json_object_get(json_array_get(merge->hosts, host), "parts"), row);
    }
    return PAB_OK;
}

/* Sets `out`[host index of the part] to that of the whole. A merged part has several. */
static enum pab_status add_hosts(struct merge *merge, size_t part, size_t out[static HOSTS_MAX],
                                 struct pab_error *err)
{
    const json_t *document = merge->parts[part].document;
    const json_t *run = run_of(&merge->parts[part]);
    const json_t *own = json_object_get(run, "hosts");
    enum pab_status status = PAB_OK;
    if (own == NULL) {
        json_t *rows = json_pack("[o]", part_row(run));
        out[0] = host_of(merge->hosts, json_object_get(run, "provenance"),
                         pab_json_text(json_object_get(document, "context"), "host_name"));
        status = add_runs(merge, part, out[0], rows, err);
        json_decref(rows);
    }
    for (size_t i = 0; i < json_array_size(own) && status == PAB_OK; i++) {
        const json_t *host = json_array_get(own, i);
        out[i] =
            host_of(merge->hosts, json_object_get(host, "provenance"), pab_json_text(host, "name"));
        status = add_runs(merge, part, out[i], json_object_get(host, "parts"), err);
    }
    if (status == PAB_OK && json_array_size(merge->hosts) > HOSTS_MAX) {
        return pab_fail(err, PAB_USAGE, "these are more than %d machines: merge fewer at a time",
                        HOSTS_MAX);
    }
    return status;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* Each place in the plan is filled once on a machine. */
static enum pab_status see(struct merge *merge, size_t part, const json_t *row, bool is_control,
                           struct pab_error *err)
{
    char place[1024];
    char round[96];
    snprintf(round, sizeof(round), "%.64s/%" JSON_INTEGER_FORMAT, pab_json_text(row, "pass"),
             pab_json_count(row, "round"));
    snprintf(place, sizeof(place), "%s (%s%s, %s, host %" JSON_INTEGER_FORMAT ")", round,
             is_control ? "control: " : "", pab_json_text(row, "workload"),
             pab_json_text(row, "backend"), pab_json_count(row, "host"));
    const json_t *before = json_object_get(merge->cells, place);
    if (before != NULL) {
        char paths[2][PAB_MERGE_PATH_MAX];
        pab_merge_short_path(merge->parts[json_integer_value(before)].path, paths[0]);
        pab_merge_short_path(merge->parts[part].path, paths[1]);
        return pab_fail(err, PAB_USAGE,
                        "%s and %s both hold round %.200s: merge shards of one run (run "
                        "--shard I/N), or runs on different machines",
                        paths[0], paths[1], place);
    }
    json_object_set_new(merge->cells, place, json_integer((json_int_t)part));
    json_object_set_new(merge->rounds, round, json_true());
    return PAB_OK;
}

/* The rows of a part, each with the machine that it is of. */
static enum pab_status add_rows(struct merge *merge, size_t part, const char *name,
                                const size_t *hosts, struct pab_error *err)
{
    bool is_control = strcmp(name, "control") == 0;
    bool is_sample = is_control || strcmp(name, "samples") == 0;
    json_t *out = json_object_get(merge->run, name);
    enum pab_status status = PAB_OK;
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(run_of(&merge->parts[part]), name), index, row)
    {
        json_t *copy = json_copy(row);
        size_t own = (size_t)pab_json_count(row, "host");
        json_object_set_new(copy, "host", json_integer((json_int_t)hosts[own % HOSTS_MAX]));
        json_array_append_new(out, copy);
        status = is_sample ? see(merge, part, copy, is_control, err) : PAB_OK;
        if (status != PAB_OK) {
            break;
        }
    }
    return status;
}

static enum pab_status add_part(struct merge *merge, size_t part, struct pab_error *err)
{
    static const char *const arrays[] = {"samples", "control", "timelines", "failures"};
    size_t hosts[HOSTS_MAX] = {0};
    enum pab_status status = add_hosts(merge, part, hosts, err);
    for (size_t i = 0; i < ARRAY_COUNT(arrays) && status == PAB_OK; i++) {
        status = add_rows(merge, part, arrays[i], hosts, err);
    }
    return status;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Of a pass whose rounds a budget ended it is its shards that must be there. */
static json_int_t rounds_of_pass(const json_t *run, const char *name)
{
    const struct pab_pass *pass = pab_pass_find(name);
    if (pass == NULL) {
        return 0; /* of a later version: nothing is known of it */
    }
    if ((pass->flags & PAB_PASS_ROUNDS) != 0) {
        return pab_merge_has_budget(run) ? 0 : pab_json_count(run, "rounds");
    }
    return (pass->flags & PAB_PASS_ONCE) != 0 ? 1 : pab_json_count(run, "memory_rounds");
}

static bool has_rounds(const struct merge *merge, const char *pass)
{
    json_int_t rounds = rounds_of_pass(merge->run, pass);
    for (json_int_t r = 0; r < rounds; r++) {
        char round[96];
        snprintf(round, sizeof(round), "%.64s/%" JSON_INTEGER_FORMAT, pass, r);
        if (json_object_get(merge->rounds, round) == NULL) {
            return false;
        }
    }
    return true;
}

/* Notes that a shard is there: {"COUNT": {"INDEX": true}}. */
static void note_shard(json_t *shards, const json_t *shard)
{
    char count[24];
    char index[24];
    snprintf(count, sizeof(count), "%" JSON_INTEGER_FORMAT, pab_json_count(shard, "count"));
    snprintf(index, sizeof(index), "%" JSON_INTEGER_FORMAT, pab_json_count(shard, "index"));
    json_t *known = json_object_get(shards, count);
    if (known == NULL) {
        known = json_object();
        json_object_set_new(shards, count, known);
    }
    json_object_set_new(known, index, json_true());
}

static bool has_all_shards(const json_t *shards)
{
    const char *count = NULL;
    json_t *known = NULL;
    json_object_foreach((json_t *)shards, count, known)
    {
        if (json_object_size(known) != strtoull(count, NULL, 10)) {
            return false;
        }
    }
    return true;
}

/* Whether every part was ended by its plan; `all_shards`: and none of them is missing. */
static bool are_whole(const json_t *hosts, bool all_shards)
{
    json_t *shards = json_object();
    bool whole = true;
    size_t index = 0;
    json_t *host = NULL;
    json_array_foreach(hosts, index, host)
    {
        size_t at = 0;
        json_t *row = NULL;
        json_array_foreach(json_object_get(host, "parts"), at, row)
        {
            whole = whole && json_is_true(json_object_get(row, "complete"));
            if (json_is_object(json_object_get(row, "shard"))) {
                note_shard(shards, json_object_get(row, "shard"));
            }
        }
    }
    whole = whole && (!all_shards || has_all_shards(shards));
    json_decref(shards);
    return whole;
}

/* Older documents name no passes; they had these two. */
static bool is_complete(const struct merge *merge)
{
    const json_t *passes = json_object_get(merge->run, "passes");
    bool complete = passes != NULL || (has_rounds(merge, "time") && has_rounds(merge, "memory"));
    size_t index = 0;
    json_t *pass = NULL;
    json_array_foreach(passes, index, pass)
    {
        complete = complete && has_rounds(merge, json_string_value(pass));
    }
    return complete && are_whole(merge->hosts, pab_merge_has_budget(merge->run));
}

/* What several runs tell of their machines, in one: from the first one's start to the last's end. */
static json_t *noise_of(const json_t *rows)
{
    json_int_t steal = 0;
    bool knows_steal = true;
    json_t *warnings = json_array();
    json_t *random_addresses = json_array();
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        const json_t *noise = json_object_get(row, "noise");
        const json_t *ticks = json_object_get(noise, "steal_ticks");
        double sum = (double)steal + json_number_value(ticks);
        knows_steal = knows_steal && json_is_integer(ticks) && sum >= 0 && sum < 0x1p53;
        steal += knows_steal ? json_integer_value(ticks) : 0;
        json_array_extend(warnings, json_object_get(noise, "warnings"));
        json_array_extend(random_addresses, json_object_get(noise, "random_addresses"));
    }
    const json_t *first = json_object_get(json_array_get(rows, 0), "noise");
    const json_t *last = json_object_get(json_array_get(rows, index - 1), "noise");
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "load_before",
                     value_or_null(first, "load_before"), "load_after",
                     value_or_null(last, "load_after"), "steal_ticks",
                     knows_steal ? json_integer(steal) : json_null(), "warnings", warnings,
                     "random_addresses", random_addresses);
}

/* The run as one machine saw it: its rows alone, and as if there were no other. */
static json_t *run_of_host(const json_t *run, size_t host)
{
    static const char *const arrays[] = {"samples", "control", "failures"};
    json_t *out = json_copy((json_t *)run);
    json_object_del(out, "hosts");
    for (size_t i = 0; i < ARRAY_COUNT(arrays); i++) {
        json_t *rows = json_array();
        size_t index = 0;
        json_t *row = NULL;
        json_array_foreach(json_object_get(run, arrays[i]), index, row)
        {
            if ((size_t)pab_json_count(row, "host") == host) {
                json_t *copy = json_copy(row);
                json_object_del(copy, "host");
                json_array_append_new(rows, copy);
            }
        }
        json_object_set_new(out, arrays[i], rows);
    }
    return out;
}

/* Each machine's noise, with a control of its own; and that of all. */
static void set_noise(struct merge *merge)
{
    json_t *all = json_array();
    size_t index = 0;
    json_t *host = NULL;
    json_array_foreach(merge->hosts, index, host)
    {
        json_t *rows = json_object_get(host, "parts");
        json_t *own = run_of_host(merge->run, index);
        json_t *noise = noise_of(rows);
        json_object_set_new(noise, "control", pab_derive_control(own));
        json_object_set_new(host, "noise", noise);
        json_array_extend(all, rows);
        json_decref(own);
    }
    json_object_set_new(merge->run, "noise", noise_of(all));
    json_decref(all);
}

/* The same runs give the same id, in whatever order and steps they were merged: FNV-1a of each. */
static json_t *merged_id(const struct merge *merge)
{
    char text[40];
    uint64_t id = 0;
    const char *run_id = NULL;
    json_t *part = NULL;
    json_object_foreach(merge->ids, run_id, part)
    {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);
        for (const char *at = run_id; *at != '\0'; at++) {
            hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
        }
        id ^= hash;
    }
    snprintf(text, sizeof(text), "merged-%016" PRIx64, id);
    return json_string(text);
}

/* What stands above the rows: the first part's, but for what is the parts' together. */
static void set_head(struct merge *merge)
{
    static const char *const keys[] = {"preset",   "seed",      "rounds",      "memory_rounds",
                                       "baseline", "passes",    "budget_s",    "provenance",
                                       "backends", "workloads", "conformance", "control_every"};
    const json_t *first = run_of(&merge->parts[0]);
    json_t *argv = json_pack("[s, s]", "pyallocbench", "merge");
    double duration_s = 0;
    json_int_t rounds = 0;
    for (size_t i = 0; i < merge->count; i++) {
        const json_t *run = run_of(&merge->parts[i]);
        json_array_append_new(argv, json_string(merge->parts[i].path));
        duration_s += json_number_value(json_object_get(run, "duration_s"));
        rounds = pab_json_count(run, "rounds") > rounds ? pab_json_count(run, "rounds") : rounds;
    }
    json_object_set_new(merge->run, "argv", argv);
    json_object_set_new(merge->run, "started", value_or_null(first, "started"));
    json_object_set_new(merge->run, "duration_s", json_real(duration_s));
    json_object_set_new(merge->run, "shard", json_null());
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        json_t *value = json_object_get(first, keys[i]);
        if (value != NULL) {
            json_object_set(merge->run, keys[i], value);
        }
    }
    json_object_set_new(merge->run, "rounds", json_integer(rounds));
}

static int compare_parts(const void *a, const void *b)
{
    static const char *const keys[] = {"started", "run_id"};
    const struct pab_merge_part *x = a;
    const struct pab_merge_part *y = b;
    int order = 0;
    for (size_t i = 0; i < ARRAY_COUNT(keys) && order == 0; i++) {
        order = strcmp(pab_json_text(run_of(x), keys[i]), pab_json_text(run_of(y), keys[i]));
    }
    return order;
}

static enum pab_status merge_rows(struct merge *merge, struct pab_error *err)
{
    static const char *const arrays[] = {"samples", "control", "timelines", "failures"};
    json_object_set_new(merge->run, "schema", json_string(PAB_SCHEMA));
    json_object_set_new(merge->run, "complete", json_false()); /* in their usual places */
    json_object_set_new(merge->run, "run_id", json_null());
    set_head(merge);
    json_object_set(merge->run, "hosts", merge->hosts);
    for (size_t i = 0; i < ARRAY_COUNT(arrays); i++) {
        json_object_set_new(merge->run, arrays[i], json_array());
    }
    enum pab_status status = PAB_OK;
    for (size_t i = 0; i < merge->count && status == PAB_OK; i++) {
        status = add_part(merge, i, err);
    }
    return status;
}

enum pab_status pab_merge(struct pab_merge_part *parts, size_t count, json_t **out,
                          struct pab_error *err)
{
    qsort(parts, count, sizeof(*parts), compare_parts);
    enum pab_status status = check_parts(parts, count, err);
    status = status == PAB_OK ? check_plans(parts, count, err) : status;
    if (status != PAB_OK) {
        return status;
    }
    struct merge merge = {
        .parts = parts,
        .count = count,
        .run = json_object(),
        .hosts = json_array(),
        .ids = json_object(),
        .cells = json_object(),
        .rounds = json_object(),
    };
    status = merge_rows(&merge, err);
    if (status == PAB_OK) {
        json_object_set_new(merge.run, "run_id", merged_id(&merge));
        json_object_set_new(merge.run, "complete", json_boolean(is_complete(&merge)));
        set_noise(&merge);
        pab_derive(merge.run);
        *out =
            json_pack("{s:O, s:o, s:O}", "context", json_object_get(parts[0].document, "context"),
                      "benchmarks", pab_derive_benchmarks(merge.run), "pyallocbench", merge.run);
    }
    json_decref(merge.run);
    json_decref(merge.hosts);
    json_decref(merge.ids);
    json_decref(merge.cells);
    json_decref(merge.rounds);
    return status;
}
