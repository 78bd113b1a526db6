/* tests/conformance/hardening/misuse_cases.c -- what an allocator makes of a program's mistakes:
 * described size by size, never judged. C leaves all of them undefined. */
#include "allocators/sanitizer.h"
#include "tests/conformance/hardening/misuse.h"
#include "tests/conformance/support/judge.h"

#include <pthread.h>
#include <string.h>

#define BETWEEN 1024 /* pairs of malloc and free between the two frees of a delayed double free */
#define FAR     ((size_t)1 << 30)

/* The compiler must not know that a block is dead. */
static unsigned char *volatile dead;

/* --- a block is given back more than once ------------------------------------------------------ */

static enum pab_outcome_kind double_free(struct pab_scene *scene)
{
    pab_subject_free(scene->subject, scene->victim);
    pab_subject_free(scene->subject, scene->victim);
    return PAB_OUTCOME_NEUTRAL;
}

static enum pab_outcome_kind double_free_interleaved(struct pab_scene *scene)
{
    void *other = pab_subject_malloc(scene->subject, scene->size);
    pab_subject_free(scene->subject, scene->victim);
    pab_subject_free(scene->subject, other);
    pab_subject_free(scene->subject, scene->victim);
    return PAB_OUTCOME_NEUTRAL;
}

/* Of another class, or the block would have gone to another owner in between. */
static enum pab_outcome_kind double_free_delayed(struct pab_scene *scene)
{
    size_t other = scene->size * 3 + 64;
    pab_subject_free(scene->subject, scene->victim);
    for (int i = 0; i < BETWEEN; i++) {
        pab_subject_free(scene->subject, pab_subject_malloc(scene->subject, other));
    }
    pab_subject_free(scene->subject, scene->victim);
    return PAB_OUTCOME_NEUTRAL;
}

static void *free_in_thread(void *arg)
{
    struct pab_scene *scene = arg;
    pab_subject_free(scene->subject, scene->victim);
    return NULL;
}

static enum pab_outcome_kind in_thread(struct pab_scene *scene, void *(*body)(void *arg))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, scene) != 0) {
        return PAB_OUTCOME_NONE;
    }
    pthread_join(thread, NULL);
    return PAB_OUTCOME_NEUTRAL;
}

static enum pab_outcome_kind double_free_cross_thread(struct pab_scene *scene)
{
    pab_subject_free(scene->subject, scene->victim);
    return in_thread(scene, free_in_thread);
}

/* --- what is given back was never taken -------------------------------------------------------- */

static enum pab_outcome_kind free_at(struct pab_scene *scene, void *address)
{
    pab_subject_free(scene->subject, address);
    return PAB_OUTCOME_NEUTRAL;
}

static enum pab_outcome_kind free_static(struct pab_scene *scene)
{
    static _Alignas(64) unsigned char bytes[(256 << 10) + 64];
    return free_at(scene, bytes + 64);
}

static enum pab_outcome_kind free_stack(struct pab_scene *scene)
{
    _Alignas(64) volatile unsigned char bytes[4096];
    memset((void *)bytes, 0, sizeof(bytes));
    return free_at(scene, (unsigned char *)bytes + 64);
}

static enum pab_outcome_kind free_interior_16(struct pab_scene *scene)
{
    return scene->size <= 16 ? PAB_OUTCOME_NONE : free_at(scene, scene->victim + 16);
}

static enum pab_outcome_kind free_interior_1(struct pab_scene *scene)
{
    return free_at(scene, scene->victim + 1);
}

static enum pab_outcome_kind free_far(struct pab_scene *scene)
{
    return free_at(scene, scene->victim + FAR);
}

static void *free_first(void *arg)
{
    static _Alignas(64) unsigned char bytes[4096];
    struct pab_scene *scene = arg;
    pab_subject_free(scene->subject, bytes + 64);
    return NULL;
}

static enum pab_outcome_kind free_before_malloc(struct pab_scene *scene)
{
    return in_thread(scene, free_first);
}

/* --- bytes that are not the writer's ----------------------------------------------------------- */

static enum pab_outcome_kind write_outside(struct pab_scene *scene, unsigned char *from,
                                           size_t count)
{
    memset(from, 0x41, count);
    pab_subject_free(scene->subject, scene->victim);
    return PAB_OUTCOME_NEUTRAL;
}

static enum pab_outcome_kind overflow_1(struct pab_scene *scene)
{
    return write_outside(scene, scene->victim + scene->size, 1);
}

static enum pab_outcome_kind overflow_64(struct pab_scene *scene)
{
    return write_outside(scene, scene->victim + scene->size, 64);
}

static enum pab_outcome_kind underflow_1(struct pab_scene *scene)
{
    return write_outside(scene, scene->victim - 1, 1);
}

static enum pab_outcome_kind write_to_zero(struct pab_scene *scene)
{
    unsigned char *block = pab_subject_malloc(scene->subject, 0);
    if (block == NULL) {
        return PAB_OUTCOME_NONE;
    }
    block[0] = 0x41;
    pab_subject_free(scene->subject, block);
    pab_subject_free(scene->subject, scene->victim);
    return PAB_OUTCOME_NEUTRAL;
}

/* --- a dead block is used -------------------------------------------------------------------- */

static enum pab_outcome_kind write_after_free(struct pab_scene *scene)
{
    dead = scene->victim;
    pab_subject_free(scene->subject, scene->victim);
    memset(dead, 0x41, scene->size);
    return PAB_OUTCOME_NEUTRAL;
}

/* What a secret is worth: whether any 8 bytes of it can still be read. */
static enum pab_outcome_kind read_after_free(struct pab_scene *scene)
{
    unsigned char old[8];
    memset(old, 0x5a, sizeof(old));
    dead = scene->victim;
    pab_subject_free(scene->subject, scene->victim);
    for (size_t i = 0; i + sizeof(old) <= scene->size; i += sizeof(old)) {
        if (memcmp(dead + i, old, sizeof(old)) == 0) {
            return PAB_OUTCOME_SILENT;
        }
    }
    return PAB_OUTCOME_NEUTRAL;
}

static enum pab_outcome_kind realloc_after_free(struct pab_scene *scene)
{
    size_t bytes = 2 * scene->size;
    pab_subject_free(scene->subject, scene->victim);
    scene->gained = pab_subject_realloc(scene->subject, scene->victim, bytes);
    scene->gained_bytes = bytes;
    return PAB_OUTCOME_NEUTRAL;
}

static enum pab_outcome_kind usable_after_free(struct pab_scene *scene)
{
    size_t before = pab_subject_usable(scene->subject, scene->victim, scene->size);
    pab_subject_free(scene->subject, scene->victim);
    size_t after = pab_subject_usable(scene->subject, scene->victim, scene->size);
    return after == before ? PAB_OUTCOME_SILENT : PAB_OUTCOME_NEUTRAL;
}

/* --- a wrong way back -------------------------------------------------------------------------- */

static enum pab_outcome_kind sized_free_mismatch(struct pab_scene *scene)
{
    scene->subject->free_sized(scene->victim, 2 * scene->size + 16);
    return PAB_OUTCOME_NEUTRAL;
}

/* Of Python's domains: a block of the obj domain goes to the raw one. Of a C library: the block is
 * the C library's own. */
static enum pab_outcome_kind wrong_family(struct pab_scene *scene)
{
    const struct pab_subject *subject = scene->subject;
    if (!subject->is_c) {
        const struct pab_alloc *raw = &subject->heap->domain[PAB_DOMAIN_RAW];
        raw->free(raw->ctx, scene->victim);
        return PAB_OUTCOME_NEUTRAL;
    }
    if (subject->malloc == malloc) {
        return PAB_OUTCOME_NONE;
    }
    return free_at(scene, malloc(scene->size));
}

/* --- the checks ---------------------------------------------------------------------------------- */

static const size_t sizes[] = {8, 48, 512, 4096, 256 << 10};

static const struct {
    const char *id;
    pab_misuse misuse;
} cases[] = {
    {"HRD-01", double_free},
    {"HRD-02", double_free_interleaved},
    {"HRD-03", double_free_delayed},
    {"HRD-04", double_free_cross_thread},
    {"HRD-05", free_static},
    {"HRD-06", free_stack},
    {"HRD-07", free_interior_16},
    {"HRD-08", free_interior_1},
    {"HRD-09", free_far},
    {"HRD-10", overflow_1},
    {"HRD-11", overflow_64},
    {"HRD-12", underflow_1},
    {"HRD-13", write_after_free},
    {"HRD-14", read_after_free},
    {"HRD-15", realloc_after_free},
    {"HRD-16", usable_after_free},
    {"HRD-17", sized_free_mismatch},
    {"HRD-18", free_before_malloc},
    {"HRD-19", write_to_zero},
    {"HRD-20", wrong_family},
};

static pab_misuse misuse_of(const struct pab_check *check)
{
    size_t i = 0;
    while (strcmp(cases[i].id, check->id) != 0) {
        i++;
        PAB_CHECK(i < ARRAY_COUNT(cases));
    }
    return cases[i].misuse;
}

static enum pab_verdict describe(struct pab_check_run *run)
{
    pab_misuse misuse = misuse_of(run->check);
    if (pab_sanitizer_runs()) {
        return pab_skip(run, "built with a sanitizer, which answers to misuse itself");
    }
    struct pab_subject subject;
    char said[128] = "";
    pab_subject_init(&subject, run->heap);
    if (!pab_misuse_detector(&subject, said, sizeof(said))) {
        return pab_skip(run, "nothing can be told: %s", said);
    }
    size_t used = 0;
    size_t none = 0;
    char first[128] = "";
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        enum pab_outcome_kind kind = pab_misuse_try(&subject, sizes[i], misuse, said, sizeof(said));
        used += (size_t)snprintf(run->answer + used, sizeof(run->answer) - used, "%s%s",
                                 i == 0 ? "" : " ", pab_outcome_name(kind));
        none += kind == PAB_OUTCOME_NONE;
        if (first[0] == '\0' && kind == PAB_OUTCOME_DIAG) {
            memcpy(first, said, sizeof(first));
        }
        run->ops_done++;
    }
    if (none == ARRAY_COUNT(sizes)) {
        run->answer[0] = '\0';
        return pab_skip(run, "this allocator has no such case");
    }
    pab_compared(run, "blocks of 8, 48, 512, 4096 and 262144 bytes, one after the other%s%s%s",
                 first[0] == '\0' ? "" : "; it said: \"", first, first[0] == '\0' ? "" : "\"");
    return PAB_INFO;
}

#define HARDENING .class = PAB_CLASS_HARDENING, .severity = PAB_SEVERITY_QUALITY, .run = describe

static const struct pab_check checks[] = {
    {
        .id = "HRD-01",
        .summary = "a block is freed twice in a row",
        .source = "mimalloc-bench security; OpenBSD malloc_errs; hardened_malloc test",
        HARDENING,
    },
    {
        .id = "HRD-02",
        .summary = "a block is freed twice, another one in between",
        .source = "mimalloc-bench security; hardened_malloc test",
        HARDENING,
    },
    {
        .id = "HRD-03",
        .summary = "a block is freed twice, 1,024 mallocs and frees in between",
        .source = "mimalloc-bench security; hardened_malloc test",
        HARDENING,
    },
    {
        .id = "HRD-04",
        .summary = "a block is freed twice, the second time by another thread",
        .source = "snmalloc corruption_detection",
        .needs = PAB_CAP_THREADS,
        HARDENING,
    },
    {
        .id = "HRD-05",
        .summary = "a static object is freed",
        .source = "mimalloc-bench security; OpenBSD malloc_errs",
        HARDENING,
    },
    {
        .id = "HRD-06",
        .summary = "an object on the stack is freed",
        .source = "mimalloc-bench security; OpenBSD malloc_errs",
        HARDENING,
    },
    {
        .id = "HRD-07",
        .summary = "a pointer 16 bytes into a block is freed",
        .source = "mimalloc-bench security; OpenBSD malloc_errs",
        HARDENING,
    },
    {
        .id = "HRD-08",
        .summary = "a pointer 1 byte into a block is freed",
        .source = "mimalloc-bench security; OpenBSD malloc_errs",
        HARDENING,
    },
    {
        .id = "HRD-09",
        .summary = "a pointer 1 GiB behind a block is freed",
        .source = "mimalloc-bench security",
        HARDENING,
    },
    {
        .id = "HRD-10",
        .summary = "1 byte behind a block is written, then the block freed",
        .source = "mimalloc-bench security; hardened_malloc test",
        HARDENING,
    },
    {
        .id = "HRD-11",
        .summary = "64 bytes behind a block are written, then the block freed",
        .source = "mimalloc-bench security; hardened_malloc test",
        HARDENING,
    },
    {
        .id = "HRD-12",
        .summary = "1 byte before a block is written, then the block freed",
        .source = "mimalloc-bench security; hardened_malloc test",
        HARDENING,
    },
    {
        .id = "HRD-13",
        .summary = "a freed block is written to in all its length",
        .source = "mimalloc-bench security; OpenBSD malloc_errs; hardened_malloc test",
        HARDENING,
    },
    {
        .id = "HRD-14",
        .summary = "a freed block is read: SILENT where 8 bytes of what it held are still there",
        .source = "hardened_malloc test",
        HARDENING,
    },
    {
        .id = "HRD-15",
        .summary = "a freed block is given to realloc",
        .source = "OpenBSD malloc_errs; hardened_malloc test",
        .uses = PAB_USES_REALLOC,
        HARDENING,
    },
    {
        .id = "HRD-16",
        .summary = "a freed block's usable size is asked for: SILENT where it is as before",
        .source = "hardened_malloc test",
        .uses = PAB_USES_USABLE_SIZE,
        HARDENING,
    },
    {
        .id = "HRD-17",
        .summary = "free_sized is told twice the size and 16",
        .source = "C23 7.24.3.4; scudo, tcmalloc and hardened_malloc tests",
        .uses = PAB_USES_FREE_SIZED,
        HARDENING,
    },
    {
        .id = "HRD-18",
        .summary = "a thread frees a static object before it has taken any block",
        .source = "OpenBSD malloc_errs",
        .needs = PAB_CAP_THREADS,
        HARDENING,
    },
    {
        .id = "HRD-19",
        .summary = "a byte is written into a block of zero bytes",
        .source = "OpenBSD malloc_errs; hardened_malloc test",
        HARDENING,
    },
    {
        .id = "HRD-20",
        .summary = "a block goes back to another allocator than it came from",
        .source = "OpenBSD malloc_errs; CPython Doc/c-api/memory.rst",
        HARDENING,
    },
};

const struct pab_check_group pab_checks_misuse_cases = {PAB_CHECK_CONTRACT, checks,
                                                        ARRAY_COUNT(checks)};
