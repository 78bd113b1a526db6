#include "harness/merge_facts.h"

#include "allocators/status.h"
#include "harness/json_text.h"

#include <stdio.h>

static void note(json_t *facts, const char *of, const char *key, const json_t *value)
{
    char name[400];
    snprintf(name, sizeof(name), "%s%s%s", of, of[0] == '\0' ? "" : " ", key);
    json_object_set_new(facts, name, value == NULL ? json_null() : json_incref((json_t *)value));
}

static void note_all(json_t *facts, const char *of, const json_t *row, const char *const *keys,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        note(facts, of, keys[i], json_object_get(row, keys[i]));
    }
}

/* What a workload gives and asks for, under one setting of the collector. */
static void note_results(json_t *facts, const char *id, const json_t *known)
{
    static const char *const keys[] = {"ops", "memory_ops", "checksum", "memory_checksum"};
    static const char *const hashes[] = {"request_hash", "time_request_hash"};
    char of[320];
    snprintf(of, sizeof(of), "%s gc=%s", id, pab_json_text(known, "gc"));
    note_all(facts, of, known, keys, ARRAY_COUNT(keys));
    note_all(facts, of, json_object_get(known, "demand"), hashes, ARRAY_COUNT(hashes));
}

static void note_workload(json_t *facts, const json_t *workload)
{
    static const char *const keys[] = {"id", "params", "memory_params"};
    const char *id = pab_json_text(workload, "id");
    size_t index = 0;
    json_t *variant = NULL;
    note_all(facts, id, workload, keys, ARRAY_COUNT(keys));
    note_results(facts, id, workload);
    json_array_foreach(json_object_get(workload, "variants"), index, variant)
    {
        note_results(facts, id, variant);
    }
}

static void note_backend(json_t *facts, const json_t *backend)
{
    static const char *const keys[] = {"id", "status", "gc", "label", "role"};
    static const char *const builds[] = {"version", "build_id"};
    const char *id = pab_json_text(backend, "id");
    char raw[320];
    snprintf(raw, sizeof(raw), "%s raw", id);
    note_all(facts, id, backend, keys, ARRAY_COUNT(keys));
    note_all(facts, id, json_object_get(backend, "identity"), builds, ARRAY_COUNT(builds));
    note_all(facts, raw, json_object_get(backend, "raw"), builds, ARRAY_COUNT(builds));
}

bool pab_merge_has_budget(const json_t *run)
{
    return json_number_value(json_object_get(run, "budget_s")) > 0;
}

json_t *pab_merge_facts(const json_t *run)
{
    static const char *const plan[] = {"seed",     "preset",        "passes",   "memory_rounds",
                                       "baseline", "control_every", "budget_s", "rounds"};
    static const char *const build[] = {"binary_build_id", "compiler", "cflags", "build_type"};
    json_t *facts = json_object();
    size_t index = 0;
    json_t *row = NULL;
    note_all(facts, "", run, plan, ARRAY_COUNT(plan) - (pab_merge_has_budget(run) ? 1 : 0));
    note_all(facts, "", json_object_get(run, "provenance"), build, ARRAY_COUNT(build));
    json_array_foreach(json_object_get(run, "workloads"), index, row)
    {
        note_workload(facts, row);
    }
    json_array_foreach(json_object_get(run, "backends"), index, row)
    {
        note_backend(facts, row);
    }
    return facts;
}

/* --- in words --------------------------------------------------------------------------------- */

enum { SHOWN_WIDTH = 56, SHOWN_SIZE = SHOWN_WIDTH + 8 };

/* Up to `most` bytes of a text that end with a word, or at least with a character. */
static size_t fitting(const char *text, size_t most)
{
    size_t length = strlen(text);
    if (length <= most) {
        return length;
    }
    length = most;
    while (length > most / 2 && strchr(" ,", text[length]) == NULL) {
        length--;
    }
    length = length > most / 2 ? length : most;
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) {
        length--;
    }
    return length;
}

/* `text` from its word at `from` on; "..." where some of it is left out. */
static void shorten(const char *text, size_t from, char out[static SHOWN_SIZE])
{
    size_t first = strlen(text) <= SHOWN_WIDTH ? 0 : from;
    while (first > 0 && first < from + SHOWN_WIDTH / 2 && strchr(" ,", text[first - 1]) == NULL) {
        first--;
    }
    size_t length = fitting(text + first, SHOWN_WIDTH);
    snprintf(out, SHOWN_SIZE, "%s%.*s%s", first > 0 ? "..." : "", (int)length, text + first,
             text[first + length] != '\0' ? "..." : "");
}

static char *dumped(const json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    char *out = text != NULL ? text : strdup("none");
    PAB_CHECK(out != NULL);
    return out;
}

/* "NAME is OWN in the first and OTHER in the second" */
static void say_values(const char *name, const json_t *own, const json_t *other, char *out,
                       size_t size)
{
    char what[SHOWN_SIZE];
    char values[2][SHOWN_SIZE];
    char *texts[2] = {dumped(own), dumped(other)};
    size_t same = 0;
    while (texts[0][same] != '\0' && texts[0][same] == texts[1][same]) {
        same++;
    }
    shorten(name, 0, what);
    shorten(texts[0], same, values[0]);
    shorten(texts[1], same, values[1]);
    snprintf(out, size, "%s is %s in the first and %s in the second", what, values[0], values[1]);
    free(texts[0]);
    free(texts[1]);
}

/* Of two objects what differs in them, as NAME.KEY. */
static void say_difference(const char *name, const json_t *own, const json_t *other, char *out,
                           size_t size)
{
    char inner[480];
    const char *key = NULL;
    json_t *value = NULL;
    const json_t *wider = json_object_size(own) >= json_object_size(other) ? own : other;
    const json_t *differs[2] = {own, other};
    snprintf(inner, sizeof(inner), "%s", name);
    if (json_is_object(own) && json_is_object(other)) {
        json_object_foreach((json_t *)wider, key, value)
        {
            differs[0] = json_object_get(own, key);
            differs[1] = json_object_get(other, key);
            if (differs[0] == NULL || differs[1] == NULL || !json_equal(differs[0], differs[1])) {
                snprintf(inner, sizeof(inner), "%s.%s", name, key);
                break;
            }
        }
    }
    say_values(inner, differs[0], differs[1], out, size);
}

/* A list in words, as many as there is room for. */
struct list {
    char *text;
    size_t size, used, count, told;
};

#define REST_ROOM sizeof(", and 4294967295 more")

static void add_difference(struct list *list, const char *name, const json_t *own,
                           const json_t *other)
{
    char what[3 * SHOWN_SIZE + 40];
    say_difference(name, own, other, what, sizeof(what));
    bool fits = list->used + strlen(what) + 2 + REST_ROOM < list->size;
    if (list->told == list->count && fits) {
        list->used += (size_t)snprintf(list->text + list->used, list->size - list->used, "%s%s",
                                       list->count == 0 ? "" : "; ", what);
        list->told++;
    }
    list->count++;
}

size_t pab_merge_differences(const json_t *own, const json_t *other, char *out, size_t size)
{
    struct list list = {.text = out, .size = size};
    const char *name = NULL;
    json_t *value = NULL;
    out[0] = '\0';
    json_object_foreach((json_t *)own, name, value)
    {
        const json_t *same = json_object_get(other, name);
        if (same == NULL || !json_equal(value, same)) {
            add_difference(&list, name, value, same);
        }
    }
    json_object_foreach((json_t *)other, name, value)
    {
        if (json_object_get(own, name) == NULL) {
            add_difference(&list, name, NULL, value);
        }
    }
    if (list.told < list.count) {
        snprintf(out + list.used, size - list.used, ", and %zu more", list.count - list.told);
    }
    return list.count;
}

void pab_merge_short_path(const char *path, char out[static PAB_MERGE_PATH_MAX])
{
    size_t length = strlen(path);
    size_t most = PAB_MERGE_PATH_MAX - sizeof("...");
    if (length <= most) {
        snprintf(out, PAB_MERGE_PATH_MAX, "%s", path);
        return;
    }
    const char *tail = path + length - most;
    const char *slash = strchr(tail, '/');
    tail = slash != NULL ? slash : tail;
    while (((unsigned char)*tail & 0xc0) == 0x80) {
        tail++;
    }
    snprintf(out, PAB_MERGE_PATH_MAX, "...%s", tail);
}
