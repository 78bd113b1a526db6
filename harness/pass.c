#include "harness/pass.h"

#include <string.h>

#define PAB_PASS(id) extern const struct pab_pass pab_pass_##id;
#include "pab_passes.inc"
#undef PAB_PASS

#define PAB_PASS(id) &pab_pass_##id,
static const struct pab_pass *const passes[] = {
#include "pab_passes.inc"
};
#undef PAB_PASS

static_assert(ARRAY_COUNT(passes) <= PAB_PASS_MAX, "raise PAB_PASS_MAX");

size_t pab_pass_count(void)
{
    return ARRAY_COUNT(passes);
}

const struct pab_pass *pab_pass_at(size_t index)
{
    PAB_CHECK(passes[index]->contract == PAB_PASS_CONTRACT);
    return passes[index];
}

const struct pab_pass *pab_pass_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(passes); i++) {
        if (strcmp(passes[i]->name, name) == 0) {
            return passes[i];
        }
    }
    return NULL;
}

size_t pab_pass_index(const struct pab_pass *pass)
{
    size_t index = 0;
    while (passes[index] != pass) {
        index++;
        PAB_CHECK(index < ARRAY_COUNT(passes));
    }
    return index;
}
