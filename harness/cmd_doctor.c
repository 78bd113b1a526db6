/* harness/cmd_doctor.c -- `doctor`: looks and advises, changes nothing. */
#include "harness/cmd.h"
#include "harness/host.h"
#include "harness/python.h"
#include "harness/runner.h"
#include "harness/sample.h"
#include "harness/self.h"
#include "harness/text.h"

#include <argp.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define SPIN_TRIALS 40
#define SPIN_LENGTH 2000000

#define SPREAD_NOTED 3.0 /* per cent: intervals widen from here on */
#define SPREAD_MOST  5.0 /* per cent: allocators often differ by no more */

enum { INDENT = 2, VALUE = 18 };

/* What is looked at stands on the left, what was seen on the right. */
static void show(const char *name, const char *text)
{
    char head[32];
    snprintf(head, sizeof(head), "%*s%s", INDENT, "", name);
    pab_text_item(head, VALUE, text);
}

/* The same fixed arithmetic many times over: its spread is the machine's, not a program's. */
static double spin_spread_percent(void)
{
    double least = INFINITY;
    double sum = 0;
    for (int trial = 0; trial < SPIN_TRIALS; trial++) {
        uint64_t before = pab_wall_ns();
        volatile uint64_t value = 1;
        for (int i = 0; i < SPIN_LENGTH; i++) {
            value = value * 6364136223846793005u + 1442695040888963407u;
        }
        double spent = (double)(pab_wall_ns() - before);
        least = spent < least ? spent : least;
        sum += spent;
    }
    return 100 * (sum / SPIN_TRIALS / least - 1);
}

/* The value of one key of the provenance, in words where the bare value would say little. */
static const char *host_text(const json_t *host, const char *key)
{
    const char *text = json_string_value(json_object_get(host, key));
    const char *machine = json_string_value(json_object_get(host, "virtualization"));
    if (strcmp(key, "governor") != 0 || strcmp(text, "unknown") != 0) {
        return text;
    }
    return strcmp(machine, "virtual machine") == 0 ? "not visible in this virtual machine"
                                                   : "not visible: this kernel scales no frequency";
}

static void show_host(const double load[3])
{
    json_t *host = pab_host_provenance();
    static const char *const keys[] = {"cpu_model", "kernel",         "os",
                                       "libc",      "virtualization", "thp",
                                       "governor",  "aslr",           "overcommit"};
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        show(keys[i], host_text(host, keys[i]));
    }
    char text[128];
    snprintf(text, sizeof(text), "%.2f %.2f %.2f (over 1, 5 and 15 minutes) on %ld CPUs", load[0],
             load[1], load[2], sysconf(_SC_NPROCESSORS_ONLN));
    show("load", text);
    json_decref(host);
}

/* Opens the backend in a worker, as `run` would; true when it is here. */
static bool show_backend(const struct pab_backend *backend)
{
    struct pab_error err;
    struct pab_spec *spec = NULL;
    PAB_CHECK(pab_spec_parse(backend->name, &spec, &err) == PAB_OK);
    static struct pab_job job;
    memset(&job, 0, sizeof(job));
    job.kind = PAB_JOB_PROBE;
    snprintf(job.backend, sizeof(job.backend), "%s", backend->name);
    struct pab_launch launch = {.spec = spec, .job = &job, .timeout_ms = PAB_PROBE_TIMEOUT_MS};
    struct pab_worker *worker = NULL;
    char text[1024];
    bool here = false;
    if (pab_worker_run(&launch, NULL, &worker, &err) == PAB_OK) {
        const struct pab_outcome *outcome = pab_worker_outcome(worker);
        here = outcome->ok;
        snprintf(text, sizeof(text), "%s %s", here ? "ok  " : "FAIL",
                 here ? outcome->opened.identity.version : outcome->message);
        pab_worker_destroy(worker);
    } else {
        snprintf(text, sizeof(text), "FAIL %s", err.text);
    }
    show(backend->name, text);
    pab_spec_destroy(spec);
    return here;
}

static size_t show_backends(void)
{
    size_t missing = 0;
    for (size_t i = 0; i < pab_backend_count(); i++) {
        const struct pab_backend *backend = pab_backend_at(i);
        if ((backend->caps & PAB_CAP_DEFAULT) != 0) {
            missing += !show_backend(backend);
        }
    }
    return missing;
}

static void show_python(void)
{
    char python[256];
    char text[300];
    bool found = pab_python_find(python, sizeof(python));
    snprintf(text, sizeof(text), "ok %s", python);
    show("plots", found ? text
                        : "FAIL no python3 here can import matplotlib: apt-get install "
                          "python3-matplotlib");
}

static void show_noise(double spread)
{
    char text[128];
    snprintf(text, sizeof(text), "fixed arithmetic takes %.1f %% longer than at its fastest",
             spread);
    pab_text_item("  -", 4, text);
    if (spread > SPREAD_NOTED) {
        pab_text_item("", 4,
                      "what to do: stop other work and look again; on a shared machine try a "
                      "quieter hour or one of your own; more rounds (--preset rigorous) narrow "
                      "the intervals, and what lies within them is no difference");
    }
    json_t *advice = pab_host_advice();
    size_t index = 0;
    json_t *line = NULL;
    json_array_foreach(advice, index, line)
    {
        pab_text_item("  -", 4, json_string_value(line));
    }
    json_decref(advice);
}

/* The last line: a plain answer, with its reason. */
static void show_verdict(double spread, double load)
{
    const char *preload = getenv("LD_PRELOAD");
    bool is_preloaded = preload != NULL && preload[0] != '\0';
    bool is_busy = load > 0.5 * (double)sysconf(_SC_NPROCESSORS_ONLN);
    char text[160];
    if (is_preloaded) {
        snprintf(text, sizeof(text), "no, because LD_PRELOAD is set");
    } else if (is_busy) {
        snprintf(text, sizeof(text), "no, because other work takes the CPUs (load %.1f)", load);
    } else if (spread > SPREAD_MOST) {
        snprintf(text, sizeof(text), "no, because the machine's own speed varies by %.1f %%",
                 spread);
    } else {
        snprintf(text, sizeof(text),
                 "yes, because little else runs and the speed varies by "
                 "%.1f %% only",
                 spread);
    }
    printf("\n");
    pab_text_item("good enough to compare:", 24, text);
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    if (key == ARGP_KEY_ARG) {
        argp_failure(state, PAB_EXIT_USAGE, 0, "doctor takes no argument '%s'", value);
    }
    return ARGP_ERR_UNKNOWN;
}

int pab_cmd_doctor(int argc, char **argv)
{
    static const struct argp parser = {
        .parser = parse_option,
        .doc = "Looks at this machine: which backends are here, what makes figures noisy, and "
               "what to do about it. Changes nothing. Exit status 77 when a default backend is "
               "missing.",
    };
    argv[0] = "pyallocbench doctor";
    argp_err_exit_status = PAB_EXIT_USAGE;
    if (argp_parse(&parser, argc, argv, 0, NULL, NULL) != 0) {
        return PAB_EXIT_USAGE;
    }
    double load[3] = {0, 0, 0};
    (void)!getloadavg(load, 3); /* before our own work shows in it */
    printf("host\n");
    show_host(load);
    printf("\nbackends\n");
    size_t missing = show_backends();
    printf("\npictures\n");
    show_python();
    printf("\nnoise\n");
    double spread = spin_spread_percent();
    show_noise(spread);
    show_verdict(spread, load[0]);
    return missing == 0 ? PAB_EXIT_GOOD : PAB_EXIT_NOTHING;
}
