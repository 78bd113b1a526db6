#include "tests/conformance/support/sizes.h"

#include <assert.h>

static void add(struct pab_sizes *sizes, size_t size)
{
    bool is_new = sizes->count == 0 || size > sizes->at[sizes->count - 1];
    if (is_new && sizes->count < PAB_SIZES_MAX) {
        sizes->at[sizes->count++] = size;
    }
}

void pab_sizes_ladder(struct pab_sizes *out, size_t most)
{
    out->count = 0;
    for (size_t size = 0; size <= 16 && size <= most; size++) {
        add(out, size);
    }
    for (size_t power = 16; power != 0 && power - 1 <= most; power *= 2) {
        add(out, power - 1);
        if (power <= most) {
            add(out, power);
        }
        if (power + 1 <= most) {
            add(out, power + 1);
        }
    }
}

static void assume_classes(struct pab_sizes *out, size_t most)
{
    for (size_t size = 16; size <= 512 && size <= most; size += 16) {
        add(out, size);
    }
    for (size_t size = 1024; size != 0 && size <= most; size *= 2) {
        add(out, size);
    }
}

/* Where each 16 bytes are a class there are more than the table holds: its last quarter goes to some
 * of those that are left, evenly up to `most`. */
static size_t passed_over(const struct pab_sizes *sizes, size_t usable, size_t most)
{
    size_t room = PAB_SIZES_MAX - sizes->count;
    return room == 0 || room > PAB_SIZES_MAX / 4 || usable >= most ? 0 : (most - usable) / room;
}

void pab_sizes_classes(struct pab_sizes *out, const struct pab_subject *subject, size_t most)
{
    out->count = 0;
    if (!pab_subject_has_usable(subject)) {
        assume_classes(out, most);
        return;
    }
    for (size_t size = 1; size <= most && out->count < PAB_SIZES_MAX;) {
        void *block = pab_subject_malloc(subject, size);
        if (block == NULL) {
            return;
        }
        size_t usable = pab_subject_usable(subject, block, size);
        pab_subject_free(subject, block);
        if (usable < size) { /* USZ-02 will say so */
            usable = size;
        }
        if (usable <= most) {
            add(out, usable);
        }
        size = usable + 1 + passed_over(out, usable, most);
    }
}

size_t pab_sizes_draw(struct pab_rng *rng, size_t most)
{
    assert(most >= 1 && most <= UINT32_MAX / 2);
    uint32_t kind = pab_rng_below(rng, 10);
    uint32_t below = kind < 7 ? 512 : 4100;
    if (kind == 9) {
        uint32_t powers = 1;
        while (most >> powers != 0) {
            powers++;
        }
        below = (uint32_t)1 << (1 + pab_rng_below(rng, powers));
    }
    return 1 + pab_rng_below(rng, below < most ? below : (uint32_t)most);
}
