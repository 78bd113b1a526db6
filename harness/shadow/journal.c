#include "harness/shadow/journal.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define IMAGES_MAX 1000u /* programs that one process may become by exec */

/* A process may be several programs one after the other: each has a file. */
static int create_file(const char *dir, uint32_t *number)
{
    char path[4096];
    for (uint32_t image = 0; image < IMAGES_MAX; image++) {
        int length = snprintf(path, sizeof(path), "%s/%d.%u", dir, (int)getpid(), image);
        if (length < 0 || (size_t)length >= sizeof(path)) {
            return -1;
        }
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0) {
            *number = image;
            return fd;
        }
        if (access(path, F_OK) != 0) {
            return -1;
        }
    }
    return -1;
}

/* Room on the disk now: a write to a mapping without it would be a SIGBUS. To pass the limit of
 * file sizes would be a SIGXFSZ, of which the program could die. */
static bool make_room(int fd)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= sizeof(struct pab_record) &&
           posix_fallocate(fd, 0, sizeof(struct pab_record)) == 0;
}

struct pab_record *pab_journal_open(const char *dir, struct pab_record *place)
{
    uint32_t image = 0;
    int fd = create_file(dir, &image);
    if (fd < 0) {
        return NULL;
    }
    void *start = MAP_FAILED;
    if (make_room(fd)) {
        start = mmap(place, sizeof(struct pab_record), PROT_READ | PROT_WRITE,
                     MAP_SHARED | (place != NULL ? MAP_FIXED : 0), fd, 0);
    }
    close(fd);
    if (start == MAP_FAILED) {
        return NULL;
    }
    struct pab_record *record = start;
    record->format = PAB_RECORD_FORMAT;
    record->pid = getpid();
    record->image = image;
    record->parent = getppid();
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    record->begun_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return record;
}
