#include "harness/self.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t pab_wall_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t pab_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* Reads a small file of /proc whole into the caller's buffer; "" when it cannot. */
static void read_small(const char *path, char *out, size_t size)
{
    out[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    ssize_t got = read(fd, out, size - 1);
    out[got > 0 ? got : 0] = '\0';
    close(fd);
}

uint64_t pab_rss_bytes(void)
{
    char text[128];
    read_small("/proc/self/statm", text, sizeof(text));
    const char *resident = strchr(text, ' '); /* the second field, in pages */
    if (resident == NULL) {
        return 0;
    }
    return strtoull(resident + 1, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t pab_mapped_bytes(void)
{
    char text[128];
    read_small("/proc/self/statm", text, sizeof(text)); /* the first field, in pages */
    return strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The number in kB behind `name` in a file of /proc; 0 when there is none. */
static uint64_t read_kilobytes(const char *path, const char *name)
{
    char text[4096];
    read_small(path, text, sizeof(text));
    const char *line = strstr(text, name);
    return line == NULL ? 0 : strtoull(line + strlen(name), NULL, 10) * 1024;
}

uint64_t pab_rss_exact_bytes(void)
{
    return read_kilobytes("/proc/self/smaps_rollup", "Rss:");
}

bool pab_peak_rss_reset(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool done = write(fd, "5", 1) == 1;
    close(fd);
    return done;
}

uint64_t pab_peak_rss_bytes(void)
{
    return read_kilobytes("/proc/self/status", "VmHWM:");
}

struct pab_faults pab_faults_read(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (struct pab_faults){(uint64_t)usage.ru_minflt, (uint64_t)usage.ru_majflt};
}

void pab_sleep_until_ns(uint64_t wall_ns)
{
    struct timespec until = {(time_t)(wall_ns / 1000000000u), (long)(wall_ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
}
