#include "tests/conformance/long_run/held.h"

#include "tests/conformance/support/process.h"
#include "tests/conformance/support/sort.h"

#include <string.h>

void pab_held_init(struct pab_held *held, const struct pab_subject *subject, size_t room)
{
    *held = (struct pab_held){.subject = subject, .room = room};
    pab_process_avoid_huge_pages();
    held->blocks = pab_process_pages(room * sizeof(*held->blocks));
    memset(held->blocks, 0xff, room * sizeof(*held->blocks));
    memset(held->blocks, 0, room * sizeof(*held->blocks));
    held->start_rss = pab_process_rss_bytes();
}

bool pab_held_take(struct pab_held *held, size_t size)
{
    void *block = held->count < held->room ? pab_subject_malloc(held->subject, size) : NULL;
    if (block == NULL) {
        return false;
    }
    memset(block, 0x5a, size);
    held->blocks[held->count++] = block;
    held->bytes += size;
    return true;
}

void pab_held_free(struct pab_held *held, size_t index, size_t size)
{
    if (held->blocks[index] != NULL) {
        pab_subject_free(held->subject, held->blocks[index]);
        held->blocks[index] = NULL;
        held->bytes -= size;
    }
}

size_t pab_held_gain(const struct pab_held *held)
{
    size_t now = pab_process_rss_bytes();
    return now > held->start_rss ? now - held->start_rss : 0;
}

static int by_address(const void *left, const void *right)
{
    uintptr_t a = (uintptr_t) * (void *const *)left;
    uintptr_t b = (uintptr_t) * (void *const *)right;
    return (a > b) - (a < b);
}

void pab_held_sort(struct pab_held *held)
{
    pab_sort(held->blocks, held->count, sizeof(*held->blocks), by_address);
}
