#include "harness/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESERVE_BYTES  (1 << 20) /* more than any line needs */
#define LINE_BYTES_MAX (64u << 20)

struct pab_journal {
    char path[4096]; /* FILE.partial */
    int fd;
    off_t end; /* behind the last whole line */
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

/* Lets go of a file that turned out to be none of ours: not a byte of it is touched. */
static void journal_abandon(struct pab_journal *journal)
{
    if (journal->fd >= 0) {
        close(journal->fd);
        journal->fd = -1;
    }
    pab_journal_close(journal, true);
}

json_t *pab_journal_record(const struct pab_journal *journal)
{
    return journal->record;
}

json_t *pab_journal_array(const struct pab_journal *journal, const char *kind)
{
    json_t *array = json_object_get(journal->record, kind);
    if (array == NULL) {
        array = json_array();
        json_object_set_new(journal->record, kind, array);
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

static enum pab_status append(struct pab_journal *journal, const char *kind, json_t *value,
                              struct pab_error *err)
{
    json_t *line = json_pack("{s:s, s:O}", "kind", kind, "value", value);
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(line);
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

enum pab_status pab_journal_create(const char *path, json_t *header, struct pab_journal **out,
                                   struct pab_error *err)
{
    struct pab_journal *journal = journal_new(path);
    char aside[sizeof(journal->path) + 4];
    snprintf(aside, sizeof(aside), "%s.bak", journal->path);
    (void)rename(journal->path, aside);
    journal->fd = open(journal->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    enum pab_status status = journal->fd < 0 ? cannot(err, "write", journal->path) : PAB_OK;
    if (status == PAB_OK) {
        status = append(journal, "header", header, err);
    }
    json_object_set_new(journal->record, "header", header);
    if (status != PAB_OK) {
        pab_journal_close(journal, false);
        return status;
    }
    *out = journal;
    return PAB_OK;
}

/* One line into the record; false when it is not a whole line of ours. */
static bool take_line(struct pab_journal *journal, const char *line, size_t size)
{
    json_t *parsed = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    const char *kind = json_string_value(json_object_get(parsed, "kind"));
    json_t *value = json_object_get(parsed, "value");
    bool good = kind != NULL && json_is_object(value);
    if (good && strcmp(kind, "header") == 0) {
        json_object_set(journal->record, kind, value);
    } else if (good) {
        json_array_append(pab_journal_array(journal, kind), value);
    }
    json_decref(parsed);
    return good;
}

static enum pab_status read_lines(struct pab_journal *journal, struct pab_error *err)
{
    FILE *file = fdopen(dup(journal->fd), "r");
    if (file == NULL) {
        return cannot(err, "read", journal->path);
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size = 0;
    while ((size = getline(&line, &capacity, file)) > 0 && (size_t)size < LINE_BYTES_MAX) {
        if (line[size - 1] != '\n' || !take_line(journal, line, (size_t)size)) {
            break; /* cut off by a kill: the lines before it are whole */
        }
        journal->end += size;
    }
    free(line);
    fclose(file);
    if (json_object_get(journal->record, "header") == NULL) {
        return pab_fail(err, PAB_BAD_DATA, "%s is no journal of a pyallocbench run", journal->path);
    }
    return PAB_OK;
}

enum pab_status pab_journal_resume(const char *path, struct pab_journal **out,
                                   struct pab_error *err)
{
    struct pab_journal *journal = journal_new(path);
    journal->fd = open(journal->path, O_RDWR | O_CLOEXEC);
    enum pab_status status = PAB_OK;
    if (journal->fd < 0) {
        status = pab_fail(err, errno == ENOENT ? PAB_USAGE : PAB_IO,
                          "nothing to resume: cannot open %s: %s", journal->path, strerror(errno));
    } else {
        status = read_lines(journal, err);
    }
    if (status == PAB_OK && ftruncate(journal->fd, journal->end) != 0) {
        status = cannot(err, "write", journal->path);
    }
    if (status != PAB_OK) {
        journal_abandon(journal);
        return status;
    }
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

enum pab_status pab_journal_add(struct pab_journal *journal, const char *kind, json_t *value,
                                struct pab_error *err)
{
    PAB_CHECK(value != NULL);
    enum pab_status status = append(journal, kind, value, err);
    json_array_append_new(pab_journal_array(journal, kind), value);
    return status;
}

void pab_journal_close(struct pab_journal *journal, bool keep)
{
    if (journal == NULL) {
        return;
    }
    if (journal->fd >= 0) {
        (void)!ftruncate(journal->fd, journal->end); /* gives the reserved room back */
        close(journal->fd);
        if (!keep) {
            unlink(journal->path);
        }
    }
    json_decref(journal->record);
    free(journal);
}
