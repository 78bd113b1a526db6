/* allocators/oscalls.h -- counts this process's memory calls to the kernel, and makes them fail.
 * Depends on libc; Linux on x86-64 and aarch64.
 *
 * Watched are mmap, munmap, mremap, mprotect, madvise and brk, whoever makes them: a seccomp filter
 * (SECCOMP_RET_TRAP) turns each into a SIGSYS whose handler either lets it go on from the one
 * address that the filter lets pass, or answers ENOMEM. So it works for a libc's own inlined
 * calls, for raw syscall instructions, and for the built-in allocators alike.
 *
 *     pab_oscalls_install(why, sizeof(why))       once for a process, cannot be undone, inherited
 *     pab_oscalls_fail(&(struct pab_oscalls_plan){.first = k, .count = 1, .calls = PAB_OSCALL_MMAP})
 *     ... the script under test ...
 *     pab_oscalls_stop(&seen)
 *
 *     pab_oscalls_count(&before) ... pab_oscalls_count(&after)      who makes which calls
 *
 * A watched call costs some 3 us more (0.5 us, then 3.8 us, on a virtual machine), and so does each
 * change of a signal mask: count calls with it, never time them.
 *
 * Threads are watched that the installing one, or its children, started afterwards. From then on
 * no thread of them can block SIGSYS, and no program that the process executes will run: the
 * filter outlives exec, its handler does not.
 */
#ifndef PAB_ALLOCATORS_OSCALLS_H
#define PAB_ALLOCATORS_OSCALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pab_oscall {
    PAB_OSCALL_MMAP = 1u << 0,
    PAB_OSCALL_MUNMAP = 1u << 1,
    PAB_OSCALL_MREMAP = 1u << 2,
    PAB_OSCALL_MPROTECT = 1u << 3,
    PAB_OSCALL_MADVISE = 1u << 4,
    PAB_OSCALL_BRK = 1u << 5,
    PAB_OSCALL_ALL = (1u << 6) - 1,
};

struct pab_oscalls_plan {
    unsigned calls;  /* enum pab_oscall: which are counted and may fail */
    uint64_t first;  /* the first to fail, from 1; 0: count only */
    uint64_t count;  /* how many fail from there on; 0: all */
    uint64_t period; /* 0, or: every so many calls after `first` fails, `count` is not used */

    /* NULL, or what moves on with each request of the script: a request that makes more than
     * PAB_OSCALLS_MOST calls has no end, and the process ends with PAB_OSCALLS_ENDLESS. No clock
     * tells that, so no load can be mistaken for it. */
    const volatile uint64_t *requests;
};

#define PAB_OSCALLS_MOST    10000
#define PAB_OSCALLS_ENDLESS 97 /* exit status */

struct pab_oscalls_seen {
    uint64_t calls, failed;
    unsigned kinds; /* enum pab_oscall: of those that failed */
};

/* "mmap"; of several kinds the names with '/' between. At most 48 bytes. */
void pab_oscalls_name(unsigned kinds, char *out, size_t size);

/* Puts the filter in place, letting every call pass. False: why it cannot be had here. */
bool pab_oscalls_install(char *why, size_t size);

/* Starts to count at 0, and to fail as planned. Calls of all threads count together. */
void pab_oscalls_fail(const struct pab_oscalls_plan *plan);

/* Lets every call pass again; what was counted. */
void pab_oscalls_stop(struct pab_oscalls_seen *seen);

/* Calls of all watched threads, made to fail or not. brk(0), which only asks, is none. Bytes are of
 * calls that the kernel granted, in whole pages: what mmap, mremap and brk added to the process's
 * addresses (what is mapped over something else counts in full), what munmap, mremap and brk took
 * from them, and what madvise gave back behind addresses that stay (MADV_DONTNEED, MADV_FREE). */
struct pab_oscalls_counts {
    uint64_t mmap, munmap, mremap, mprotect, madvise, brk;
    uint64_t mapped_bytes, unmapped_bytes, released_bytes;
};

/* Since install(). Zeros where nothing was installed. */
void pab_oscalls_count(struct pab_oscalls_counts *out);

#endif
