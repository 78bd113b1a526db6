/* harness/cmd_doctor.c -- `doctor`: looks and advises, changes nothing. */
#include "harness/cmd.h"
#include "harness/host.h"
#include "harness/python.h"
#include "harness/runner.h"
#include "harness/sample.h"
#include "harness/self.h"

#include <argp.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define SPIN_TRIALS 40
#define SPIN_LENGTH 2000000

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

static void show_host(void)
{
    json_t *host = pab_host_provenance();
    static const char *const keys[] = {"cpu_model", "kernel",         "os",
                                       "libc",      "virtualization", "thp",
                                       "governor",  "aslr",           "overcommit"};
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        printf("  %-15s %s\n", keys[i], json_string_value(json_object_get(host, keys[i])));
    }
    json_decref(host);
}

static size_t show_backends(void)
{
    size_t missing = 0;
    for (size_t i = 0; i < pab_backend_count(); i++) {
        const struct pab_backend *backend = pab_backend_at(i);
        if ((backend->caps & PAB_CAP_DEFAULT) == 0) {
            continue;
        }
        struct pab_error err;
        struct pab_spec *spec = NULL;
        PAB_CHECK(pab_spec_parse(backend->name, &spec, &err) == PAB_OK);
        static struct pab_job job;
        memset(&job, 0, sizeof(job));
        job.kind = PAB_JOB_PROBE;
        snprintf(job.backend, sizeof(job.backend), "%s", backend->name);
        struct pab_launch launch = {.spec = spec, .job = &job, .timeout_ms = 10000};
        struct pab_worker *worker = NULL;
        if (pab_worker_run(&launch, NULL, &worker, &err) == PAB_OK) {
            const struct pab_outcome *outcome = pab_worker_outcome(worker);
            printf("  %-15s %s%s%s\n", backend->name, outcome->ok ? "ok   " : "FAIL ",
                   outcome->ok ? outcome->opened.identity.version : outcome->message,
                   outcome->ok ? "" : (backend->package == NULL ? "" : " "));
            missing += !outcome->ok;
            pab_worker_destroy(worker);
        }
        pab_spec_destroy(spec);
    }
    return missing;
}

static void show_python(void)
{
    char python[256];
    if (pab_python_find(python, sizeof(python))) {
        printf("  %-15s ok   %s\n", "plots", python);
    } else {
        printf("  %-15s FAIL no python3 here can import matplotlib: apt-get install "
               "python3-matplotlib\n",
               "plots");
    }
}

static void show_advice(void)
{
    json_t *advice = pab_host_advice();
    double spread = spin_spread_percent();
    printf("  fixed arithmetic varies by %.1f %% over its fastest run%s\n", spread,
           spread > 3 ? ": expect wide intervals, use more rounds" : "");
    size_t index = 0;
    json_t *line = NULL;
    json_array_foreach(advice, index, line)
    {
        printf("  %s\n", json_string_value(line));
    }
    json_decref(advice);
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
    printf("host\n");
    show_host();
    printf("\nbackends\n");
    size_t missing = show_backends();
    printf("\npictures\n");
    show_python();
    printf("\nnoise\n");
    show_advice();
    return missing == 0 ? PAB_EXIT_GOOD : PAB_EXIT_NOTHING;
}
