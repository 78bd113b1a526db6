#include "harness/compare/levels.h"

#include "allocators/status.h"
#include "harness/json_text.h"
#include "harness/text.h"

#include <math.h>
#include <string.h>

/* From what serves everything to what serves the least. */
static const char *const names[] = {"object", "mem", "raw", "arena"};

enum { NAME_MOST = 24, CELL = 13 };

/* The first backend of this allocator at this level that was measured, or NULL. */
static const char *backend_at(const struct pab_levels *levels, const char *allocator,
                              const char *level)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(levels->backends, index, row)
    {
        if (pab_json_is(row, "allocator", allocator) && pab_json_is(row, "level", level) &&
            pab_json_is(row, "status", "ok") && !json_is_false(json_object_get(row, "ranked"))) {
            return pab_json_text(row, "id");
        }
    }
    return NULL;
}

static size_t level_count(const struct pab_levels *levels, const char *allocator)
{
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        count += backend_at(levels, allocator, names[i]) != NULL;
    }
    return count;
}

static bool was_before(const json_t *backends, size_t index)
{
    const char *allocator = pab_json_text(json_array_get(backends, index), "allocator");
    for (size_t i = 0; i < index; i++) {
        if (pab_json_is(json_array_get(backends, i), "allocator", allocator)) {
            return true;
        }
    }
    return false;
}

static void print_ratio(FILE *out, double ratio, const char *mark)
{
    if (isfinite(ratio)) {
        fprintf(out, " %5.3f%s", ratio, mark);
    } else {
        fprintf(out, " %5s", "-");
    }
}

static void print_head(FILE *out)
{
    fprintf(out, "\n");
    pab_text_print(out, "", 0,
                   "insertion level: what an allocator serves, from everything to the arenas of a "
                   "pymalloc alone; ratios of time and of peak RSS");
    fprintf(out, "  %-*s", NAME_MOST, "allocator");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        fprintf(out, " %*s", CELL - 1, names[i]);
    }
    fprintf(out, "\n");
}

static void print_allocator(FILE *out, const struct pab_levels *levels, const char *allocator)
{
    fprintf(out, "  %-*s", NAME_MOST, allocator);
    if (strlen(allocator) > NAME_MOST) {
        fprintf(out, "\n  %-*s", NAME_MOST, "");
    }
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        const char *backend = backend_at(levels, allocator, names[i]);
        struct pab_level_ratios ratios = {NAN, NAN};
        if (backend != NULL) {
            ratios = levels->ratios(levels->arg, backend);
        }
        const char *mark = levels->is_doubtful ? "!" : "";
        fprintf(out, "%s", mark[0] != '\0' && isfinite(ratios.time) ? "" : " ");
        print_ratio(out, ratios.time, mark);
        print_ratio(out, ratios.memory, "");
    }
    fprintf(out, "\n");
}

/* The system's malloc stands in most runs by itself and below a plain pymalloc, in rows of their
 * own: that alone is no study of levels. */
static bool is_asked(const struct pab_levels *levels)
{
    for (size_t i = 0; i < json_array_size(levels->backends); i++) {
        const char *allocator = pab_json_text(json_array_get(levels->backends, i), "allocator");
        size_t usual = strcmp(allocator, "system") == 0 ? 2 : 1;
        if (level_count(levels, allocator) > usual) {
            return true;
        }
    }
    return false;
}

void pab_levels_print(FILE *out, const struct pab_levels *levels)
{
    if (!is_asked(levels)) {
        return;
    }
    bool has_head = false;
    for (size_t i = 0; i < json_array_size(levels->backends); i++) {
        const char *allocator = pab_json_text(json_array_get(levels->backends, i), "allocator");
        if (was_before(levels->backends, i) || level_count(levels, allocator) < 2) {
            continue;
        }
        if (!has_head) {
            print_head(out);
            has_head = true;
        }
        print_allocator(out, levels, allocator);
    }
}
