#include "tests/conformance/fresh/fresh.h"

#include "tests/conformance/fresh/program.h"
#include "tests/conformance/support/case.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

/* What the child needs to become pab_fresh. */
struct start {
    const struct pab_fresh *fresh;
    char program[PATH_MAX];
    char object[PATH_MAX];
    bool is_libc; /* what every process has: nothing to preload */
    int said_fd;
};

static bool find_program(char *out, size_t size)
{
    const char *named = getenv("PAB_FRESH");
    if (named != NULL) {
        snprintf(out, size, "%s", named);
        return access(out, X_OK) == 0;
    }
    ssize_t length = readlink("/proc/self/exe", out, size - 1);
    out[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(out, '/');
    size_t used = slash == NULL ? 0 : (size_t)(slash - out);
    snprintf(out + used, size - used, "/pab_fresh");
    return access(out, X_OK) == 0;
}

static bool find_object(const struct pab_heap *heap, struct start *start)
{
    Dl_info own;
    Dl_info libc;
    if (heap->anchor == NULL || dladdr(heap->anchor, &own) == 0 ||
        dladdr((const void *)(uintptr_t)getpid, &libc) == 0 ||
        realpath(own.dli_fname, start->object) == NULL) {
        return false;
    }
    start->is_libc = own.dli_fbase == libc.dli_fbase;
    return true;
}

/* In the child: everything but the one descriptor for what is said is closed. */
static int become_fresh(void *arg)
{
    const struct start *start = arg;
    const struct pab_fresh *fresh = start->fresh;
    bool is_preload = fresh->attach == PAB_FRESH_PRELOAD && !start->is_libc;
    char numbers[PAB_FRESH_NUMBERS][24];
    for (size_t i = 0; i < PAB_FRESH_NUMBERS; i++) {
        snprintf(numbers[i], sizeof(numbers[i]), "%" PRIu64, fresh->numbers[i]);
    }
    if (dup2(start->said_fd, PAB_FRESH_FD) != PAB_FRESH_FD ||
        close_range(PAB_FRESH_FD + 1, ~0u, 0) != 0 ||
        (fresh->has_fixed_addresses && personality(ADDR_NO_RANDOMIZE) < 0)) {
        return 1;
    }
    if (is_preload) {
        setenv("LD_PRELOAD", start->object, 1);
    } else {
        unsetenv("LD_PRELOAD");
    }
    dup2(STDERR_FILENO, STDOUT_FILENO); /* what a library prints is no answer */
    execl(start->program, "pab_fresh", start->object,
          fresh->attach == PAB_FRESH_DLOPEN ? "dlopen" : "preload", fresh->scenario, numbers[0],
          numbers[1], numbers[2], numbers[3], (char *)NULL);
    return 1;
}

/* What follows `word` on the first line that begins with it; NULL if there is no such line. */
static const char *said_after(const char *said, const char *word, char *out, size_t size)
{
    for (const char *line = said; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, word, strlen(word)) == 0) {
            const char *from = line + strlen(word);
            snprintf(out, size, "%.*s", (int)strcspn(from, "\n"), from + (*from == ' '));
            char *end = strchr(out, '\n');
            if (end != NULL) {
                *end = '\0';
            }
            return out;
        }
    }
    return NULL;
}

/* The last stage that it said it reached. */
static void said_last_stage(const char *said, char *out, size_t size)
{
    const char *from = said;
    snprintf(out, size, "the start");
    for (const char *found; (found = strstr(from, PAB_FRESH_STAGE " ")) != NULL; from = found + 1) {
        (void)said_after(found, PAB_FRESH_STAGE, out, size);
    }
}

static enum pab_fresh_end judge(const struct pab_case *done, const char *said, char *text,
                                size_t size)
{
    char found[512];
    if (done->end == PAB_CASE_BROKE || done->end == PAB_CASE_RETURNED) {
        snprintf(text, size, "pab_fresh cannot be started here");
        return PAB_FRESH_UNFIT;
    }
    if (said_after(said, PAB_FRESH_SKIP, found, sizeof(found)) != NULL) {
        snprintf(text, size, "%s", found);
        return PAB_FRESH_UNFIT;
    }
    if (said_after(said, PAB_FRESH_FOUND, found, sizeof(found)) != NULL) {
        snprintf(text, size, "%s", found);
        return PAB_FRESH_WRONG;
    }
    bool is_through = said_after(said, PAB_FRESH_DONE, found, sizeof(found)) != NULL;
    bool is_proven = said_after(said, PAB_FRESH_PROOF, found, sizeof(found)) != NULL;
    if (is_through && is_proven && done->end == PAB_CASE_EXITED && done->code == 0) {
        text[0] = '\0';
        (void)said_after(said, PAB_FRESH_ANSWER, text, size);
        return PAB_FRESH_HELD;
    }
    char how[64];
    pab_case_describe(done, how, sizeof(how));
    said_last_stage(said, found, sizeof(found));
    snprintf(text, size, "a fresh process %s, at %.100s%s%.*s", how, found,
             done->text[0] == '\0' ? "" : "; it printed: ", (int)strcspn(done->text, "\n"),
             done->text);
    return PAB_FRESH_WRONG;
}

enum pab_fresh_end pab_fresh_run(const struct pab_heap *heap, const struct pab_fresh *fresh,
                                 char *text, size_t size)
{
    static struct start start;
    start.fresh = fresh;
    if (!find_program(start.program, sizeof(start.program))) {
        snprintf(text, size, "pab_fresh is not beside this binary: build the target pab_fresh");
        return PAB_FRESH_UNFIT;
    }
    if (!find_object(heap, &start)) {
        snprintf(text, size, "%s is no shared object that a fresh process could load",
                 heap->backend->name);
        return PAB_FRESH_UNFIT;
    }
    bool is_preload = fresh->attach == PAB_FRESH_PRELOAD && !start.is_libc;
    if (is_preload && strpbrk(start.object, " :") != NULL) {
        snprintf(text, size, "LD_PRELOAD cannot name a path with a blank or a colon");
        return PAB_FRESH_UNFIT;
    }
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        snprintf(text, size, "no pipe is to be had");
        return PAB_FRESH_UNFIT;
    }
    /* Little enough is said for a pipe to hold it until the process has ended. */
    start.said_fd = ends[1];
    struct pab_case done;
    pab_case_run(become_fresh, &start, fresh->timeout_ms, &done);
    close(ends[1]);
    char said[4096];
    size_t used = 0;
    fcntl(ends[0], F_SETFL, O_NONBLOCK); /* a straggler may still hold the other end */
    for (ssize_t got; used < sizeof(said) - 1; used += (size_t)got) {
        got = read(ends[0], said + used, sizeof(said) - 1 - used);
        if (got <= 0) {
            break;
        }
    }
    said[used] = '\0';
    close(ends[0]);
    return judge(&done, said, text, size);
}
