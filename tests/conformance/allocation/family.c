/* tests/conformance/allocation/family.c -- what stands in for malloc has to bring its family: a
 * program calls some other member of it, and gets the C library's, with blocks of another heap. */
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/subject.h"

/* Beside malloc and free. valloc and pvalloc are left out: nothing new calls them. */
#define FAMILY                                                                                     \
    (PAB_USES_CALLOC | PAB_USES_REALLOC | PAB_USES_ALIGNED_ALLOC | PAB_USES_POSIX_MEMALIGN |       \
     PAB_USES_MEMALIGN | PAB_USES_USABLE_SIZE)

static enum pab_verdict family_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    char missing[128] = "";
    size_t used = 0;
    pab_subject_init(&subject, run->heap);
    unsigned there = pab_subject_uses(&subject);
    for (unsigned bit = 1; bit <= FAMILY; bit <<= 1) {
        if ((FAMILY & bit & ~there) != 0) {
            used += (size_t)snprintf(missing + used, sizeof(missing) - used, "%s%s",
                                     used == 0 ? "" : ", ", pab_uses_name(bit));
        }
    }
    if (used > 0) {
        pab_wrong(run, "it exports no %s: preloaded, a program's calls of these meet another heap",
                  missing);
    }
    return pab_judge(run, used == 0);
}

static const struct pab_check checks[] = {
    {
        .id = "MAL-018",
        .summary = "what replaces malloc brings calloc, realloc, aligned_alloc, posix_memalign, "
                   "memalign and usable_size, too",
        .source = "glibc manual 3.2.5, Replacing malloc",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_CONTRACT,
        .uses = PAB_USES_C,
        .run = family_run,
    },
};

const struct pab_check_group pab_checks_family = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
