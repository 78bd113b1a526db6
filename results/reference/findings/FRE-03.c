/* FRE-03: free changes errno when the kernel refuses to take memory back.
 * clause: POSIX.1-2024 free: errno stays as it was
 * shows: jemalloc 5.3.0, mimalloc 2.0.9
 * build: cc -fno-builtin -rdynamic (its munmap and madvise stand before the C library's)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile int refuses;

static int refused(void)
{
    errno = ENOMEM;
    return -1;
}

int munmap(void *start, size_t bytes)
{
    return refuses ? refused() : (int)syscall(SYS_munmap, start, bytes);
}

int madvise(void *start, size_t bytes, int advice)
{
    return refuses ? refused() : (int)syscall(SYS_madvise, start, bytes, advice);
}

int main(void)
{
    for (size_t bytes = (size_t)1 << 20; bytes <= (size_t)64 << 20; bytes *= 2) {
        void *volatile block = malloc(bytes + 1);
        refuses = 1;
        errno = 1789;
        free(block);
        int after = errno;
        refuses = 0;
        if (after != 1789) {
            printf("free of %zu bytes changed errno from 1789 to %d\n", bytes + 1, after);
            return 1;
        }
    }
    return 0;
}
