/* OOM-06: malloc never ends where the kernel refuses mprotect.
 * clause: C23 7.24.3.6: malloc returns a null pointer or a pointer to the allocated space
 * shows: mimalloc 2.0.9
 * build: cc -fno-builtin -rdynamic
 *
 * Freed blocks are given back to the kernel after a while; who needs one again asks by mprotect. If
 * that fails, malloc maps 32 MiB more, looks for room, finds the same block first, and so on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCKS  64
#define BYTES   700000
#define MAPPED  10000 /* by one request: it has no end */
#define IDLE_US 100000

static volatile int is_refusing;
static volatile int mapped; /* since malloc was called */

/* Called in place of the C library's. */
int mprotect(void *start, size_t bytes, int protection)
{
    if (is_refusing) {
        errno = ENOMEM;
        return -1;
    }
    return (int)syscall(SYS_mprotect, start, bytes, protection);
}

void *mmap(void *start, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    mapped++;
    if (is_refusing && mapped == MAPPED) {
        static const char text[] = "one malloc(700000) called mmap 10,000 times, and goes on\n";
        _exit(write(STDOUT_FILENO, text, sizeof(text) - 1) > 0 ? 1 : 2);
    }
    return (void *)syscall(SYS_mmap, start, bytes, protection, flags, fd, offset);
}

static void free_every_fourth(void **blocks, int first)
{
    for (int i = first; i < BLOCKS; i += 4) {
        free(blocks[i]);
    }
    usleep(IDLE_US);
}

int main(void)
{
    static void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(BYTES);
    }
    for (int first = 0; first < 3; first++) {
        free_every_fourth(blocks, first);
    }
    is_refusing = 1;
    for (int i = 0; i < BLOCKS; i++) {
        mapped = 0;
        blocks[i] = malloc(BYTES);
    }
    return 0;
}
