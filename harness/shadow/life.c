/* How the preload library begins, follows a fork, and ends. */
#include "harness/shadow/hooks.h"
#include "harness/shadow/journal.h"
#include "harness/shadow/judge.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
    char dir[4000];
    bool forking; /* the lock is held over a fork */
} life;

/* A child of vfork() runs in its parent's memory until it execs: that record is not its own. */
static bool is_ours(void)
{
    return pab_shadow.record != NULL && pab_shadow.record->pid == getpid();
}

_Noreturn static void end_now(int status)
{
    for (;;) {
        syscall(SYS_exit_group, status);
    }
}

/* --- fork ------------------------------------------------------------------------------------- */

static void before_fork(void)
{
    life.forking = pab_shadow.crowded;
    if (life.forking) {
        pthread_mutex_lock(&pab_shadow.lock);
    }
}

static void after_fork(void)
{
    if (life.forking) {
        pthread_mutex_unlock(&pab_shadow.lock);
    }
}

static void after_fork_parent(void)
{
    pab_shadow.record->forks++;
    after_fork();
}

/* The child goes on with its copy of heap and twin, and counts from zero in a record of its own. */
static void after_fork_child(void)
{
    struct pab_record *record = pab_shadow.record;
    struct pab_record before = *record;
    if (pab_journal_open(life.dir, record) == NULL) {
        void *nowhere = mmap(record, sizeof(*record), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (nowhere == MAP_FAILED) {
            end_now(PAB_SHADOW_REFUSED);
        }
    }
    record->forked = 1;
    record->states = before.states;
    memcpy(record->command, before.command, sizeof(record->command));
    memcpy(record->python, before.python, sizeof(record->python));
    memcpy(record->profile, before.profile, sizeof(record->profile));
    memcpy(record->stopped, before.stopped, sizeof(record->stopped));
    after_fork();
}

/* --- the end ---------------------------------------------------------------------------------- */

/* PyGILState_Check() says yes to all once a second interpreter has begun, also to a thread that
 * Python does not know, such as faulthandler's watchdog. */
static bool holds_gil(const struct pab_interpreter *python)
{
    if (python->holds_gil == NULL || python->thread_state == NULL ||
        python->own_thread_state == NULL || python->holds_gil() == 0) {
        return false;
    }
    const void *own = python->own_thread_state();
    return own != NULL && own == python->thread_state();
}

/* After finalization, up to 3.11, the heap is still there to be looked at; before it, only the
 * thread with the GIL may look. */
static void end_record(enum pab_record_end end)
{
    const struct pab_interpreter *python = &pab_shadow.python;
    if (!is_ours() || pab_shadow.record->end != PAB_END_NONE) {
        return;
    }
    pab_shadow.record->end = end;
    if (pab_shadow.main == NULL || pab_hooks_in_call()) {
        return;
    }
    bool initialized = python->is_initialized != NULL && python->is_initialized() != 0;
    bool is_safe = initialized ? holds_gil(python) : !pab_shadow.per_interpreter;
    if (is_safe) {
        pab_hooks_take_statistics();
    }
}

__attribute__((destructor)) static void end_by_exit(void)
{
    end_record(PAB_END_EXIT);
}

/* In place of libc's. */
__attribute__((visibility("default"))) _Noreturn void _exit(int status)
{
    end_record(PAB_END_DIRECT);
    end_now(status);
}

__attribute__((visibility("default"))) _Noreturn void _Exit(int status)
{
    _exit(status);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void tell_command(struct pab_record *record, int argc, char **argv)
{
    size_t used = 0;
    for (int i = 0; i < argc && used < sizeof(record->command); i++) {
        int length = snprintf(record->command + used, sizeof(record->command) - used, "%s%s",
                              i > 0 ? " " : "", argv[i]);
        used += length > 0 ? (size_t)length : 0;
    }
    for (char *at = record->command; *at != '\0'; at++) {
        if (iscntrl((unsigned char)*at)) {
            *at = ' '; /* a script after -c has lines */
        }
    }
}

static void choose_rules(const char *profile)
{
    const struct pab_interpreter *python = &pab_shadow.python;
    pab_shadow.geometry = pab_pymalloc_profile_find(profile)->geometry;
    pab_shadow.geometry.advise_hugepages = false; /* of no use behind images */
    int minor = python->major == 3 ? python->minor : 0;
    pab_shadow.per_interpreter = minor >= 12;
    pab_shadow.careful = pab_shadow.per_interpreter;
    if (minor == 10) {
        pab_shadow.map_shifts[0] = PAB_MAP_MIDDLE_SHIFT_3_10;
        pab_shadow.map_shifts[1] = PAB_MAP_BOTTOM_SHIFT_3_10;
    } else if (minor > 10) {
        pab_shadow.map_shifts[0] = PAB_MAP_MIDDLE_SHIFT_3_11;
        pab_shadow.map_shifts[1] = PAB_MAP_BOTTOM_SHIFT_3_11;
    }
}

/* Whether this is the program that `verify` was asked to run: no child of it, and nothing of it
 * has run yet. */
static bool is_root(const struct pab_record *record)
{
    const char *root = getenv(PAB_SHADOW_ROOT);
    return root != NULL && strtol(root, NULL, 10) == record->pid && record->image == 0;
}

/* Runs before main(): the interpreter has allocated nothing yet. */
__attribute__((constructor)) static void begin(int argc, char **argv)
{
    const char *dir = getenv(PAB_SHADOW_DIR);
    if (dir == NULL || strlen(dir) >= sizeof(life.dir) ||
        !pab_interpreter_find(&pab_shadow.python)) {
        return;
    }
    struct pab_record *record = pab_journal_open(dir, NULL);
    if (record == NULL) {
        return;
    }
    snprintf(life.dir, sizeof(life.dir), "%s", dir);
    tell_command(record, argc, argv);
    const char *version = pab_shadow.python.version_text;
    snprintf(record->python, sizeof(record->python), "%.*s", (int)strcspn(version, " "), version);
    const char *chosen = getenv(PAB_SHADOW_PROFILE);
    if (!pab_interpreter_judge(&pab_shadow.python, chosen, record->profile, record->refused,
                               sizeof(record->refused))) {
        if (is_root(record)) {
            end_now(PAB_SHADOW_REFUSED);
        }
        return;
    }
    choose_rules(record->profile);
    pab_shadow.record = record;
    pab_hooks_install();
    pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}
