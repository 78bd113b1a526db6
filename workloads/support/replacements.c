/* workloads/support/replacements.c -- draws the requests, with sizes as Python asks for them.
 *
 * The sizes were measured: every new block of CPython 3.11.2's object domain, counted through
 * PyMem_SetAllocator from the end of the interpreter's start on, while four programs ran:
 *
 *   syntax    60 modules of the standard library parsed, dumped and compiled   2.7 M blocks
 *   json      a list of 20,000 nested records dumped and loaded four times     4.2 M blocks
 *   text      the words of its top-level modules counted, found by `re`        1.7 M blocks
 *   objects   data classes, heapq, csv, dates, decimals, graphs of sets        1.0 M blocks
 *
 * Each program weighs the same; the table holds the 256 quantiles at (k + 1/2) / 256. The mean is
 * 63 bytes; one block in 190 was above 512 bytes, here one in 256.
 */
#include "workloads/support/replacements.h"

#include "workloads/support/rng.h"

static const struct {
    uint16_t size;
    uint8_t shares; /* of 256 */
} measured[] = {
    {24, 2},  {28, 8},  {32, 53}, {35, 1},  {36, 4},  {37, 2},  {38, 3},  {40, 10},
    {41, 1},  {43, 1},  {48, 18}, {49, 1},  {50, 2},  {51, 7},  {52, 14}, {53, 17},
    {54, 9},  {55, 11}, {56, 18}, {57, 7},  {58, 6},  {59, 4},  {60, 3},  {61, 1},
    {62, 1},  {63, 1},  {64, 8},  {66, 1},  {67, 1},  {68, 1},  {70, 1},  {72, 7},
    {76, 1},  {79, 1},  {81, 1},  {84, 1},  {85, 1},  {87, 1},  {89, 1},  {100, 1},
    {104, 1}, {109, 1}, {120, 4}, {126, 1}, {151, 1}, {152, 4}, {155, 1}, {161, 1},
    {163, 1}, {190, 1}, {208, 3}, {216, 1}, {240, 1}, {288, 1}, {424, 1}, {795, 1},
};

static void fill_sizes(struct pab_replacements *out)
{
    uint32_t filled = 0;
    for (size_t i = 0; i < ARRAY_COUNT(measured); i++) {
        for (unsigned k = 0; k < measured[i].shares; k++) {
            PAB_CHECK(filled < PAB_REPLACEMENT_CLASSES);
            out->sizes[filled++] = measured[i].size;
        }
    }
    PAB_CHECK(filled == PAB_REPLACEMENT_CLASSES);
}

static uint32_t request(struct pab_rng *rng, uint32_t slot)
{
    return slot * PAB_REPLACEMENT_CLASSES + pab_rng_below(rng, PAB_REPLACEMENT_CLASSES);
}

/* Fisher and Yates, from the inside out. */
static void shuffle(uint32_t *order, uint32_t count, struct pab_rng *rng)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t k = pab_rng_below(rng, i + 1);
        order[i] = order[k];
        order[k] = i;
    }
}

void pab_replacements_draw(struct pab_replacements *out, uint32_t live, uint64_t count,
                           uint64_t seed, struct pab_inputs *inputs)
{
    PAB_CHECK(live >= 1 && live <= PAB_REPLACEMENT_SLOTS_MAX);
    uint32_t *build = pab_inputs_take(inputs, live * sizeof(*build));
    uint32_t *steady = pab_inputs_take(inputs, count * sizeof(*steady));
    uint32_t *drain = pab_inputs_take(inputs, live * sizeof(*drain));
    struct pab_rng rng;
    pab_rng_seed(&rng, seed);
    for (uint32_t slot = 0; slot < live; slot++) {
        build[slot] = request(&rng, slot);
    }
    for (uint64_t i = 0; i < count; i++) {
        steady[i] = request(&rng, pab_rng_below(&rng, live));
    }
    shuffle(drain, live, &rng);
    *out = (struct pab_replacements){
        .live = live,
        .count = count,
        .build = build,
        .steady = steady,
        .drain = drain,
    };
    fill_sizes(out);
}
