/* harness/gate/same.c -- whether base and head are one and the same: then a gate tests nothing but
 * itself. */
#include "harness/gate/case.h"
#include "harness/json_text.h"

#include <string.h>

static bool is_same_text(const json_t *base, const json_t *head, const char *key)
{
    return pab_json_is(head, key, pab_json_text(base, key));
}

/* One file, or two of one build. Objects that are not there are alike. */
static bool is_same_object(const json_t *base, const json_t *head)
{
    if (!json_is_object(base) || !json_is_object(head)) {
        return !json_is_object(base) && !json_is_object(head);
    }
    bool is_one_build =
        pab_json_text(base, "build_id")[0] != '\0' || is_same_text(base, head, "path");
    return is_one_build && is_same_text(base, head, "build_id") &&
           is_same_text(base, head, "version") && is_same_text(base, head, "settings");
}

/* What of an id is asked for: all before "@base" or "@head", of a library all behind the
 * file, too. A path may hold an "@" of its own. */
static void asked_of(const json_t *backend, char *out, size_t size)
{
    snprintf(out, size, "%s", pab_json_text(backend, "id"));
    char *side = strrchr(out, '@');
    if (side != NULL && pab_json_is(backend, "role", side + 1)) {
        *side = '\0';
    }
    if (pab_json_is(backend, "name", "library")) {
        const char *file = out + strcspn(out, ":");
        const char *rest = file + (*file == ':');
        rest += strcspn(rest, ":+");
        memmove(out, rest, strlen(rest) + 1);
    }
}

static bool is_same_backend(const json_t *base, const json_t *head)
{
    char asked[2][PAB_READING_NAME_MAX + 1];
    asked_of(base, asked[0], sizeof(asked[0]));
    asked_of(head, asked[1], sizeof(asked[1]));
    return strcmp(asked[0], asked[1]) == 0 && is_same_text(base, head, "name") &&
           is_same_text(base, head, "gc") &&
           is_same_object(json_object_get(base, "identity"), json_object_get(head, "identity")) &&
           is_same_object(json_object_get(base, "raw"), json_object_get(head, "raw"));
}

static const json_t *find_head(const json_t *backends, const json_t *base)
{
    size_t index = 0;
    json_t *backend = NULL;
    json_array_foreach(backends, index, backend)
    {
        if (pab_json_is(backend, "role", "head") && is_same_text(base, backend, "label")) {
            return backend;
        }
    }
    return NULL;
}

bool pab_gate_are_arms_same(const struct pab_reading *arms)
{
    const json_t *backends = json_object_get(pab_reading_run(arms), "backends");
    bool is_same = json_is_true(json_object_get(pab_gate_of(arms), "one_program"));
    size_t index = 0;
    json_t *backend = NULL;
    json_array_foreach(backends, index, backend)
    {
        if (pab_json_is(backend, "role", "base")) {
            const json_t *head = find_head(backends, backend);
            is_same = is_same && head != NULL && is_same_backend(backend, head);
        }
    }
    return is_same;
}
