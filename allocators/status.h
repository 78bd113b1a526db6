/* allocators/status.h -- how a function says that the world refused. Depends on libc alone.
 *
 * Three kinds of trouble are kept apart:
 *   our own bug            assert() or PAB_CHECK(): stop at once, with file and line;
 *   the world refused      enum pab_status + struct pab_error: travels up to main();
 *   a finding about an     not an error at all: data in the results, with its reason.
 *   allocator
 */
#ifndef PAB_ALLOCATORS_STATUS_H
#define PAB_ALLOCATORS_STATUS_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum pab_status {
    PAB_OK = 0,
    PAB_USAGE,          /* the user asked for something that does not exist or makes no sense */
    PAB_UNAVAILABLE,    /* it exists, but not on this machine */
    PAB_IO,             /* a file, pipe or process could not be used */
    PAB_IDENTITY,       /* a library is not the one that it was taken for */
    PAB_NO_MEMORY,      /* the system gave no memory to the project itself */
    PAB_BAD_DATA,       /* a file that we read is damaged, or none of ours */
    PAB_NOT_COMPARABLE, /* a newer schema, another machine or another build */
};

/* One sentence for people: what happened, why, and what to do about it. No newline. */
struct pab_error {
    enum pab_status status;
    char text[512];
};

/* Fills `err` (NULL is allowed: only the status is then returned) and returns `status`. */
__attribute__((format(printf, 3, 4))) enum pab_status
pab_fail(struct pab_error *err, enum pab_status status, const char *format, ...);

/* An invariant whose loss would make a measurement wrong: checked in every build. */
#define PAB_CHECK(condition)                                                                       \
    ((condition) ? (void)0 : pab_check_failed(#condition, __FILE__, __LINE__))

_Noreturn void pab_check_failed(const char *condition, const char *file, int line);

#endif
