#include "allocators/os_pages.h"

#include "allocators/status.h"

#include <assert.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

__attribute__((unused)) static bool is_page_aligned(const void *start)
{
    return (uintptr_t)start % pab_pages_size() == 0;
}

/* MAP_NORESERVE: a terabyte of addresses is no promise to use a terabyte of memory. */
static void *map_private(size_t bytes, int protection, int flags)
{
    void *start = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

void *pab_pages_reserve(size_t *bytes, size_t least)
{
    assert(least > 0 && least <= *bytes);
    for (size_t wish = *bytes; wish >= least; wish /= 2) {
        void *start = map_private(wish, PROT_NONE, MAP_NORESERVE);
        if (start != NULL) {
            *bytes = wish;
            return start;
        }
    }
    return NULL;
}

bool pab_pages_commit(void *start, size_t bytes)
{
    assert(is_page_aligned(start) && bytes > 0);
    return mprotect(start, bytes, PROT_READ | PROT_WRITE) == 0;
}

void pab_pages_decommit(void *start, size_t bytes)
{
    assert(is_page_aligned(start) && bytes > 0);
    (void)madvise(start, bytes, MADV_DONTNEED);
}

void pab_pages_advise_huge(void *start, size_t bytes)
{
    size_t page = pab_pages_size();
    size_t skip = -(uintptr_t)start & (page - 1);
    if (bytes > skip && bytes - skip >= page) {
        (void)madvise((char *)start + skip, (bytes - skip) & ~(page - 1), MADV_HUGEPAGE);
    }
}

void *pab_pages_map(size_t bytes)
{
    assert(bytes > 0);
    return map_private(bytes, PROT_READ | PROT_WRITE, 0);
}

void pab_pages_release(void *start, size_t bytes)
{
    assert(is_page_aligned(start) && bytes > 0);
    PAB_CHECK(munmap(start, bytes) == 0);
}

size_t pab_pages_resident(const void *start, size_t bytes)
{
    enum { CHUNK = 4096 };
    assert(is_page_aligned(start));
    unsigned char present[CHUNK];
    size_t page = pab_pages_size();
    size_t left = (bytes + page - 1) / page;
    size_t resident = 0;
    for (char *at = (char *)(uintptr_t)start; left > 0; at += CHUNK * page) {
        size_t count = left < CHUNK ? left : CHUNK;
        if (mincore(at, count * page, present) != 0) {
            return (bytes + page - 1) / page * page;
        }
        for (size_t i = 0; i < count; i++) {
            resident += present[i] & 1u;
        }
        left -= count;
    }
    return resident * page;
}

size_t pab_pages_size(void)
{
    static size_t size; /* asked once; the answer never changes */
    if (size == 0) {
        size = (size_t)sysconf(_SC_PAGESIZE);
    }
    return size;
}
