/* tests/conformance/diff/diff.c -- storms: the built-in pymalloc, with the geometry of the spec under
 * test, and a libpython get the same calls, and every address is compared. */
#include "harness/check.h"
#include "tests/conformance/storm/storm.h"

#include <string.h>

#define OPS      UINT64_C(1000000)
#define SHRINK_S 10

static struct pab_oracle oracle;

static enum pab_status diff_admit(const struct pab_check_run *run, struct pab_error *err)
{
    enum pab_status status = PAB_OK;
    if (run->oracle != NULL) { /* first: a wrong one is refused whatever it is for */
        status = pab_oracle_open(&oracle, run->oracle, err);
    }
    if (status != PAB_OK) {
        return status;
    }
    if (strcmp(run->spec->backend->name, "pymalloc") != 0) {
        return pab_fail(err, PAB_UNAVAILABLE,
                        "only the built-in pymalloc claims CPython's addresses");
    }
    if (pab_spec_is(run->spec, "hooks", "debug")) {
        return pab_fail(
            err, PAB_UNAVAILABLE,
            "its hooks pad every block; what is held to CPython is pymalloc below them");
    }
    if (run->oracle == NULL) {
        status = pab_oracle_open(&oracle, NULL, err);
    }
    return status == PAB_OK ? pab_oracle_expect_fit(&oracle, run->spec, err) : status;
}

static void pass_on(void *arg, uint64_t done, uint64_t total)
{
    const struct pab_check_run *run = arg;
    run->progress(done, total);
}

/* As many whole lines of the listing as there is room for. */
static void take_listing(struct pab_check_run *run, const struct pab_storm_result *result)
{
    static const char cut[] = "# ... cut here; tests/differential/address_storm writes it whole\n";
    const char *text = result->reproducer;
    if (text == NULL) {
        return;
    }
    size_t room = sizeof(run->detail) - sizeof(cut);
    size_t taken = strlen(text);
    if (taken > room) {
        taken = room;
        while (taken > 0 && text[taken - 1] != '\n') {
            taken--;
        }
        snprintf(run->detail, sizeof(run->detail), "%.*s%s", (int)taken, text, cut);
        return;
    }
    memcpy(run->detail, text, taken + 1);
}

static enum pab_verdict diff_run(struct pab_check_run *run, enum pab_storm_arenas arenas,
                                 enum pab_storm_mix mix)
{
    if (arenas != PAB_STORM_ALIGNED && !oracle.has_arenas) {
        snprintf(run->reason, sizeof(run->reason),
                 "CPython %s takes its arenas where no hook can give other ones", oracle.profile);
        return PAB_SKIP;
    }
    struct pab_storm_plan plan = {
        .geometry = pab_pymalloc_spec_geometry(run->spec),
        .arenas = arenas,
        .mix = mix,
        .seed = run->seed,
        .ops = run->ops != 0 ? run->ops : OPS,
        .shrink_s = SHRINK_S,
    };
    struct pab_storm_progress progress = {pass_on, run};
    struct pab_storm_result result;
    pab_storm_run(&plan, &oracle, &progress, &result);
    pab_storm_describe(&result, &oracle, run->compared, sizeof(run->compared));
    if (result.end == PAB_STORM_SAME && arenas == PAB_STORM_FAILING && result.arenas_refused == 0) {
        snprintf(run->reason, sizeof(run->reason),
                 "too few operations: no request for an arena was refused; more with --ops");
        return PAB_SKIP;
    }
    if (result.end == PAB_STORM_SAME) {
        return PAB_PASS;
    }
    snprintf(run->reason, sizeof(run->reason), "%s", result.text);
    take_listing(run, &result);
    free(result.reproducer);
    return result.end == PAB_STORM_DIFFERS ? PAB_FAIL : PAB_SKIP;
}

static enum pab_verdict aligned_run(struct pab_check_run *run)
{
    return diff_run(run, PAB_STORM_ALIGNED, PAB_STORM_MIXED);
}

static enum pab_verdict unaligned_run(struct pab_check_run *run)
{
    return diff_run(run, PAB_STORM_UNALIGNED, PAB_STORM_MIXED);
}

static enum pab_verdict failing_run(struct pab_check_run *run)
{
    return diff_run(run, PAB_STORM_FAILING, PAB_STORM_MIXED);
}

static enum pab_verdict drains_run(struct pab_check_run *run)
{
    return diff_run(run, PAB_STORM_ALIGNED, PAB_STORM_DRAINS);
}

static enum pab_verdict borders_run(struct pab_check_run *run)
{
    return diff_run(run, PAB_STORM_ALIGNED, PAB_STORM_BORDERS);
}

#define DIFF_COMMON                                                                                \
    .source =                                                                                      \
        "allocators/pymalloc/pymalloc.h: the same addresses as CPython's Objects/obmalloc.c",      \
    .class = PAB_CLASS_REQUIRED, .severity = PAB_SEVERITY_CONTRACT, .admit = diff_admit

static const struct pab_check checks[] = {
    {
        .id = "DIFF-001",
        .summary = "CPython's addresses, for any calls, over arenas aligned to their size",
        .run = aligned_run,
        DIFF_COMMON,
    },
    {
        .id = "DIFF-002",
        .summary =
            "CPython's addresses, over arenas that are not aligned to a pool and so lose one",
        .run = unaligned_run,
        DIFF_COMMON,
    },
    {
        .id = "DIFF-003",
        .summary = "CPython's addresses, when requests for an arena are refused time and again",
        .run = failing_run,
        DIFF_COMMON,
    },
    {
        .id = "DIFF-004",
        .summary =
            "CPython's addresses and releases of arenas, when classes fill and drain in any order",
        .run = drains_run,
        DIFF_COMMON,
    },
    {
        .id = "DIFF-005",
        .summary =
            "CPython's addresses, for sizes around class borders, the threshold and the 25 % "
            "rule of realloc",
        .run = borders_run,
        DIFF_COMMON,
    },
};

const struct pab_check_group pab_checks_diff = {PAB_CHECK_CONTRACT, checks, ARRAY_COUNT(checks)};
