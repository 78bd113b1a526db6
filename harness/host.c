#include "harness/host.h"

#include "allocators/dso.h"
#include "harness/groups.h"
#include "harness/version.h"

#include <ctype.h>
#include <gnu/libc-version.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* The value behind "key<separator>" in a file of such lines; quotes around it are dropped. */
static void read_value(const char *path, const char *key, char separator, char *out, size_t size)
{
    snprintf(out, size, "unknown");
    FILE *file = fopen(path, "re");
    char line[4096]; /* the flags of a CPU fill more than a terminal */
    size_t length = strlen(key);
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        const char *at = strchr(line, separator);
        if (strncmp(line, key, length) != 0 || at == NULL) {
            continue;
        }
        at++;
        at += strspn(at, " \t\"");
        snprintf(out, size, "%.*s", (int)strcspn(at, "\"\n"), at);
        break;
    }
    if (file != NULL) {
        fclose(file);
    }
}

/* The chosen word of a line like "always [madvise] never". */
static void read_chosen(const char *path, char *out, size_t size)
{
    char line[128];
    const char *open = pab_read_line(NULL, path, line, sizeof(line)) ? strchr(line, '[') : NULL;
    if (open == NULL) {
        snprintf(out, size, "unknown");
        return;
    }
    snprintf(out, size, "%.*s", (int)strcspn(open + 1, "]"), open + 1);
}

static void read_word(const char *path, char *out, size_t size)
{
    if (!pab_read_line(NULL, path, out, size)) {
        snprintf(out, size, "unknown");
    }
}

#define THP_FILE        "/sys/kernel/mm/transparent_hugepage/enabled"
#define GOVERNOR_FILE   "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
#define ASLR_FILE       "/proc/sys/kernel/randomize_va_space"
#define OVERCOMMIT_FILE "/proc/sys/vm/overcommit_memory"

static const char *virtualization(void)
{
    char flags[4096];
    read_value("/proc/cpuinfo", "flags", ':', flags, sizeof(flags));
    return strstr(flags, "hypervisor") != NULL ? "virtual machine" : "none seen";
}

/* Variables that change what an allocator does: recorded wherever they are set. */
static json_t *environment(void)
{
    static const char *const prefixes[] = {"MALLOC_",   "GLIBC_TUNABLES", "LD_PRELOAD",
                                           "TCMALLOC_", "MIMALLOC_",      "LD_LIBRARY_PATH"};
    json_t *out = json_object();
    for (char **entry = environ; *entry != NULL; entry++) {
        const char *equals = strchr(*entry, '=');
        for (size_t i = 0; equals != NULL && i < ARRAY_COUNT(prefixes); i++) {
            if (strncmp(*entry, prefixes[i], strlen(prefixes[i])) == 0) {
                char name[128];
                snprintf(name, sizeof(name), "%.*s", (int)(equals - *entry), *entry);
                json_object_set_new(out, name, json_string(equals + 1));
            }
        }
    }
    return out;
}

static void set_text(json_t *object, const char *key, const char *text)
{
    json_t *value = json_string(text);
    json_object_set_new(object, key, value != NULL ? value : json_string("not UTF-8"));
}

json_t *pab_host_provenance(void)
{
    char text[256];
    struct utsname kernel;
    uname(&kernel);
    struct sysinfo memory;
    sysinfo(&memory);
    struct pab_identity self = {0};
    (void)pab_dso_describe((const void *)(uintptr_t)pab_host_provenance, &self, NULL);

    json_t *out = json_object();
    set_text(out, "version", PAB_VERSION);
    set_text(out, "git_commit", PAB_GIT_COMMIT);
    set_text(out, "compiler", PAB_COMPILER);
    set_text(out, "cflags", PAB_CFLAGS);
    set_text(out, "build_type", PAB_BUILD_TYPE);
    set_text(out, "binary_build_id", self.build_id);
    snprintf(text, sizeof(text), "glibc %s", gnu_get_libc_version());
    set_text(out, "libc", text);
    snprintf(text, sizeof(text), "%s %s %s", kernel.sysname, kernel.release, kernel.machine);
    set_text(out, "kernel", text);
    read_value("/etc/os-release", "PRETTY_NAME", '=', text, sizeof(text));
    set_text(out, "os", text);
    read_value("/proc/cpuinfo", "model name", ':', text, sizeof(text));
    set_text(out, "cpu_model", text);
    json_object_set_new(out, "cpu_count", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    json_object_set_new(out, "memory_bytes",
                        json_integer((json_int_t)memory.totalram * (json_int_t)memory.mem_unit));
    json_object_set_new(out, "page_bytes", json_integer(sysconf(_SC_PAGESIZE)));
    read_chosen(THP_FILE, text, sizeof(text));
    set_text(out, "thp", text);
    read_word(GOVERNOR_FILE, text, sizeof(text));
    set_text(out, "governor", text);
    read_word(ASLR_FILE, text, sizeof(text));
    set_text(out, "aslr", text);
    read_word(OVERCOMMIT_FILE, text, sizeof(text));
    set_text(out, "overcommit", text);
    set_text(out, "virtualization", virtualization());
    json_object_set_new(out, "environment", environment());
    return out;
}

json_t *pab_host_load(void)
{
    double load[3] = {0, 0, 0};
    (void)!getloadavg(load, 3);
    return json_pack("[f, f, f]", load[0], load[1], load[2]);
}

json_t *pab_host_context(const char *started)
{
    char host[256] = "";
    char mhz[64];
    char governor[64];
    gethostname(host, sizeof(host) - 1);
    read_value("/proc/cpuinfo", "cpu MHz", ':', mhz, sizeof(mhz));
    bool scaling = pab_read_line(NULL, GOVERNOR_FILE, governor, sizeof(governor)) &&
                   strcmp(governor, "performance") != 0;
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:b, s:[], s:o, s:s}", "date", started, "host_name",
                     host, "executable", "pyallocbench", "num_cpus",
                     (int)sysconf(_SC_NPROCESSORS_ONLN), "mhz_per_cpu", (int)strtod(mhz, NULL),
                     "cpu_scaling_enabled", scaling, "caches", "load_avg", pab_host_load(),
                     "library_build_type", PAB_CHECK_LEVEL == 0 ? "release" : "debug");
}

void pab_host_utc(char *out, size_t size)
{
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static void advise(json_t *out, const char *about, const char *text)
{
    json_array_append_new(out, json_pack("{s:s, s:s}", "about", about, "text", text));
}

json_t *pab_host_advice(void)
{
    json_t *out = json_array();
    char text[256];
    if (PAB_CHECK_LEVEL > 0) {
        advise(out, "build",
               "this build has its assertions on: no time that it gives is worth quoting");
    }
    double load[1] = {0};
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (getloadavg(load, 1) == 1 && load[0] > 0.5 * (double)cpus) {
        snprintf(text, sizeof(text),
                 "the machine is busy (load %.1f on %ld CPUs): stop other work for tighter "
                 "intervals",
                 load[0], cpus);
        advise(out, "load", text);
    }
    if (pab_read_line(NULL, GOVERNOR_FILE, text, sizeof(text)) &&
        strcmp(text, "performance") != 0) {
        advise(out, "governor",
               "CPU frequency follows the load: `cpupower frequency-set -g performance` "
               "steadies it");
    }
    read_chosen(THP_FILE, text, sizeof(text));
    if (strcmp(text, "always") == 0) {
        advise(out, "thp",
               "transparent huge pages are always on: RSS counts whole huge pages, and "
               "figures differ from machines with madvise");
    }
    const char *preload = getenv("LD_PRELOAD");
    if (preload != NULL && preload[0] != '\0') {
        advise(out, "environment", "LD_PRELOAD is set: every worker starts with it; unset it");
    }
    json_t *variables = environment();
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(variables, name, value)
    {
        if (strcmp(name, "LD_PRELOAD") != 0 && strcmp(name, "LD_LIBRARY_PATH") != 0) {
            snprintf(text, sizeof(text), "%s is set: it changes what an allocator does", name);
            advise(out, "environment", text);
        }
    }
    json_decref(variables);
    read_word(ASLR_FILE, text, sizeof(text));
    if (strcmp(text, "2") != 0) {
        advise(out, "aslr", "address space randomisation is off: one layout is one sample of luck");
    }
    return out;
}

json_t *pab_host_warnings(void)
{
    json_t *out = json_array();
    json_t *advice = pab_host_advice();
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(advice, index, row)
    {
        json_array_append(out, json_object_get(row, "text"));
    }
    json_decref(advice);
    return out;
}
