/* allocators/decorate/request.h -- what the decorators share: kinds of calls, the request hash, the
 * tick. Depends on backend.h.
 *
 * A decorator replaces the three tables of a heap in place by its own, whose ctx is one layer
 * each, and puts them back when it is detached. Decorators stack; detach the last attached first.
 */
#ifndef PAB_ALLOCATORS_DECORATE_REQUEST_H
#define PAB_ALLOCATORS_DECORATE_REQUEST_H

#include "allocators/backend.h"

enum pab_call {
    PAB_CALL_MALLOC,
    PAB_CALL_CALLOC,
    PAB_CALL_REALLOC,
    PAB_CALL_FREE,
    PAB_CALL_COUNT,
};

/* Called between two calls of the program, after every so many of them. Must not use the heap. */
typedef void (*pab_tick)(void *arg, uint64_t calls, uint64_t live_bytes);

struct pab_ticker {
    uint64_t next, every; /* next == 0: never */
    pab_tick tick;
    void *arg;
};

/* Calls `tick` after every `every` calls from now on, where `calls` were made; 0: never. */
static inline void pab_ticker_set(struct pab_ticker *ticker, uint64_t calls, uint64_t every,
                                  pab_tick tick, void *arg)
{
    assert(every == 0 || tick != NULL);
    *ticker = (struct pab_ticker){
        .next = every == 0 ? 0 : calls + every, .every = every, .tick = tick, .arg = arg};
}

static inline void pab_ticker_advance(struct pab_ticker *ticker, uint64_t calls,
                                      uint64_t live_bytes)
{
    if (__builtin_expect(calls == ticker->next, 0)) {
        ticker->next += ticker->every;
        ticker->tick(ticker->arg, calls, live_bytes);
    }
}

#define PAB_REQUEST_HASH_INIT ((uint64_t)0x243f6a8885a308d3) /* digits of pi: no choice of ours */

static inline uint64_t pab_request_hash_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9fb21c651e98df25u;
    return hash ^ (hash >> 32);
}

/* Folds one call into `hash`. Only what the program decided goes in: domain, kind, sizes, and
 * whether a pointer was given; no address and no outcome. So the hash of a program's calls, in
 * order, is the same on every backend. `size` is 0 for free, the product for calloc. */
static inline uint64_t pab_request_hash(uint64_t hash, enum pab_domain domain, enum pab_call call,
                                        size_t size, bool has_pointer)
{
    uint64_t code = ((uint64_t)domain << 3) | ((uint64_t)call << 1) | (uint64_t)has_pointer;
    return pab_request_hash_mix(hash, ((uint64_t)size << 5) | code);
}

#endif
