#include "tests/conformance/support/aligned.h"

#include "allocators/os_pages.h"
#include "allocators/pymalloc/pymalloc.h"

#include <dlfcn.h>

const char *pab_aligned_name(enum pab_aligned kind)
{
    static const char *const names[PAB_ALIGNED_COUNT] = {
        "aligned_alloc", "posix_memalign", "memalign", "valloc", "pvalloc",
    };
    return names[kind];
}

bool pab_aligned_exists(const struct pab_subject *subject, enum pab_aligned kind)
{
    const bool exists[PAB_ALIGNED_COUNT] = {
        subject->aligned_alloc != NULL, subject->posix_memalign != NULL, subject->memalign != NULL,
        subject->valloc != NULL,        subject->pvalloc != NULL,
    };
    return exists[kind];
}

bool pab_aligned_any(const struct pab_subject *subject)
{
    for (int kind = 0; kind < PAB_ALIGNED_COUNT; kind++) {
        if (pab_aligned_exists(subject, (enum pab_aligned)kind)) {
            return true;
        }
    }
    return false;
}

size_t pab_aligned_promise(enum pab_aligned kind, size_t align)
{
    return kind == PAB_ALIGNED_VALLOC || kind == PAB_ALIGNED_PVALLOC ? pab_pages_size() : align;
}

/* Whether it is a CPython from before 3.7: its blocks are multiples of 8. */
static bool is_old_python(const struct pab_heap *heap)
{
    const char *(*version)(void) = NULL;
    if ((heap->backend->caps & PAB_CAP_RUNTIME) == 0 || heap->state == NULL) {
        return false;
    }
    *(void **)&version = dlsym(heap->state, "Py_GetVersion");
    char *end = NULL;
    unsigned long major = version == NULL ? 3 : strtoul(version(), &end, 10);
    unsigned long minor = end != NULL && *end == '.' ? strtoul(end + 1, NULL, 10) : 7;
    return major < 3 || (major == 3 && minor < 7);
}

size_t pab_aligned_least(const struct pab_check_run *run)
{
    if ((run->heap->backend->caps & PAB_CAP_STACKS) != 0) {
        return pab_pymalloc_spec_geometry(run->spec).align;
    }
    return is_old_python(run->heap) ? 8 : _Alignof(max_align_t);
}

size_t pab_aligned_natural(const struct pab_check_run *run, size_t size)
{
    size_t most = pab_aligned_least(run);
    size_t align = 1;
    while (align < most && align * 2 <= size) {
        align *= 2;
    }
    return align;
}

void *pab_aligned_call(const struct pab_subject *subject, enum pab_aligned kind, size_t align,
                       size_t size)
{
    void *block = NULL;
    switch (kind) {
    case PAB_ALIGNED_ALLOC:
        return subject->aligned_alloc(align, size);
    case PAB_ALIGNED_POSIX_MEMALIGN:
        return subject->posix_memalign(&block, align, size) == 0 ? block : NULL;
    case PAB_ALIGNED_MEMALIGN:
        return subject->memalign(align, size);
    case PAB_ALIGNED_VALLOC:
        return subject->valloc(size);
    default:
        return subject->pvalloc(size);
    }
}

void *pab_aligned_take(const struct pab_subject *subject, enum pab_aligned kind, size_t align,
                       size_t size)
{
    void *block = pab_aligned_call(subject, kind, align, size);
    if (block == NULL && kind == PAB_ALIGNED_ALLOC && size % align != 0) {
        block = pab_aligned_call(subject, kind, align, size + align - size % align);
    }
    return block;
}

void pab_aligned_describe(enum pab_aligned kind, size_t align, size_t size, char *out, size_t room)
{
    if (kind == PAB_ALIGNED_VALLOC || kind == PAB_ALIGNED_PVALLOC) {
        snprintf(out, room, "%s(%zu)", pab_aligned_name(kind), size);
    } else {
        snprintf(out, room, "%s(%zu, %zu)", pab_aligned_name(kind), align, size);
    }
}
