#include "tests/conformance/support/spans.h"

#include "tests/conformance/support/process.h"

#include <assert.h>
#include <string.h>

#define DIGIT_BITS   11
#define DIGIT_VALUES (1u << DIGIT_BITS)
#define PASSES       ((64 + DIGIT_BITS - 1) / DIGIT_BITS)

void pab_spans_init(struct pab_spans *spans, size_t most)
{
    spans->count = 0;
    spans->most = most;
    spans->at = pab_process_pages(most * sizeof(spans->at[0]));
    spans->spare = pab_process_pages(most * sizeof(spans->at[0]));
}

void pab_spans_add(struct pab_spans *spans, const void *start, size_t bytes, size_t owner)
{
    assert(spans->count < spans->most);
    spans->at[spans->count++] = (struct pab_span){(uintptr_t)start, bytes, owner};
}

static size_t digit_of(const struct pab_span *span, unsigned pass)
{
    return (span->start >> (pass * DIGIT_BITS)) % DIGIT_VALUES;
}

/* A radix sort from the lowest digit up; a digit that all share, as the highest ones, is passed
 * over. */
void pab_spans_sort(struct pab_spans *spans)
{
    static size_t places[DIGIT_VALUES];
    for (unsigned pass = 0; pass < PASSES && spans->count > 0; pass++) {
        memset(places, 0, sizeof(places));
        for (size_t i = 0; i < spans->count; i++) {
            places[digit_of(&spans->at[i], pass)]++;
        }
        if (places[digit_of(&spans->at[0], pass)] == spans->count) {
            continue;
        }
        size_t before = 0;
        for (size_t i = 0; i < DIGIT_VALUES; i++) {
            size_t here = places[i];
            places[i] = before;
            before += here;
        }
        for (size_t i = 0; i < spans->count; i++) {
            spans->spare[places[digit_of(&spans->at[i], pass)]++] = spans->at[i];
        }
        struct pab_span *sorted = spans->spare;
        spans->spare = spans->at;
        spans->at = sorted;
    }
}

bool pab_spans_meet(struct pab_spans *spans, struct pab_span *first, struct pab_span *second,
                    size_t *shared)
{
    pab_spans_sort(spans);
    for (size_t i = 1; i < spans->count; i++) {
        const struct pab_span *low = &spans->at[i - 1];
        const struct pab_span *high = &spans->at[i];
        size_t bytes = low->bytes == 0 ? 1 : low->bytes;
        if (high->start - low->start < bytes) {
            size_t rest = bytes - (high->start - low->start);
            *first = *low;
            *second = *high;
            *shared = high->bytes < rest ? high->bytes : rest;
            return true;
        }
    }
    return false;
}
