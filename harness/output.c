#include "harness/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4200

static enum pab_status refuse(const char *path, int why, struct pab_error *err)
{
    return pab_fail(err, PAB_IO, "cannot write %s: %s", path, strerror(why));
}

/* A device or a pipe: renaming would put a file in its place. It may have a better reason of its
 * own, as /dev/full has, which a write of nothing tells. */
static enum pab_status refuse_special(const char *path, mode_t mode, struct pab_error *err)
{
    if (S_ISDIR(mode)) {
        return refuse(path, EISDIR, err);
    }
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int why = fd < 0 || write(fd, "", 0) < 0 ? errno : 0;
    if (fd >= 0) {
        close(fd);
    }
    if (S_ISCHR(mode) && why != 0) {
        return refuse(path, why, err);
    }
    return pab_fail(err, PAB_IO, "cannot write %s: it is no plain file; name one", path);
}

enum pab_status pab_output_expect_plain(const char *path, struct pab_error *err)
{
    struct stat file;
    bool is_special = stat(path, &file) == 0 && !S_ISREG(file.st_mode);
    return is_special ? refuse_special(path, file.st_mode, err) : PAB_OK;
}

/* The folder that a name stands in: false where there is none. */
static bool stat_folder(const char *path, struct stat *out)
{
    char folder[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof(folder), "%.*s", slash == NULL ? 1 : (int)(slash + 1 - path),
             slash == NULL ? "." : path);
    return stat(folder, out) == 0;
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

bool pab_output_is_same(const char *first, const char *second)
{
    struct stat a;
    struct stat b;
    bool are_there = stat(first, &a) == 0 && stat(second, &b) == 0;
    if (!are_there && (strcmp(last_name(first), last_name(second)) != 0 ||
                       !stat_folder(first, &a) || !stat_folder(second, &b))) {
        return strcmp(first, second) == 0;
    }
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

enum pab_status pab_output_expect_writable(const char *path, struct pab_error *err)
{
    char beside[PATH_BYTES];
    enum pab_status status = pab_output_expect_plain(path, err);
    if (status != PAB_OK) {
        return status;
    }
    snprintf(beside, sizeof(beside), "%s.tmp", path);
    FILE *probe = fopen(beside, "we");
    if (probe == NULL) {
        return refuse(path, errno, err);
    }
    fclose(probe);
    unlink(beside);
    return PAB_OK;
}

enum pab_status pab_output_expect_own(const char *option, const char *path, const char *head,
                                      struct pab_error *err)
{
    char begin[256] = "";
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
        return PAB_OK; /* nothing to lose */
    }
    FILE *file = fopen(path, "re");
    size_t got = file == NULL ? 1 : fread(begin, 1, sizeof(begin) - 1, file);
    if (file != NULL) {
        fclose(file);
    }
    if (got == 0 || strncmp(begin, head, strlen(head)) == 0) {
        return PAB_OK;
    }
    return pab_fail(err, PAB_USAGE,
                    "%s %s: there is a file of that name that is none of ours; name another",
                    option, path);
}

enum pab_status pab_output_write(const char *path, bool (*print)(FILE *file, const void *arg),
                                 const void *arg, struct pab_error *err)
{
    char beside[PATH_BYTES];
    enum pab_status status = pab_output_expect_plain(path, err);
    if (status != PAB_OK) {
        return status;
    }
    snprintf(beside, sizeof(beside), "%s.tmp", path);
    FILE *file = fopen(beside, "we");
    bool good = file != NULL && print(file, arg) && fflush(file) == 0 && ferror(file) == 0 &&
                fsync(fileno(file)) == 0;
    int why = errno;
    if (file != NULL && fclose(file) != 0 && good) {
        good = false;
        why = errno;
    }
    if (good && rename(beside, path) == 0) {
        return PAB_OK;
    }
    why = good ? errno : why;
    unlink(beside);
    return refuse(path, why, err);
}
