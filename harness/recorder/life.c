/* How the preload library begins, follows a fork, and ends. */
#include "harness/recorder/life.h"

#include "harness/preload/interpreter.h"
#include "harness/recorder/children.h"
#include "harness/recorder/hooks.h"
#include "harness/recorder/next.h"
#include "harness/recorder/pids.h"

#include <ctype.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LIBRARY "libpab_record"

static struct {
    char dir[4000];
    char command[200], python[48];
    bool active;
    bool only_this;        /* no children */
    uint32_t mode;         /* enum pab_ring_mode */
    struct pab_ring *ring; /* as in pab_recorder, but kept over a fork */
    int32_t pid;           /* of this process, or of the one that made it */
    uint64_t begun_ns;     /* of that one's ring */
    _Atomic uint32_t forks;
} life;

_Noreturn static void end_now(int status)
{
    for (;;) {
        syscall(SYS_exit_group, status);
    }
}

/* libc's own `environ` is not set yet: the library begins before libc's constructors do. */
static const char *variable(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (; environment != NULL && *environment != NULL; environment++) {
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=') {
            return *environment + length + 1;
        }
    }
    return NULL;
}

/* --- the ring --------------------------------------------------------------------------------- */

/* Room in the file system now: a write to a mapping without it would be a SIGBUS. To pass the limit
 * of file sizes would be a SIGXFSZ, of which the program could die. */
static bool make_room(int fd)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= PAB_RING_BYTES &&
           posix_fallocate(fd, 0, (off_t)PAB_RING_BYTES) == 0;
}

/* NULL: there is none to be had. Then its file is shorter than a ring, which `record` tells. */
static struct pab_ring *map_ring(uint64_t now_ns)
{
    char path[4096];
    int length = snprintf(path, sizeof(path), "%s/%d.%llu", life.dir, (int)getpid(),
                          (unsigned long long)now_ns);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        return NULL;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return NULL;
    }
    void *start = MAP_FAILED;
    if (make_room(fd)) {
        start = mmap(NULL, PAB_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (start == MAP_FAILED) {
        (void)!ftruncate(fd, 0);
    }
    close(fd);
    return start == MAP_FAILED ? NULL : start;
}

/* From here on events are put into a ring of this process. */
static void open_ring(uint32_t fork_number)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    struct pab_ring *ring = map_ring(now_ns);
    if (ring == NULL) {
        life.active = false;
        return;
    }
    ring->mode = life.mode;
    ring->pid = getpid();
    ring->pid_space = pab_pid_space();
    ring->parent = getppid();
    ring->begun_ns = now_ns;
    ring->fork_number = fork_number;
    ring->parent_begun_ns = fork_number == 0 ? 0 : life.begun_ns;
    memcpy(ring->command, life.command, sizeof(ring->command));
    memcpy(ring->python, life.python, sizeof(ring->python));
    life.pid = ring->pid;
    life.begun_ns = now_ns;
    life.ring = ring;
    pab_recorder.slots = (struct pab_ring_slot *)((char *)ring + PAB_RING_OFFSET);
    atomic_store(&pab_recorder.limit, PAB_RING_SLOTS);
    atomic_store_explicit(&pab_recorder.ring, ring, memory_order_release);
    atomic_store_explicit(&ring->format, PAB_RING_FORMAT, memory_order_release);
}

bool pab_life_is_active(void)
{
    return life.active;
}

void pab_life_stop(void)
{
    life.active = false;
    atomic_store_explicit(&pab_recorder.ring, NULL, memory_order_relaxed);
}

/* `record` holds a lock as long as it lives, even if it is killed and nobody waits for it. */
bool pab_life_has_reader(void)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/" PAB_RECORD_READER, life.dir);
    int state = 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool held = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (fd >= 0) {
        close(fd);
    }
    pthread_setcancelstate(state, NULL);
    return held;
}

/* --- fork ------------------------------------------------------------------------------------- */

/* The child of a fork has one thread, this one. */
static void begin_child(uint32_t fork_number)
{
    munmap(life.ring, PAB_RING_BYTES);
    atomic_store(&pab_recorder.ring, NULL); /* what the kernel could not clear */
    atomic_store(&pab_recorder.crowd_lock, 0);
    pab_thread.number = 0;
    if (life.only_this) {
        life.active = false;
        return;
    }
    atomic_store(&life.forks, 0);
    open_ring(fork_number);
}

void pab_life_reopen(void)
{
    int state = 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    if (life.pid != getpid()) {
        begin_child(0);
    }
    pthread_setcancelstate(state, NULL);
}

static void before_fork(void)
{
    if (life.active && !life.only_this) {
        pab_thread.fork_number = atomic_fetch_add(&life.forks, 1) + 1;
        pab_put(PAB_RING_FORK, 0, pab_thread.fork_number, 0);
    }
}

static void after_fork_child(void)
{
    if (life.active) {
        begin_child(pab_thread.fork_number);
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

/* A child of vfork() runs in its parent's memory until it execs: that ring is not its own. */
static void tell_end(uint32_t how)
{
    struct pab_ring *ring = pab_put_ring();
    if (ring != NULL && ring->pid == getpid()) {
        uint32_t none = 0;
        atomic_compare_exchange_strong(&ring->ended, &none, how);
    }
}

__attribute__((destructor)) static void end_by_exit(void)
{
    tell_end(1);
}

/* In place of libc's. */
__attribute__((visibility("default"))) _Noreturn void _exit(int status)
{
    tell_end(2);
    end_now(status);
}

__attribute__((visibility("default"))) _Noreturn void _Exit(int status)
{
    _exit(status);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void tell_command(int argc, char **argv)
{
    size_t used = 0;
    for (int i = 0; i < argc && used < sizeof(life.command); i++) {
        int length = snprintf(life.command + used, sizeof(life.command) - used, "%s%s",
                              i > 0 ? " " : "", argv[i]);
        used += length > 0 ? (size_t)length : 0;
    }
    for (char *at = life.command; *at != '\0'; at++) {
        if (iscntrl((unsigned char)*at)) {
            *at = ' '; /* a script after -c has lines */
        }
    }
}

bool pab_life_is_handed_on(char *const *environment)
{
    const char *preload = variable(environment, "LD_PRELOAD");
    return preload != NULL && strstr(preload, LIBRARY) != NULL &&
           variable(environment, PAB_RECORD_DIR) != NULL;
}

static bool is_wanted(char *const *environment)
{
    const char *dir = variable(environment, PAB_RECORD_DIR);
    if (dir == NULL || strlen(dir) >= sizeof(life.dir)) {
        return false;
    }
    memcpy(life.dir, dir, strlen(dir) + 1);
    const char *only = variable(environment, PAB_RECORD_ONLY);
    life.only_this = only != NULL;
    return only == NULL || strtol(only, NULL, 10) == getpid();
}

/* Whose requests these are; false: not what was asked for. */
static bool choose_mode(const char *what, struct pab_interpreter *python)
{
    bool wants_malloc = what != NULL && strcmp(what, "malloc") == 0;
    bool wants_python = what != NULL && strcmp(what, "python") == 0;
    bool found = pab_interpreter_find(python);
    bool hooks = found && python->get_allocator != NULL && python->set_allocator != NULL;
    if (found) {
        snprintf(life.python, sizeof(life.python), "%.*s", (int)strcspn(python->version_text, " "),
                 python->version_text);
    }
    life.mode = hooks && !wants_malloc ? PAB_RING_OF_PYTHON : PAB_RING_OF_MALLOC;
    return hooks || !wants_python;
}

/* Runs before main(), and before any other library's constructor: nothing of the program has run
 * yet, and an interpreter has allocated nothing. */
__attribute__((constructor)) static void begin(int argc, char **argv, char **environment)
{
    static struct pab_interpreter python;
    pab_thread.depth++; /* what libc allocates for us is not the program's */
    pab_next_resolve();
    pab_children_resolve();
    if (is_wanted(environment) && choose_mode(variable(environment, PAB_RECORD_WHAT), &python)) {
        tell_command(argc, argv);
        (void)madvise(&pab_recorder, sizeof(pab_recorder), MADV_WIPEONFORK);
        pthread_atfork(before_fork, NULL, after_fork_child);
        life.active = true;
        open_ring(0);
        if (life.active && life.mode == PAB_RING_OF_PYTHON) {
            pab_hooks_install(&python);
        }
    }
    /* Names that were not found left messages, which the program's next dlsym() would free. */
    (void)dlerror();
    (void)dlerror();
    pab_thread.depth--;
}
