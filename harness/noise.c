#include "harness/noise.h"

#include "allocators/status.h"
#include "harness/groups.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const resources[] = {"cpu", "memory", "io"};

/* --- one look -------------------------------------------------------------------------------- */

static void set_count(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)(value & INT64_MAX)));
}

static void set_count_if(json_t *object, bool known, const char *key, uint64_t value)
{
    if (known) {
        set_count(object, key, value);
    } else {
        json_object_set_new(object, key, json_null());
    }
}

/* The line of a file of "KEY VALUE..." that begins with `key`: what stands behind it. */
static bool read_keyed(const char *path, const char *key, char *out, size_t size)
{
    char line[512];
    size_t length = strlen(key);
    bool found = false;
    FILE *file = fopen(path, "re");
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        found = strncmp(line, key, length) == 0 && line[length] == ' ';
    }
    if (file != NULL) {
        fclose(file);
    }
    snprintf(out, size, "%s", found ? line + length : "");
    return found;
}

/* All CPUs together, in ticks: user nice system idle iowait irq softirq steal. User time has the
 * guests' in it already. */
enum { TICK_IDLE = 3, TICK_WAIT = 4, TICK_STEAL = 7, TICK_KINDS = 8 };

static void look_at_ticks(json_t *out, const char *root)
{
    char path[512];
    char text[512];
    uint64_t ticks[TICK_KINDS] = {0};
    uint64_t all = 0;
    snprintf(path, sizeof(path), "%s/proc/stat", root);
    char *at = text;
    bool found = read_keyed(path, "cpu", text, sizeof(text));
    for (size_t i = 0; found && i < TICK_KINDS; i++) {
        ticks[i] = strtoull(at, &at, 10);
        all += ticks[i];
    }
    set_count_if(out, found, "cpu_ticks", all);
    set_count_if(out, found, "idle_ticks", ticks[TICK_IDLE] + ticks[TICK_WAIT]);
    set_count_if(out, found, "steal_ticks", ticks[TICK_STEAL]);
    found = read_keyed(path, "ctxt", text, sizeof(text));
    set_count_if(out, found, "switches", strtoull(text, NULL, 10));
}

/* "some avg10=0.12 avg60=0.34 avg300=0.56 total=789": tasks that waited, in % and in us. */
static json_t *pressure_of(const char *root, const char *resource)
{
    char path[512];
    char text[512];
    double avg10 = 0;
    double avg60 = 0;
    snprintf(path, sizeof(path), "%s/proc/pressure/%s", root, resource);
    if (!read_keyed(path, "some", text, sizeof(text))) {
        return json_null();
    }
    const char *ten = strstr(text, "avg10=");
    const char *sixty = strstr(text, "avg60=");
    const char *total = strstr(text, "total=");
    if (ten == NULL || sixty == NULL || total == NULL) {
        return json_null();
    }
    avg10 = strtod(ten + strlen("avg10="), NULL);
    avg60 = strtod(sixty + strlen("avg60="), NULL);
    if (!(avg10 >= 0 && avg10 <= 100 && avg60 >= 0 && avg60 <= 100)) {
        return json_null();
    }
    json_t *out = json_pack("{s:f, s:f}", "avg10", avg10, "avg60", avg60);
    set_count(out, "total_us", strtoull(total + strlen("total="), NULL, 10));
    return out;
}

static json_t *pressure(const char *root)
{
    json_t *out = json_object();
    for (size_t i = 0; i < ARRAY_COUNT(resources); i++) {
        json_object_set_new(out, resources[i], pressure_of(root, resources[i]));
    }
    return out;
}

struct throttle {
    bool is_known;
    uint64_t count, us;
};

/* How often a group's CPU quota stopped it. A quota stands at one level: the most is kept. */
static void add_throttle(void *arg, const char *folder)
{
    struct throttle *throttle = arg;
    char path[4200];
    char text[64];
    snprintf(path, sizeof(path), "%s/cpu.stat", folder);
    if (!read_keyed(path, "nr_throttled", text, sizeof(text))) {
        return;
    }
    uint64_t count = strtoull(text, NULL, 10);
    uint64_t us = 0;
    if (read_keyed(path, "throttled_usec", text, sizeof(text))) {
        us = strtoull(text, NULL, 10);
    } else if (read_keyed(path, "throttled_time", text, sizeof(text))) { /* version 1: ns */
        us = strtoull(text, NULL, 10) / 1000;
    }
    throttle->is_known = true;
    throttle->count = count > throttle->count ? count : throttle->count;
    throttle->us = us > throttle->us ? us : throttle->us;
}

static json_t *throttled(const char *root)
{
    struct throttle throttle = {0};
    pab_groups_each(root, add_throttle, &throttle);
    if (!throttle.is_known) {
        return json_null();
    }
    json_t *out = json_object();
    set_count(out, "count", throttle.count);
    set_count(out, "us", throttle.us);
    return out;
}

/* The largest of the numbers in FORMAT % 0, 1, ... below `end`, or NAN where there is none. */
static double largest(const char *root, const char *format_head, const char *format_tail, long end)
{
    double most = NAN;
    for (long i = 0; i < end; i++) {
        char folder[512];
        char text[64];
        snprintf(folder, sizeof(folder), "%s%s%ld", root, format_head, i);
        if (pab_read_line(folder, format_tail, text, sizeof(text))) {
            double value = strtod(text, NULL);
            most = !(most >= value) ? value : most;
        }
    }
    return most;
}

static void set_real(json_t *object, const char *key, double value)
{
    json_object_set_new(object, key, isfinite(value) ? json_real(value) : json_null());
}

#define THERMAL_ZONES 32

json_t *pab_noise_look(const char *root)
{
    struct timespec up = {0};
    double load[3] = {0};
    clock_gettime(CLOCK_BOOTTIME, &up);
    (void)!getloadavg(load, 3);
    json_t *out =
        json_pack("{s:f, s:[f, f, f]}", "uptime_s", (double)up.tv_sec + 1e-9 * (double)up.tv_nsec,
                  "load", load[0], load[1], load[2]);
    look_at_ticks(out, root);
    json_object_set_new(out, "pressure", pressure(root));
    json_object_set_new(out, "throttled", throttled(root));
    set_real(out, "celsius",
             largest(root, "/sys/class/thermal/thermal_zone", "temp", THERMAL_ZONES) / 1000);
    set_real(out, "mhz",
             largest(root, "/sys/devices/system/cpu/cpu", "cpufreq/scaling_cur_freq",
                     sysconf(_SC_NPROCESSORS_CONF)) /
                 1000);
    return out;
}

/* --- between two ------------------------------------------------------------------------------ */

double pab_noise_number(const json_t *look, const char *part, const char *key)
{
    const json_t *from = part == NULL ? look : json_object_get(look, part);
    const json_t *value = json_object_get(from, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* What a counter grew by: NAN where it is not known, negative where it began anew. */
static double growth(const json_t *before, const json_t *after, const char *part, const char *key)
{
    return pab_noise_number(after, part, key) - pab_noise_number(before, part, key);
}

static double share(double part, double whole)
{
    return part >= 0 && whole > 0 && part <= whole ? part / whole : NAN;
}

static json_t *count_or_null(double value)
{
    return value >= 0 ? json_integer((json_int_t)value) : json_null();
}

static double pressure_growth(const json_t *before, const json_t *after, const char *resource)
{
    return growth(json_object_get(before, "pressure"), json_object_get(after, "pressure"), resource,
                  "total_us");
}

json_t *pab_noise_between(const json_t *before, const json_t *after)
{
    double seconds = growth(before, after, NULL, "uptime_s");
    if (!(seconds >= 0)) {
        return json_null();
    }
    double ticks = growth(before, after, NULL, "cpu_ticks");
    double steal = growth(before, after, NULL, "steal_ticks");
    json_t *out = json_pack("{s:f, s:o}", "s", seconds, "steal_ticks", count_or_null(steal));
    set_real(out, "steal_share", share(steal, ticks));
    set_real(out, "idle_share", share(growth(before, after, NULL, "idle_ticks"), ticks));
    json_t *waited = json_object();
    for (size_t i = 0; i < ARRAY_COUNT(resources); i++) {
        json_object_set_new(waited, resources[i],
                            count_or_null(pressure_growth(before, after, resources[i])));
    }
    json_object_set_new(out, "pressure_us", waited);
    json_object_set_new(out, "throttled_count",
                        count_or_null(growth(before, after, "throttled", "count")));
    json_object_set_new(out, "throttled_us",
                        count_or_null(growth(before, after, "throttled", "us")));
    json_object_set_new(out, "switches", count_or_null(growth(before, after, NULL, "switches")));
    return out;
}

/* --- for people ------------------------------------------------------------------------------- */

/* From where on a reader is told: shares of the run's time. */
#define STEAL_NOTED        0.01
#define CPU_WAITED_NOTED   0.10
#define OTHER_WAITED_NOTED 0.02

static void warn(json_t *warnings, const char *text)
{
    json_array_append_new(warnings, json_string(text));
}

static void warn_of_pressure(const json_t *during, json_t *warnings)
{
    static const struct {
        const char *what, *advice;
        double noted;
    } said[] = {
        {"a CPU", "stop other work, or leave it a CPU of its own", CPU_WAITED_NOTED},
        {"memory", "free some: a machine that is short of it measures its disk",
         OTHER_WAITED_NOTED},
        {"the disk", "let what reads and writes come to its end first", OTHER_WAITED_NOTED},
    };
    double seconds = pab_noise_number(during, NULL, "s");
    for (size_t i = 0; i < ARRAY_COUNT(resources); i++) {
        /* The kernel adds up every two seconds: a run may seem to wait longer than it took. */
        double us = pab_noise_number(during, "pressure_us", resources[i]);
        double waited = us > 1e6 * seconds ? 1 : share(1e-6 * us, seconds);
        if (waited > said[i].noted) {
            char text[192];
            snprintf(text, sizeof(text), "tasks waited for %s during %.0f %% of the run: %s",
                     said[i].what, 100 * waited, said[i].advice);
            warn(warnings, text);
        }
    }
}

void pab_noise_warn(const json_t *during, json_t *warnings)
{
    char text[256];
    double steal = pab_noise_number(during, NULL, "steal_share");
    if (steal > STEAL_NOTED) {
        snprintf(text, sizeof(text),
                 "the hypervisor gave %.1f %% of the CPU time to other machines: a quieter hour or "
                 "a host of your own narrows the intervals",
                 100 * steal);
        warn(warnings, text);
    }
    warn_of_pressure(during, warnings);
    double throttled_count = pab_noise_number(during, NULL, "throttled_count");
    if (throttled_count > 0) {
        snprintf(text, sizeof(text),
                 "a CPU quota stopped this run %.0f times, for %.1f s in all: raise the control "
                 "group's cpu.max; wall times hold these stops, CPU times do not",
                 throttled_count, 1e-6 * pab_noise_number(during, NULL, "throttled_us"));
        warn(warnings, text);
    }
}
