#include "harness/compare/comparable.h"

#include "harness/json_text.h"
#include "harness/text.h"

#include <stdarg.h>

__attribute__((format(printf, 2, 3))) static void add(struct pab_joined *joined, const char *format,
                                                      ...)
{
    char raw[200];
    char text[200];
    va_list values;
    va_start(values, format);
    vsnprintf(raw, sizeof(raw), format, values);
    va_end(values);
    pab_text_clean(raw, false, text, sizeof(text));
    size_t room = sizeof(joined->text) - joined->used;
    if (strlen(text) + 8 < room) { /* "; " before it, "; ..." behind */
        joined->used += (size_t)snprintf(joined->text + joined->used, room, "%s%s",
                                         joined->count == 0 ? "" : "; ", text);
    } else if (joined->used < 4 || strcmp(joined->text + joined->used - 4, " ...") != 0) {
        joined->used += (size_t)snprintf(joined->text + joined->used, room, "; ...");
    }
    joined->count++;
}

/* --- machine and build ------------------------------------------------------------------------ */

/* "Linux 6.1 x86_64" of "Linux 6.1.0-18-amd64 x86_64": patches of a kernel keep its machine. */
static void kernel_series(const json_t *provenance, char *out, size_t size)
{
    const char *kernel = pab_json_text(provenance, "kernel");
    const char *dot = strchr(kernel, '.');
    const char *last = strrchr(kernel, ' ');
    int length = dot == NULL ? (int)strlen(kernel)
                             : (int)(dot + 1 - kernel) + (int)strspn(dot + 1, "0123456789");
    snprintf(out, size, "%.*s%s", length, kernel, last == NULL || dot == NULL ? "" : last);
}

static void text_of_key(const json_t *provenance, const char *key, char *out, size_t size)
{
    const json_t *value = json_object_get(provenance, key);
    if (strcmp(key, "kernel") == 0) {
        kernel_series(provenance, out, size);
    } else if (strcmp(key, "memory_bytes") == 0) {
        double gib = json_number_value(value) / (double)(1 << 30);
        snprintf(out, size, "%.0f GiB", gib);
    } else if (json_is_integer(value)) {
        snprintf(out, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_object(value)) {
        char *text = json_dumps(value, JSON_SORT_KEYS | JSON_COMPACT);
        snprintf(out, size, "%s", text == NULL ? "" : text);
        free(text);
    } else {
        snprintf(out, size, "%s", json_is_string(value) ? json_string_value(value) : "unknown");
    }
}

/* A key that one of them does not have says nothing: documents of older versions have fewer. */
static void compare_provenance(const json_t *base, const json_t *head, const char *host,
                               struct pab_joined *out)
{
    static const char *const keys[] = {
        "cpu_model",   "cpu_count", "memory_bytes", "kernel", "virtualization",
        "page_bytes",  "thp",       "governor",     "aslr",   "overcommit",
        "environment", "libc",      "compiler",     "cflags", "build_type",
    };
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        char own[256];
        char other[256];
        if (json_object_get(base, keys[i]) == NULL || json_object_get(head, keys[i]) == NULL) {
            continue;
        }
        text_of_key(base, keys[i], own, sizeof(own));
        text_of_key(head, keys[i], other, sizeof(other));
        if (strcmp(own, other) != 0) {
            add(out, "%s%s %.70s against %.70s", host, keys[i], own, other);
        }
    }
}

/* A run that was not merged is of one machine. */
static size_t count_hosts(const json_t *run)
{
    size_t count = json_array_size(json_object_get(run, "hosts"));
    return count == 0 ? 1 : count;
}

static const json_t *provenance_of(const json_t *run, size_t host)
{
    const json_t *hosts = json_object_get(run, "hosts");
    return json_object_get(hosts == NULL ? run : json_array_get(hosts, host), "provenance");
}

static void compare_hosts(const json_t *base, const json_t *head, struct pab_joined *out)
{
    size_t count = count_hosts(base);
    if (count != count_hosts(head)) {
        add(out, "hosts %zu against %zu", count, count_hosts(head));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        char host[32] = "";
        if (count > 1) {
            snprintf(host, sizeof(host), "host %zu: ", i);
        }
        compare_provenance(provenance_of(base, i), provenance_of(head, i), host, out);
    }
}

/* --- workloads -------------------------------------------------------------------------------- */

static const json_t *by_id(const json_t *array, const char *id)
{
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(array, index, item)
    {
        if (pab_json_is(item, "id", id)) {
            return item;
        }
    }
    return NULL;
}

/* Null stands for what was never found out: a failed demand pass, no memory pass. */
static bool differs(const json_t *base, const json_t *head, const char *key)
{
    const json_t *own = json_object_get(base, key);
    const json_t *other = json_object_get(head, key);
    return own != NULL && other != NULL && !json_is_null(own) && !json_is_null(other) &&
           !json_equal(own, other);
}

static void compare_workload(const json_t *base, const json_t *head, struct pab_joined *out)
{
    static const char *const keys[] = {"params",     "memory_params", "ops",
                                       "memory_ops", "checksum",      "memory_checksum"};
    static const char *const hashes[] = {"time_request_hash", "request_hash"};
    const char *id = pab_json_text(base, "id");
    if (differs(json_object_get(base, "trace"), json_object_get(head, "trace"), "digest")) {
        add(out, "another trace in %s", id);
        return; /* all differs */
    }
    bool has_same_gc = !differs(base, head, "gc"); /* else results differ by right */
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        if (differs(base, head, keys[i]) && (i < 2 || has_same_gc)) {
            add(out, "%s of %s", keys[i], id);
            return; /* what follows from it differs, too */
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(hashes) && has_same_gc; i++) {
        if (differs(json_object_get(base, "demand"), json_object_get(head, "demand"), hashes[i])) {
            add(out, "%s of %s", hashes[i], id);
            return;
        }
    }
}

static void compare_workloads(const json_t *base, const json_t *head, struct pab_joined *out)
{
    size_t index = 0;
    json_t *workload = NULL;
    json_array_foreach(json_object_get(base, "workloads"), index, workload)
    {
        const json_t *same =
            by_id(json_object_get(head, "workloads"), pab_json_text(workload, "id"));
        if (same != NULL) {
            compare_workload(workload, same, out);
        }
    }
}

/* The work follows from the seed, so that is what to name where the work differs. */
void pab_unlike(const struct pab_reading *base, const struct pab_reading *head,
                struct pab_joined *out)
{
    const json_t *own = pab_reading_run(base);
    const json_t *other = pab_reading_run(head);
    *out = (struct pab_joined){0};
    compare_hosts(own, other, out);
    struct pab_joined workloads = *out;
    compare_workloads(own, other, &workloads);
    if (workloads.count > out->count && differs(own, other, "seed")) {
        add(out, "seed %" JSON_INTEGER_FORMAT " against %" JSON_INTEGER_FORMAT,
            pab_json_count(own, "seed"), pab_json_count(other, "seed"));
    }
    compare_workloads(own, other, out);
}

/* --- backends --------------------------------------------------------------------------------- */

static void compare_version(const char *id, const json_t *base, const json_t *head,
                            struct pab_joined *out)
{
    if (!json_is_object(base) || !json_is_object(head)) {
        return;
    }
    if (differs(base, head, "version")) {
        add(out, "%s is %.60s against %.60s", id, pab_json_text(base, "version"),
            pab_json_text(head, "version"));
    } else if (differs(base, head, "build_id")) {
        add(out, "%s is another build of %.60s", id, pab_json_text(base, "version"));
    } else if (differs(base, head, "settings")) {
        add(out, "%s has other settings", id);
    }
}

void pab_versions_differ(const struct pab_reading *base, const struct pab_reading *head,
                         struct pab_joined *out)
{
    size_t index = 0;
    json_t *backend = NULL;
    *out = (struct pab_joined){0};
    json_array_foreach(json_object_get(pab_reading_run(base), "backends"), index, backend)
    {
        const char *id = pab_json_text(backend, "id");
        const json_t *same = by_id(json_object_get(pab_reading_run(head), "backends"), id);
        /* What is built in has our own build's id, which may differ. */
        if (same != NULL && pab_json_is(backend, "kind", "library")) {
            compare_version(id, json_object_get(backend, "identity"),
                            json_object_get(same, "identity"), out);
        }
        if (same != NULL) {
            compare_version(id, json_object_get(backend, "raw"), json_object_get(same, "raw"), out);
        }
    }
}
