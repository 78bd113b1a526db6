/* Our debug hooks against CPython's: what blocks look like, and what is said of broken ones.
 *
 *   debug_hooks [LIBPYTHON [RELEASE]]     Debian's libpython3.11, 3.11; others up to 3.11
 *
 * CPython's side is PyMem_SetupDebugHooks() in a libpython that was never initialised. Ours is
 * pymalloc of the same release under hooks=debug. (1) A random program of malloc, calloc, realloc
 * and free in all three domains: after each call the block with its pads, and what it left behind,
 * are the same on both. (2) Each misuse in a child of its own: the same words on stderr up to the
 * line of the fatal error, addresses aside, and the same end.
 */
#include "allocators/dso.h"
#include "allocators/spec.h"

#include <ctype.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEAD = 16, TAIL = 8, SLOTS = 64, STEPS = 200000, SIZE_MAX_TRIED = 1500 };

/* One of the two: by what it is called through. */
struct side {
    const char *name;
    struct pab_heap heap;
    bool is_cpython; /* its entry points as they are: our tables ask it for no 0 bytes */
};

static struct {
    struct side cpython, ours;
    size_t tail; /* bytes behind a block: pad, and the serial number where there is one */
    uint64_t random;
} test;

static unsigned char *side_malloc(struct side *side, enum pab_domain domain, size_t size)
{
    const struct pab_alloc *table = &side->heap.domain[domain];
    return side->is_cpython ? side->heap.entry[domain].malloc(size)
                            : table->malloc(table->ctx, size);
}

static unsigned char *side_calloc(struct side *side, enum pab_domain domain, size_t size)
{
    const struct pab_alloc *table = &side->heap.domain[domain];
    return side->is_cpython ? side->heap.entry[domain].calloc(1, size)
                            : table->calloc(table->ctx, 1, size);
}

static unsigned char *side_realloc(struct side *side, enum pab_domain domain, void *p, size_t size)
{
    const struct pab_alloc *table = &side->heap.domain[domain];
    return side->is_cpython ? side->heap.entry[domain].realloc(p, size)
                            : table->realloc(table->ctx, p, size);
}

static void side_free(struct side *side, enum pab_domain domain, void *p)
{
    const struct pab_alloc *table = &side->heap.domain[domain];
    if (side->is_cpython) {
        side->heap.entry[domain].free(p);
    } else {
        table->free(table->ctx, p);
    }
}

/* --- (1) blocks ------------------------------------------------------------------------------ */

struct slot {
    unsigned char *theirs, *ours;
    size_t size;
    enum pab_domain domain;
    bool in_pool; /* else it came from the raw domain, and stays there however small it gets */
};

static bool fits_a_pool(enum pab_domain domain, size_t size)
{
    return domain != PAB_DOMAIN_RAW && size + HEAD + test.tail <= 512;
}

static uint32_t below(uint32_t bound)
{
    test.random ^= test.random << 13; /* Marsaglia's xorshift64 */
    test.random ^= test.random >> 7;
    test.random ^= test.random << 17;
    return (uint32_t)((test.random >> 32) * bound >> 32);
}

static void print_bytes(const char *whose, const unsigned char *p, size_t count)
{
    fprintf(stderr, "%8s", whose);
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, " %02x", p[i]);
    }
    fputc('\n', stderr);
}

/* `from` bytes before the blocks until `to` bytes from their start. */
static void expect_equal(const struct slot *slot, size_t from, size_t to, unsigned step,
                         const char *what)
{
    if (memcmp(slot->theirs - from, slot->ours - from, from + to) != 0) {
        fprintf(stderr, "step %u, after %s, domain %d, %zu bytes:\n", step, what, (int)slot->domain,
                slot->size);
        print_bytes(test.cpython.name, slot->theirs - from, from + to);
        print_bytes(test.ours.name, slot->ours - from, from + to);
        exit(4);
    }
}

static void expect_block(const struct slot *slot, unsigned step, const char *what)
{
    if (slot->theirs == NULL || slot->ours == NULL) {
        fprintf(stderr, "step %u: %s of %zu bytes gave %p and %p\n", step, what, slot->size,
                (void *)slot->theirs, (void *)slot->ours);
        exit(4);
    }
    /* Beyond what pools serve, pymalloc passed the hooked block on to the hooked raw domain. */
    bool twice = slot->domain != PAB_DOMAIN_RAW && !slot->in_pool;
    expect_equal(slot, twice ? 2 * HEAD : HEAD, slot->size + test.tail * (twice ? 2 : 1), step,
                 what);
}

/* What a pool keeps of a block that is gone, but for the link that pymalloc writes into it. */
static void expect_remains(const struct slot *old, unsigned step, const char *what)
{
    if (old->in_pool) {
        expect_equal(old, HEAD - sizeof(void *), old->size + test.tail, step, what);
    }
}

static void fill(const struct slot *slot)
{
    for (size_t i = 0; i < slot->size; i++) {
        slot->theirs[i] = slot->ours[i] = (unsigned char)below(256);
    }
}

static size_t draw_size(void)
{
    switch (below(4)) {
    case 0:
        return below(20);
    case 1:
        return below(SIZE_MAX_TRIED);
    default:
        return below(300);
    }
}

static void take_block(struct slot *slot, unsigned step)
{
    bool zeroed = below(3) == 0;
    slot->domain = (enum pab_domain)below(PAB_DOMAIN_COUNT);
    slot->size = draw_size();
    slot->in_pool = fits_a_pool(slot->domain, slot->size);
    slot->theirs = zeroed ? side_calloc(&test.cpython, slot->domain, slot->size)
                          : side_malloc(&test.cpython, slot->domain, slot->size);
    slot->ours = zeroed ? side_calloc(&test.ours, slot->domain, slot->size)
                        : side_malloc(&test.ours, slot->domain, slot->size);
    expect_block(slot, step, zeroed ? "calloc" : "malloc");
    const struct pab_alloc *table = &test.ours.heap.domain[slot->domain];
    PAB_CHECK(table->usable_size(table->ctx, slot->ours) == slot->size);
    fill(slot);
}

/* Now and then to a size that no memory is there for: the block must be as it was. */
static void resize_block(struct slot *slot, unsigned step)
{
    struct slot old = *slot;
    bool fails = below(16) == 0;
    size_t size = fails ? (size_t)1 << 50 : draw_size();
    unsigned char *theirs = side_realloc(&test.cpython, old.domain, old.theirs, size);
    unsigned char *ours = side_realloc(&test.ours, old.domain, old.ours, size);
    if (fails) {
        PAB_CHECK(theirs == NULL && ours == NULL);
        expect_block(slot, step, "a realloc that failed");
        return;
    }
    *slot =
        (struct slot){theirs, ours, size, old.domain, old.in_pool && fits_a_pool(old.domain, size)};
    expect_block(slot, step, "realloc");
    if (old.in_pool && theirs != old.theirs) {
        PAB_CHECK(ours != old.ours);
        expect_remains(&old, step, "realloc that moved");
    }
    fill(slot);
}

static void drop_block(struct slot *slot, unsigned step)
{
    side_free(&test.cpython, slot->domain, slot->theirs);
    side_free(&test.ours, slot->domain, slot->ours);
    expect_remains(slot, step, "free");
    *slot = (struct slot){0};
}

static void compare_blocks(void)
{
    static struct slot slots[SLOTS];
    struct slot pin = {.size = 1}; /* else the arena that remains lie in may be unmapped */
    pin.theirs = side_malloc(&test.cpython, PAB_DOMAIN_OBJ, pin.size);
    pin.ours = side_malloc(&test.ours, PAB_DOMAIN_OBJ, pin.size);
    expect_equal(&pin, HEAD, pin.size + test.tail, 0, "the first malloc");
    for (unsigned step = 0; step < STEPS; step++) {
        struct slot *slot = &slots[below(SLOTS)];
        if (slot->theirs == NULL) {
            take_block(slot, step);
        } else if (below(2) == 0) {
            resize_block(slot, step);
        } else {
            drop_block(slot, step);
        }
    }
    for (size_t i = 0; i < SLOTS; i++) {
        if (slots[i].theirs != NULL) {
            drop_block(&slots[i], STEPS);
        }
    }
}

/* --- (2) misuse ------------------------------------------------------------------------------ */

static void overflow_by_one(struct side *side)
{
    unsigned char *p = side_malloc(side, PAB_DOMAIN_MEM, 20);
    p[20] = 1;
    side_free(side, PAB_DOMAIN_MEM, p);
}

static void overflow_of_none(struct side *side)
{
    unsigned char *p = side_malloc(side, PAB_DOMAIN_OBJ, 0);
    p[0] = 0;
    p[7] = 2;
    side_free(side, PAB_DOMAIN_OBJ, p);
}

static void overflow_of_few(struct side *side)
{
    unsigned char *p = side_calloc(side, PAB_DOMAIN_RAW, 5);
    p[6] = 7;
    side_free(side, PAB_DOMAIN_RAW, p);
}

static void overflow_of_sixteen(struct side *side)
{
    unsigned char *p = side_calloc(side, PAB_DOMAIN_MEM, 16);
    p[16] = 0;
    side_free(side, PAB_DOMAIN_MEM, p);
}

static void underflow_by_one(struct side *side)
{
    unsigned char *p = side_malloc(side, PAB_DOMAIN_OBJ, 21);
    p[-1] = 9;
    side_free(side, PAB_DOMAIN_OBJ, p);
}

static void both_pads_broken(struct side *side)
{
    unsigned char *p = side_malloc(side, PAB_DOMAIN_RAW, 1000);
    p[-7] = 0;
    p[1000] = 8;
    side_free(side, PAB_DOMAIN_RAW, p);
}

static void wrong_domain(struct side *side)
{
    side_free(side, PAB_DOMAIN_OBJ, side_malloc(side, PAB_DOMAIN_MEM, 17));
}

static void wrong_domain_raw(struct side *side)
{
    side_free(side, PAB_DOMAIN_RAW, side_malloc(side, PAB_DOMAIN_MEM, 17));
}

static void wrong_domain_realloc(struct side *side)
{
    side_realloc(side, PAB_DOMAIN_MEM, side_malloc(side, PAB_DOMAIN_OBJ, 17), 18);
}

static void no_letter(struct side *side)
{
    unsigned char *p = side_malloc(side, PAB_DOMAIN_MEM, 24);
    p[-8] = 0;
    side_free(side, PAB_DOMAIN_MEM, p);
}

static void letter_first(struct side *side)
{
    unsigned char *p = side_malloc(side, PAB_DOMAIN_MEM, 24);
    p[-8] = 0xe9;
    p[-2] = 1;
    p[24] = 1;
    side_free(side, PAB_DOMAIN_MEM, p);
}

static void realloc_of_overflown(struct side *side)
{
    unsigned char *p = side_malloc(side, PAB_DOMAIN_OBJ, 200);
    p[207] = 3;
    side_realloc(side, PAB_DOMAIN_OBJ, p, 100);
}

static void realloc_of_underflown(struct side *side)
{
    unsigned char *p = side_malloc(side, PAB_DOMAIN_MEM, 9);
    p[-3] = 3;
    side_realloc(side, PAB_DOMAIN_MEM, p, 10);
}

static void huge_realloc_of_broken(struct side *side)
{
    unsigned char *p = side_malloc(side, PAB_DOMAIN_MEM, 9);
    p[9] = 3;
    side_realloc(side, PAB_DOMAIN_MEM, p, (size_t)PTRDIFF_MAX);
}

static void freed_twice(struct side *side)
{
    unsigned char *p = side_malloc(side, PAB_DOMAIN_MEM, 40);
    side_free(side, PAB_DOMAIN_MEM, p);
    side_free(side, PAB_DOMAIN_MEM, p);
}

static void realloc_of_freed(struct side *side)
{
    unsigned char *p = side_malloc(side, PAB_DOMAIN_OBJ, 40);
    side_free(side, PAB_DOMAIN_OBJ, p);
    side_realloc(side, PAB_DOMAIN_OBJ, p, 50);
}

static void fine(struct side *side)
{
    unsigned char *p = side_malloc(side, PAB_DOMAIN_OBJ, 40);
    side_free(side, PAB_DOMAIN_OBJ, NULL);
    p = side_realloc(side, PAB_DOMAIN_OBJ, p, 0);
    PAB_CHECK(side_realloc(side, PAB_DOMAIN_OBJ, p, (size_t)PTRDIFF_MAX - 23) == NULL);
    PAB_CHECK(side_malloc(side, PAB_DOMAIN_OBJ, (size_t)PTRDIFF_MAX - 23) == NULL);
    side_free(side, PAB_DOMAIN_OBJ, p);
}

static const struct misuse {
    const char *name;
    void (*run)(struct side *side);
} misuses[] = {
    {"fine", fine},
    {"overflow by one", overflow_by_one},
    {"overflow of a block of 0 bytes", overflow_of_none},
    {"overflow of a block of 5 bytes", overflow_of_few},
    {"overflow of a block of 16 bytes", overflow_of_sixteen},
    {"underflow by one", underflow_by_one},
    {"both pads broken", both_pads_broken},
    {"wrong domain", wrong_domain},
    {"wrong domain, raw", wrong_domain_raw},
    {"wrong domain, realloc", wrong_domain_realloc},
    {"no letter", no_letter},
    {"letter first, whatever else is broken", letter_first},
    {"realloc of an overflown block", realloc_of_overflown},
    {"realloc of an underflown block", realloc_of_underflown},
    {"realloc of a broken block to a size there cannot be", huge_realloc_of_broken},
    {"freed twice", freed_twice},
    {"realloc of a freed block", realloc_of_freed},
};

/* How one misuse ended. */
struct ending {
    char text[4096]; /* of stderr: until the fatal error's line, each address an 'A' */
    size_t length;
    int status; /* as waitpid() tells it, but SIGSEGV for SIGBUS: which, is the address's */
};

/* What a mistake leads to after the fatal error is the interpreter's: its state, its traceback.
 * Sizes found in a freed block are parts of addresses, too. */
static void reduce(struct ending *ending)
{
    static const char fatal[] = "Fatal Python error: ";
    char *text = ending->text;
    char *end = memmem(text, ending->length, fatal, sizeof(fatal) - 1);
    char *newline = end == NULL ? NULL : memchr(end, '\n', ending->length - (size_t)(end - text));
    size_t length = newline == NULL ? ending->length : (size_t)(newline - text) + 1;
    size_t out = 0;
    for (size_t i = 0; i < length;) {
        bool address =
            i + 2 < length && text[i] == '0' && text[i + 1] == 'x' && i > 0 && text[i - 1] == '=';
        size_t digits = 0;
        while (i + digits < length && isdigit((unsigned char)text[i + digits])) {
            digits++;
        }
        if (address || digits >= 12) {
            i += address ? 2 : digits;
            while (address && i < length && isxdigit((unsigned char)text[i])) {
                i++;
            }
            text[out++] = 'A';
        } else {
            text[out++] = text[i++];
        }
    }
    ending->length = out;
}

static void run_misuse(const struct misuse *misuse, struct side *side, struct ending *ending)
{
    int ends[2];
    PAB_CHECK(pipe(ends) == 0);
    pid_t child = fork();
    PAB_CHECK(child >= 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        dup2(ends[1], STDERR_FILENO);
        misuse->run(side);
        _exit(0);
    }
    close(ends[1]);
    ending->length = 0;
    ssize_t got;
    while (ending->length < sizeof(ending->text) &&
           (got = read(ends[0], ending->text + ending->length,
                       sizeof(ending->text) - ending->length)) > 0) {
        ending->length += (size_t)got;
    }
    close(ends[0]);
    PAB_CHECK(waitpid(child, &ending->status, 0) == child);
    if (WIFSIGNALED(ending->status) && WTERMSIG(ending->status) == SIGBUS) {
        ending->status = SIGSEGV;
    }
    reduce(ending);
}

static void print_ending(const char *whose, const struct ending *ending)
{
    fprintf(stderr, "--- %s, status %d\n", whose, ending->status);
    fwrite(ending->text, 1, ending->length, stderr);
    fputc('\n', stderr);
}

static unsigned compare_misuse(const struct misuse *misuse)
{
    static struct ending theirs;
    static struct ending ours;
    run_misuse(misuse, &test.cpython, &theirs);
    run_misuse(misuse, &test.ours, &ours);
    if (theirs.status == ours.status && theirs.length == ours.length &&
        memcmp(theirs.text, ours.text, theirs.length) == 0) {
        return 0;
    }
    fprintf(stderr, "%s:\n", misuse->name);
    print_ending(test.cpython.name, &theirs);
    print_ending(test.ours.name, &ours);
    return 1;
}

/* --- the program ----------------------------------------------------------------------------- */

static void open_side(struct side *side, const char *name, const char *spec_text)
{
    struct pab_spec *spec = NULL;
    struct pab_error err;
    side->name = name;
    enum pab_status status = pab_spec_parse(spec_text, &spec, &err);
    if (status == PAB_OK) {
        status = pab_heap_open(&side->heap, spec, &err);
    }
    pab_spec_destroy(spec);
    if (status != PAB_OK) {
        fprintf(stderr, "debug_hooks: %s: %s\n", spec_text, err.text);
        exit(status == PAB_UNAVAILABLE ? 77 : 2);
    }
}

/* Under AddressSanitizer: what cannot be had is NULL, and whoever reads astray dies of it. */
const char *asan_default_options(void) __asm__("__asan_default_options");

const char *asan_default_options(void)
{
    return "allocator_may_return_null=1:handle_segv=0:handle_sigbus=0:handle_abort=0";
}

int main(int argc, char **argv)
{
    const char *release = argc > 2 ? argv[2] : "3.11";
    if (argc > 3 || (argc > 1 && argv[1][0] == '-')) {
        bool is_help = argc == 2 && strcmp(argv[1], "--help") == 0;
        fprintf(is_help ? stdout : stderr, "usage: debug_hooks [LIBPYTHON [RELEASE]]\n");
        return is_help ? 0 : 2;
    }
    char spec[PAB_SPEC_MAX] = "libpython";
    if (argc > 1) {
        snprintf(spec, sizeof(spec), "libpython:path=%s", argv[1]);
    }
    open_side(&test.cpython, "CPython", spec);
    test.cpython.is_cpython = true;
    void (*setup)(void) = NULL;
    *(void **)&setup = pab_dso_symbol(&test.cpython.heap, "PyMem_SetupDebugHooks");
    if (setup == NULL) {
        fprintf(stderr, "debug_hooks: it has no PyMem_SetupDebugHooks()\n");
        return 77;
    }
    setup();
    snprintf(spec, sizeof(spec), "pymalloc:profile=%s:hooks=debug", release);
    open_side(&test.ours, "ours", spec);
    bool has_serial = strcmp(release, "3.6") == 0 || strcmp(release, "3.7") == 0;
    test.tail = has_serial ? (size_t)2 * TAIL : TAIL;
    test.random = 20260101;
    compare_blocks();
    unsigned different = 0;
    for (size_t i = 0; i < ARRAY_COUNT(misuses); i++) {
        different += compare_misuse(&misuses[i]);
    }
    printf("%d calls and %zu misuses compared, %u mismatches\n", STEPS, ARRAY_COUNT(misuses),
           different);
    return different == 0 ? 0 : 4;
}
