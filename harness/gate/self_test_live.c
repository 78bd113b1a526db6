/* harness/gate/self_test_live.c -- real gates of this very program, on backends that are worse by a
 * known amount. */
#include "harness/gate/self_test_made.h"
#include "harness/text.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GOOD         0
#define REGRESSION   3
#define INCONCLUSIVE 5

/* One workload each: the more is to be seen, the fewer rounds it takes. */
static const struct live_gate {
    const char *what;
    const char *base, *head, *passes, *rounds;
    bool is_worse;
} gates[] = {
    {"nothing differs", "pymalloc:slow=0", "pymalloc:slow=0", "time", "300", false},
    {"nothing differs, memory", "pymalloc", "pymalloc", "memory", "20", false},
    {"slower, some 5 %", "pymalloc:slow=0", "pymalloc:slow=4", "time", "400", true},
    {"slower, some 10 %", "pymalloc:slow=0", "pymalloc:slow=7", "time", "200", true},
    {"slower, some 20 %", "pymalloc:slow=0", "pymalloc:slow=11", "time", "100", true},
    {"slower, some 50 %", "pymalloc:slow=0", "pymalloc:slow=22", "time", "40", true},
    {"every 100th free is lost", "pymalloc:leak=0", "pymalloc:leak=100", "memory", "20", true},
    {"nothing is given back", "pymalloc", "pymalloc:release=never", "memory", "20", true},
};

/* Runs the program itself; its exit status, or -1. */
static int run(const struct live_gate *gate, const char *document)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length <= 0) {
        return -1;
    }
    self[length] = '\0';
    const char *words[] = {"pyallocbench", "gate",        "--quiet",    "--base-spec",
                           gate->base,     "--head-spec", gate->head,   "--passes",
                           gate->passes,   "--rounds",    gate->rounds, "-w",
                           "small_ints",   "-o",          document,     NULL};
    posix_spawn_file_actions_t actions;
    PAB_CHECK(posix_spawn_file_actions_init(&actions) == 0);
    PAB_CHECK(posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) ==
              0);
    pid_t pid = 0;
    int failed = posix_spawn(&pid, self, &actions, NULL, (char *const *)words, environ);
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    while (failed == 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return failed == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The largest change to the worse that the document tells of: "cpu_ns_per_op +4.9 %". */
static void tell_finding(const char *document, char *out, size_t size)
{
    out[0] = '\0';
    struct pab_reading *reading = NULL;
    struct pab_error err;
    if (pab_reading_open(document, &reading, &err) != PAB_OK) {
        return;
    }
    const json_t *best = NULL;
    size_t index = 0;
    json_t *finding = NULL;
    json_array_foreach(json_object_get(pab_gate_of(reading), "findings"), index, finding)
    {
        double ratio = json_number_value(json_object_get(finding, "ratio"));
        if (best == NULL || ratio > json_number_value(json_object_get(best, "ratio"))) {
            best = finding;
        }
    }
    double ratio = json_number_value(json_object_get(best, "ratio"));
    const char *metric = json_string_value(json_object_get(best, "metric"));
    if (ratio > 0 && metric != NULL) {
        snprintf(out, size, " (%s %+.1f %%)", metric, 100 * (ratio - 1));
    }
    pab_reading_close(reading);
}

unsigned pab_gate_self_test_live(bool quiet, FILE *out)
{
    unsigned failed = 0;
    char folder[] = "/tmp/pyallocbench-gate.XXXXXX";
    char document[sizeof(folder) + 16];
    if (mkdtemp(folder) == NULL) {
        fprintf(out, "live: no folder in /tmp: %s: FAILED\n", strerror(errno));
        return 1;
    }
    snprintf(document, sizeof(document), "%s/gate.json", folder);
    fprintf(out, "live, on small_ints:\n");
    for (size_t i = 0; i < ARRAY_COUNT(gates); i++) {
        if (!quiet) {
            fprintf(stderr, "gate of %s against %s, %s rounds\n", gates[i].base, gates[i].head,
                    gates[i].rounds);
        }
        int code = run(&gates[i], document);
        bool is_right =
            gates[i].is_worse ? code == REGRESSION : code == GOOD || code == INCONCLUSIVE;
        char found[80];
        char text[256];
        tell_finding(document, found, sizeof(found));
        snprintf(text, sizeof(text), "%s: %s against %s: exit %d%s: %s", gates[i].what,
                 gates[i].base, gates[i].head, code, found, is_right ? "ok" : "FAILED");
        pab_text_print(out, "  ", 2, text);
        fflush(out);
        failed += !is_right;
        unlink(document);
    }
    rmdir(folder);
    return failed;
}
