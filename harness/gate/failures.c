/* harness/gate/failures.c -- failures of documents, by side. */
#include "harness/gate/verdict.h"
#include "harness/json_text.h"

struct list {
    struct pab_gate_failure *items;
    size_t count;
};

static const char *text_or_null(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static void add(struct list *list, const json_t *row, const char *label, bool is_head)
{
    struct pab_gate_failure *grown = realloc(list->items, (list->count + 1) * sizeof(*list->items));
    PAB_CHECK(grown != NULL);
    list->items = grown;
    list->items[list->count++] = (struct pab_gate_failure){
        .is_head = is_head,
        .workload = text_or_null(row, "workload"),
        .label = label,
        .pass = text_or_null(row, "pass"),
        .kind = pab_json_text(row, "kind"),
        .message = pab_json_text(row, "message"),
    };
}

static const json_t *find_backend(const json_t *run, const char *id)
{
    size_t index = 0;
    json_t *backend = NULL;
    json_array_foreach(json_object_get(run, "backends"), index, backend)
    {
        if (pab_json_is(backend, "id", id)) {
            return backend;
        }
    }
    return NULL;
}

struct pab_gate_failure *pab_gate_failures(const struct pab_reading *arms, size_t *count)
{
    struct list list = {0};
    const json_t *run = pab_reading_run(arms);
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(run, "failures"), index, row)
    {
        const char *id = text_or_null(row, "backend");
        const json_t *arm = id == NULL ? NULL : find_backend(run, id);
        if (arm != NULL) {
            add(&list, row, text_or_null(arm, "label"), pab_json_is(arm, "role", "head"));
        } else { /* the workload itself: on every backend */
            add(&list, row, NULL, false);
            add(&list, row, NULL, true);
        }
    }
    *count = list.count;
    return list.items;
}

struct pab_gate_failure *pab_gate_failures_between(const struct pab_reading *base,
                                                   const struct pab_reading *head, size_t *count)
{
    struct list list = {0};
    const struct pab_reading *sides[] = {base, head};
    for (size_t side = 0; side < ARRAY_COUNT(sides); side++) {
        size_t index = 0;
        json_t *row = NULL;
        json_array_foreach(json_object_get(pab_reading_run(sides[side]), "failures"), index, row)
        {
            add(&list, row, text_or_null(row, "backend"), side == 1);
        }
    }
    *count = list.count;
    return list.items;
}
