/* tests/conformance/fresh/program.h -- what the files of the program pab_fresh share, and the words
 * that it says. Depends on libc.
 *
 * It takes no memory before a scenario does: no stdio, nothing in static constructors.
 */
#ifndef PAB_TESTS_CONFORMANCE_FRESH_PROGRAM_H
#define PAB_TESTS_CONFORMANCE_FRESH_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAB_FRESH_FD 3 /* where lines are said; each begins with one of these words */

#define PAB_FRESH_PROOF  "proof"  /* malloc lies in the object that was named */
#define PAB_FRESH_STAGE  "stage"  /* what comes next, should it not come back */
#define PAB_FRESH_FOUND  "wrong"  /* what was found */
#define PAB_FRESH_SKIP   "skip"   /* why nothing can be looked at */
#define PAB_FRESH_ANSWER "answer" /* what a scenario is asked for */
#define PAB_FRESH_DONE   "done"   /* all that was to be done is done */

/* The functions of the named object; what it does not export is NULL. */
struct pab_fresh_calls {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *ptr, size_t size);
    void (*free)(void *ptr);
    void *(*aligned_alloc)(size_t align, size_t size);
    int (*posix_memalign)(void **out, size_t align, size_t size);
    size_t (*usable_size)(void *ptr);
};

struct pab_fresh_task {
    struct pab_fresh_calls calls;
    uint64_t numbers[4];
};

void pab_fresh_say(const char *word, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Fills `usable` bytes for `owner`, or says which byte is another's now. False: it was said. */
void pab_fresh_fill(void *block, size_t size, uint64_t owner);
bool pab_fresh_holds(const void *block, size_t size, uint64_t owner, const char *when);

/* Starts a thread and waits for it; says so if there is none to be had. */
bool pab_fresh_thread(void *(*body)(void *arg), void *arg);

/* Scenarios; numbers[0..3] are theirs. They say PAB_FRESH_DONE themselves. */
void pab_fresh_first(const struct pab_fresh_task *task);  /* which call, size, in a thread? */
void pab_fresh_around(const struct pab_fresh_task *task); /* stages, a bit each */
void pab_fresh_crowd(const struct pab_fresh_task *task);  /* threads, seed */
void pab_fresh_leave(const struct pab_fresh_task *task);  /* threads, seed */
void pab_fresh_trace(const struct pab_fresh_task *task);  /* seed, steps */

/* Runs before every other constructor of the process, and after; for "around" alone. */
void pab_fresh_before_main(const struct pab_fresh_task *task, bool is_preinit);

#endif
