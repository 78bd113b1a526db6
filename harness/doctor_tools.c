/* harness/doctor_tools.c -- what can be measured here: backends, passes, counters, pictures. */
#include "harness/doctor.h"
#include "harness/pass.h"
#include "harness/python.h"
#include "harness/runner.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void add_backend(json_t *rows, const struct pab_backend *backend)
{
    struct pab_error err;
    struct pab_spec *spec = NULL;
    PAB_CHECK(pab_spec_parse(backend->name, &spec, &err) == PAB_OK);
    struct pab_worker *worker = NULL;
    if (pab_worker_probe(spec, &worker, &err) == PAB_OK) {
        const struct pab_outcome *outcome = pab_worker_outcome(worker);
        pab_doctor_add(rows, outcome->ok ? PAB_DOCTOR_GOOD : PAB_DOCTOR_BAD, backend->name, NULL,
                       "%s", outcome->ok ? outcome->opened.identity.version : outcome->message);
        pab_worker_destroy(worker);
    } else {
        pab_doctor_add(rows, PAB_DOCTOR_BAD, backend->name, NULL, "%s", err.text);
    }
    pab_spec_destroy(spec);
}

json_t *pab_doctor_backends(void)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < pab_backend_count(); i++) {
        const struct pab_backend *backend = pab_backend_at(i);
        if ((backend->caps & PAB_CAP_DEFAULT) != 0) {
            add_backend(rows, backend);
        }
    }
    return rows;
}

static void add_passes(json_t *rows)
{
    for (size_t i = 0; i < pab_pass_count(); i++) {
        const struct pab_pass *pass = pab_pass_at(i);
        const char *why = pass->missing == NULL ? NULL : pass->missing();
        pab_doctor_add(rows, why == NULL ? PAB_DOCTOR_GOOD : PAB_DOCTOR_NOTE, pass->name, NULL,
                       "%s", why == NULL ? pass->summary : why);
    }
}

/* Whether the CPU counts instructions for us. No pass needs it; people ask. */
static void add_counters(json_t *rows)
{
    struct perf_event_attr attr = {
        .size = sizeof(attr),
        .type = PERF_TYPE_HARDWARE,
        .config = PERF_COUNT_HW_INSTRUCTIONS,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };
    long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd >= 0) {
        close((int)fd);
        pab_doctor_add(rows, PAB_DOCTOR_GOOD, "CPU counters", NULL, "perf can count here");
        return;
    }
    bool is_forbidden = errno == EACCES || errno == EPERM;
    pab_doctor_add(rows, PAB_DOCTOR_GOOD, "CPU counters", NULL,
                   is_forbidden
                       ? "forbidden to you (kernel.perf_event_paranoid); no pass needs them"
                       : "none (as in most virtual machines); no pass needs them");
}

static void add_python(json_t *rows)
{
    char python[256];
    if (pab_python_find(python, sizeof(python))) {
        pab_doctor_add(rows, PAB_DOCTOR_GOOD, "pictures", NULL, "%s", python);
    } else {
        pab_doctor_add(rows, PAB_DOCTOR_NOTE, "pictures", "apt-get install python3-matplotlib",
                       "no python3 here can import matplotlib");
    }
}

json_t *pab_doctor_tools(void)
{
    json_t *rows = json_array();
    add_passes(rows);
    add_counters(rows);
    add_python(rows);
    return rows;
}
