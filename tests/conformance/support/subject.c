#include "tests/conformance/support/subject.h"

#include "allocators/sanitizer.h"

#include <dlfcn.h>
#include <string.h>

/* A function of the very object under test: dlsym() alone would also find the C library's, which
 * every object depends on. */
static void *own_function(const struct pab_heap *heap, const char *name)
{
    Dl_info home;
    Dl_info found;
    void *function = heap->state == NULL ? NULL : dlsym(heap->state, name);
    if (function == NULL || dladdr(heap->anchor, &home) == 0 || dladdr(function, &found) == 0 ||
        home.dli_fbase != found.dli_fbase) {
        return NULL;
    }
    return function;
}

/* The first of some names that there is: C's own, then vendors'. The list ends at NULL. */
static void *first_function(const struct pab_heap *heap, const char *const *names)
{
    void *function = NULL;
    for (size_t i = 0; function == NULL && names[i] != NULL; i++) {
        function = own_function(heap, names[i]);
    }
    return function;
}

/* nallocx(size, flags) and sdallocx(ptr, size, flags) have one argument more than what they stand
 * for here. */
static struct {
    size_t (*nallocx)(size_t size, int flags);
    void (*sdallocx)(void *ptr, size_t size, int flags);
} jemalloc_style;

static size_t good_size_nallocx(size_t size)
{
    return jemalloc_style.nallocx(size, 0);
}

static void free_sized_sdallocx(void *ptr, size_t size)
{
    if (ptr != NULL) { /* sdallocx(NULL) is undefined, free_sized(NULL, n) is not */
        jemalloc_style.sdallocx(ptr, size, 0);
    }
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void find_sizes(struct pab_subject *subject)
{
    const struct pab_heap *heap = subject->heap;
    *(void **)&jemalloc_style.nallocx = first_function(heap, NAMES("nallocx", "tc_nallocx"));
    *(void **)&jemalloc_style.sdallocx = first_function(heap, NAMES("sdallocx"));
    *(void **)&subject->good_size = first_function(heap, NAMES("malloc_good_size", "mi_good_size"));
    if (subject->good_size == NULL && jemalloc_style.nallocx != NULL) {
        subject->good_size = good_size_nallocx;
    }
    *(void **)&subject->free_sized =
        first_function(heap, NAMES("free_sized", "tc_free_sized", "mi_free_size"));
    if (subject->free_sized == NULL && jemalloc_style.sdallocx != NULL) {
        subject->free_sized = free_sized_sdallocx;
    }
    *(void **)&subject->free_aligned_sized = first_function(heap, NAMES("free_aligned_sized"));
}

static void find_functions(struct pab_subject *subject)
{
    const struct pab_heap *heap = subject->heap;
    const struct pab_entry_points *entry = &heap->entry[PAB_DOMAIN_OBJ];
    void *malloc_function = own_function(heap, "malloc");
    bool has_plain_names = malloc_function != NULL && own_function(heap, "calloc") != NULL &&
                           own_function(heap, "realloc") != NULL &&
                           own_function(heap, "free") != NULL;
    subject->malloc = entry->malloc;
    subject->calloc = entry->calloc;
    subject->realloc = entry->realloc;
    subject->free = entry->free;
    subject->usable_size = entry->usable_size;
    if (has_plain_names) { /* what a program that is linked with it or preloads it calls */
        *(void **)&subject->malloc = malloc_function;
        *(void **)&subject->calloc = own_function(heap, "calloc");
        *(void **)&subject->realloc = own_function(heap, "realloc");
        *(void **)&subject->free = own_function(heap, "free");
    }
    void *usable = first_function(heap, NAMES("malloc_usable_size"));
    if (usable != NULL) {
        *(void **)&subject->usable_size = usable;
    }
    *(void **)&subject->aligned_alloc =
        first_function(heap, NAMES("aligned_alloc", "mi_aligned_alloc"));
    *(void **)&subject->posix_memalign =
        first_function(heap, NAMES("posix_memalign", "tc_posix_memalign", "mi_posix_memalign"));
    *(void **)&subject->memalign =
        first_function(heap, NAMES("memalign", "tc_memalign", "mi_memalign"));
    *(void **)&subject->valloc = first_function(heap, NAMES("valloc", "tc_valloc", "mi_valloc"));
    *(void **)&subject->pvalloc =
        first_function(heap, NAMES("pvalloc", "tc_pvalloc", "mi_pvalloc"));
    *(void **)&subject->reallocarray =
        first_function(heap, NAMES("reallocarray", "mi_reallocarray"));
    if (pab_sanitizer_runs()) { /* the C library's would call the sanitizer's realloc */
        subject->reallocarray = NULL;
    }
    find_sizes(subject);
}

void pab_subject_init_domain(struct pab_subject *subject, struct pab_heap *heap,
                             enum pab_domain domain)
{
    memset(subject, 0, sizeof(*subject));
    subject->heap = heap;
    subject->table = &heap->domain[domain];
}

void pab_subject_init(struct pab_subject *subject, struct pab_heap *heap)
{
    pab_subject_init_domain(subject, heap, PAB_DOMAIN_OBJ);
    subject->is_c = (heap->backend->caps & PAB_CAP_C_API) != 0 && heap->hooks == NULL;
    if (subject->is_c) {
        find_functions(subject);
    }
}

struct call_name {
    unsigned call;
    const char *name;
};

static const struct call_name call_names[] = {
    {PAB_USES_CALLOC, "calloc"},
    {PAB_USES_REALLOC, "realloc"},
    {PAB_USES_USABLE_SIZE, "usable_size"},
    {PAB_USES_ALIGNED_ALLOC, "aligned_alloc"},
    {PAB_USES_POSIX_MEMALIGN, "posix_memalign"},
    {PAB_USES_MEMALIGN, "memalign"},
    {PAB_USES_VALLOC, "valloc"},
    {PAB_USES_PVALLOC, "pvalloc"},
    {PAB_USES_REALLOCARRAY, "reallocarray"},
    {PAB_USES_FREE_SIZED, "free_sized"},
    {PAB_USES_FREE_ALIGNED_SIZED, "free_aligned_sized"},
    {PAB_USES_GOOD_SIZE, "good_size"},
    {PAB_USES_PURGE, "purge"},
};

const char *pab_uses_name(unsigned call)
{
    size_t i = 0;
    while (i < ARRAY_COUNT(call_names) && call_names[i].call != call) {
        i++;
    }
    return i < ARRAY_COUNT(call_names) ? call_names[i].name : "C's own functions";
}

static unsigned when(bool is_there, unsigned call)
{
    return is_there ? call : 0;
}

unsigned pab_subject_uses(const struct pab_subject *subject)
{
    const struct pab_alloc *table = subject->table;
    if (!subject->is_c) {
        return when(table->calloc != NULL, PAB_USES_CALLOC) |
               when(table->realloc != NULL, PAB_USES_REALLOC) |
               when(table->usable_size != NULL, PAB_USES_USABLE_SIZE) |
               when(subject->heap->backend->purge != NULL, PAB_USES_PURGE);
    }
    return PAB_USES_C | when(subject->calloc != NULL, PAB_USES_CALLOC) |
           when(subject->realloc != NULL, PAB_USES_REALLOC) |
           when(subject->usable_size != NULL, PAB_USES_USABLE_SIZE) |
           when(subject->aligned_alloc != NULL, PAB_USES_ALIGNED_ALLOC) |
           when(subject->posix_memalign != NULL, PAB_USES_POSIX_MEMALIGN) |
           when(subject->memalign != NULL, PAB_USES_MEMALIGN) |
           when(subject->valloc != NULL, PAB_USES_VALLOC) |
           when(subject->pvalloc != NULL, PAB_USES_PVALLOC) |
           when(subject->reallocarray != NULL, PAB_USES_REALLOCARRAY) |
           when(subject->free_sized != NULL, PAB_USES_FREE_SIZED) |
           when(subject->free_aligned_sized != NULL, PAB_USES_FREE_ALIGNED_SIZED) |
           when(subject->good_size != NULL, PAB_USES_GOOD_SIZE) |
           when(subject->heap->backend->purge != NULL, PAB_USES_PURGE);
}

/* What a check calls: a statement about Python's domains is one about all four functions. */
static unsigned calls_needed(const struct pab_check *check)
{
    bool is_about_domains = strncmp(check->id, "PYM-", 4) == 0;
    return check->uses | (is_about_domains ? PAB_USES_CALLOC | PAB_USES_REALLOC : 0);
}

bool pab_check_admits(const struct pab_check *check, struct pab_heap *heap, char *reason,
                      size_t size)
{
    struct pab_subject subject;
    pab_subject_init(&subject, heap);
    unsigned missing = calls_needed(check) & ~pab_subject_uses(&subject);
    const char *who = heap->backend->name;
    if ((check->needs & PAB_CAP_THREADS & ~heap->backend->caps) != 0) {
        snprintf(reason, size, "%s serves one thread at a time: in CPython a lock guards it", who);
    } else if ((check->needs & ~heap->backend->caps) != 0) {
        snprintf(reason, size, "%s lacks what the check asks for", who);
    } else if ((missing & PAB_USES_C) != 0) {
        snprintf(reason, size, "Python's domains keep no such promise: they are not C's functions");
    } else if (missing != 0) {
        size_t i = 0;
        while ((call_names[i].call & missing) == 0) {
            i++;
        }
        snprintf(reason, size, "%s %s %s", who,
                 subject.is_c ? "exports no" : "is no C library: it has no", call_names[i].name);
    } else {
        return true;
    }
    return false;
}

void pab_check_manifest(struct pab_heap *heap, char *out, size_t size)
{
    struct pab_subject subject;
    pab_subject_init(&subject, heap);
    unsigned calls = pab_subject_uses(&subject);
    size_t used = (size_t)snprintf(out, size, "%s: malloc free",
                                   subject.is_c ? "C functions" : "Python domains");
    for (int there = 1; there >= (subject.is_c ? 0 : 1); there--) {
        const char *gap = there ? " " : "; no ";
        for (size_t i = 0; i < ARRAY_COUNT(call_names) && used < size; i++) {
            if (((calls & call_names[i].call) != 0) == (there == 1)) {
                used += (size_t)snprintf(out + used, size - used, "%s%s", gap, call_names[i].name);
                gap = there ? " " : ", ";
            }
        }
    }
}
