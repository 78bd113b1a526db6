#include "harness/groups.h"

#include <stdio.h>
#include <string.h>

#define GROUPS     "/sys/fs/cgroup"
#define FOLDER_MAX 4096

bool pab_read_line(const char *folder, const char *name, char *out, size_t size)
{
    char path[FOLDER_MAX + 64];
    snprintf(path, sizeof(path), "%s%s%s", folder == NULL ? "" : folder, folder == NULL ? "" : "/",
             name);
    FILE *file = fopen(path, "re");
    bool read = file != NULL && fgets(out, (int)size, file) != NULL;
    if (file != NULL) {
        fclose(file);
    }
    if (!read) {
        out[0] = '\0';
    }
    out[strcspn(out, "\n")] = '\0';
    return read;
}

/* A line of /proc/self/cgroup, "7:cpu,cpuacct:/a/b" or "0::/a/b": that group and all above it. In a
 * container the groups may be mounted from its own on: then only the last of them are there. */
static void walk_up(const char *root, char *line, void (*each)(void *, const char *), void *arg)
{
    char *controllers = strchr(line, ':');
    char *path = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    if (path == NULL) {
        return;
    }
    *path++ = '\0';
    controllers++;
    path[strcspn(path, "\n")] = '\0';
    for (char *end = path + strlen(path); end != NULL; end = strrchr(path, '/')) {
        char folder[FOLDER_MAX];
        *end = '\0';
        snprintf(folder, sizeof(folder), "%s" GROUPS "%s%s%s", root,
                 controllers[0] == '\0' ? "" : "/", controllers, path);
        each(arg, folder);
    }
}

void pab_groups_each(const char *root, void (*each)(void *arg, const char *folder), void *arg)
{
    char path[FOLDER_MAX];
    char line[FOLDER_MAX];
    snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        walk_up(root, line, each, arg);
    }
    if (file != NULL) {
        fclose(file);
    }
}
