#include "harness/recorder/follow.h"

#include "harness/recorder/process.h"
#include "harness/scratch.h"
#include "harness/self.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define FOLDER      "pyallocbench-record-"
#define ABANDONED_S 60
#define BATCH       65536u /* events of one process, before the next one has its turn */
#define MANY        8192u  /* in one step: there will be more at once */
#define NAP_MS      1      /* a ring lasts for ten times as long, at the rate of a busy Python */
#define NEW_MAX     256u   /* rings found in one look */
#define PATIENCE_NS UINT64_C(10000000000) /* for the ring of a child, once the fork was read */
#define STEP_NS     UINT64_C(100000000)   /* one that takes longer: we were stopped meanwhile */
#define MAKING_NS   UINT64_C(1000000000)  /* a ring is complete by then, or its process is gone */
#define FILES_USUAL 256u                  /* processes that a usual limit of descriptors bears */
#define ROOM_BYTES  (64u * PAB_RING_BYTES / 4u) /* shared memory for a few processes */

/* --- the folder ------------------------------------------------------------------------------- */

static bool has_room(const char *folder)
{
    struct statvfs room;
    return access(folder, W_OK | X_OK) == 0 && statvfs(folder, &room) == 0 &&
           (uint64_t)room.f_bavail * room.f_frsize >= ROOM_BYTES;
}

/* Ours, and no link that somebody put there: everybody writes to /tmp and /dev/shm. -1: it is not. */
static int open_own(int top, const char *name, int flags)
{
    struct stat status;
    int fd = openat(top, name, flags | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && (fstat(fd, &status) != 0 || status.st_uid != geteuid())) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Takes the descriptor. */
static void empty_folder(int fd)
{
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        close(fd);
        return;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        (void)unlinkat(fd, entry->d_name, 0); /* no folder, so not "." */
    }
    closedir(folder);
}

/* Of a recorder that was killed: nobody holds its lock. One that is about to take it is young. */
static void remove_if_abandoned(int top, const char *name)
{
    struct stat status;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int folder = open_own(top, name, O_RDONLY | O_DIRECTORY);
    int reader = folder < 0 ? -1 : open_own(folder, PAB_RECORD_READER, O_RDWR);
    if (reader >= 0 && fstat(reader, &status) == 0 && time(NULL) - status.st_mtime > ABANDONED_S &&
        fcntl(reader, F_SETLK, &lock) == 0) {
        empty_folder(folder);
        folder = -1;
        (void)unlinkat(top, name, AT_REMOVEDIR);
    }
    if (reader >= 0) {
        close(reader);
    }
    if (folder >= 0) {
        close(folder);
    }
}

static void remove_abandoned(const char *top)
{
    DIR *folder = opendir(top);
    for (struct dirent *entry = folder == NULL ? NULL : readdir(folder); entry != NULL;
         entry = readdir(folder)) {
        if (strncmp(entry->d_name, FOLDER, strlen(FOLDER)) == 0) {
            remove_if_abandoned(dirfd(folder), entry->d_name);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

/* Memory, where there is enough of it: a ring on a disk would be written to it again and again. */
static enum pab_status make_folder(struct pab_follow *follow, struct pab_error *err)
{
    const char *top = getenv("TMPDIR");
    top = top != NULL && top[0] == '/' && strlen(top) < 100 ? top : "/tmp";
    top = has_room("/dev/shm") ? "/dev/shm" : top;
    remove_abandoned(top);
    snprintf(follow->dir, sizeof(follow->dir), "%s/" FOLDER "XXXXXX", top);
    if (mkdtemp(follow->dir) == NULL) {
        return pab_fail(err, PAB_IO, "cannot make a folder %s: %s", follow->dir, strerror(errno));
    }
    return PAB_OK;
}

/* As long as this process lives, whatever becomes of it, the lock is held. */
static enum pab_status hold_lock(struct pab_follow *follow, struct pab_error *err)
{
    char path[256];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    snprintf(path, sizeof(path), "%s/" PAB_RECORD_READER, follow->dir);
    follow->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (follow->lock_fd < 0 || fcntl(follow->lock_fd, F_SETLK, &lock) != 0) {
        return pab_fail(err, PAB_IO, "cannot lock %s: %s", path, strerror(errno));
    }
    return PAB_OK;
}

/* A descriptor for each process that lives at once. The program itself has been begun by then, with
 * the limit as it was. */
static void allow_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

enum pab_status pab_follow_begin(struct pab_follow *follow, const char *out, struct pab_error *err)
{
    *follow = (struct pab_follow){.out = out, .watch_fd = -1, .lock_fd = -1};
    enum pab_status status = make_folder(follow, err);
    if (status == PAB_OK) {
        status = hold_lock(follow, err);
    }
    if (status == PAB_OK) {
        follow->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (follow->watch_fd < 0 ||
            inotify_add_watch(follow->watch_fd, follow->dir, IN_CREATE) < 0) {
            status = pab_fail(err, PAB_IO, "cannot watch %s: %s", follow->dir, strerror(errno));
        }
    }
    return status;
}

/* --- one more, one less ----------------------------------------------------------------------- */

static bool append(struct pab_follow *follow, struct pab_process *process)
{
    size_t count = follow->living;
    if (count == FILES_USUAL) {
        allow_files();
    }
    if ((count & (count - 1)) == 0) { /* full: 0, 1, 2, 4, 8, ... */
        size_t room = count == 0 ? 1 : 2 * count;
        struct pab_process **grown =
            realloc((void *)follow->processes, room * sizeof(struct pab_process *));
        if (grown == NULL) {
            return false;
        }
        follow->processes = grown;
    }
    follow->processes[follow->living++] = process;
    return true;
}

static void stop(struct pab_follow *follow, const struct pab_error *err)
{
    if (!follow->stopped) {
        follow->stopped = true;
        follow->error = *err;
        close(follow->lock_fd); /* those that begin from now on see that nobody reads */
        follow->lock_fd = -1;
    }
}

static void stop_without_memory(struct pab_follow *follow)
{
    struct pab_error err;
    (void)pab_fail(&err, PAB_NO_MEMORY, "no memory for one more process");
    stop(follow, &err);
}

/* The last of the list takes its place. */
static void finish(struct pab_follow *follow, size_t index, const char *damage)
{
    struct pab_error err;
    struct pab_recorded recorded;
    struct pab_process *process = follow->processes[index];
    if (pab_process_close(process, damage, &recorded, &err) != PAB_OK) {
        stop(follow, &err);
    }
    follow->processes[index] = follow->processes[--follow->living];
    follow->begun += recorded.handed_on;
    size_t count = follow->recorded_count;
    if ((count & (count - 1)) == 0) {
        size_t room = count == 0 ? 1 : 2 * count;
        struct pab_recorded *grown = realloc(follow->recorded, room * sizeof(*grown));
        if (grown == NULL) {
            stop_without_memory(follow);
            return;
        }
        follow->recorded = grown;
    }
    follow->recorded[follow->recorded_count++] = recorded;
}

/* What went wrong with one ring ends that one, what went wrong with the disk ends all. */
static void judge(struct pab_follow *follow, size_t index, const struct pab_error *err)
{
    if (err->status != PAB_BAD_DATA) {
        stop(follow, err);
    }
    finish(follow, index, err->text);
}

/* All that is left of one that has ended. */
static void finish_ended(struct pab_follow *follow, size_t index)
{
    struct pab_error err;
    size_t count = 0;
    do {
        if (pab_process_read(follow->processes[index], true, BATCH, &count, &err) != PAB_OK) {
            judge(follow, index, &err);
            return;
        }
    } while (count > 0);
    finish(follow, index, NULL);
}

/* --- finding them ----------------------------------------------------------------------------- */

struct found {
    uint64_t begun_ns;
    int pid;
    char name[64];
};

static int compare_found(const void *left, const void *right)
{
    uint64_t a = ((const struct found *)left)->begun_ns;
    uint64_t b = ((const struct found *)right)->begun_ns;
    return a < b ? -1 : a > b;
}

static bool is_known(const struct pab_follow *follow, const char *name)
{
    for (size_t i = 0; i < follow->living; i++) {
        if (strcmp(follow->processes[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static size_t list_new(const struct pab_follow *follow, struct found out[NEW_MAX])
{
    size_t count = 0;
    DIR *folder = opendir(follow->dir);
    for (struct dirent *entry = folder == NULL ? NULL : readdir(folder);
         entry != NULL && count < NEW_MAX; entry = readdir(folder)) {
        char *end = NULL;
        long pid = strtol(entry->d_name, &end, 10);
        if (end == entry->d_name || *end != '.' || strlen(entry->d_name) >= sizeof(out->name) ||
            is_known(follow, entry->d_name)) {
            continue;
        }
        out[count] = (struct found){.begun_ns = strtoull(end + 1, NULL, 10), .pid = (int)pid};
        memcpy(out[count++].name, entry->d_name, strlen(entry->d_name) + 1);
    }
    if (folder != NULL) {
        closedir(folder);
    }
    if (count > 1) {
        qsort(out, count, sizeof(*out), compare_found);
    }
    return count;
}

/* The fork stands in the parent's ring before the child has one of its own. */
static void read_up(struct pab_follow *follow, uint64_t begun_ns)
{
    struct pab_error err;
    for (size_t i = 0; i < follow->living; i++) {
        if (follow->processes[i]->begun_ns == begun_ns) {
            size_t count = 0;
            if (pab_process_read(follow->processes[i], false, PAB_RING_SLOTS, &count, &err) !=
                PAB_OK) {
                judge(follow, i, &err);
            }
            return;
        }
    }
}

static void inherit(struct pab_follow *follow, struct pab_process *process)
{
    const struct pab_ring *ring = process->tape.ring;
    if (ring->fork_number != 0) {
        uint64_t parent = ring->parent_begun_ns;
        struct pab_snapshot *snapshot = pab_snapshot_take(follow, parent, ring->fork_number);
        if (snapshot == NULL) {
            read_up(follow, parent);
            snapshot = pab_snapshot_take(follow, parent, ring->fork_number);
        }
        if (snapshot != NULL) {
            process->tape.names = snapshot->names;
            process->tape.inherits = true;
            memcpy(process->from, snapshot->file, sizeof(process->from));
            free(snapshot);
            return;
        }
        follow->orphans++;
    }
    if (!pab_addresses_init(&process->tape.names)) {
        stop_without_memory(follow);
    }
}

/* It became another program by exec: what it was before is over. */
static void finish_image(struct pab_follow *follow, int pid)
{
    for (size_t i = 0; i < follow->living; i++) {
        if (follow->processes[i]->pid == pid) {
            finish_ended(follow, i);
            return;
        }
    }
}

static void give_up_ring(struct pab_follow *follow, const struct found *found)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", follow->dir, found->name);
    (void)unlink(path);
    follow->roomless++;
}

static void begin_one(struct pab_follow *follow, const struct found *found)
{
    struct pab_error err;
    struct pab_process *process = NULL;
    enum pab_status status = pab_process_open(follow, found->name, &process, &err);
    if (status == PAB_BAD_DATA) {
        /* Of a process in another namespace the name has another pid. */
        if (kill(found->pid, 0) != 0 && pab_wall_ns() - found->begun_ns > MAKING_NS) {
            give_up_ring(follow, found);
        } else {
            follow->unready = true;
        }
        return;
    }
    if (status != PAB_OK) {
        stop(follow, &err);
        return;
    }
    finish_image(follow, process->pid);
    follow->execs += process->tape.ring->fork_number == 0;
    inherit(follow, process);
    if (!append(follow, process)) {
        stop_without_memory(follow);
    }
}

static void look_for_new(struct pab_follow *follow)
{
    char events[4096];
    bool created = false;
    while (read(follow->watch_fd, events, sizeof(events)) > 0) {
        created = true;
    }
    if (!created && !follow->unready) {
        return;
    }
    struct found found[NEW_MAX];
    follow->unready = false;
    size_t count = list_new(follow, found);
    for (size_t i = 0; i < count && !follow->stopped; i++) {
        begin_one(follow, &found[i]);
    }
    follow->unready = follow->unready || count == NEW_MAX;
}

/* --- reading them ----------------------------------------------------------------------------- */

static bool has_ended(const struct pab_process *process)
{
    if (process->pid_fd < 0) {
        return process->pid == 0 || kill(process->pid, 0) != 0;
    }
    struct pollfd end = {.fd = process->pid_fd, .events = POLLIN};
    return poll(&end, 1, 0) > 0;
}

static size_t read_all(struct pab_follow *follow)
{
    struct pab_error err;
    size_t sum = 0;
    for (size_t i = 0; i < follow->living && !follow->stopped;) {
        struct pab_process *process = follow->processes[i];
        size_t count = 0;
        bool ended = has_ended(process);
        if (ended) {
            finish_ended(follow, i);
        } else if (pab_process_read(process, false, BATCH, &count, &err) != PAB_OK) {
            judge(follow, i, &err);
        } else {
            i++;
        }
        sum += count;
    }
    return sum;
}

static void pass_time(struct pab_follow *follow)
{
    uint64_t now_ns = pab_wall_ns();
    uint64_t since_ns = follow->stepped_ns == 0 ? 0 : now_ns - follow->stepped_ns;
    follow->seen_ns += since_ns < STEP_NS ? since_ns : STEP_NS;
    follow->stepped_ns = now_ns;
}

void pab_follow_step(struct pab_follow *follow)
{
    pass_time(follow);
    look_for_new(follow);
    size_t count = read_all(follow);
    if (follow->stopped) {
        while (follow->living > 0) {
            finish(follow, 0, follow->error.text);
        }
    }
    if (follow->snapshots != NULL && follow->seen_ns > PATIENCE_NS) {
        pab_snapshots_drop(follow, follow->seen_ns - PATIENCE_NS);
    }
    if (count < MANY) {
        struct pollfd created = {.fd = follow->watch_fd, .events = POLLIN};
        (void)poll(&created, 1, NAP_MS);
    }
}

bool pab_follow_expects(const struct pab_follow *follow)
{
    /* The first program was not handed on by one that we see. */
    return follow->living > 0 || follow->unready || follow->snapshots != NULL ||
           follow->begun + 1 > follow->execs;
}

/* What a process that lives has put in by now: it may put in more for as long as it is read. */
static void finish_living(struct pab_follow *follow, size_t index)
{
    struct pab_error err;
    size_t count = 0;
    if (pab_process_read(follow->processes[index], false, PAB_RING_SLOTS, &count, &err) != PAB_OK) {
        judge(follow, index, &err);
        return;
    }
    finish(follow, index, NULL);
}

void pab_follow_end(struct pab_follow *follow)
{
    if (!follow->stopped) {
        look_for_new(follow);
    }
    while (follow->living > 0) {
        if (has_ended(follow->processes[0])) {
            finish_ended(follow, 0);
        } else {
            finish_living(follow, 0);
        }
    }
    static struct found incomplete[NEW_MAX];
    size_t count = list_new(follow, incomplete);
    for (size_t i = 0; i < count; i++) {
        give_up_ring(follow, &incomplete[i]);
    }
}

void pab_follow_fini(struct pab_follow *follow)
{
    pab_snapshots_drop(follow, UINT64_MAX);
    free((void *)follow->processes);
    free(follow->recorded);
    if (follow->watch_fd >= 0) {
        close(follow->watch_fd);
    }
    pab_scratch_remove(follow->dir);
    if (follow->lock_fd >= 0) {
        close(follow->lock_fd);
    }
}
