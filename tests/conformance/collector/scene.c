#include "tests/conformance/collector/scene.h"

#include "tests/conformance/collector/quarantine.h"
#include "tests/conformance/support/process.h"

static struct {
    struct pab_check_run *run; /* whose toys run */
    bool is_whole;
} script;

/* --- judging -------------------------------------------------------------------------------- */

bool pab_is(struct pab_check_run *run, const char *what, intmax_t found, intmax_t expected)
{
    return found == expected || pab_wrong(run, "%s is %jd instead of %jd", what, found, expected);
}

bool pab_is_log(struct pab_check_run *run, const char *what, const struct pab_toy_log *log,
                const int *ids, size_t count)
{
    for (size_t i = 0; i < count && i < log->count; i++) {
        if (log->ids[i] != ids[i]) {
            return pab_wrong(run, "%s: number %zu is object %d instead of %d", what, i, log->ids[i],
                             ids[i]);
        }
    }
    return log->count == count ||
           pab_wrong(run, "%s: %zu objects instead of %zu", what, log->count, count);
}

bool pab_is_list(struct pab_check_run *run, int generation, const int *ids, size_t count)
{
    const struct pab_gc_head *list = generation < PAB_GC_GENERATIONS
                                         ? &pab_toys.gc.generations[generation].head
                                         : &pab_toys.gc.permanent;
    const struct pab_gc_head *head = list;
    for (size_t i = 0; i < count; i++) {
        const struct pab_toy *toy = pab_toy_after(head);
        head = pab_gc_head_of(toy);
        if (head == list) {
            return pab_wrong(run, "generation %d holds %zu objects instead of %zu", generation, i,
                             count);
        }
        if (toy->id != ids[i]) {
            return pab_wrong(run, "generation %d: number %zu is object %d instead of %d",
                             generation, i, toy->id, ids[i]);
        }
    }
    return pab_gc_head_of(pab_toy_after(head)) == list ||
           pab_wrong(run, "generation %d holds more than %zu objects", generation, count);
}

bool pab_collects(struct pab_check_run *run, int generation, intmax_t expected)
{
    intmax_t found = pab_gc_collect(&pab_toys.gc, generation);
    return found == expected ||
           pab_wrong(run, "collect(%d) gives %jd instead of %jd", generation, found, expected);
}

bool pab_has_blocks(struct pab_check_run *run, intmax_t expected)
{
    return pab_is(run, "the number of live blocks", pab_toys.blocks, expected);
}

/* --- toys ----------------------------------------------------------------------------------- */

static void check_lists(void *client, const struct pab_gc_report *report)
{
    (void)client;
    struct pab_error err;
    if (script.is_whole && pab_gc_check(&pab_toys.gc, &err) != PAB_OK) {
        script.is_whole =
            pab_wrong(script.run, "%s a collection of generation %d: %s",
                      report->done ? "after" : "before", report->generation, err.text);
    }
}

bool pab_scene_is_skipped(struct pab_check_run *run)
{
    bool brings_runtime = (run->heap->backend->caps & PAB_CAP_RUNTIME) != 0;
    if (brings_runtime) {
        pab_skip(run, "it brings its own collector, which tests/differential/gc_vectors compares "
                      "with ours");
    }
    return brings_runtime;
}

static bool run_toys(struct pab_check_run *run, pab_scene body)
{
    pab_toy_begin(&run->heap->domain[PAB_DOMAIN_OBJ]);
    pab_toy_thresholds(0, 10, 10);
    pab_toys.gc.report = check_lists;
    script.run = run;
    script.is_whole = true;
    bool holds = body(run);
    run->ops_done += pab_toys.asked;
    holds = holds && script.is_whole;
    return holds && pab_is(run, "at the end, the number of live blocks", pab_toys.blocks, 0);
}

enum pab_verdict pab_scene_toys(struct pab_check_run *run, pab_scene body)
{
    return pab_scene_is_skipped(run) ? PAB_SKIP : pab_judge(run, run_toys(run, body));
}

/* --- Python --------------------------------------------------------------------------------- */

static bool run_python(struct pab_check_run *run, pab_scene body)
{
    static struct pab_quarantine quarantine;
    pab_quarantine_attach(&quarantine, run->heap);
    pab_py_start(&quarantine.heap, pab_process_pages(pab_py_storage_bytes()));
    pab_py_gc_enable(false);
    bool holds = body(run);
    if (holds) {
        pab_py_stop();
    }
    run->ops_done += quarantine.calls;
    if (quarantine.text[0] != '\0') {
        return pab_wrong(run, "%s", quarantine.text);
    }
    return holds && pab_is(run, "at the end, the number of live blocks", quarantine.blocks, 0);
}

enum pab_verdict pab_scene_python(struct pab_check_run *run, pab_scene body)
{
    return pab_scene_is_skipped(run) ? PAB_SKIP : pab_judge(run, run_python(run, body));
}

enum pab_verdict pab_scene_both(struct pab_check_run *run, pab_scene toys, pab_scene python)
{
    return pab_scene_is_skipped(run)
               ? PAB_SKIP
               : pab_judge(run, run_toys(run, toys) && run_python(run, python));
}
