#include "tests/conformance/exhaustion/limit.h"

#include "allocators/os_pages.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define BALLAST_BYTES       ((size_t)16 << 20) /* then less and less, for the gaps */
#define BALLAST_LEAST_BYTES ((size_t)64 << 10)
#define BALLAST_MOST        32768

/* Pages of all mappings, and of the writable private ones (statm's fields 1 and 6). */
static void read_use(size_t *all_pages, size_t *data_pages)
{
    char text[160] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    PAB_CHECK(got > 0);
    close(fd);
    char *at = text;
    size_t fields[6];
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
        fields[i] = strtoull(at, &at, 10);
    }
    *all_pages = fields[0];
    *data_pages = fields[5];
}

void pab_limit_set(size_t bytes)
{
    size_t all_pages;
    size_t data_pages;
    read_use(&all_pages, &data_pages);
    rlim_t all_bytes = all_pages * pab_pages_size() + bytes;
    rlim_t data_bytes = data_pages * pab_pages_size() + bytes;
    struct rlimit all = {all_bytes, all_bytes};
    struct rlimit data = {data_bytes, data_bytes};
    PAB_CHECK(setrlimit(RLIMIT_AS, &all) == 0 && setrlimit(RLIMIT_DATA, &data) == 0);
}

void pab_limit_drain_reserve(const struct pab_subject *subject, size_t bytes)
{
    static void *ballast[BALLAST_MOST];
    void *probe = pab_subject_malloc(subject, 4 * bytes);
    pab_subject_free(subject, probe);
    if (probe == NULL) {
        return;
    }
    size_t count = 0;
    size_t large_count = 0;
    for (size_t size = BALLAST_BYTES; size >= BALLAST_LEAST_BYTES; size /= 2) {
        while (count < BALLAST_MOST &&
               (ballast[count] = pab_subject_malloc(subject, size)) != NULL) {
            count++;
        }
        large_count = size == BALLAST_BYTES ? count : large_count;
    }
    for (size_t freed = 0; freed < bytes && large_count > 0; freed += BALLAST_BYTES) {
        pab_subject_free(subject, ballast[--large_count]);
    }
}
