/* tests/conformance/long_run/giving_back.c -- what a process still holds after it freed: by itself,
 * after a purge, and when single blocks pin the pages around them. */
#include "tests/conformance/long_run/held.h"
#include "tests/conformance/support/judge.h"

#include <time.h>

#define MANY      200000
#define MANY_MOST 2000000
#define SIZE      256u
#define PATIENT   1000000u /* --ops from which on ten seconds are waited for */

static double percent(size_t part, size_t whole)
{
    return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

static void wait_ms(long ms)
{
    struct timespec moment = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&moment, NULL);
}

/* Takes `count` blocks of SIZE and frees them all; the gain at the peak, 0 if there was NULL. */
static size_t rise_and_fall(struct pab_held *held, size_t count)
{
    while (held->count < count) {
        if (!pab_held_take(held, SIZE)) {
            return 0;
        }
    }
    size_t peak = pab_held_gain(held);
    for (size_t i = 0; i < count; i++) {
        pab_held_free(held, i, SIZE);
    }
    return peak;
}

/* --- LNG-01 --------------------------------------------------------------------------------- */

static enum pab_verdict decay_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    struct pab_held held;
    size_t count = pab_budget(run, MANY, MANY_MOST);
    void (*purge)(struct pab_heap *) = run->heap->backend->purge;
    char later[32] = "-";
    char purged[32] = "-";
    pab_subject_init(&subject, run->heap);
    pab_held_init(&held, &subject, count);
    size_t peak = rise_and_fall(&held, count);
    run->ops_done = 2 * (uint64_t)count;
    if (peak == 0) {
        return pab_skip(run, "NULL for the %zu-th block of %u bytes", held.count + 1, SIZE);
    }
    double at_once = percent(pab_held_gain(&held), peak);
    wait_ms(300);
    double soon = percent(pab_held_gain(&held), peak);
    if (run->ops >= PATIENT) {
        wait_ms(9700);
        snprintf(later, sizeof(later), "%.0f %%", percent(pab_held_gain(&held), peak));
    }
    if (purge != NULL) {
        purge(run->heap);
        snprintf(purged, sizeof(purged), "%.0f %%", percent(pab_held_gain(&held), peak));
    }
    pab_answer(run, "%.0f %% at once, %.0f %% after 300 ms, %s after a purge", at_once, soon,
               purged);
    pab_compared(run,
                 "resident of a peak of %zu KiB in %zu blocks of %u bytes, all freed: %.1f %% at "
                 "once, %.1f %% after 300 ms, %s after 10 s%s, %s after a purge",
                 peak >> 10, count, SIZE, at_once, soon, later,
                 run->ops >= PATIENT ? "" : " (waited for with --ops 1000000)", purged);
    return PAB_INFO;
}

/* --- LNG-02 --------------------------------------------------------------------------------- */

#define PURGED_LIMIT 10.0 /* per cent of the peak */

static enum pab_verdict purge_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    struct pab_held held;
    size_t count = pab_budget(run, MANY, MANY_MOST);
    pab_subject_init(&subject, run->heap);
    pab_held_init(&held, &subject, count);
    size_t peak = rise_and_fall(&held, count);
    run->ops_done = 2 * (uint64_t)count;
    if (peak == 0) {
        return pab_skip(run, "NULL for the %zu-th block of %u bytes", held.count + 1, SIZE);
    }
    run->heap->backend->purge(run->heap);
    double left = percent(pab_held_gain(&held), peak);
    pab_compared(run, "%.1f %% of a peak of %zu KiB are resident after a purge, allowed %.0f %%",
                 left, peak >> 10, PURGED_LIMIT);
    if (left > PURGED_LIMIT) {
        pab_wrong(run, "%.1f %% of the peak of %zu KiB stay after all was freed and purged", left,
                  peak >> 10);
    }
    return pab_judge(run, left <= PURGED_LIMIT);
}

/* --- LNG-03 --------------------------------------------------------------------------------- */

#define PIN_SIZE  64u
#define PIN_PAGE  ((uintptr_t)4096)
#define PIN_AGAIN 25.0 /* per cent of the peak that it may grow when the gaps are asked for again */

/* Keeps the first block of each page, by address; how many are kept. */
static size_t pin_pages(struct pab_held *held)
{
    uintptr_t page = 0;
    size_t kept = 0;
    pab_held_sort(held);
    for (size_t i = 0; i < held->count; i++) {
        uintptr_t own = (uintptr_t)held->blocks[i] / PIN_PAGE;
        if (own == page) {
            pab_held_free(held, i, PIN_SIZE);
        } else {
            kept++;
        }
        page = own;
    }
    return kept;
}

static enum pab_verdict pin_run(struct pab_check_run *run)
{
    struct pab_subject subject;
    struct pab_held held;
    size_t count = pab_budget(run, MANY, MANY_MOST);
    pab_subject_init(&subject, run->heap);
    pab_held_init(&held, &subject, 2 * count);
    while (held.count < count && pab_held_take(&held, PIN_SIZE)) {
    }
    size_t peak = pab_held_gain(&held);
    size_t kept = pin_pages(&held);
    size_t pinned = pab_held_gain(&held);
    double ratio = (double)pinned / ((double)kept * PIN_SIZE);
    while (held.count < 2 * count - kept && pab_held_take(&held, PIN_SIZE)) {
    }
    size_t again = pab_held_gain(&held);
    double growth = again > peak ? percent(again - peak, peak) : 0;
    run->ops_done = held.count + count - kept;
    pab_answer(run, "holds %.1f times the live bytes", ratio);
    pab_compared(run,
                 "one block of %u bytes kept in each page: %zu KiB held for %zu KiB live, %.1f "
                 "times; the freed ones taken again: %.1f %% over the peak of %zu KiB, allowed "
                 "%.0f %%",
                 PIN_SIZE, pinned >> 10, kept * PIN_SIZE >> 10, ratio, growth, peak >> 10,
                 PIN_AGAIN);
    if (growth > PIN_AGAIN) {
        pab_wrong(run, "the gaps between pinned blocks are not used again: %.1f %% over the peak",
                  growth);
    }
    return pab_judge(run, growth <= PIN_AGAIN);
}

static const struct pab_check checks[] = {
    {
        .id = "LNG-01",
        .summary = "what stays resident after a mass free: at once, later, after a purge",
        .source = "description; jemalloc's decay tests, gperftools ReleaseToSystem",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .run = decay_run,
    },
    {
        .id = "LNG-02",
        .summary = "after a mass free and a purge at most a tenth of the peak stays resident",
        .source = "scudo's releaseToOS tests",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_CONTRACT,
        .uses = PAB_USES_PURGE,
        .run = purge_run,
    },
    {
        .id = "LNG-03",
        .summary = "the gaps around single blocks that pin every page are used again",
        .source = "google/tcmalloc frag_test; mimalloc-bench",
        .class = PAB_CLASS_QUALITY,
        .severity = PAB_SEVERITY_QUALITY,
        .run = pin_run,
    },
};

const struct pab_check_group pab_checks_giving_back = {PAB_CHECK_CONTRACT, checks,
                                                       ARRAY_COUNT(checks)};
