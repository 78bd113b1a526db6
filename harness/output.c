#include "harness/output.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4200

static enum pab_status refuse(const char *path, int why, struct pab_error *err)
{
    return pab_fail(err, PAB_IO, "cannot write %s: %s", path, strerror(why));
}

enum pab_status pab_output_expect_writable(const char *path, struct pab_error *err)
{
    char beside[PATH_BYTES];
    struct stat file;
    snprintf(beside, sizeof(beside), "%s.tmp", path);
    if (stat(path, &file) == 0 && !S_ISREG(file.st_mode)) {
        return refuse(path, S_ISDIR(file.st_mode) ? EISDIR : EINVAL, err);
    }
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
