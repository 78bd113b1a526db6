#include "workloads/trace/slots.h"

#include "allocators/os_pages.h"

#define FIRST_ROOM ((uint32_t)1 << 14)

enum pab_status pab_slots_init(struct pab_slots *slots, struct pab_error *err)
{
    size_t bytes = (size_t)PAB_TRACE_SLOTS_MAX * sizeof(uint32_t);
    uint32_t *words = pab_pages_reserve(&bytes, FIRST_ROOM * sizeof(uint32_t));
    if (words == NULL) {
        return pab_fail(err, PAB_NO_MEMORY,
                        "the system grants no address space for the blocks of a trace; raise the "
                        "limit of virtual memory (ulimit -v)");
    }
    *slots = (struct pab_slots){.words = words, .reserved_bytes = bytes, .first = PAB_SLOT_NONE};
    return PAB_OK;
}

void pab_slots_fini(struct pab_slots *slots)
{
    if (slots->words != NULL) {
        pab_pages_release(slots->words, slots->reserved_bytes);
    }
    *slots = (struct pab_slots){0};
}

void pab_slots_reset(struct pab_slots *slots)
{
    slots->used = 0;
    slots->first = PAB_SLOT_NONE;
}

bool pab_slots_grow(struct pab_slots *slots)
{
    size_t most = slots->reserved_bytes / sizeof(uint32_t);
    size_t room = slots->room == 0 ? FIRST_ROOM : (size_t)slots->room * 2;
    room = room < most ? room : most;
    if (room == slots->room || !pab_pages_commit(slots->words, room * sizeof(uint32_t))) {
        return false;
    }
    slots->room = (uint32_t)room;
    return true;
}
