/* workloads/support/profile.h -- requests drawn from what recorded programs asked for.
 *
 * Depends on inputs.h, trace/words.h. A profile is a table of one program's blocks (profiles.inc,
 * made by workloads/traces/profile.py): how many there were of each domain, way of making and class
 * of size, which sizes these had, and how long they lived. Each block is drawn from it without
 * regard to those before; all requests stand before anything is timed.
 *
 * A life is counted in blocks: how many are made between a block's malloc and its free. So each one
 * that is drawn is met exactly. Counted in bytes, a block would die with the first one that crosses
 * its mark, too late by up to that one's size; counted in events, two blocks could be due at once.
 */
#ifndef PAB_WORKLOADS_SUPPORT_PROFILE_H
#define PAB_WORKLOADS_SUPPORT_PROFILE_H

#include "workloads/support/inputs.h"
#include "workloads/trace/words.h"

/* Lives up to here are met as they are; what is beyond is drawn out or shortened by one factor, so
 * that as many blocks are alive as is wished: temporaries live as long in a large program as in a
 * small one, what is kept lives for a part of the run. */
#define PAB_PROFILE_SHORT_LIFE 1024u

enum pab_profile_how {
    PAB_PROFILE_MALLOC,
    PAB_PROFILE_CALLOC,
    PAB_PROFILE_RESIZED, /* malloc, and realloc later on */
};

struct pab_profile_list {
    const uint32_t *at;
    uint32_t count;
};

/* What a part of the resized blocks is like; parts weigh the same. */
enum {
    PAB_RESIZED_FIRST,
    PAB_RESIZED_PEAK,
    PAB_RESIZED_LAST, /* sizes */
    PAB_RESIZED_TIMES,
    PAB_RESIZED_BUSY, /* blocks made until the last of these */
    PAB_RESIZED_LIFE,
    PAB_RESIZED_FIELDS,
};

struct pab_profile_row {
    uint8_t domain, how;
    uint32_t blocks;
    struct pab_profile_list
        sizes; /* [size, blocks...]; RESIZED: [PAB_RESIZED_FIELDS of a part...] */
    struct pab_profile_list lives; /* [life, blocks...]; RESIZED: none */
};

struct pab_profile {
    const char *name; /* of the trace */
    const struct pab_profile_row *rows;
    size_t row_count;
    uint32_t blocks; /* of all rows */
    uint64_t digest; /* of the trace, pab_trace_digest() */
};

#define PAB_PROFILE_COUNT 8u
extern const struct pab_profile pab_profiles[PAB_PROFILE_COUNT];

struct pab_profile_wish {
    const struct pab_profile *profiles; /* each of them is as likely for a block */
    size_t profile_count;
    uint32_t live;  /* blocks alive at a time, on average, from the steady phase on; 1000 or more */
    uint32_t steps; /* blocks made in the steady phase */
    uint64_t seed;
};

/* BUILD makes blocks until the longest life is over, so that STEADY begins where as many die as are
 * made; DRAIN gives back what is left: three quarters in scattered order, then by slot. */
struct pab_profile_requests {
    const uint64_t *words; /* PAB_PLAY_AHEAD more can be read */
    size_t steady_at, drain_at, count;
    uint32_t build_blocks; /* made in BUILD */
    uint32_t slots;        /* one past the highest */
    uint64_t events;
};

/* Takes the words out of `inputs`. */
enum pab_status pab_profile_draw(const struct pab_profile_wish *wish, struct pab_inputs *inputs,
                                 struct pab_profile_requests *out, struct pab_error *err);

/* What a life becomes if `live` blocks are wished for. */
struct pab_profile_stretch {
    uint64_t factor; /* of what is beyond PAB_PROFILE_SHORT_LIFE, in 2^-16 */
};

struct pab_profile_stretch pab_profile_stretch(const struct pab_profile_wish *wish);

static inline uint64_t pab_profile_life(struct pab_profile_stretch stretch, uint32_t life)
{
    return life <= PAB_PROFILE_SHORT_LIFE
               ? life
               : PAB_PROFILE_SHORT_LIFE + ((life - PAB_PROFILE_SHORT_LIFE) * stretch.factor >> 16);
}

#endif
