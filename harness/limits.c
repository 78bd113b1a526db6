#include "harness/limits.h"

#include "harness/groups.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER_MAX 4096

/* "max" and -1 are no limit. */
static long long read_limit(const char *folder, const char *name)
{
    char line[64];
    bool is_set = pab_read_line(folder, name, line, sizeof(line));
    long long value = is_set ? strtoll(line, NULL, 10) : 0;
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

static void apply_group(void *arg, const char *folder)
{
    struct pab_limits *limits = arg;
    char line[64];
    narrow_memory(limits, read_limit(folder, "memory.max"));
    narrow_memory(limits, read_limit(folder, "memory.limit_in_bytes"));
    narrow_cpus(limits, read_limit(folder, "cpu.cfs_quota_us"),
                read_limit(folder, "cpu.cfs_period_us"));
    if (pab_read_line(folder, "cpu.max", line, sizeof(line))) { /* "50000 100000", "max 100000" */
        char *period = line;
        long long quota_us = strtoll(line, &period, 10);
        narrow_cpus(limits, quota_us, strtoll(period, NULL, 10));
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
    pab_groups_each(root, apply_group, out);
}
