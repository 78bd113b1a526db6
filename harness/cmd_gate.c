/* harness/cmd_gate.c -- `gate`: may head be merged? From the command line to an exit status. */
#include "harness/cmd.h"
#include "harness/document.h"
#include "harness/gate/files.h"
#include "harness/gate/self_test.h"

#include <string.h>

/* --- the verdict ---------------------------------------------------------------------------- */

static int exit_of(const struct pab_gate_case *the_case)
{
    static const int codes[] = {
        [PAB_GATE_BROKEN] = PAB_EXIT_FAILED,
        [PAB_GATE_REGRESSION] = PAB_EXIT_REGRESSION,
        [PAB_GATE_NOT_COMPARABLE] = PAB_EXIT_NOT_COMPARABLE,
        [PAB_GATE_INCONCLUSIVE] = PAB_EXIT_INCONCLUSIVE,
        [PAB_GATE_GOOD] = PAB_EXIT_GOOD,
    };
    bool passes = the_case->settings.inconclusive_passes &&
                  the_case->verdict->result == PAB_GATE_INCONCLUSIVE;
    return passes ? PAB_EXIT_GOOD : codes[the_case->verdict->result];
}

static int tell(const struct pab_gate_arguments *arguments, const struct pab_gate_case *the_case)
{
    struct pab_gate_page page = {.the_case = the_case, .is_verbose = arguments->verbose};
    pab_gate_show_table(stdout, &page);
    if (arguments->github) {
        pab_gate_show_annotations(stdout, &page);
    }
    fflush(stdout); /* before anything on stderr, should both go to one place */
    return pab_gate_write_files(arguments, &page) ? exit_of(the_case) : PAB_EXIT_ERROR;
}

/* --- from documents ------------------------------------------------------------------------- */

/* What an interrupted run has not is no news, and what it has was not all that was asked. */
static bool is_whole(const struct pab_reading *reading)
{
    bool is_cut = json_is_false(json_object_get(pab_reading_run(reading), "complete"));
    if (is_cut) {
        fprintf(stderr, "pyallocbench: %s was interrupted: it is not judged; run it again\n",
                pab_reading_path(reading));
    }
    return !is_cut;
}

static int judge_documents(const struct pab_gate_arguments *arguments)
{
    struct pab_error err;
    struct pab_reading *base = NULL;
    struct pab_reading *head = NULL;
    struct pab_gate_case *the_case = NULL;
    enum pab_status status = pab_reading_open(arguments->base, &base, &err);
    if (status == PAB_OK) {
        status = pab_reading_open(arguments->head, &head, &err);
    }
    if (status != PAB_OK) {
        pab_reading_close(base);
        return pab_cmd_fail(&err);
    }
    if (!is_whole(base) || !is_whole(head)) {
        pab_reading_close(base);
        pab_reading_close(head);
        return PAB_EXIT_INCONCLUSIVE;
    }
    status = pab_gate_case_between(base, head, &arguments->settings, &the_case, &err);
    int code = status == PAB_OK ? tell(arguments, the_case) : pab_cmd_fail(&err);
    pab_gate_case_free(the_case);
    return code;
}

static int judge_file(const struct pab_gate_arguments *arguments)
{
    struct pab_error err;
    struct pab_reading *arms = NULL;
    struct pab_gate_case *the_case = NULL;
    enum pab_status status = pab_reading_open(arguments->file, &arms, &err);
    if (status != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    if (!is_whole(arms)) {
        pab_reading_close(arms);
        return PAB_EXIT_INCONCLUSIVE;
    }
    status = pab_gate_case_of_arms(arms, &arguments->settings, &the_case, &err);
    int code = status == PAB_OK ? tell(arguments, the_case) : pab_cmd_fail(&err);
    pab_gate_case_free(the_case);
    return code;
}

/* --- live ----------------------------------------------------------------------------------- */

static bool keep_unjudged(json_t *document, const char *path)
{
    struct pab_error err;
    const json_t *run = json_object_get(document, "pyallocbench");
    if (json_array_size(json_object_get(run, "samples")) == 0 &&
        json_array_size(json_object_get(run, "failures")) == 0) {
        fprintf(stderr, "pyallocbench: nothing was measured yet, so nothing is kept\n");
        return true;
    }
    if (pab_document_write(document, path, &err) != PAB_OK) {
        (void)pab_cmd_fail(&err);
        fprintf(stderr, "pyallocbench: nothing is kept: run the gate again where there is room\n");
        return false;
    }
    fprintf(stderr,
            "pyallocbench: what was measured is kept in %s, and not judged; `compare` shows it, a "
            "verdict takes the same gate again\n",
            path);
    return true;
}

static int judge_live(const struct pab_gate_arguments *arguments, json_t *document,
                      const char *path)
{
    struct pab_error err;
    struct pab_reading *arms = NULL;
    struct pab_gate_case *the_case = NULL;
    json_t *run = json_object_get(document, "pyallocbench");
    enum pab_status status = pab_reading_of_run(run, &arms, &err);
    if (status == PAB_OK) {
        status = pab_gate_case_of_arms(arms, &arguments->settings, &the_case, &err);
    }
    if (status == PAB_NOT_COMPARABLE) {
        pab_fail(&err, status, "base has no figure that head could be held to: no verdict");
    }
    if (status != PAB_OK) {
        (void)keep_unjudged(document, path);
        return pab_cmd_fail(&err);
    }
    json_t *gate = json_object_get(run, "gate");
    char sentence[PAB_GATE_SENTENCE_MAX];
    json_object_set_new(gate, "result",
                        json_string(pab_gate_result_word(the_case->verdict->result)));
    json_object_set_new(gate, "sentence", json_string(pab_gate_sentence(the_case, sentence)));
    json_object_set_new(gate, "findings", pab_gate_findings_json(the_case));
    enum pab_status written = pab_document_write(document, path, &err);
    int code = tell(arguments, the_case);
    if (written != PAB_OK) {
        code = pab_cmd_fail(&err);
    } else {
        fprintf(stderr, "wrote %s\n", path);
    }
    pab_gate_case_free(the_case);
    return code;
}

static int carry_out(const struct pab_gate_arguments *arguments, const struct pab_plan *plan,
                     struct pab_journal *journal, const char *path)
{
    const volatile int *interrupted = pab_cmd_catch_signals();
    struct pab_experiment experiment = {
        .plan = plan, .journal = journal, .interrupted = interrupted, .quiet = arguments->quiet};
    struct pab_experiment_result result;
    struct pab_error err;
    enum pab_status status = pab_gate_measure(&experiment, &arguments->settings, &result, &err);
    int stopped = *interrupted;
    json_t *document =
        pab_document_make(pab_journal_record(journal), stopped == 0 && status == PAB_OK);
    int code = status == PAB_OK ? 128 + stopped : pab_cmd_fail(&err);
    if (status != PAB_OK) { /* why comes first; the journal's room is what the document needs */
        pab_journal_close(journal, false);
        journal = NULL;
    }
    if (stopped != 0 || status != PAB_OK) {
        code = keep_unjudged(document, path) ? code : PAB_EXIT_ERROR;
    } else if (result.backends_available == 0 && result.backends_broken == 0) {
        fprintf(stderr, "pyallocbench: none of the backends asked for is available here\n");
        code = PAB_EXIT_NOTHING;
    } else {
        code = judge_live(arguments, document, path);
    }
    json_decref(document);
    if (journal != NULL) {
        pab_journal_close(journal, false);
    }
    return code;
}

static void say_plan(const struct pab_plan *plan)
{
    size_t cells = plan->workload_count * plan->arm_count / 2;
    fprintf(stderr, "gate: %zu cell%s, base and head", cells, cells == 1 ? "" : "s");
    if (!pab_plan_has(plan, &pab_pass_time)) {
        fprintf(stderr, "\n");
    } else if (plan->budget_s > 0) {
        fprintf(stderr, "; %.0f s of time rounds\n", plan->budget_s);
    } else {
        fprintf(stderr, "; %u time rounds\n", plan->rounds);
    }
}

static int run_live(struct pab_gate_arguments *arguments, int argc, char **argv)
{
    const char *path = arguments->output == NULL ? PAB_GATE_OUTPUT : arguments->output;
    static struct pab_plan plan;
    struct pab_journal *journal = NULL;
    struct pab_error err;
    if (pab_gate_expect_files(arguments, path, &err) != PAB_OK ||
        pab_gate_plan(&plan, &arguments->request, &err) != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    arguments->settings.families = pab_gate_families_of_plan(&plan);
    int code = pab_gate_open(&plan, &err);
    if (code != PAB_EXIT_GOOD) {
        (void)pab_cmd_fail(&err);
        pab_plan_fini(&plan);
        return code;
    }
    enum pab_status status = pab_journal_create(
        path, pab_document_header(pab_plan_to_json(&plan), argc, argv), &journal, &err);
    if (status == PAB_OK && pab_journal_aside(journal) != NULL) {
        fprintf(stderr, "pyallocbench: an unfinished run of that name was moved to %s\n",
                pab_journal_aside(journal));
    }
    if (status == PAB_OK && !arguments->quiet) {
        say_plan(&plan);
    }
    code = status == PAB_OK ? carry_out(arguments, &plan, journal, path) : pab_cmd_fail(&err);
    pab_plan_fini(&plan);
    return code;
}

/* Of what is said for a gate only the seed counts. */
static int test_itself(const struct pab_gate_arguments *arguments)
{
    const struct pab_request *run = &arguments->request.run;
    struct pab_gate_self_test_options asked = {
        .seed = run->has_seed ? run->seed : 1,
        .live = arguments->tests_live,
        .quiet = arguments->quiet,
    };
    return pab_gate_self_test(&asked, stdout) == 0 ? PAB_EXIT_GOOD : PAB_EXIT_ERROR;
}

int pab_cmd_gate(int argc, char **argv)
{
    struct pab_gate_arguments arguments;
    struct pab_error err;
    argv[0] = "pyallocbench gate";
    enum pab_status status = pab_gate_arguments_parse(argc, argv, &arguments, &err);
    argv[0] = "gate";
    if (status == PAB_OK && arguments.tests_itself) {
        return test_itself(&arguments);
    }
    if (status == PAB_OK && arguments.form == PAB_GATE_LIVE) {
        pab_gate_settings_fill(&arguments.settings, NULL);
        return run_live(&arguments, argc, argv);
    }
    if (status == PAB_OK) {
        status = pab_gate_expect_files(&arguments, NULL, &err);
    }
    if (status != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    return arguments.form == PAB_GATE_DOCUMENTS ? judge_documents(&arguments)
                                                : judge_file(&arguments);
}
