/* harness/doctor_host.c -- the machine as it is set up, and what else it does. */
#include "harness/doctor.h"
#include "harness/groups.h"
#include "harness/host.h"
#include "harness/json_text.h"
#include "harness/limits.h"
#include "harness/noise.h"
#include "harness/self.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

void pab_doctor_add(json_t *rows, const char *state, const char *name, const char *advice,
                    const char *format, ...)
{
    char value[1024];
    va_list words;
    va_start(words, format);
    vsnprintf(value, sizeof(value), format, words);
    va_end(words);
    json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s?}", "name", name, "value", value,
                                          "state", state, "advice", advice));
}

/* --- settings -------------------------------------------------------------------------------- */

/* The advice about one thing, or NULL; of several the first. */
static const char *advice_about(const json_t *advice, const char *about)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(advice, index, row)
    {
        if (pab_json_is(row, "about", about)) {
            return pab_json_text(row, "text");
        }
    }
    return NULL;
}

/* The value of one key of the provenance, in words where the bare value would say little. */
static const char *setting_text(const json_t *host, const char *key)
{
    const char *text = pab_json_text(host, key);
    bool is_virtual = pab_json_is(host, "virtualization", "virtual machine");
    if (strcmp(key, "governor") == 0 && strcmp(text, "unknown") == 0) {
        return is_virtual ? "not visible in this virtual machine"
                          : "not visible: this kernel scales no frequency";
    }
    if (strcmp(key, "aslr") == 0) {
        return strcmp(text, "2") == 0 ? "2: on" : strcmp(text, "0") == 0 ? "0: off" : text;
    }
    if (strcmp(key, "overcommit") == 0) {
        return strcmp(text, "0") == 0   ? "0: by estimate"
               : strcmp(text, "1") == 0 ? "1: always"
               : strcmp(text, "2") == 0 ? "2: strict"
                                        : text;
    }
    return text;
}

static const char *overcommit_advice(const json_t *host)
{
    return pab_json_is(host, "overcommit", "2")
               ? "address space counts as memory here: allocators that reserve much of it may be "
                 "refused, and `null` will be; sysctl vm.overcommit_memory=0 is the usual setting"
               : NULL;
}

static void add_settings(json_t *rows)
{
    static const char *const keys[] = {"cpu_model", "kernel",         "os",
                                       "libc",      "virtualization", "thp",
                                       "governor",  "aslr",           "overcommit"};
    json_t *host = pab_host_provenance();
    json_t *advice = pab_host_advice();
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        const char *said = advice_about(advice, keys[i]);
        if (strcmp(keys[i], "overcommit") == 0) {
            said = overcommit_advice(host);
        }
        pab_doctor_add(rows, said == NULL ? PAB_DOCTOR_GOOD : PAB_DOCTOR_NOTE, keys[i], said, "%s",
                       setting_text(host, keys[i]));
    }
    const char *build = advice_about(advice, "build");
    pab_doctor_add(rows, build == NULL ? PAB_DOCTOR_GOOD : PAB_DOCTOR_BAD, "build", build,
                   "pyallocbench %s, %s", pab_json_text(host, "version"),
                   pab_json_text(host, "cflags"));
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(advice, index, row)
    {
        if (pab_json_is(row, "about", "environment")) {
            pab_doctor_add(rows, PAB_DOCTOR_BAD, "environment", pab_json_text(row, "text"), "set");
        }
    }
    json_decref(advice);
    json_decref(host);
}

/* --- how much of it is ours ------------------------------------------------------------------ */

static void add_cpus(json_t *rows, const struct pab_limits *limits)
{
    char text[64];
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    bool shares_cores =
        pab_read_line("/sys/devices/system/cpu/smt", "active", text, sizeof(text)) &&
        strcmp(text, "1") == 0;
    const char *advice = NULL;
    if (limits->cpus < 2) {
        advice = "with one CPU the harness, and whatever else there is, stands in the samples' "
                 "way: two are better";
    } else if (shares_cores) {
        advice = "two CPUs are one core: `taskset -c` with one of each pair keeps a neighbour's "
                 "work out of the samples";
    }
    pab_doctor_add(rows, advice == NULL ? PAB_DOCTOR_GOOD : PAB_DOCTOR_NOTE, "cpus", advice,
                   "%ld online, %u for this process; %s", online, limits->cpus,
                   shares_cores ? "two threads a core" : "no sibling threads");
}

#define MEMORY_WANTED ((uint64_t)512 << 20) /* the large parameters on `null` take most */

static void add_memory(json_t *rows, const struct pab_limits *limits)
{
    const char *advice =
        limits->memory_bytes < MEMORY_WANTED
            ? "the memory pass on `null` may need 512 MiB: --preset smoke needs less"
            : NULL;
    pab_doctor_add(rows, advice == NULL ? PAB_DOCTOR_GOOD : PAB_DOCTOR_NOTE, "memory", advice,
                   "%.1f GiB for this process, its control groups' limits heeded",
                   (double)limits->memory_bytes / (double)(1 << 30));
}

json_t *pab_doctor_host(void)
{
    json_t *rows = json_array();
    struct pab_limits limits;
    pab_limits_read("", &limits);
    add_settings(rows);
    add_cpus(rows, &limits);
    add_memory(rows, &limits);
    return rows;
}

/* --- noise ----------------------------------------------------------------------------------- */

static void add_load(json_t *rows, const json_t *look)
{
    const json_t *load = json_object_get(look, "load");
    json_t *advice = pab_host_advice();
    const char *said = advice_about(advice, "load");
    pab_doctor_add(rows, said == NULL ? PAB_DOCTOR_GOOD : PAB_DOCTOR_BAD, "load", said,
                   "%.2f %.2f %.2f (over 1, 5 and 15 minutes) on %ld CPUs",
                   json_number_value(json_array_get(load, 0)),
                   json_number_value(json_array_get(load, 1)),
                   json_number_value(json_array_get(load, 2)), sysconf(_SC_NPROCESSORS_ONLN));
    json_decref(advice);
}

#define STEAL_NOTED   0.01
#define WAITING_NOTED 10 /* per cent of the last minute */

static void add_steal(json_t *rows, const json_t *look)
{
    double since_boot =
        pab_noise_number(look, NULL, "steal_ticks") / pab_noise_number(look, NULL, "cpu_ticks");
    if (isnan(since_boot)) {
        pab_doctor_add(rows, PAB_DOCTOR_GOOD, "steal", NULL, "not told by this kernel");
        return;
    }
    bool is_noted = since_boot > STEAL_NOTED;
    pab_doctor_add(rows, is_noted ? PAB_DOCTOR_NOTE : PAB_DOCTOR_GOOD, "steal",
                   is_noted ? "the hypervisor gives CPU time to other machines: CPU times suffer "
                              "less than wall times; a host of your own narrows the intervals"
                            : NULL,
                   "%.1f %% of the CPU time since the boot", 100 * since_boot);
}

static void format_waited(const json_t *pressure, const char *resource, char *out, size_t size)
{
    double percent = pab_noise_number(pressure, resource, "avg60");
    if (isnan(percent)) {
        snprintf(out, size, "(not told)");
    } else {
        snprintf(out, size, "%.0f %%", percent);
    }
}

static void add_pressure(json_t *rows, const json_t *look)
{
    const json_t *pressure = json_object_get(look, "pressure");
    if (!json_is_object(json_object_get(pressure, "cpu"))) {
        pab_doctor_add(rows, PAB_DOCTOR_GOOD, "pressure", NULL, "not told by this kernel (psi=1)");
        return;
    }
    bool is_bad = pab_noise_number(pressure, "cpu", "avg60") > WAITING_NOTED;
    char memory[32];
    char disk[32];
    format_waited(pressure, "memory", memory, sizeof(memory));
    format_waited(pressure, "io", disk, sizeof(disk));
    pab_doctor_add(rows, is_bad ? PAB_DOCTOR_BAD : PAB_DOCTOR_GOOD, "pressure",
                   is_bad ? "tasks wait for CPUs: stop other work, or leave it a CPU of its own"
                          : NULL,
                   "tasks waited for a CPU %.0f %%, memory %s, disk %s of the last minute",
                   pab_noise_number(pressure, "cpu", "avg60"), memory, disk);
}

static void add_quota(json_t *rows, const json_t *before, const json_t *after)
{
    json_t *during = pab_noise_between(before, after);
    double now = pab_noise_number(during, NULL, "throttled_count");
    double ever = pab_noise_number(after, "throttled", "count");
    const char *advice = "a CPU quota stops whatever runs for tens of milliseconds: raise cpu.max "
                         "of the control group, or give whole CPUs (cpuset) in its place";
    if (!(ever >= 0)) {
        pab_doctor_add(rows, PAB_DOCTOR_GOOD, "quota", NULL, "no control group counts any");
    } else {
        pab_doctor_add(rows,
                       now > 0    ? PAB_DOCTOR_BAD
                       : ever > 0 ? PAB_DOCTOR_NOTE
                                  : PAB_DOCTOR_GOOD,
                       "quota", ever > 0 ? advice : NULL,
                       "stopped this control group %.0f times so far, %.0f of them just now", ever,
                       now >= 0 ? now : 0);
    }
    json_decref(during);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

#define CLOCK_READS 2001

/* Median and smallest step above 0 between reads that follow each other. */
static void read_clock(uint64_t (*clock)(void), uint64_t *cost_ns, uint64_t *step_ns)
{
    static uint64_t reads[CLOCK_READS];
    for (size_t i = 0; i < CLOCK_READS; i++) {
        reads[i] = clock();
    }
    for (size_t i = 0; i + 1 < CLOCK_READS; i++) {
        reads[i] = reads[i + 1] - reads[i];
    }
    qsort(reads, CLOCK_READS - 1, sizeof(reads[0]), by_size);
    *cost_ns = reads[CLOCK_READS / 2];
    *step_ns = 0;
    for (size_t i = 0; i + 1 < CLOCK_READS && *step_ns == 0; i++) {
        *step_ns = reads[i];
    }
}

#define CLOCK_SLOW_NS 1000

static void add_clocks(json_t *rows)
{
    char source[64];
    uint64_t wall_cost = 0;
    uint64_t wall_step = 0;
    uint64_t cpu_cost = 0;
    uint64_t cpu_step = 0;
    pab_read_line("/sys/devices/system/clocksource/clocksource0", "current_clocksource", source,
                  sizeof(source));
    read_clock(pab_wall_ns, &wall_cost, &wall_step);
    read_clock(pab_cpu_ns, &cpu_cost, &cpu_step);
    bool is_slow = wall_cost > CLOCK_SLOW_NS;
    pab_doctor_add(rows, is_slow ? PAB_DOCTOR_NOTE : PAB_DOCTOR_GOOD, "clocks",
                   is_slow ? "each look at the clock is a kernel call here: the latency pass is "
                             "coarse on this clock source"
                           : NULL,
                   "wall (%s): %llu ns a look, steps of %llu ns; CPU: %llu ns a look, steps of "
                   "%llu ns",
                   source[0] != '\0' ? source : "unknown source", (unsigned long long)wall_cost,
                   (unsigned long long)wall_step, (unsigned long long)cpu_cost,
                   (unsigned long long)cpu_step);
}

json_t *pab_doctor_noise(const json_t *before)
{
    json_t *rows = json_array();
    json_t *after = pab_noise_look("");
    add_load(rows, before);
    add_steal(rows, after);
    add_pressure(rows, before);
    add_quota(rows, before, after);
    add_clocks(rows);
    json_decref(after);
    return rows;
}
