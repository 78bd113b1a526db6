#include "harness/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum pab_status pab_scratch_make(const char *purpose, char *out, size_t size, struct pab_error *err)
{
    const char *top = getenv("TMPDIR");
    snprintf(out, size, "%s/pyallocbench-%s-XXXXXX", top != NULL && top[0] == '/' ? top : "/tmp",
             purpose);
    if (mkdtemp(out) == NULL) {
        return pab_fail(err, PAB_IO, "cannot make a folder %s: %s", out, strerror(errno));
    }
    return PAB_OK;
}

void pab_scratch_remove(const char *path)
{
    DIR *folder = opendir(path);
    for (struct dirent *entry = folder == NULL ? NULL : readdir(folder); entry != NULL;
         entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    (void)rmdir(path);
}
