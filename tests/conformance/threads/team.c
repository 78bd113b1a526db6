#include "tests/conformance/threads/team.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>

#if defined(__has_feature)
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_THREAD__) || HAS_FEATURE(thread_sanitizer)
#define WATCHES_THREADS true
#else
#define WATCHES_THREADS false
#endif

struct member {
    pthread_t thread;
    struct pab_team *team;
    size_t index;
    void (*body)(struct pab_team *team, size_t index, void *arg);
    void *arg;
};

static void *member_main(void *arg)
{
    struct member *member = arg;
    member->body(member->team, member->index, member->arg);
    return NULL;
}

bool pab_team_wrong(struct pab_team *team, const char *format, ...)
{
    pthread_mutex_lock(&team->mutex);
    if (team->run->reason[0] == '\0') {
        va_list args;
        va_start(args, format);
        vsnprintf(team->run->reason, sizeof(team->run->reason), format, args);
        va_end(args);
    }
    pthread_mutex_unlock(&team->mutex);
    team->is_over = true;
    return false;
}

/* Those that were started wait for the barrier, which nobody will complete: so nobody is started
 * before all are known to be had. */
enum gate_state { GATE_SHUT, GATE_OPEN, GATE_OFF };

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum gate_state state;
} gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, GATE_SHUT};

static void *gated_main(void *arg)
{
    pthread_mutex_lock(&gate.mutex);
    while (gate.state == GATE_SHUT) {
        pthread_cond_wait(&gate.changed, &gate.mutex);
    }
    bool is_open = gate.state == GATE_OPEN;
    pthread_mutex_unlock(&gate.mutex);
    return is_open ? member_main(arg) : NULL;
}

static void set_gate(enum gate_state state)
{
    pthread_mutex_lock(&gate.mutex);
    gate.state = state;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.mutex);
}

bool pab_team_run(struct pab_team *team, size_t count,
                  void (*body)(struct pab_team *team, size_t index, void *arg), void *arg)
{
    static struct member members[PAB_TEAM_MAX];
    PAB_CHECK(count > 0 && count <= PAB_TEAM_MAX);
    team->count = count;
    team->is_over = false;
    pthread_mutex_init(&team->mutex, NULL);
    pthread_barrier_init(&team->start, NULL, (unsigned)count);
    set_gate(GATE_SHUT);
    size_t started = 0;
    for (; started < count; started++) {
        members[started] =
            (struct member){.team = team, .index = started, .body = body, .arg = arg};
        if (pthread_create(&members[started].thread, NULL, gated_main, &members[started]) != 0) {
            break;
        }
    }
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* whatever signals come are the members' to take */
    set_gate(started == count ? GATE_OPEN : GATE_OFF);
    for (size_t i = 0; i < started; i++) {
        pthread_join(members[i].thread, NULL);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started < count) {
        pab_team_wrong(team, "only %zu of %zu threads could be started", started, count);
    }
    pthread_barrier_destroy(&team->start);
    pthread_mutex_destroy(&team->mutex);
    return !team->is_over;
}

enum pab_status pab_team_admit(const struct pab_check_run *run, struct pab_error *err)
{
    if (!WATCHES_THREADS) {
        return PAB_OK;
    }
    return pab_fail(err, PAB_UNAVAILABLE, "%s is not instrumented for ThreadSanitizer",
                    run->heap->backend->name);
}
