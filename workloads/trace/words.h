/* workloads/trace/words.h -- events as a replay goes through them: eight bytes for most. Depends on
 * trace.h.
 *
 *      63        34 33         6 5      4 3    0
 *     +------------+------------+--------+------+
 *     | size       | slot       | domain | kind |     then, where the kind says so, whole words
 *     +------------+------------+--------+------+
 *
 * What decides how a block is touched is decided here, once, and not again in each body: the kind
 * tells small blocks from tiny and large ones, and a FREE knows the size. After the last event come
 * the FREEs of the blocks that it leaves alive, slot by slot: a body ends with an empty heap.
 */
#ifndef PAB_WORKLOADS_TRACE_WORDS_H
#define PAB_WORKLOADS_TRACE_WORDS_H

#include "workloads/trace/trace.h"

#include <assert.h>

#define PAB_SMALL_MAX 512u /* blocks up to here are touched wholly */
#define PAB_TINY_MAX  15u  /* in these the first word and the last would overlap */

enum pab_word_kind {
    PAB_WORD_MALLOC, /* of a small block, as the next two */
    PAB_WORD_CALLOC,
    PAB_WORD_FREE,
    PAB_WORD_MALLOC_TINY,
    PAB_WORD_CALLOC_TINY,
    PAB_WORD_FREE_TINY,
    PAB_WORD_MALLOC_LARGE, /* a word more: the size */
    PAB_WORD_CALLOC_LARGE, /* a word more: the size */
    PAB_WORD_FREE_LARGE,   /* a word more: the size */
    PAB_WORD_REALLOC,      /* two words more: the size it had, the size it gets */
    PAB_WORD_THREAD,       /* slot: the thread that goes on, where there are several */
};

#define PAB_WORDS_OF_EVENT 4u /* at most: a REALLOC and the THREAD before it */

static inline unsigned pab_word_kind(uint64_t word)
{
    return (unsigned)word & 15;
}

static inline unsigned pab_word_domain(uint64_t word)
{
    return (unsigned)word >> 4 & 3;
}

static inline uint32_t pab_word_slot(uint64_t word)
{
    return (uint32_t)(word >> 6) & (PAB_TRACE_SLOTS_MAX - 1);
}

static inline size_t pab_word_size(uint64_t word)
{
    return (size_t)(word >> 34);
}

/* How many words the event has that begins with `word`. */
static inline unsigned pab_word_count(uint64_t word)
{
    unsigned kind = pab_word_kind(word);
    if (kind == PAB_WORD_REALLOC) {
        return 3;
    }
    return kind >= PAB_WORD_MALLOC_LARGE && kind <= PAB_WORD_FREE_LARGE ? 2 : 1;
}

static_assert(PAB_TRACE_SLOTS_MAX == UINT32_C(0x10000000), "a slot has bits 6..33");
static_assert(PAB_WORD_MALLOC_TINY == 3 && PAB_WORD_MALLOC_LARGE == 6, "three of each");

static inline uint64_t pab_word_of(enum pab_word_kind kind, unsigned domain, uint32_t slot,
                                   uint64_t size)
{
    return (uint64_t)kind | (uint64_t)domain << 4 | (uint64_t)slot << 6 | size << 34;
}

/* Puts the words of an event at `at`, and returns where the next one's go. `small` is MALLOC,
 * CALLOC or FREE. */
static inline uint64_t *pab_word_put_block(uint64_t *at, enum pab_word_kind small, unsigned domain,
                                           uint32_t slot, uint64_t size)
{
    bool is_large = size > PAB_SMALL_MAX;
    unsigned offset = is_large ? PAB_WORD_MALLOC_LARGE : PAB_WORD_MALLOC;
    offset = size <= PAB_TINY_MAX ? PAB_WORD_MALLOC_TINY : offset;
    enum pab_word_kind kind = (enum pab_word_kind)((unsigned)small + offset);
    *at++ = pab_word_of(kind, domain, slot, is_large ? 0 : size);
    if (is_large) {
        *at++ = size;
    }
    return at;
}

static inline uint64_t *pab_word_put_resize(uint64_t *at, unsigned domain, uint32_t slot,
                                            uint64_t old, uint64_t size)
{
    *at++ = pab_word_of(PAB_WORD_REALLOC, domain, slot, 0);
    *at++ = old;
    *at++ = size;
    return at;
}

/* What is known once all events were seen. */
struct pab_survey {
    uint64_t events; /* of the words: what was alive at the start, then those of the trace */
    uint64_t taken;  /* of the trace, behind what was skipped */
    uint64_t peak_live_bytes;
    uint64_t build_events; /* how many precede the moment when 90 % of the peak are live, about */
    uint32_t slots;        /* one past the highest */
    uint32_t end_blocks;   /* left alive by the last event */
    uint32_t threads;
    bool ended; /* the trace was read to its end, and is whole */
};

struct pab_words;

/* Which part of a trace. */
struct pab_words_part {
    uint64_t skip;  /* events; the blocks that they leave alive are made first, slot by slot */
    uint64_t limit; /* events that follow; 0: all */
    /* Several threads become at most so many, by turns: 1 folds them into one, without a THREAD. */
    uint32_t threads_max;
};

/* All memory is mapped. */
enum pab_status pab_words_open(const char *path, const struct pab_words_part *part,
                               struct pab_words **out, struct pab_error *err);
void pab_words_close(struct pab_words *words);
/* Room for words, and what came into it. */
struct pab_word_row {
    uint64_t *at;
    size_t room;   /* PAB_WORDS_OF_EVENT or more */
    uint64_t most; /* events; 0: as there is room for */
    size_t count;  /* words; set by whoever fills it */
};

/* Fills a row; `count` 0: there are no more. On an error what `count` tells of is still good. */
enum pab_status pab_words_read(struct pab_words *words, struct pab_word_row *row,
                               struct pab_error *err);
/* Events that were given so far, without the FREEs of what they leave. */
uint64_t pab_words_events(const struct pab_words *words);
/* Of what was read so far. */
struct pab_survey pab_words_survey(const struct pab_words *words);
/* Starts over: the same words come again. */
void pab_words_rewind(struct pab_words *words);
/* JSON, as the file has it. */
const char *pab_words_meta(const struct pab_words *words);

#endif
