#include "harness/room.h"

#include "harness/limits.h"
#include "harness/self.h"

#include <stdio.h>
#include <sys/resource.h>

/* Beside what takes `mapped_bytes` of the address space that is allowed. */
static uint64_t room_beside(uint64_t mapped_bytes)
{
    struct pab_limits limits;
    struct rlimit space;
    pab_limits_read("", &limits);
    uint64_t room = limits.memory_bytes / 8 * 7;
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY) {
        uint64_t left = space.rlim_cur > mapped_bytes ? space.rlim_cur - mapped_bytes : 0;
        room = left < room ? left : room;
    }
    return room;
}

uint64_t pab_room_bytes(void)
{
    return room_beside(PAB_INPUTS_RESERVE_BYTES);
}

uint64_t pab_room_left_bytes(void)
{
    return room_beside(pab_mapped_bytes());
}

bool pab_room_lacks(uint64_t live_bytes, char *why, size_t why_bytes)
{
    uint64_t room = live_bytes <= PAB_ROOM_SMALL_BYTES ? UINT64_MAX : pab_room_bytes();
    if (live_bytes <= room) {
        return false;
    }
    snprintf(
        why, why_bytes,
        "its blocks take %.1f GiB at the peak, and %.1f GiB is all there is room for here; give "
        "it smaller parameters (-p), or free memory",
        (double)live_bytes / 0x1p30, (double)room / 0x1p30);
    return true;
}
