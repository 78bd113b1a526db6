#include "harness/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <unistd.h>

/* --- environment ---------------------------------------------------------------------------- */

#define ADDED_MAX 16 /* variables of ours in one environment */

struct environment {
    char **variables; /* ends in NULL */
    size_t count;
    char *ours[ADDED_MAX]; /* those that were made here */
    size_t our_count;
};

/* Where `name` stands; the count when it does not. */
static size_t find(const struct environment *environment, const char *name)
{
    size_t length = strlen(name);
    size_t i = 0;
    while (i < environment->count && (strncmp(environment->variables[i], name, length) != 0 ||
                                      environment->variables[i][length] != '=')) {
        i++;
    }
    return i;
}

static void set(struct environment *environment, const char *name, const char *value)
{
    char *variable = NULL;
    PAB_CHECK(asprintf(&variable, "%s=%s", name, value) > 0);
    PAB_CHECK(environment->our_count < ADDED_MAX);
    environment->ours[environment->our_count++] = variable;
    size_t at = find(environment, name);
    environment->count += at == environment->count;
    environment->variables[at] = variable;
}

/* pab_env_set: what a backend asks for stands before what is there already. */
static void set_for_backend(void *arg, const char *name, const char *value)
{
    struct environment *environment = arg;
    bool is_list = strcmp(name, "GLIBC_TUNABLES") == 0 || strcmp(name, "LD_PRELOAD") == 0;
    size_t at = find(environment, name);
    const char *old = at == environment->count ? "" : environment->variables[at] + strlen(name) + 1;
    if (!is_list || old[0] == '\0') {
        set(environment, name, value);
        return;
    }
    char *joined = NULL;
    PAB_CHECK(asprintf(&joined, "%s:%s", value, old) > 0);
    set(environment, name, joined);
    free(joined);
}

static bool begins(const char *text, const char *head)
{
    return strncmp(text, head, strlen(head)) == 0;
}

/* Google Benchmark takes flags from the environment, too: a filter there would leave every time
 * sample empty. A CPython in the worker would take another allocator from there, or hooks above
 * it. A worker that is to hold still inherits only where programs are looked for. */
static bool is_inherited(const char *variable, bool is_still)
{
    static const char *const kept_back[] = {"BENCHMARK_", "PYTHONMALLOC",
                                            "PYTHONDEVMODE=", "PYTHONTRACEMALLOC="};
    bool is_kept_back = false;
    for (size_t i = 0; i < ARRAY_COUNT(kept_back); i++) {
        is_kept_back |= begins(variable, kept_back[i]);
    }
    return is_still ? begins(variable, "PATH=") : !is_kept_back;
}

static void environment_init(struct environment *environment, const struct pab_launch *launch)
{
    size_t inherited = 0;
    while (environ[inherited] != NULL) {
        inherited++;
    }
    *environment = (struct environment){0};
    environment->variables = calloc(inherited + ADDED_MAX + 1, sizeof(char *));
    PAB_CHECK(environment->variables != NULL);
    bool is_still = launch->pass != NULL && (launch->pass->flags & PAB_PASS_STILL) != 0;
    for (size_t i = 0; i < inherited; i++) {
        if (is_inherited(environ[i], is_still)) {
            environment->variables[environment->count++] = environ[i];
        }
    }
    const struct pab_spec *specs[] = {launch->spec, launch->spec->raw};
    for (size_t i = 0; i < ARRAY_COUNT(specs); i++) {
        if (specs[i] != NULL && specs[i]->backend->worker_env != NULL) {
            specs[i]->backend->worker_env(specs[i], set_for_backend, environment);
        }
    }
    if (!is_still) {
        char pad[4097] = "";
        memset(pad, 'x', launch->pad_bytes < sizeof(pad) ? launch->pad_bytes : sizeof(pad) - 1);
        set(environment, "PAB_PAD", pad);
    }
}

static void environment_fini(struct environment *environment)
{
    for (size_t i = 0; i < environment->our_count; i++) {
        free(environment->ours[i]);
    }
    free(environment->variables);
}

/* --- words ---------------------------------------------------------------------------------- */

#define WORDS_MAX 16

struct words {
    const char *words[WORDS_MAX + 3]; /* ends in NULL */
    const char *file;                 /* what is executed */
    char binary[PATH_MAX];
};

/* The wrapper's words, if there are any, the binary, and what makes it a worker. */
static void words_init(struct words *words, const struct pab_launch *launch)
{
    bool is_this = launch->binary == NULL || launch->binary[0] == '\0';
    const char *binary = is_this ? "/proc/self/exe" : launch->binary;
    const char *const *wrapper = launch->pass == NULL ? NULL : launch->pass->wrapper;
    size_t count = 0;
    if (wrapper == NULL) {
        snprintf(words->binary, sizeof(words->binary), "%s", binary);
        words->words[count++] = "pyallocbench";
        words->file = words->binary;
    } else {
        ssize_t length = readlink(binary, words->binary, sizeof(words->binary) - 1);
        if (is_this && length > 0) { /* of the wrapper, /proc/self/exe is another */
            words->binary[length] = '\0';
        } else {
            snprintf(words->binary, sizeof(words->binary), "%s", binary);
        }
        while (wrapper[count] != NULL && count < WORDS_MAX) {
            words->words[count] = wrapper[count];
            count++;
        }
        words->file = wrapper[0];
        words->words[count++] = words->binary;
    }
    words->words[count++] = "--worker";
    words->words[count] = NULL;
}

/* --- the process ---------------------------------------------------------------------------- */

/* What the new process does with its descriptors; all of ours close by themselves. */
static void plan_descriptors(posix_spawn_file_actions_t *actions, const struct pab_spawn_ends *ends,
                             int notes)
{
    const int moves[][2] = {
        {ends->output, STDOUT_FILENO},   {ends->output, STDERR_FILENO}, {ends->job, PAB_JOB_FD},
        {ends->message, PAB_MESSAGE_FD}, {notes, PAB_WRAPPER_FD},
    };
    PAB_CHECK(posix_spawn_file_actions_init(actions) == 0);
    PAB_CHECK(posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) ==
              0);
    for (size_t i = 0; i < ARRAY_COUNT(moves); i++) {
        if (moves[i][0] >= 0) {
            PAB_CHECK(posix_spawn_file_actions_adddup2(actions, moves[i][0], moves[i][1]) == 0);
        }
    }
}

/* A child has the personality that its parent has when it is made: one that is to hold still takes
 * it from there. Containers may refuse the call. */
static int spawn(const struct pab_launch *launch, const struct words *words,
                 const posix_spawn_file_actions_t *actions, char **variables,
                 struct pab_spawned *out)
{
    posix_spawnattr_t attributes;
    PAB_CHECK(posix_spawnattr_init(&attributes) == 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes, 0);
    bool is_still = launch->pass != NULL && (launch->pass->flags & PAB_PASS_STILL) != 0;
    int before = is_still ? personality(ADDR_NO_RANDOMIZE) : -1;
    int failed = posix_spawnp(&out->pid, words->file, actions, &attributes,
                              (char *const *)words->words, variables);
    out->is_still = before != -1;
    if (before != -1) {
        personality((unsigned long)before);
    }
    posix_spawnattr_destroy(&attributes);
    return failed;
}

enum pab_status pab_spawn_worker(const struct pab_launch *launch, const struct pab_spawn_ends *ends,
                                 struct pab_spawned *out, struct pab_error *err)
{
    PAB_CHECK(ends->job > PAB_SPAWN_FD_LAST && ends->message > PAB_SPAWN_FD_LAST &&
              ends->output > PAB_SPAWN_FD_LAST);
    struct words words;
    struct environment environment;
    posix_spawn_file_actions_t actions;
    bool is_wrapped = launch->pass != NULL && launch->pass->wrapper != NULL;
    int notes = is_wrapped ? memfd_create("wrapper", MFD_CLOEXEC) : -1;
    int lifted = notes < 0 ? -1 : fcntl(notes, F_DUPFD_CLOEXEC, PAB_SPAWN_FD_LAST + 1);
    words_init(&words, launch);
    environment_init(&environment, launch);
    plan_descriptors(&actions, ends, lifted);
    int failed = spawn(launch, &words, &actions, environment.variables, out);
    posix_spawn_file_actions_destroy(&actions);
    environment_fini(&environment);
    if (lifted >= 0) {
        close(lifted);
    }
    if (notes >= 0) {
        close(notes);
    }
    return failed == 0 ? PAB_OK
                       : pab_fail(err, PAB_IO, "cannot start %s: %s", words.file, strerror(failed));
}
