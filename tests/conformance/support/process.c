#include "tests/conformance/support/process.h"

#include "allocators/os_pages.h"
#include "allocators/status.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

size_t pab_process_rss_bytes(void)
{
    char text[128] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0) {
        close(fd);
    }
    const char *second = got > 0 ? strchr(text, ' ') : NULL;
    return second == NULL ? 0 : strtoull(second, NULL, 10) * pab_pages_size();
}

/* A CPU keeps up to 2 * CPUs pages to itself, and 32 at least (Linux 6.2, mm_counter). */
size_t pab_process_rss_slack(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return (cpus > 64 ? 4 * (size_t)cpus : 256) * pab_pages_size();
}

void pab_process_avoid_huge_pages(void)
{
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* where that is refused, figures are coarser */
}

/* Hands each line of /proc/self/maps to `each`, until it says true. */
static void for_mappings(bool (*each)(void *arg, const char *line), void *arg)
{
    char buffer[4096];
    size_t used = 0;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    for (bool done = fd < 0; !done;) {
        ssize_t got = read(fd, buffer + used, sizeof(buffer) - 1 - used);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
        buffer[used] = '\0';
        char *line = buffer;
        for (char *end; !done && (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            done = each(arg, line);
        }
        used -= (size_t)(line - buffer);
        memmove(buffer, line, used);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static bool count_line(void *arg, const char *line)
{
    (void)line;
    ++*(size_t *)arg;
    return false;
}

size_t pab_process_mappings(void)
{
    size_t count = 0;
    for_mappings(count_line, &count);
    return count;
}

static bool read_mapping(const char *line, struct pab_mapping *out)
{
    char *at = NULL;
    out->start = strtoull(line, &at, 16);
    out->end = *at == '-' ? strtoull(at + 1, &at, 16) : 0;
    if (out->end <= out->start || strlen(at) < 5) {
        return false;
    }
    const char *path = strpbrk(at, "/[");
    out->readable = at[1] == 'r';
    out->writable = at[2] == 'w';
    out->executable = at[3] == 'x';
    snprintf(out->path, sizeof(out->path), "%s", path == NULL ? "" : path);
    return true;
}

struct visit {
    bool (*each)(void *arg, const struct pab_mapping *mapping);
    void *arg;
};

static bool visit_line(void *arg, const char *line)
{
    const struct visit *visit = arg;
    struct pab_mapping mapping;
    return read_mapping(line, &mapping) && visit->each(visit->arg, &mapping);
}

void pab_process_each_mapping(bool (*each)(void *arg, const struct pab_mapping *mapping), void *arg)
{
    struct visit visit = {each, arg};
    for_mappings(visit_line, &visit);
}

struct search {
    uintptr_t address;
    struct pab_mapping *out;
    bool found;
};

static bool holds_address(void *arg, const struct pab_mapping *mapping)
{
    struct search *search = arg;
    if (search->address < mapping->start || search->address >= mapping->end) {
        return false;
    }
    *search->out = *mapping;
    search->found = true;
    return true;
}

bool pab_process_mapping_of(const void *address, struct pab_mapping *out)
{
    struct search search = {.address = (uintptr_t)address, .out = out};
    pab_process_each_mapping(holds_address, &search);
    return search.found;
}

void *pab_process_pages(size_t bytes)
{
    void *pages = pab_pages_map(bytes);
    PAB_CHECK(pages != NULL);
    return pages;
}

unsigned pab_process_cpus(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > 0 ? (unsigned)count : 1;
}
