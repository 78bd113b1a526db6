#include "harness/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESERVE_BYTES (1 << 20) /* more than any line needs */

struct pab_journal {
    char path[4096]; /* FILE.partial */
    int fd;
    off_t end; /* behind the last whole line */
    bool ours; /* opened, locked and known to be a journal: may be written and unlinked */
    char aside[4200];
    json_t *record;
};

static enum pab_status cannot(struct pab_error *err, const char *what, const char *path)
{
    return pab_fail(err, PAB_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

static struct pab_journal *journal_new(const char *path)
{
    struct pab_journal *journal = calloc(1, sizeof(*journal));
    PAB_CHECK(journal != NULL);
    snprintf(journal->path, sizeof(journal->path), "%s.partial", path);
    journal->fd = -1;
    journal->record = json_object();
    return journal;
}

json_t *pab_journal_record(const struct pab_journal *journal)
{
    return journal->record;
}

json_t *pab_journal_array(const struct pab_journal *journal, const char *name)
{
    json_t *array = json_object_get(journal->record, name);
    if (array == NULL) {
        array = json_array();
        json_object_set_new(journal->record, name, array);
    }
    return array;
}

static enum pab_status write_line(struct pab_journal *journal, const char *line,
                                  struct pab_error *err)
{
    size_t size = strlen(line);
    size_t done = 0;
    while (done < size) {
        ssize_t wrote = pwrite(journal->fd, line + done, size - done, journal->end + (off_t)done);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            enum pab_status status = cannot(err, "write", journal->path);
            (void)!ftruncate(journal->fd, journal->end); /* no half line stays */
            return status;
        }
        done += (size_t)wrote;
    }
    journal->end += (off_t)size;
    return PAB_OK;
}

static enum pab_status append(struct pab_journal *journal, const json_t *line,
                              struct pab_error *err)
{
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(15));
    if (text == NULL) {
        return pab_fail(err, PAB_IO, "a result cannot be written as JSON");
    }
    size_t size = strlen(text);
    char *ended = realloc(text, size + 2);
    PAB_CHECK(ended != NULL);
    memcpy(ended + size, "\n", 2);
    enum pab_status status = write_line(journal, ended, err);
    free(ended);
    return status;
}

/* Puts each value of a line into the array that it is named after; the header stands alone. */
static void distribute(struct pab_journal *journal, json_t *line)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(line, name, value)
    {
        if (strcmp(name, "header") == 0) {
            json_object_set(journal->record, name, value);
        } else {
            json_array_append(pab_journal_array(journal, name), value);
        }
    }
}

/* --- beginning and resuming ------------------------------------------------------------------ */

/* Two runs on one file would each cost the other its results. */
static enum pab_status open_locked(struct pab_journal *journal, int flags, struct pab_error *err)
{
    journal->fd = open(journal->path, flags | O_RDWR | O_CLOEXEC, 0644);
    if (journal->fd < 0) {
        return cannot(err, "write", journal->path);
    }
    if (flock(journal->fd, LOCK_EX | LOCK_NB) != 0) {
        return pab_fail(err, PAB_USAGE,
                        "another run is writing %s: wait for it, or name another file with -o",
                        journal->path);
    }
    return PAB_OK;
}

/* Renames what an earlier run left to the first free FILE.partial.N.bak. */
static enum pab_status move_aside(struct pab_journal *journal, struct pab_error *err)
{
    for (unsigned number = 1; number < 10000; number++) {
        snprintf(journal->aside, sizeof(journal->aside), "%s.%u.bak", journal->path, number);
        if (access(journal->aside, F_OK) != 0) {
            break;
        }
    }
    if (rename(journal->path, journal->aside) != 0) {
        return cannot(err, "move aside", journal->path);
    }
    close(journal->fd);
    return open_locked(journal, O_CREAT | O_EXCL, err);
}

const char *pab_journal_aside(const struct pab_journal *journal)
{
    return journal->aside[0] == '\0' ? NULL : journal->aside;
}

enum pab_status pab_journal_create(const char *path, json_t *header, struct pab_journal **out,
                                   struct pab_error *err)
{
    struct pab_journal *journal = journal_new(path);
    json_t *line = json_pack("{s:o}", "header", header);
    struct stat file = {0};
    enum pab_status status = open_locked(journal, O_CREAT, err);
    if (status == PAB_OK && fstat(journal->fd, &file) == 0 && file.st_size > 0) {
        status = move_aside(journal, err);
    }
    if (status == PAB_OK) {
        journal->ours = true;
        status = append(journal, line, err);
    }
    if (status != PAB_OK) {
        json_decref(line);
        pab_journal_close(journal, false);
        return status;
    }
    distribute(journal, line);
    json_decref(line);
    *out = journal;
    return PAB_OK;
}

static bool take_line(struct pab_journal *journal, const char *text, size_t size)
{
    json_t *line = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    bool good = json_is_object(line);
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(line, name, value)
    {
        good = good && json_is_object(value);
    }
    if (good) {
        distribute(journal, line);
    }
    json_decref(line);
    return good;
}

static enum pab_status read_lines(struct pab_journal *journal, struct pab_error *err)
{
    FILE *file = fdopen(dup(journal->fd), "r");
    if (file == NULL) {
        return cannot(err, "read", journal->path);
    }
    char *text = NULL;
    size_t capacity = 0;
    ssize_t size = 0;
    size_t number = 0;
    enum pab_status status = PAB_OK;
    while (status == PAB_OK && (size = getline(&text, &capacity, file)) > 0) {
        number++;
        if (text[size - 1] != '\n') {
            break; /* cut off by a kill: the lines before it are whole */
        }
        if (!take_line(journal, text, (size_t)size)) {
            status = pab_fail(err, PAB_BAD_DATA,
                              "line %zu of %s is damaged; move the file away to start anew", number,
                              journal->path);
        }
        journal->end += size;
    }
    free(text);
    fclose(file);
    if (status == PAB_OK && json_object_get(journal->record, "header") == NULL) {
        return pab_fail(err, PAB_BAD_DATA, "%s is no journal of a pyallocbench run", journal->path);
    }
    return status;
}

enum pab_status pab_journal_resume(const char *path, struct pab_journal **out,
                                   struct pab_error *err)
{
    struct pab_journal *journal = journal_new(path);
    enum pab_status status = PAB_OK;
    if (access(journal->path, F_OK) != 0) {
        status = pab_fail(err, PAB_USAGE, "nothing to resume: there is no %s", journal->path);
    } else {
        status = open_locked(journal, 0, err);
    }
    if (status == PAB_OK) {
        status = read_lines(journal, err);
    }
    if (status == PAB_OK && ftruncate(journal->fd, journal->end) != 0) {
        status = cannot(err, "write", journal->path);
    }
    if (status != PAB_OK) {
        pab_journal_close(journal, true);
        return status;
    }
    journal->ours = true;
    *out = journal;
    return PAB_OK;
}

enum pab_status pab_journal_reserve(struct pab_journal *journal, struct pab_error *err)
{
    if (fallocate(journal->fd, FALLOC_FL_KEEP_SIZE, journal->end, RESERVE_BYTES) == 0 ||
        errno == EOPNOTSUPP || errno == ENOSYS || errno == EINTR) {
        return PAB_OK; /* a file system that cannot promise room: the write will tell */
    }
    return cannot(err, "reserve room in", journal->path);
}

enum pab_status pab_journal_add(struct pab_journal *journal, json_t *line, struct pab_error *err)
{
    PAB_CHECK(line != NULL);
    enum pab_status status = append(journal, line, err);
    distribute(journal, line);
    json_decref(line);
    return status;
}

enum pab_status pab_journal_add_one(struct pab_journal *journal, const char *array, json_t *value,
                                    struct pab_error *err)
{
    PAB_CHECK(value != NULL);
    return pab_journal_add(journal, json_pack("{s:o}", array, value), err);
}

void pab_journal_close(struct pab_journal *journal, bool keep)
{
    if (journal == NULL) {
        return;
    }
    if (journal->ours) {
        (void)!ftruncate(journal->fd, journal->end); /* gives the reserved room back */
        if (!keep) {
            unlink(journal->path);
        }
    }
    if (journal->fd >= 0) {
        close(journal->fd); /* and with it the lock */
    }
    json_decref(journal->record);
    free(journal);
}
