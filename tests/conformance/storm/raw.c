/* The raw domain below both sides: every block of it is the same one, every call is noted. */
#include "tests/conformance/storm/internal.h"

_Alignas(max_align_t) unsigned char pab_storm_raw_block[4096];

/* Any size passed on as 0 stands for 1: who makes it so differs between releases. */
static inline void raw_note(struct storm_raw *raw, uint64_t call, size_t size)
{
    uint64_t what = call << 32 | (size + (size == 0));
    raw->history = (raw->history ^ what) * 0x9E3779B97F4A7C15u;
    raw->history ^= raw->history >> 29;
}

void *pab_storm_raw_malloc(void *ctx, size_t size)
{
    raw_note(ctx, STORM_MALLOC, size);
    return pab_storm_raw_block;
}

void *pab_storm_raw_calloc(void *ctx, size_t count, size_t size)
{
    raw_note(ctx, STORM_CALLOC, count * size);
    return pab_storm_raw_block;
}

void *pab_storm_raw_table_malloc(void *ctx, size_t size)
{
    return size > STORM_SIZE_MOST ? malloc(size) : pab_storm_raw_malloc(ctx, size);
}

void *pab_storm_raw_table_calloc(void *ctx, size_t count, size_t size)
{
    return count * size > STORM_SIZE_MOST ? calloc(count, size)
                                          : pab_storm_raw_calloc(ctx, count, size);
}

/* An allocator's own vector begins as NULL; a caller's block never does. */
void *pab_storm_raw_realloc(void *ctx, void *ptr, size_t size)
{
    if (ptr != pab_storm_raw_block) {
        return realloc(ptr, size);
    }
    raw_note(ctx, STORM_REALLOC, size);
    return ptr;
}

void pab_storm_raw_free(void *ctx, void *ptr)
{
    if (ptr != pab_storm_raw_block) {
        free(ptr);
    } else {
        raw_note(ctx, STORM_FREE, 0);
    }
}
