/* tests/conformance/fresh/first.c -- the first call of a process or of a thread, whichever it is;
 * and calls around main: before every constructor, in one, in atexit, in a thread's end. */
#include "tests/conformance/fresh/program.h"

#include "tests/conformance/support/pattern.h"

#include <pthread.h>
#include <stdlib.h>

/* --- one first call --------------------------------------------------------------------------- */

enum first_call {
    FIRST_MALLOC,
    FIRST_CALLOC,
    FIRST_REALLOC,
    FIRST_ALIGNED_ALLOC,
    FIRST_POSIX_MEMALIGN,
    FIRST_FREE,
    FIRST_USABLE_SIZE,
    FIRST_COUNT,
};

static const char *const first_names[] = {
    "malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign", "free", "malloc_usable_size",
};

struct first {
    const struct pab_fresh_calls *calls;
    enum first_call call;
    size_t size;
    void *foreign; /* a block of another thread, for FREE and USABLE_SIZE */
};

static bool is_exported(const struct pab_fresh_calls *calls, enum first_call call)
{
    switch (call) {
    case FIRST_ALIGNED_ALLOC:
        return calls->aligned_alloc != NULL;
    case FIRST_POSIX_MEMALIGN:
        return calls->posix_memalign != NULL;
    case FIRST_USABLE_SIZE:
        return calls->usable_size != NULL;
    default:
        return true;
    }
}

/* The block that the call gives; NULL where it gives none. */
static void *make_call(const struct first *first)
{
    const struct pab_fresh_calls *calls = first->calls;
    void *block = NULL;
    size_t align = 64;
    switch (first->call) {
    case FIRST_MALLOC:
        return calls->malloc(first->size);
    case FIRST_CALLOC:
        return calls->calloc(1, first->size);
    case FIRST_REALLOC:
        return calls->realloc(NULL, first->size);
    case FIRST_ALIGNED_ALLOC:
        return calls->aligned_alloc(align, (first->size + align - 1) / align * align);
    case FIRST_POSIX_MEMALIGN:
        return calls->posix_memalign(&block, align, first->size) == 0 ? block : NULL;
    case FIRST_FREE:
        calls->free(first->foreign);
        return NULL;
    default:
        return calls->usable_size(first->foreign) >= first->size ? first->foreign : NULL;
    }
}

static void run_first(const struct first *first)
{
    const char *name = first_names[first->call];
    size_t bad = 0;
    unsigned char *block = make_call(first);
    if (first->call == FIRST_FREE) {
        block = first->calls->malloc(first->size);
    }
    if (block == NULL) {
        pab_fresh_say(PAB_FRESH_FOUND, "%s as first call, %zu bytes: it gave %s", name, first->size,
                      first->call == FIRST_USABLE_SIZE ? "less than was asked for" : "NULL");
        return;
    }
    if (first->call == FIRST_CALLOC && !pab_pattern_is_zero(block, 0, first->size, &bad)) {
        pab_fresh_say(PAB_FRESH_FOUND, "calloc as first call, %zu bytes: byte %zu is not zero",
                      first->size, bad);
    }
    pab_fresh_fill(block, first->size, first->call);
    unsigned char *other = first->calls->malloc(first->size); /* the second call */
    if (other != NULL) {
        pab_fresh_fill(other, first->size, FIRST_COUNT);
        (void)pab_fresh_holds(block, first->size, first->call, "after the second call");
    }
    first->calls->free(block);
    first->calls->free(other);
}

static void *run_first_thread(void *arg)
{
    run_first(arg);
    return NULL;
}

/* One call as the first of a thread of its own. The foreign block is this thread's. */
static bool run_in_thread(struct first *first)
{
    bool takes_block = first->call == FIRST_FREE || first->call == FIRST_USABLE_SIZE;
    first->foreign = takes_block ? first->calls->malloc(first->size) : NULL;
    return pab_fresh_thread(run_first_thread, first);
}

/* {1, 3, 5, 7} * 2^k and their neighbours: either side of most boundaries between classes. */
static size_t near_power(size_t power, size_t which)
{
    size_t size = (2 * (which / 3) + 1) * power + which % 3 - 1;
    return size == 0 ? 1 : size;
}

#define NEAR_COUNT 12

/* How many threads were run; 0: there are none to be had. */
static size_t run_call_in_threads(const struct pab_fresh_calls *calls, enum first_call call,
                                  size_t most)
{
    size_t threads = 0;
    for (size_t power = 1; power <= most; power *= 2) {
        for (size_t i = 0; i < NEAR_COUNT; i++, threads++) {
            struct first first = {calls, call, near_power(power, i), NULL};
            if (!run_in_thread(&first)) {
                return 0;
            }
        }
    }
    return threads;
}

static void run_in_threads(const struct pab_fresh_calls *calls, size_t most)
{
    size_t threads = 0;
    for (enum first_call call = 0; call < FIRST_COUNT; call++) {
        size_t more = is_exported(calls, call) ? run_call_in_threads(calls, call, most) : 0;
        if (more == 0 && is_exported(calls, call)) {
            return;
        }
        threads += more;
    }
    pab_fresh_say(PAB_FRESH_ANSWER, "%zu", threads);
    pab_fresh_say(PAB_FRESH_DONE, " ");
}

/* numbers: 0 a call in main, 1 each in a thread of its own; then the call; the size or the largest
 * power of two. */
void pab_fresh_first(const struct pab_fresh_task *task)
{
    struct first first = {
        .calls = &task->calls,
        .call = (enum first_call)(task->numbers[1] % FIRST_COUNT),
        .size = task->numbers[2],
    };
    if (task->numbers[0] == 1) {
        run_in_threads(&task->calls, task->numbers[2]);
        return;
    }
    pab_fresh_say(PAB_FRESH_STAGE, "%s of %zu bytes in main", first_names[first.call], first.size);
    if (is_exported(&task->calls, first.call)) {
        bool takes_block = first.call == FIRST_FREE || first.call == FIRST_USABLE_SIZE;
        first.foreign = takes_block ? task->calls.malloc(first.size) : NULL;
        run_first(&first);
    }
    pab_fresh_say(PAB_FRESH_DONE, " ");
}

/* --- around main ----------------------------------------------------------------------------- */

enum around_stage {
    AROUND_PREINIT = 1u << 0,
    AROUND_CONSTRUCTOR = 1u << 1,
    AROUND_MAIN = 1u << 2,
    AROUND_KEY = 1u << 3,
    AROUND_ATEXIT = 1u << 4,
    AROUND_DESTRUCTOR = 1u << 5,
};

#define AROUND_BLOCKS 24 /* of doubling sizes from 1 byte to 64 KiB */

/* One stage's blocks: taken there, given back in the last stage that runs. */
static struct {
    const struct pab_fresh_task *task;
    pthread_key_t key;
    unsigned key_rounds;
    unsigned taken;
    void *blocks[8][AROUND_BLOCKS];
} around;

static bool has_stage(enum around_stage stage)
{
    return around.task != NULL && (around.task->numbers[0] & stage) != 0;
}

static size_t around_size(size_t index)
{
    return ((size_t)1 << index % 17) + index / 2;
}

static uint64_t around_owner(unsigned which, size_t index)
{
    return (uint64_t)which * AROUND_BLOCKS + index;
}

static void take_blocks(const char *stage)
{
    unsigned which = around.taken++;
    pab_fresh_say(PAB_FRESH_STAGE, "taking blocks %s", stage);
    for (size_t i = 0; i < AROUND_BLOCKS; i++) {
        void *block = around.task->calls.malloc(around_size(i));
        around.blocks[which][i] = block;
        if (block == NULL) {
            pab_fresh_say(PAB_FRESH_FOUND, "malloc(%zu) gave NULL %s", around_size(i), stage);
            return;
        }
        pab_fresh_fill(block, around_size(i), around_owner(which, i));
    }
}

/* Gives back every other block of all stages so far, so that the rest stays for later ones. */
static void give_back(const char *stage, size_t step)
{
    pab_fresh_say(PAB_FRESH_STAGE, "giving blocks back %s", stage);
    for (unsigned which = 0; which < around.taken; which++) {
        for (size_t i = 0; i < AROUND_BLOCKS; i += step) {
            void *block = around.blocks[which][i];
            if (block != NULL &&
                pab_fresh_holds(block, around_size(i), around_owner(which, i), stage)) {
                around.task->calls.free(block);
            }
            around.blocks[which][i] = NULL;
        }
    }
}

/* Runs when a thread ends; sets the value again, so the second round comes after the allocator's
 * own destructors, whose keys are younger. */
static void end_of_thread(void *value)
{
    if (around.key_rounds++ == 0) {
        take_blocks("in a key's destructor");
        pthread_setspecific(around.key, value);
    } else {
        take_blocks("in a key's destructor, second round");
        give_back("in a key's destructor, second round", 2);
    }
}

static void *key_thread(void *arg)
{
    pthread_setspecific(around.key, arg);
    return NULL;
}

static void at_exit(void)
{
    if (has_stage(AROUND_ATEXIT)) {
        take_blocks("in atexit");
        give_back("in atexit", 2);
    }
}

void pab_fresh_before_main(const struct pab_fresh_task *task, bool is_preinit)
{
    around.task = task;
    if (is_preinit && has_stage(AROUND_PREINIT)) {
        take_blocks("before all constructors");
    }
    if (is_preinit && has_stage(AROUND_KEY)) {
        pthread_key_create(&around.key, end_of_thread);
    }
    if (!is_preinit && has_stage(AROUND_CONSTRUCTOR)) {
        take_blocks("in a constructor");
    }
}

/* numbers: a bit for each stage in which blocks are taken */
void pab_fresh_around(const struct pab_fresh_task *task)
{
    around.task = task;
    if (has_stage(AROUND_MAIN)) {
        take_blocks("in main");
        give_back("in main", 3);
    }
    if (has_stage(AROUND_KEY) && !pab_fresh_thread(key_thread, &around)) {
        return;
    }
    atexit(at_exit);
}

/* The last of ours that runs. */
__attribute__((destructor(101))) static void after_main(void)
{
    if (around.task == NULL) {
        return;
    }
    if (has_stage(AROUND_DESTRUCTOR)) {
        take_blocks("in a destructor");
    }
    give_back("at the very end", 1);
    pab_fresh_say(PAB_FRESH_ANSWER, "%u", around.taken * AROUND_BLOCKS);
    pab_fresh_say(PAB_FRESH_DONE, " ");
}
