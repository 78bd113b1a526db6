#include "harness/age.h"

#include "allocators/os_pages.h"
#include "workloads/support/rng.h"
#include "workloads/support/scatter.h"

#include <string.h>

#define PAGE_BYTES 4096u

struct litter {
    void *block;
    uint32_t size;
    uint32_t domain;
};

#define CLASSES (PAB_DOMAIN_COUNT * PAB_AGE_CLASSES)

/* What is drawn from: the sum of shares up to and with each class. */
struct draw {
    uint64_t up_to[CLASSES];
    struct pab_rng rng;
};

/* Shares stay in proportion; a class of which there are few beside 2^32 of others may be lost. */
struct pab_age pab_age_of(unsigned percent, uint64_t bytes, const struct pab_sizes *sizes)
{
    struct pab_age age = {.percent = percent, .bytes = bytes};
    uint64_t most = 0;
    for (unsigned i = 0; i < CLASSES; i++) {
        uint64_t blocks = sizes->blocks[i / PAB_AGE_CLASSES][i % PAB_AGE_CLASSES];
        most = blocks > most ? blocks : most;
    }
    unsigned shift = 0;
    while (most >> shift > UINT32_MAX) {
        shift++;
    }
    for (unsigned i = 0; i < CLASSES; i++) {
        uint64_t blocks = sizes->blocks[i / PAB_AGE_CLASSES][i % PAB_AGE_CLASSES];
        age.shares[i / PAB_AGE_CLASSES][i % PAB_AGE_CLASSES] = (uint32_t)(blocks >> shift);
    }
    return age;
}

static uint64_t begin_draw(struct draw *draw, const struct pab_age *age, uint64_t seed)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < CLASSES; i++) {
        sum += age->shares[i / PAB_AGE_CLASSES][i % PAB_AGE_CLASSES];
        draw->up_to[i] = sum;
    }
    pab_rng_seed(&draw->rng, seed);
    return sum;
}

static struct litter draw_litter(struct draw *draw, uint64_t sum)
{
    uint64_t at = pab_rng_next(&draw->rng) % sum;
    unsigned i = 0;
    while (draw->up_to[i] <= at) {
        i++;
    }
    unsigned size_class = i % PAB_AGE_CLASSES;
    uint64_t top = pab_size_class_top(size_class);
    uint32_t span = size_class < PAB_SIZE_SMALL ? 16u : (uint32_t)top / 2;
    return (struct litter){
        .size = (uint32_t)top - pab_rng_below(&draw->rng, span),
        .domain = i / PAB_AGE_CLASSES,
    };
}

/* As a program touches what it takes: wholly, and what is large once a page. */
static void touch(const struct litter *litter)
{
    char *block = litter->block;
    if (litter->size <= PAGE_BYTES) {
        memset(block, 0x5a, litter->size);
        return;
    }
    for (uint32_t at = 0; at < litter->size; at += PAGE_BYTES) {
        block[at] = 0x5a;
    }
}

/* All that was taken. The last one is NULL when the heap gave no more. */
struct pile {
    struct litter *litter;
    size_t count, capacity;
    uint64_t bytes;
};

static void take(struct pab_heap *heap, uint64_t bytes, struct draw *draw, struct pile *pile)
{
    uint64_t sum = draw->up_to[CLASSES - 1];
    while (pile->bytes < bytes && pile->count < pile->capacity) {
        struct litter *litter = &pile->litter[pile->count++];
        *litter = draw_litter(draw, sum);
        const struct pab_alloc *table = &heap->domain[litter->domain];
        litter->block = table->malloc(table->ctx, litter->size);
        if (litter->block == NULL) {
            return;
        }
        touch(litter);
        pile->bytes += litter->size;
    }
}

static void give_back(struct pab_heap *heap, uint64_t percent, const struct pile *pile)
{
    uint64_t left = pile->bytes;
    uint64_t wanted = left / 100 * percent;
    struct pab_scatter scatter;
    uint32_t index;
    pab_scatter_init(&scatter, pile->count, left);
    while (left > wanted && pab_scatter_next(&scatter, &index)) {
        const struct pab_alloc *table = &heap->domain[pile->litter[index].domain];
        table->free(table->ctx, pile->litter[index].block);
        left -= pile->litter[index].size;
    }
}

enum pab_status pab_age_heap(struct pab_heap *heap, const struct pab_age *age, uint64_t seed,
                             struct pab_error *err)
{
    static struct draw draw;
    if (age->percent == 0 || age->bytes == 0 || begin_draw(&draw, age, seed) == 0) {
        return PAB_OK;
    }
    size_t capacity = age->bytes + 1; /* a byte each, and no place is touched that is not used */
    capacity = capacity < UINT32_MAX ? capacity : UINT32_MAX;
    size_t table_bytes = capacity * sizeof(struct litter);
    struct pile pile = {.litter = pab_pages_reserve(&table_bytes, table_bytes),
                        .capacity = capacity};
    if (pile.litter == NULL || !pab_pages_commit(pile.litter, table_bytes)) {
        return pab_fail(err, PAB_NO_MEMORY, "no %zu bytes of address space to age the heap with",
                        table_bytes);
    }
    take(heap, age->bytes, &draw, &pile);
    bool is_whole = pile.count > 0 && pile.litter[pile.count - 1].block != NULL;
    if (is_whole) {
        give_back(heap, age->percent, &pile);
    }
    pab_pages_release(pile.litter, table_bytes);
    return is_whole ? PAB_OK
                    : pab_fail(err, PAB_NO_MEMORY, "the allocator gave NULL to the heap's ageing");
}
