#include "harness/limits.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Control groups of both versions are read alike: a file that the other one has is not there. */
#define GROUPS     "/sys/fs/cgroup"
#define FOLDER_MAX 4096

static bool read_line(const char *folder, const char *name, char *out, size_t size)
{
    char path[FOLDER_MAX + 64];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    bool read = file != NULL && fgets(out, (int)size, file) != NULL;
    if (file != NULL) {
        fclose(file);
    }
    return read;
}

/* "max" and -1 are no limit. */
static long long read_limit(const char *folder, const char *name)
{
    char line[64];
    long long value = read_line(folder, name, line, sizeof(line)) ? strtoll(line, NULL, 10) : 0;
    return value > 0 ? value : INT64_MAX;
}

static void narrow_cpus(struct pab_limits *limits, long long quota_us, long long period_us)
{
    if (quota_us > 0 && quota_us != INT64_MAX && period_us > 0) {
        long long cpus = quota_us / period_us + (quota_us % period_us != 0);
        limits->cpus = cpus < (long long)limits->cpus ? (unsigned)cpus : limits->cpus;
    }
}

static void narrow_memory(struct pab_limits *limits, long long bytes)
{
    limits->memory_bytes =
        (uint64_t)bytes < limits->memory_bytes ? (uint64_t)bytes : limits->memory_bytes;
}

static void apply_group(struct pab_limits *limits, const char *folder)
{
    char line[64];
    narrow_memory(limits, read_limit(folder, "memory.max"));
    narrow_memory(limits, read_limit(folder, "memory.limit_in_bytes"));
    narrow_cpus(limits, read_limit(folder, "cpu.cfs_quota_us"),
                read_limit(folder, "cpu.cfs_period_us"));
    if (read_line(folder, "cpu.max", line, sizeof(line))) { /* "50000 100000", "max 100000" */
        char *period = line;
        long long quota_us = strtoll(line, &period, 10);
        narrow_cpus(limits, quota_us, strtoll(period, NULL, 10));
    }
}

/* A line of /proc/self/cgroup, "7:cpu,cpuacct:/a/b" or "0::/a/b": that group and all above it. In a
 * container the groups may be mounted from its own on: then only the last of them are there. */
static void apply_groups(struct pab_limits *limits, const char *root, char *line)
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
        apply_group(limits, folder);
    }
}

static void read_memory(struct pab_limits *limits, const char *root)
{
    static const char key[] = "MemAvailable:";
    char path[FOLDER_MAX];
    char line[256];
    snprintf(path, sizeof(path), "%s/proc/meminfo", root);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, key, sizeof(key) - 1) == 0) {
            narrow_memory(limits, strtoll(line + sizeof(key) - 1, NULL, 10) * 1024);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

void pab_limits_read(const char *root, struct pab_limits *out)
{
    cpu_set_t set;
    bool is_set = sched_getaffinity(0, sizeof(set), &set) == 0;
    *out = (struct pab_limits){
        .cpus = is_set ? (unsigned)CPU_COUNT(&set) : 1,
        .memory_bytes = INT64_MAX,
    };
    read_memory(out, root);
    char path[FOLDER_MAX];
    char line[FOLDER_MAX];
    snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        apply_groups(out, root, line);
    }
    if (file != NULL) {
        fclose(file);
    }
}
