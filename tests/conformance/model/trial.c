#include "tests/conformance/model/trial.h"

#include "allocators/oscalls.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#define ALIGN_LEAST    16u
#define PROGRESS_EVERY (1u << 20) /* calls */

/* The child's; the parent's copies are never touched. */
static struct {
    struct model_shadow shadow;
    struct model_world world;
    struct model_generator generator;
} child;

static bool list_fails(const struct model_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->ops[i].call == MODEL_FAIL) {
            return true;
        }
    }
    return false;
}

static void prepare_faults(const struct model_trial *trial, struct model_world *world)
{
    bool wanted = trial->list != NULL ? list_fails(trial->list)
                                      : pab_model_profile_fails(trial->plan->profile);
    if (wanted) {
        world->can_fail_kernel = pab_oscalls_install(trial->outcome->faults_missing,
                                                     sizeof(trial->outcome->faults_missing));
    }
}

static bool do_ops(struct model_crew *crew, const struct model_op *ops, size_t count)
{
    return crew != NULL ? pab_model_crew_do(crew, ops, count)
                        : pab_model_do(&child.world, ops, count);
}

static bool do_plan(const struct model_trial *trial, struct model_crew *crew)
{
    const struct pab_model_plan *plan = trial->plan;
    struct model_generator *generator = &child.generator;
    uint64_t next_progress = PROGRESS_EVERY;
    bool holds = true;
    pab_model_generator_init(generator, plan, 0);
    while (holds && generator->calls < plan->ops) {
        uint64_t before = generator->lines;
        pab_model_generate(generator);
        size_t skipped = 0;
        if (before < trial->skip_lines) {
            uint64_t left = trial->skip_lines - before;
            skipped = left < generator->count ? (size_t)left : generator->count;
            child.world.line += skipped;
        }
        holds = do_ops(crew, generator->ops + skipped, generator->count - skipped);
        if (plan->progress != NULL && generator->calls >= next_progress) {
            next_progress += PROGRESS_EVERY;
            plan->progress(generator->calls < plan->ops ? generator->calls : plan->ops, plan->ops);
        }
    }
    return holds;
}

/* False: there is no memory for the world. */
static bool run_on_one_world(const struct model_trial *trial)
{
    struct model_world *world = &child.world;
    size_t align = trial->plan->align_least;
    if (!pab_model_world_open(world, trial->subject, &child.shadow, trial->outcome,
                              align != 0 ? align : ALIGN_LEAST)) {
        return false;
    }
    unsigned threads = trial->plan->threads;
    struct model_crew *crew = threads > 1 ? pab_model_crew_start(world, threads) : NULL;
    prepare_faults(trial, world);
    bool holds = trial->list != NULL ? do_ops(crew, trial->list->ops, trial->list->count)
                                     : do_plan(trial, crew);
    pab_model_close_window(world);
    if (crew != NULL && holds) {
        pab_model_crew_stop(crew);
    }
    if (holds && pab_model_empty(world)) {
        pab_model_settle(world);
    }
    pab_model_report(world);
    return true;
}

static int run_trial(void *arg)
{
    const struct model_trial *trial = arg;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool is_free = trial->plan->free_running && trial->list == NULL;
    if (!pab_model_shadow_open(&child.shadow, is_free)) {
        return 1;
    }
    bool has_run = is_free ? pab_model_run_free(trial, &child.shadow) : run_on_one_world(trial);
    trial->outcome->has_ended = has_run;
    return has_run ? 0 : 1;
}

bool pab_model_try(struct model_trial *trial)
{
    memset(trial->outcome, 0, sizeof(*trial->outcome));
    pab_case_run(run_trial, trial, trial->timeout_ms, &trial->done);
    return trial->outcome->has_broken != 0 || !trial->outcome->has_ended;
}
