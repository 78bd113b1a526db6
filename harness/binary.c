#include "harness/binary.h"

#include "harness/job.h"
#include "harness/self.h"
#include "harness/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_NS UINT64_C(5000000000) /* for a program to say who it is */

static _Noreturn void become(const char *path, const char *word, int output)
{
    int nothing = open("/dev/null", O_RDWR);
    setpgid(0, 0);
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDERR_FILENO);
    dup2(output, STDOUT_FILENO);
    execl(path, "pyallocbench", word, (char *)NULL);
    _exit(127);
}

/* Until a newline, the end, the last byte of room, or the end of patience. */
static void read_line(int input, char *line, size_t size)
{
    uint64_t deadline_ns = pab_wall_ns() + PATIENCE_NS;
    size_t used = 0;
    while (used + 1 < size && strchr(line, '\n') == NULL) {
        uint64_t now_ns = pab_wall_ns();
        struct pollfd ready = {.fd = input, .events = POLLIN};
        int wait_ms = now_ns < deadline_ns ? (int)((deadline_ns - now_ns) / 1000000u) : 0;
        int count = poll(&ready, 1, wait_ms);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        ssize_t got = count > 0 ? read(input, line + used, size - 1 - used) : 0;
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
        line[used] = '\0';
    }
    line[strcspn(line, "\n")] = '\0';
}

void pab_binary_ask(const char *path, const char *word, char *line, size_t size)
{
    int ends[2];
    line[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        become(path, word, ends[1]);
    }
    close(ends[1]);
    if (pid > 0) {
        setpgid(pid, pid); /* whoever is first: then the group is there to be killed */
        read_line(ends[0], line, size);
        kill(-pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    close(ends[0]);
}

enum pab_status pab_worker_binary(const char *path, struct pab_error *err)
{
    char line[64];
    char own[64];
    snprintf(own, sizeof(own), "pyallocbench worker protocol %u", PAB_PROTOCOL);
    if (access(path, X_OK) != 0) {
        return pab_fail(err, PAB_USAGE, "%s: %s: name a build of pyallocbench", path,
                        strerror(errno));
    }
    pab_binary_ask(path, "--protocol", line, sizeof(line));
    char said[sizeof(line)]; /* by a program that may be any */
    size_t words = strcspn(own, "0123456789");
    pab_text_clean(line, false, said, sizeof(said));
    if (strncmp(line, own, words) != 0) {
        return pab_fail(err, PAB_USAGE, "%s is no build of pyallocbench that can be compared",
                        path);
    }
    return strcmp(line, own) == 0
               ? PAB_OK
               : pab_fail(err, PAB_NOT_COMPARABLE,
                          "%s speaks another protocol with its workers (%s; this one: %u): build "
                          "both sides from trees whose harness is alike",
                          path, said + words, PAB_PROTOCOL);
}

static FILE *open_build(const char *path)
{
    return fopen(path[0] == '\0' ? "/proc/self/exe" : path, "re");
}

static bool are_equal(FILE *first, FILE *second)
{
    char a[1 << 14];
    char b[sizeof(a)];
    size_t count = 0;
    do {
        count = fread(a, 1, sizeof(a), first);
        if (fread(b, 1, sizeof(b), second) != count || memcmp(a, b, count) != 0) {
            return false;
        }
    } while (count > 0);
    return ferror(first) == 0 && ferror(second) == 0;
}

bool pab_binary_is_same(const char *first, const char *second)
{
    if (strcmp(first, second) == 0) {
        return true;
    }
    FILE *a = open_build(first);
    FILE *b = open_build(second);
    bool is_same = a != NULL && b != NULL && are_equal(a, b);
    if (a != NULL) {
        fclose(a);
    }
    if (b != NULL) {
        fclose(b);
    }
    return is_same;
}
