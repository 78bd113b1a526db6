/* workloads/trace/digest.c -- the identity of a trace: of all bytes of its file. */
#include "workloads/trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static enum pab_status digest_file(int fd, const char *path, uint64_t *out, struct pab_error *err)
{
    XXH3_state_t state;
    unsigned char bytes[1 << 16];
    XXH3_64bits_reset(&state);
    for (;;) {
        ssize_t got = read(fd, bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return pab_fail(err, PAB_IO, "%s: %s", path, strerror(errno));
        }
        if (got == 0) {
            *out = XXH3_64bits_digest(&state);
            return PAB_OK;
        }
        XXH3_64bits_update(&state, bytes, (size_t)got);
    }
}

enum pab_status pab_trace_digest(const char *path, uint64_t *out, struct pab_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return pab_fail(err, PAB_IO, "%s: %s", path, strerror(errno));
    }
    enum pab_status status = digest_file(fd, path, out, err);
    close(fd);
    return status;
}
