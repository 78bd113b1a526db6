#include "tests/conformance/threads/ladder.h"

#include "tests/conformance/support/pattern.h"

/* Of the largest blocks only the ends are written: a fork copies every page that is. */
#define EDGE_BYTES ((size_t)8192)

size_t pab_ladder_size(size_t step)
{
    return (size_t)8 << step;
}

static uint64_t key_of(size_t step)
{
    return pab_pattern_key(step, pab_ladder_size(step));
}

static size_t written(size_t step)
{
    size_t size = pab_ladder_size(step);
    return size < EDGE_BYTES ? size : EDGE_BYTES;
}

bool pab_ladder_take(struct pab_ladder *ladder, const struct pab_subject *subject)
{
    bool has_all = true;
    for (size_t step = 0; step < PAB_LADDER_STEPS; step++) {
        unsigned char *block = pab_subject_malloc(subject, pab_ladder_size(step));
        ladder->blocks[step] = block;
        has_all = has_all && block != NULL;
        if (block != NULL) {
            pab_pattern_fill(block, 0, written(step), key_of(step));
            block[pab_ladder_size(step) - 1] = pab_pattern_byte(key_of(step), written(step) - 1);
        }
    }
    return has_all;
}

bool pab_ladder_give(struct pab_ladder *ladder, const struct pab_subject *subject)
{
    bool holds = true;
    for (size_t step = 0; step < PAB_LADDER_STEPS; step++) {
        void *block = ladder->blocks[step];
        holds = holds &&
                (block == NULL || pab_pattern_holds(block, 0, written(step), key_of(step), NULL));
        pab_subject_free(subject, block);
        ladder->blocks[step] = NULL;
    }
    return holds;
}

bool pab_ladder_climb(const struct pab_subject *subject)
{
    struct pab_ladder ladder;
    bool holds = pab_ladder_take(&ladder, subject);
    void *grown = holds ? pab_subject_malloc(subject, 8) : NULL;
    for (size_t step = 0; grown != NULL && step < PAB_LADDER_STEPS; step++) {
        void *moved = pab_subject_realloc(subject, grown, pab_ladder_size(step));
        holds = holds && moved != NULL;
        grown = moved != NULL ? moved : grown;
    }
    pab_subject_free(subject, grown);
    return pab_ladder_give(&ladder, subject) && holds;
}
