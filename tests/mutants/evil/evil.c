/* tests/mutants/evil/evil.c -- libpab_evil.so: any allocator with one fault put in. Depends on
 * below.h.
 *
 *     PAB_EVIL        the fault, by its id in the catalogue of mutants: M05; none is the control
 *     PAB_EVIL_UNDER  the allocator below, a shared object; the C library's if it is not set
 *
 * Each block has 16 bytes of ours before it, so the shim knows every block's owner, size and start
 * and asks no table. What is below sees blocks of 16 bytes more; the control differs in nothing
 * else, and no check may find anything in it.
 */
#include "tests/mutants/evil/below.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD      ((size_t)16)
#define ALIGN_MAX ((size_t)1 << 31)
#define SMALL     512
#define LARGE     ((size_t)128 << 10)
#define MAGIC     0xE71Bu
#define KEPT      8 /* blocks that a thread keeps or remembers */
#define RECENT    64
#define OFTEN     64    /* M10: one block in so many is handed out twice */
#define SELDOM    65536 /* M24: one call in so many writes where it must not */
#define PAGE      4096
#define EXPORT    __attribute__((visibility("default")))

struct head {
    uint64_t size; /* as asked for */
    uint32_t lead; /* from where the block below begins to here */
    uint16_t magic;
    uint8_t owner;   /* number of the thread that took it, modulo 256 */
    uint8_t holders; /* 2: handed out twice */
};
_Static_assert(sizeof(struct head) == HEAD, "blocks stay aligned");

static struct {
    int fault;
    pthread_key_t key;     /* its destructor: a thread ends */
    pthread_mutex_t mutex; /* of `spare`; of everything in M36 */
    void *spare;           /* freed, but handed out once or twice more */
    void *_Atomic stale;   /* the small block freed last */
    void *_Atomic recent[RECENT];
    atomic_uint threads, calls;
    max_align_t shared; /* M13: what malloc(0) gives */
} evil = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static __thread __attribute__((tls_model("initial-exec"))) struct {
    unsigned number; /* from 1; 0: not counted yet */
    unsigned count;
    void *kept[KEPT]; /* M34: freed ones; M35: taken ones */
} thread;

static bool is(int fault)
{
    return evil.fault == fault;
}

static struct head *head_of(void *ptr)
{
    return (struct head *)((unsigned char *)ptr - HEAD);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static uint8_t self(void)
{
    if (thread.number == 0) {
        thread.number = atomic_fetch_add(&evil.threads, 1) + 1;
        if (is(34) || is(35)) {
            pthread_setspecific(evil.key, &thread);
        }
    }
    return (uint8_t)thread.number;
}

/* --- blocks of the allocator below --------------------------------------------------------- */

static void *refuse(void)
{
    if (!is(30)) {
        errno = ENOMEM;
    }
    return NULL;
}

static void *begin(unsigned char *base, size_t lead, size_t size)
{
    if (base == NULL) {
        return refuse();
    }
    struct head *head = head_of(base + lead);
    *head = (struct head){size, (uint32_t)lead, MAGIC, self(), 1};
    return base + lead;
}

static void *base_of(void *ptr)
{
    return (unsigned char *)ptr - head_of(ptr)->lead;
}

static size_t usable(void *ptr)
{
    const struct head *head = head_of(ptr);
    if (evil_below.usable_size == NULL || evil_below_is_early(ptr)) {
        return head->size;
    }
    return evil_below.usable_size(base_of(ptr)) - head->lead;
}

static void give_back(void *ptr)
{
    if (!evil_below_is_early(ptr)) {
        void *base = base_of(ptr);
        head_of(ptr)->magic = 0;
        evil_below.free(base);
    }
}

static void *take(size_t size)
{
    int before = errno;
    size_t lead = is(6) && size > 32 && size <= 48 ? HEAD + 8 : HEAD;
    size_t less = is(31) && size > 0 && size % PAGE == 0 ? 16 : 0;
    void *ptr = begin(evil_below.malloc(size - less + lead), lead, size);
    if (ptr == NULL && is(30)) {
        errno = before;
    }
    return ptr;
}

static void *take_zeroed(size_t size)
{
    if (is(3) || is(22)) {
        void *ptr = take(size);
        return ptr == NULL || is(3) ? ptr : memset(ptr, 0, size & ~(size_t)7);
    }
    void *ptr = begin(evil_below.calloc(1, size + HEAD), HEAD, size);
    return ptr == NULL || !is(21) ? ptr : memset(ptr, 0, size + 16);
}

/* --- faults that keep something of what was freed --------------------------------------------- */

/* A block that is free, and handed out twice before it is so in truth. */
static void spare_put(void *ptr)
{
    pthread_mutex_lock(&evil.mutex);
    if (evil.spare == NULL) {
        head_of(ptr)->holders = 0;
        evil.spare = ptr;
        ptr = NULL;
    }
    pthread_mutex_unlock(&evil.mutex);
    if (ptr != NULL) {
        give_back(ptr);
    }
}

static void *spare_take(size_t size)
{
    pthread_mutex_lock(&evil.mutex);
    void *ptr = evil.spare;
    if (ptr != NULL) {
        struct head *head = head_of(ptr);
        if (size > head->size || size < head->size / 2) {
            ptr = NULL;
        } else if (++head->holders == 2) {
            evil.spare = NULL;
        }
    }
    pthread_mutex_unlock(&evil.mutex);
    return ptr;
}

/* Whether somebody else holds it, too. */
static bool spare_let_go(void *ptr)
{
    bool is_held = false;
    pthread_mutex_lock(&evil.mutex);
    if (head_of(ptr)->holders > 1) {
        head_of(ptr)->holders--;
        is_held = true;
    } else if (evil.spare == ptr) {
        evil.spare = NULL;
    }
    pthread_mutex_unlock(&evil.mutex);
    return is_held;
}

static void *kept_take(size_t size)
{
    for (unsigned i = 0; i < KEPT; i++) {
        void *ptr = thread.kept[i];
        if (ptr != NULL && size <= head_of(ptr)->size && size >= head_of(ptr)->size / 2) {
            thread.kept[i] = NULL;
            return ptr;
        }
    }
    return NULL;
}

static bool kept_put(void *ptr)
{
    for (unsigned i = 0; i < KEPT; i++) {
        if (thread.kept[i] == NULL) {
            thread.kept[i] = ptr;
            return true;
        }
    }
    return false;
}

static void kept_forget(const void *ptr)
{
    for (unsigned i = 0; i < KEPT; i++) {
        thread.kept[i] = thread.kept[i] == ptr ? NULL : thread.kept[i];
    }
}

/* M34 does nothing here: what the thread kept is lost. */
static void thread_ends(void *arg)
{
    (void)arg;
    for (unsigned i = 0; is(35) && i < KEPT; i++) {
        if (thread.kept[i] != NULL && head_of(thread.kept[i])->magic == MAGIC) {
            evil_below.free(base_of(thread.kept[i]));
        }
    }
}

static void *_Atomic *recent_slot(const void *ptr)
{
    return &evil.recent[((uintptr_t)ptr * 0x9e3779b97f4a7c15u) >> 58];
}

/* A byte of some live block changes. */
static void write_somewhere(void)
{
    for (unsigned i = 0; i < RECENT; i++) {
        unsigned char *ptr = atomic_exchange(&evil.recent[i], NULL);
        if (ptr != NULL && head_of(ptr)->magic == MAGIC && head_of(ptr)->size > 0) {
            ptr[head_of(ptr)->size / 2] ^= 0x55;
            return;
        }
    }
}

static void count_call(void)
{
    unsigned call = atomic_fetch_add(&evil.calls, 1) + 1;
    if (is(24) && call % SELDOM == 0) {
        write_somewhere();
    }
}

/* --- one fault after the other ----------------------------------------------------------------- */

static void note_taken(void *ptr)
{
    if (is(24)) {
        atomic_store(recent_slot(ptr), ptr);
    } else if (is(35)) {
        thread.kept[thread.count++ % KEPT] = ptr;
    }
}

static void *evil_malloc(size_t size)
{
    if (size > PTRDIFF_MAX - HEAD) {
        void *stale = is(40) ? evil.stale : NULL;
        return stale != NULL ? stale : refuse();
    }
    if (is(13) && size == 0) {
        return &evil.shared;
    }
    void *ptr = is(10) || is(33) ? spare_take(size) : is(34) ? kept_take(size) : NULL;
    ptr = ptr != NULL ? ptr : take(size);
    if (ptr != NULL) {
        note_taken(ptr);
    }
    return ptr;
}

static void *evil_calloc(size_t count, size_t size)
{
    size_t bytes = count * size;
    bool wraps = size != 0 && count > SIZE_MAX / size;
    if ((wraps && !is(14)) || bytes > PTRDIFF_MAX - HEAD) {
        return refuse();
    }
    void *ptr = take_zeroed(bytes);
    if (ptr != NULL) {
        note_taken(ptr);
    }
    return ptr;
}

static void evil_free(void *ptr)
{
    if (ptr == NULL) {
        if (is(16)) {
            abort();
        }
        return;
    }
    if (ptr == &evil.shared) {
        return;
    }
    struct head *head = head_of(ptr);
    uint64_t size = head->size;
    bool is_remote = head->owner != self();
    if (is(24)) {
        void *expected = ptr;
        atomic_compare_exchange_strong(recent_slot(ptr), &expected, NULL);
    } else if (is(35)) {
        kept_forget(ptr);
    } else if (is(40) && size <= SMALL) {
        evil.stale = ptr;
    }
    if ((is(32) && is_remote) || ((is(10) || is(33)) && spare_let_go(ptr)) ||
        (is(34) && kept_put(ptr))) {
        return;
    }
    bool doubles = is(10) ? evil.calls % OFTEN == 0 : is(33) && is_remote;
    if (doubles && !evil_below_is_early(ptr)) {
        spare_put(ptr);
    } else if (is(37) && head->lead > HEAD && size <= SMALL) {
        evil_below.free((unsigned char *)ptr - HEAD);
    } else {
        give_back(ptr);
    }
    if (is(19) && size >= LARGE) {
        errno = EINVAL;
    }
}

/* How many bytes of the old block a faulty realloc copies; `had` when it copies all. */
static size_t bytes_kept(uint64_t had, size_t usable_bytes, size_t size)
{
    size_t all = least(usable_bytes, size);
    if (is(4)) {
        return least(had, size) - (least(had, size) > 0);
    }
    if (is(5)) {
        return least(all, 256);
    }
    if (is(27) && had <= SMALL && size > SMALL) {
        return least(all, 480);
    }
    return is(29) && size < had ? size / 2 : all;
}

static void *move(void *ptr, size_t size)
{
    struct head *head = head_of(ptr);
    uint64_t had = head->size;
    size_t kept = bytes_kept(had, usable(ptr), size);
    void *moved = take(size);
    if (moved != NULL) {
        note_taken(moved);
        memcpy(moved, ptr, kept);
        if (!is(17) || 2 * size >= had) {
            evil_free(ptr);
        }
    }
    return moved;
}

static bool moves(const void *ptr, const struct head *head, size_t size)
{
    return evil_below_is_early(ptr) || head->lead != HEAD || head->holders > 1 || is(4) || is(5) ||
           is(10) || is(17) || is(24) || is(27) || is(29) || is(31) || is(33) || is(34) || is(35) ||
           (is(6) && size > 32 && size <= 48);
}

static void *evil_realloc(void *ptr, size_t size)
{
    if (ptr == NULL || ptr == &evil.shared) {
        return evil_malloc(size);
    }
    struct head *head = head_of(ptr);
    void *moved = NULL;
    if (size > PTRDIFF_MAX - HEAD) {
        moved = refuse();
    } else if (is(25) && size <= usable(ptr) + 8) {
        head->size = size;
        return ptr;
    } else if (moves(ptr, head, size)) {
        moved = move(ptr, size);
    } else {
        unsigned char *base = evil_below.realloc(base_of(ptr), size + HEAD);
        moved = begin(base, HEAD, size);
    }
    if (moved == NULL && is(12)) {
        evil_free(ptr);
    }
    return moved;
}

static void *evil_memalign(size_t align, size_t size)
{
    size_t lead = align > HEAD ? align : HEAD;
    if (size > PTRDIFF_MAX - HEAD || lead > ALIGN_MAX || size > PTRDIFF_MAX - lead) {
        if (is(39) && size + align < size) {
            return take(SMALL); /* what is left of a sum that wrapped */
        }
        return refuse();
    }
    if (lead == HEAD) {
        return evil_malloc(size);
    }
    return begin(evil_below.memalign(align, size + lead), lead, size);
}

/* --- C's functions ------------------------------------------------------------------------------ */

static void enter(void)
{
    count_call();
    if (is(36)) {
        pthread_mutex_lock(&evil.mutex);
        if (evil.calls % OFTEN == 0) {
            sched_yield(); /* a fork that comes now copies a lock that nobody gives back */
        }
    }
}

static void leave(void)
{
    if (is(36)) {
        pthread_mutex_unlock(&evil.mutex);
    }
}

EXPORT void *malloc(size_t size)
{
    enter();
    void *ptr = evil_malloc(size);
    leave();
    return ptr;
}

EXPORT void *calloc(size_t count, size_t size)
{
    enter();
    void *ptr = evil_calloc(count, size);
    leave();
    return ptr;
}

static void *resized(void *ptr, size_t size)
{
    enter();
    void *moved = evil_realloc(ptr, size);
    leave();
    return moved;
}

EXPORT void *realloc(void *ptr, size_t size)
{
    return resized(ptr, size);
}

EXPORT void free(void *ptr)
{
    enter();
    evil_free(ptr);
    leave();
}

EXPORT void *reallocarray(void *ptr, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return refuse();
    }
    return resized(ptr, count * size);
}

EXPORT size_t malloc_usable_size(void *ptr)
{
    if (ptr == NULL || ptr == &evil.shared) {
        return 0;
    }
    uint64_t size = head_of(ptr)->size;
    return usable(ptr) + (is(15) && size > 64 && size <= 80 ? 8 : 0);
}

static bool is_power_of_two(size_t align)
{
    return align != 0 && (align & (align - 1)) == 0;
}

static void *aligned(size_t align, size_t size)
{
    if (!is_power_of_two(align)) {
        errno = EINVAL;
        return NULL;
    }
    enter();
    void *ptr = evil_memalign(align, size);
    leave();
    return ptr;
}

EXPORT void *memalign(size_t align, size_t size)
{
    return aligned(align, size);
}

EXPORT void *aligned_alloc(size_t align, size_t size)
{
    return aligned(align, size);
}

EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
    int before = errno;
    bool is_bad = !is_power_of_two(align) || align % sizeof(void *) != 0;
    void *ptr = is_bad ? NULL : aligned(align, size);
    if (ptr != NULL || is(38)) {
        *out = ptr != NULL ? ptr : &evil.shared;
    }
    errno = before;
    return ptr != NULL ? 0 : is_bad ? EINVAL : ENOMEM;
}

EXPORT void *valloc(size_t size)
{
    return aligned((size_t)sysconf(_SC_PAGESIZE), size);
}

EXPORT void *pvalloc(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t whole = (size + page - 1) & ~(page - 1);
    return whole < size ? refuse() : aligned(page, whole == 0 ? page : whole);
}

/* --- life --------------------------------------------------------------------------------------- */

/* Which of the catalogue's mutants a shim can be. */
static const unsigned char faults[] = {3,  4,  5,  6,  10, 12, 13, 14, 15, 16, 17, 19, 21, 22, 24,
                                       25, 27, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40};

static bool choose(const char *name)
{
    if (name == NULL || strcmp(name, "none") == 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof(faults); i++) {
        char id[8];
        snprintf(id, sizeof(id), "M%02u", faults[i]);
        if (strcmp(name, id) == 0) {
            evil.fault = faults[i];
            return true;
        }
    }
    return false;
}

__attribute__((constructor(101))) static void evil_load(void)
{
    const char *name = getenv("PAB_EVIL");
    if (!choose(name)) {
        dprintf(STDERR_FILENO, "evil: PAB_EVIL=%s is no fault that it has\n", name);
        _exit(EXIT_FAILURE);
    }
    evil_below_open();
    pthread_key_create(&evil.key, thread_ends);
}
