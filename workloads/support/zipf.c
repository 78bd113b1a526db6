/* workloads/support/zipf.c -- fills the columns of the alias method. */
#include "workloads/support/zipf.h"

/* The weight of rank r is HEAVIEST / (r + 1): the lightest rank still weighs 64, and the sum of
 * all, below 16 * HEAVIEST, may be shifted by 32 bits. */
#define HEAVIEST    ((uint64_t)1 << 26)
#define RANKS_LIMIT ((uint32_t)1 << 20)

/* Every column holds `full`; a rank that weighs less is topped up by one that weighs more. Ranks
 * that wait: the light ones in work[0..light), the heavy ones in work[heavy..count). */
struct filling {
    struct pab_zipf_column *columns;
    uint64_t *weights; /* times count, so that the mean is `full` */
    uint32_t *work;
    uint64_t full;
    uint32_t light, heavy, count;
};

static void put_to_work(struct filling *f, uint32_t rank)
{
    if (f->weights[rank] < f->full) {
        f->work[f->light++] = rank;
    } else {
        f->work[--f->heavy] = rank;
    }
}

static void fill_columns(struct filling *f)
{
    while (f->light > 0) {
        /* In whole numbers the light ranks are never the last: what they lack, others have. */
        PAB_CHECK(f->heavy < f->count);
        uint32_t small = f->work[--f->light];
        uint32_t large = f->work[f->heavy++];
        f->columns[small] = (struct pab_zipf_column){
            .keep = (uint32_t)((f->weights[small] << 32) / f->full),
            .alias = large,
        };
        f->weights[large] -= f->full - f->weights[small];
        put_to_work(f, large);
    }
    while (f->heavy < f->count) {
        uint32_t rank = f->work[f->heavy++];
        f->columns[rank] = (struct pab_zipf_column){.keep = UINT32_MAX, .alias = rank};
    }
}

void pab_zipf_init(struct pab_zipf *zipf, uint32_t count, struct pab_inputs *inputs)
{
    PAB_CHECK(count >= 1 && count <= RANKS_LIMIT);
    struct filling f = {
        .columns = pab_inputs_take(inputs, count * sizeof(struct pab_zipf_column)),
        .weights = pab_inputs_take(inputs, count * sizeof(uint64_t)),
        .work = pab_inputs_take(inputs, count * sizeof(uint32_t)),
        .heavy = count,
        .count = count,
    };
    for (uint32_t rank = 0; rank < count; rank++) {
        uint64_t weight = HEAVIEST / ((uint64_t)rank + 1);
        f.weights[rank] = weight * count;
        f.full += weight;
    }
    for (uint32_t rank = 0; rank < count; rank++) {
        put_to_work(&f, rank);
    }
    fill_columns(&f);
    *zipf = (struct pab_zipf){.columns = f.columns, .count = count};
}
