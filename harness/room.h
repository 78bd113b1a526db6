/* harness/room.h -- whether what a body needs fits into this machine. Depends on libc, limits.h,
 * self.h.
 */
#ifndef PAB_HARNESS_ROOM_H
#define PAB_HARNESS_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Address space that a worker reserves for a workload's inputs. */
#define PAB_INPUTS_RESERVE_BYTES ((size_t)4 << 30)

/* What a worker may fill without harm to others: seven eighths of what is free now, within its
 * control groups' limits and its own limit of address space. */
uint64_t pab_room_bytes(void);

/* The same for this process, which has taken some of its address space already. */
uint64_t pab_room_left_bytes(void);

/* So much has room everywhere: nobody looks. */
#define PAB_ROOM_SMALL_BYTES ((uint64_t)256 << 20)

/* True when a body whose blocks take `live_bytes` at its peak has no room, with the reason and
 * what to do. */
bool pab_room_lacks(uint64_t live_bytes, char *why, size_t why_bytes);

#endif
