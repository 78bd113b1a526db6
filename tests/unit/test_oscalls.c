/* Calls to the kernel counted by kind, and failing: those that were planned and no others, through
 * libc, through a raw instruction, in threads that block every signal, and in forked children. Each
 * body runs in a process of its own: cmocka has handlers for the same signal. */
#include "allocators/oscalls.h"
#include "tests/conformance/support/case.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE ((size_t)4096)
#define NONE (-1) /* there is no filter here */

/* In a body: gives the line that did not hold. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return __LINE__;                                                                       \
        }                                                                                          \
    } while (0)

static int install_then(void *body)
{
    char why[160] = "";
    if (!pab_oscalls_install(why, sizeof(why))) {
        fprintf(stderr, "%s", why);
        return NONE;
    }
    return (*(int (**)(void))body)();
}

static void run_body(int (*body)(void))
{
    struct pab_case done;
    pab_case_run(install_then, &body, 20000, &done);
    if (done.end == PAB_CASE_RETURNED && done.value == NONE) {
        print_message("skipped: %s\n", done.text);
        skip();
    }
    char how[80];
    pab_case_describe(&done, how, sizeof(how));
    if (done.end != PAB_CASE_RETURNED || done.value != 0) {
        fail_msg("it %s (a number is the line that did not hold)", how);
    }
}

static void plan(unsigned calls, uint64_t first, uint64_t count, uint64_t period)
{
    pab_oscalls_fail(&(struct pab_oscalls_plan){
        .calls = calls, .first = first, .count = count, .period = period});
}

static void *map_page(void)
{
    return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Maps as many pages as `row` has letters: 'o' for those that it gets, '-' for those refused. */
static bool maps_like(const char *row)
{
    for (; *row != '\0'; row++) {
        errno = 0;
        void *page = map_page();
        if ((page == MAP_FAILED) != (*row == '-') || (page == MAP_FAILED && errno != ENOMEM)) {
            return false;
        }
        if (page != MAP_FAILED) {
            *(volatile char *)page = 1;
            munmap(page, PAGE);
        }
    }
    return true;
}

static int fails_as_planned(void)
{
    struct pab_oscalls_seen seen;
    EXPECT(maps_like("oooooo"));
    plan(PAB_OSCALL_MMAP, 0, 0, 0);
    EXPECT(maps_like("oooooo"));
    pab_oscalls_stop(&seen);
    EXPECT(seen.calls == 6 && seen.failed == 0);

    plan(PAB_OSCALL_MMAP, 3, 1, 0);
    EXPECT(maps_like("oo-ooo"));
    plan(PAB_OSCALL_MMAP, 2, 3, 0);
    EXPECT(maps_like("o---oo"));
    plan(PAB_OSCALL_MMAP, 4, 0, 0);
    EXPECT(maps_like("ooo---"));
    plan(PAB_OSCALL_MMAP, 2, 0, 3);
    EXPECT(maps_like("o-oo-oo-o"));
    pab_oscalls_stop(&seen);
    EXPECT(seen.calls == 9 && seen.failed == 3);
    EXPECT(maps_like("oooooo"));
    return 0;
}

/* Each kind fails alone: the others pass and are not counted. */
static int tells_kinds_apart(void)
{
    struct pab_oscalls_seen seen;
    char *page = map_page();
    EXPECT(page != MAP_FAILED);
    for (unsigned kind = 1; kind <= PAB_OSCALL_ALL; kind <<= 1) {
        plan(kind, 1, 0, 0);
        unsigned failed = 0;
        void *other = map_page();
        failed |= other == MAP_FAILED ? PAB_OSCALL_MMAP : 0;
        other = other == MAP_FAILED ? page : other;
        failed |= mprotect(other, PAGE, PROT_READ) != 0 ? PAB_OSCALL_MPROTECT : 0;
        failed |= madvise(other, PAGE, MADV_NORMAL) != 0 ? PAB_OSCALL_MADVISE : 0;
        failed |= mremap(page, PAGE, PAGE, 0) == MAP_FAILED ? PAB_OSCALL_MREMAP : 0;
        failed |= sbrk(16) == (void *)-1 ? PAB_OSCALL_BRK : 0;
        if (other != page) {
            failed |= munmap(other, PAGE) != 0 ? PAB_OSCALL_MUNMAP : 0;
        }
        pab_oscalls_stop(&seen);
        EXPECT(failed == kind);
        EXPECT(seen.calls == 1 && seen.failed == 1 && seen.kinds == kind);
    }
    char name[48];
    pab_oscalls_name(PAB_OSCALL_MUNMAP, name, sizeof(name));
    EXPECT(strcmp(name, "munmap") == 0);
    pab_oscalls_name(PAB_OSCALL_ALL, name, sizeof(name));
    EXPECT(strcmp(name, "mmap/munmap/mremap/mprotect/madvise/brk") == 0);
    return 0;
}

/* Not only through libc's functions; errno of a call that passes is left alone. */
static int raw_calls(void)
{
    struct pab_oscalls_seen seen;
    plan(PAB_OSCALL_MMAP, 1, 1, 0);
    const long flags = MAP_PRIVATE | MAP_ANONYMOUS;
    long refused = syscall(SYS_mmap, 0L, (long)PAGE, (long)PROT_READ, flags, -1L, 0L);
    EXPECT(refused == -1 && errno == ENOMEM);
    errno = 1789;
    long granted = syscall(SYS_mmap, 0L, (long)PAGE, (long)PROT_READ, flags, -1L, 0L);
    EXPECT(granted != -1 && errno == 1789);
    EXPECT(munmap((void *)granted, PAGE) == 0);
    pab_oscalls_stop(&seen);
    EXPECT(seen.calls == 2 && seen.failed == 1);
    return 0;
}

static void *map_with_signals_blocked(void *arg)
{
    sigset_t all;
    sigset_t seen;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &seen);
    bool *ok = arg;
    *ok = sigismember(&seen, SIGUSR1) == 1 && sigismember(&seen, SIGSYS) == 0;
    plan(PAB_OSCALL_MMAP, 2, 1, 0);
    *ok = *ok && maps_like("o-o");
    return NULL;
}

/* A thread's end calls madvise with every signal blocked, if its stack is large enough. */
static int threads(void)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 4u << 20);
    for (int i = 0; i < 3; i++) {
        struct pab_oscalls_seen seen;
        pthread_t thread;
        bool ok = false;
        EXPECT(pthread_create(&thread, &attributes, map_with_signals_blocked, &ok) == 0);
        pthread_join(thread, NULL);
        pab_oscalls_stop(&seen);
        EXPECT(ok);
        EXPECT(seen.calls == 3 && seen.failed == 1);
    }
    pthread_attr_destroy(&attributes);
    sigset_t mask;
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    EXPECT(sigismember(&mask, SIGUSR1) == 0);
    EXPECT(pthread_sigmask(SIG_BLOCK, &one, &mask) == 0 && sigismember(&mask, SIGUSR1) == 0);
    EXPECT(pthread_sigmask(SIG_UNBLOCK, &one, &mask) == 0 && sigismember(&mask, SIGUSR1) == 1);
    EXPECT(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0 && sigismember(&mask, SIGUSR1) == 0);
    EXPECT(pthread_sigmask(12345, &one, NULL) == EINVAL);
    return 0;
}

static uint64_t calls_in(const struct pab_oscalls_counts *counts)
{
    return counts->mmap + counts->munmap + counts->mremap + counts->mprotect + counts->madvise +
           counts->brk;
}

/* Two pages and a bit are asked for, moved to five pages, given back, and unmapped in two parts. */
static void *map_and_unmap(void *arg)
{
    char *pages = mmap(NULL, 2 * PAGE + 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *moved = mremap(pages, 2 * PAGE + 1, 5 * PAGE, MREMAP_MAYMOVE);
    bool *ok = arg;
    *ok = moved != MAP_FAILED && mprotect(moved, PAGE, PROT_NONE) == 0 &&
          madvise(moved, 2 * PAGE, MADV_DONTNEED) == 0 && madvise(moved, PAGE, MADV_NORMAL) == 0 &&
          munmap(moved, PAGE) == 0 && munmap(moved + PAGE, 4 * PAGE) == 0;
    return NULL;
}

static int counts_kinds(void)
{
    struct pab_oscalls_counts counts;
    pab_oscalls_count(&counts);
    EXPECT(calls_in(&counts) == 0 && counts.mapped_bytes == 0 && counts.unmapped_bytes == 0);
    bool ok = false;
    map_and_unmap(&ok);
    pab_oscalls_count(&counts);
    EXPECT(ok && calls_in(&counts) == 7);
    EXPECT(counts.mmap == 1 && counts.mremap == 1 && counts.mprotect == 1 && counts.madvise == 2);
    EXPECT(counts.munmap == 2 && counts.brk == 0);
    EXPECT(counts.mapped_bytes == 5 * PAGE && counts.unmapped_bytes == 5 * PAGE);
    EXPECT(counts.released_bytes == 2 * PAGE);
    EXPECT(sbrk(0) != (void *)-1 && sbrk(3 * (intptr_t)PAGE) != (void *)-1);
    EXPECT(sbrk(-(intptr_t)PAGE) != (void *)-1);
    pab_oscalls_count(&counts);
    EXPECT(calls_in(&counts) == 9 && counts.brk == 2);
    EXPECT(counts.mapped_bytes == 8 * PAGE && counts.unmapped_bytes == 6 * PAGE);
    return 0;
}

/* What fails is a call, too, but it moves no bytes. */
static int counts_failures(void)
{
    struct pab_oscalls_counts counts;
    EXPECT(munmap((void *)1, PAGE) != 0);
    plan(PAB_OSCALL_ALL, 1, 0, 0);
    EXPECT(map_page() == MAP_FAILED && sbrk((intptr_t)PAGE) == (void *)-1);
    struct pab_oscalls_seen seen;
    pab_oscalls_stop(&seen);
    pab_oscalls_count(&counts);
    EXPECT(counts.munmap == 1 && counts.mmap == 1 && counts.brk == 1 && calls_in(&counts) == 3);
    EXPECT(counts.mapped_bytes == 0 && counts.unmapped_bytes == 0);
    return 0;
}

/* The calls of other threads count together, those of a child are its own. */
static int counts_threads(void)
{
    struct pab_oscalls_counts before;
    struct pab_oscalls_counts after;
    pthread_t threads[4];
    bool ok[4];
    pab_oscalls_count(&before);
    for (int i = 0; i < 4; i++) {
        EXPECT(pthread_create(&threads[i], NULL, map_and_unmap, &ok[i]) == 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        EXPECT(ok[i]);
    }
    pid_t child = fork();
    if (child == 0) {
        map_and_unmap(&ok[0]);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    pab_oscalls_count(&after);
    EXPECT(after.mremap - before.mremap == 4); /* the only kind that starting a thread has not */
    EXPECT(after.madvise - before.madvise >= 8 && after.munmap - before.munmap >= 8);
    return 0;
}

static int children(void)
{
    pid_t child = fork();
    if (child == 0) {
        plan(PAB_OSCALL_MMAP, 2, 1, 0);
        _exit(maps_like("o-o") ? 42 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    EXPECT(maps_like("ooo"));
    return 0;
}

static int libc_malloc(void)
{
    struct pab_oscalls_seen seen;
    void *(*volatile take)(size_t size) = malloc;
    plan(PAB_OSCALL_ALL, 1, 0, 0);
    errno = 0;
    void *refused = take(64u << 20);
    int seen_errno = errno;
    pab_oscalls_stop(&seen);
    void *granted = take(64u << 20);
    free(granted);
    bool is_as_told = refused == NULL && seen_errno == ENOMEM && granted != NULL;
    free(refused);
    EXPECT(is_as_told && seen.failed >= 1);
    return 0;
}

/* PAB_OSCALLS_MOST calls for each request are none too many, one more is. */
static int request_without_end(void)
{
    volatile uint64_t requests = 0;
    pab_oscalls_fail(&(struct pab_oscalls_plan){.calls = PAB_OSCALL_MMAP, .requests = &requests});
    for (int i = 0; i < 2 * PAB_OSCALLS_MOST; i++) {
        requests += i % PAB_OSCALLS_MOST == 0;
        EXPECT(madvise(NULL, 0, MADV_NORMAL) == 0);
    }
    fprintf(stderr, "so far");
    madvise(NULL, 0, MADV_NORMAL);
    return 0;
}

static void test_request_without_end(void **state)
{
    (void)state;
    struct pab_case done;
    int (*body)(void) = request_without_end;
    pab_case_run(install_then, &body, 20000, &done);
    if (done.end == PAB_CASE_RETURNED && done.value == NONE) {
        skip();
    }
    assert_int_equal(done.end, PAB_CASE_EXITED);
    assert_int_equal(done.code, PAB_OSCALLS_ENDLESS);
    assert_string_equal(done.text, "so far");
}

static void test_counts_kinds(void **state)
{
    (void)state;
    run_body(counts_kinds);
}

static void test_counts_failures(void **state)
{
    (void)state;
    run_body(counts_failures);
}

static void test_counts_threads(void **state)
{
    (void)state;
    run_body(counts_threads);
}

static void test_fails_as_planned(void **state)
{
    (void)state;
    run_body(fails_as_planned);
}

static void test_tells_kinds_apart(void **state)
{
    (void)state;
    run_body(tells_kinds_apart);
}

static void test_raw_calls(void **state)
{
    (void)state;
    run_body(raw_calls);
}

static void test_threads(void **state)
{
    (void)state;
    run_body(threads);
}

static void test_children(void **state)
{
    (void)state;
    run_body(children);
}

static void test_libc_malloc(void **state)
{
    (void)state;
    run_body(libc_malloc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fails_as_planned), cmocka_unit_test(test_tells_kinds_apart),
        cmocka_unit_test(test_raw_calls),        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_children),         cmocka_unit_test(test_counts_kinds),
        cmocka_unit_test(test_counts_failures),  cmocka_unit_test(test_counts_threads),
        cmocka_unit_test(test_libc_malloc),      cmocka_unit_test(test_request_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
