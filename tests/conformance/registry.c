#include "harness/check.h"

#include <string.h>

#define PAB_CHECKS_ENTRY(id) extern const struct pab_check_group pab_checks_##id;
#include "pab_checks.inc"
#undef PAB_CHECKS_ENTRY

static const struct pab_check_group *const groups[] = {
#define PAB_CHECKS_ENTRY(id) &pab_checks_##id,
#include "pab_checks.inc"
#undef PAB_CHECKS_ENTRY
};

#define CHECKS_MAX 512

/* A file holds what shares code; readers look for numbers. So: letters in the order of the files,
 * within them by number. Filled at the first question. */
static struct {
    const struct pab_check *rows[CHECKS_MAX];
    size_t count;
} registry;

static size_t letters_of(const struct pab_check *check)
{
    return strcspn(check->id, "-");
}

static bool has_same_letters(const struct pab_check *a, const struct pab_check *b)
{
    return letters_of(a) == letters_of(b) && strncmp(a->id, b->id, letters_of(a)) == 0;
}

static bool comes_after(const struct pab_check *a, const struct pab_check *b)
{
    long a_number = strtol(a->id + letters_of(a) + 1, NULL, 10);
    long b_number = strtol(b->id + letters_of(b) + 1, NULL, 10);
    return a_number > b_number || (a_number == b_number && strcmp(a->id, b->id) > 0);
}

/* Puts a row behind the last one of its letters that it does not come before. */
static void insert(const struct pab_check *check)
{
    size_t place = registry.count;
    PAB_CHECK(registry.count < CHECKS_MAX);
    for (size_t i = 0; i < registry.count; i++) {
        if (has_same_letters(registry.rows[i], check)) {
            place = i + 1;
            if (comes_after(registry.rows[i], check)) {
                place = i;
                break;
            }
        }
    }
    for (size_t i = registry.count; i > place; i--) {
        registry.rows[i] = registry.rows[i - 1];
    }
    registry.rows[place] = check;
    registry.count++;
}

static void fill(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(groups); i++) {
        PAB_CHECK(groups[i]->contract == PAB_CHECK_CONTRACT);
        for (size_t row = 0; row < groups[i]->count; row++) {
            insert(&groups[i]->checks[row]);
        }
    }
}

size_t pab_check_count(void)
{
    if (registry.count == 0) {
        fill();
    }
    return registry.count;
}

const struct pab_check *pab_check_at(size_t index)
{
    PAB_CHECK(index < pab_check_count());
    return registry.rows[index];
}
