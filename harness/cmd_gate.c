/* harness/cmd_gate.c -- `gate`: may head be merged? From the command line to an exit status. */
#include "harness/cmd.h"
#include "harness/document.h"
#include "harness/gate/live.h"
#include "harness/gate/self_test.h"
#include "harness/gate/show.h"
#include "harness/output.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#define DEFAULT_OUTPUT "pyallocbench-gate.json"

enum option_key {
    OPTION_BASE = 256,
    OPTION_HEAD,
    OPTION_BASE_BIN,
    OPTION_HEAD_BIN,
    OPTION_BASE_SPEC,
    OPTION_HEAD_SPEC,
    OPTION_BUDGET,
    OPTION_ROUNDS,
    OPTION_PASSES,
    OPTION_CONFIRM,
    OPTION_SEED,
    OPTION_TIMEOUT,
    OPTION_STRUCTURE,
    OPTION_ALLOW_GONE,
    OPTION_INCONCLUSIVE,
    OPTION_FORCE,
    OPTION_JUNIT,
    OPTION_MARKDOWN,
    OPTION_GITHUB,
    OPTION_SELF_TEST,
    OPTION_NUMBER, /* and PAB_GATE_NUMBER_COUNT - 1 more */
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "What is compared:", 1},
    {"base-bin", OPTION_BASE_BIN, "FILE", 0, "A build of this program: the old one", 1},
    {"head-bin", OPTION_HEAD_BIN, "FILE", 0, "... and the new one (default: this program)", 1},
    {"base-spec", OPTION_BASE_SPEC, "SPEC", 0, "A backend: the old one, or what it was", 1},
    {"head-spec", OPTION_HEAD_SPEC, "SPEC", 0, "... and the new one", 1},
    {"base", OPTION_BASE, "FILE", 0, "A document of `run`: the old one", 1},
    {"head", OPTION_HEAD, "FILE", 0, "... and the new one", 1},
    {"force", OPTION_FORCE, NULL, 0,
     "Judges documents of unlike machines or builds all the same; every output says so", 1},
    {NULL, 0, NULL, 0, "What is measured:", 2},
    {"backends", 'b', "SPECS", 0, "Under both builds (default: pymalloc)", 2},
    {"workloads", 'w', "GLOBS", 0, "Default: the default set", 2},
    {"exclude", 'x', "GLOBS", 0, "Workloads to leave out", 2},
    {"param", 'p', "W.PARAM=VALUE", 0, "Sets a workload's parameter; W may be a glob", 2},
    {"passes", OPTION_PASSES, "LIST", 0,
     "Of time, memory (with structure), instructions (default: those that can be made here; of "
     "documents those that they hold)",
     2},
    {"budget", OPTION_BUDGET, "TIME", 0,
     "Of time rounds, over all cells: 90s, 10m (default: one minute a cell). A confirmation takes "
     "at most as long again",
     2},
    {"rounds", OPTION_ROUNDS, "N", 0, "So many time rounds, in place of a budget", 2},
    {"confirm", OPTION_CONFIRM, "N", 0,
     "Rounds that confirm what was flagged (default: as many again; 0: none are needed)", 2},
    {"seed", OPTION_SEED, "N", 0, "Of inputs and of the order of cells (default: 1)", 2},
    {"timeout", OPTION_TIMEOUT, "SECONDS", 0, "For one cell (default: 60)", 2},
    {NULL, 0, NULL, 0, "What is demanded:", 3},
    {"alpha", OPTION_NUMBER + PAB_GATE_ALPHA, "P", 0,
     "Of any false alarm in time, over all cells (default: 0.01)", 3},
    {"detect", OPTION_NUMBER + PAB_GATE_DETECT, "PERCENT", 0,
     "A slowdown that must have been within reach, else the gate is inconclusive (default: 3)", 3},
    {"power", OPTION_NUMBER + PAB_GATE_POWER, "P", 0, "... with this probability (default: 0.9)",
     3},
    {"time-floor", OPTION_NUMBER + PAB_GATE_TIME_FLOOR, "PERCENT", 0,
     "Slowdowns below it do not count (default: 1)", 3},
    {"memory-limit", OPTION_NUMBER + PAB_GATE_MEMORY_LIMIT, "PERCENT", 0, "Default: 1", 3},
    {"instructions-limit", OPTION_NUMBER + PAB_GATE_INSTRUCTIONS_LIMIT, "PERCENT", 0,
     "Default: 0.1 (jemalloc, whose decay follows a clock: five times that)", 3},
    {"structure", OPTION_STRUCTURE, "WORD", 0,
     "fail: counts of arenas, pools, blocks must be equal (default); show: they may change", 3},
    {"allow-gone", OPTION_ALLOW_GONE, NULL, 0, "Head may lack what base has", 3},
    {"inconclusive", OPTION_INCONCLUSIVE, "WORD", 0, "fail: exit 5 (default); pass: exit 0", 3},
    {NULL, 0, NULL, 0, "What is told:", 4},
    {"output", 'o', "FILE", 0,
     "The document of a live gate, to be judged again (default: " DEFAULT_OUTPUT ")", 4},
    {"md", OPTION_MARKDOWN, "FILE", 0, "Markdown for a pull request", 4},
    {"junit", OPTION_JUNIT, "FILE", 0, "JUnit XML", 4},
    {"github", OPTION_GITHUB, NULL, 0,
     "Annotations for GitHub Actions on stdout, and the Markdown into its step summary", 4},
    {"verbose", 'v', NULL, 0, "Every figure that was judged, not only the main ones", 4},
    {"quiet", 'q', NULL, 0, "No progress on stderr", 4},
    {NULL, 0, NULL, 0, "Instead of all that:", 5},
    {"self-test", OPTION_SELF_TEST, "live", OPTION_ARG_OPTIONAL,
     "Puts the gate itself to the test: false alarms, power, known-bad comparators, in seconds; "
     "live: real gates on dialled backends, too, in minutes",
     5},
    {0},
};

static const char args_doc[] = "[FILE]";

static const char doc[] =
    "Did anything get worse? Runs base and head interleaved on this machine, or takes documents, "
    "and judges time, memory, instructions and structure. What looks worse is measured again and "
    "must be worse again. FILE is a document of an earlier live gate, to be judged once more.\v"
    "Examples:\n"
    "  pyallocbench gate --base-bin ../base/build/pyallocbench\n"
    "  pyallocbench gate --base-spec library:./old.so --head-spec library:./new.so -w strings\n"
    "  pyallocbench gate --base-spec pymalloc --head-spec pymalloc:pool=4K --structure show\n"
    "  pyallocbench gate --base-bin old/pyallocbench --md comment.md --junit gate.xml --github\n"
    "  pyallocbench gate --base old.json --head new.json --passes memory\n\n"
    "Exit status: 0 nothing got worse; 1 a file could not be used; 2 usage; 3 something got worse, "
    "and again when it was confirmed; 4 head crashed, was wrong, or what was named is not there; 5 "
    "cannot tell: too few rounds for --detect, the A/A control failed, a cell is gone; 6 not "
    "comparable: other machines, builds, workloads; 77 nothing of what was asked is available "
    "here; 130, 143 interrupted: what was measured is kept, and not judged.";

struct arguments {
    struct pab_gate_request request;
    struct pab_gate_settings settings;
    const char *base, *head, *file;
    const char *output, *markdown, *junit;
    bool github, quiet, verbose;
    bool tests_itself, tests_live;
};

/* --- options -------------------------------------------------------------------------------- */

static void add_param(struct argp_state *state, struct pab_request *request, const char *text)
{
    if (request->param_count == ARRAY_COUNT(request->params)) {
        argp_failure(state, PAB_EXIT_USAGE, 0, "more than %zu times -p",
                     ARRAY_COUNT(request->params));
    }
    request->params[request->param_count++] = text;
}

/* One of two words. */
static bool is_second(struct argp_state *state, const char *option, const char *text,
                      const char *const words[2])
{
    if (strcmp(text, words[0]) != 0 && strcmp(text, words[1]) != 0) {
        argp_failure(state, PAB_EXIT_USAGE, 0, "--%s %s: it is %s or %s", option, text, words[0],
                     words[1]);
    }
    return strcmp(text, words[1]) == 0;
}

static bool parse_number(int key, const char *value, struct argp_state *state,
                         struct pab_gate_settings *settings)
{
    static const struct {
        const char *name;
        double least, most, unit;
    } numbers[PAB_GATE_NUMBER_COUNT] = {
        [PAB_GATE_ALPHA] = {"alpha", 1e-9, 0.5, 1},
        [PAB_GATE_POWER] = {"power", 0.5, 0.999, 1},
        [PAB_GATE_DETECT] = {"detect", 0.01, 10000, 0.01},
        [PAB_GATE_TIME_FLOOR] = {"time-floor", 0, 10000, 0.01},
        [PAB_GATE_MEMORY_LIMIT] = {"memory-limit", 0, 10000, 0.01},
        [PAB_GATE_INSTRUCTIONS_LIMIT] = {"instructions-limit", 0, 10000, 0.01},
    };
    if (key < OPTION_NUMBER || key >= OPTION_NUMBER + (int)PAB_GATE_NUMBER_COUNT) {
        return false;
    }
    size_t index = (size_t)(key - OPTION_NUMBER);
    settings->numbers[index] =
        numbers[index].unit * pab_cmd_number(state, numbers[index].name, value,
                                             numbers[index].least, numbers[index].most);
    return true;
}

/* What is measured. */
static bool parse_measured(int key, char *value, struct argp_state *state,
                           struct arguments *arguments)
{
    struct pab_request *run = &arguments->request.run;
    switch (key) {
    case 'b':
        run->backends = value;
        return true;
    case 'w':
        run->workloads = value;
        return true;
    case 'x':
        run->exclude = value;
        return true;
    case 'p':
        add_param(state, run, value);
        return true;
    case OPTION_PASSES:
        run->passes = value;
        return true;
    case OPTION_BUDGET:
        run->budget_s = pab_cmd_duration(state, "budget", value, 1, 7 * 86400.0);
        return true;
    case OPTION_ROUNDS:
        run->rounds = (long)pab_cmd_whole(state, "rounds", value, 1, PAB_ROUNDS_MAX / 2);
        return true;
    case OPTION_CONFIRM:
        arguments->settings.confirm_rounds =
            (long)pab_cmd_whole(state, "confirm", value, 0, PAB_ROUNDS_MAX / 2);
        return true;
    case OPTION_SEED:
        run->seed = pab_cmd_whole(state, "seed", value, 0, PAB_SEED_MAX);
        run->has_seed = true;
        return true;
    case OPTION_TIMEOUT:
        run->timeout_s = pab_cmd_number(state, "timeout", value, 0.1, 86400);
        return true;
    default:
        return false;
    }
}

/* What is told, and how it is judged. */
static bool parse_told(int key, char *value, struct argp_state *state, struct arguments *arguments)
{
    switch (key) {
    case 'o':
        arguments->output = pab_cmd_file(state, "-o", value);
        return true;
    case OPTION_MARKDOWN:
        arguments->markdown = pab_cmd_file(state, "--md", value);
        return true;
    case OPTION_JUNIT:
        arguments->junit = pab_cmd_file(state, "--junit", value);
        return true;
    case OPTION_GITHUB:
        arguments->github = true;
        return true;
    case 'v':
        arguments->verbose = true;
        return true;
    case 'q':
        arguments->quiet = true;
        return true;
    case OPTION_STRUCTURE:
        arguments->settings.shows_structure =
            is_second(state, "structure", value, (const char *const[]){"fail", "show"});
        return true;
    case OPTION_INCONCLUSIVE:
        arguments->settings.inconclusive_passes =
            is_second(state, "inconclusive", value, (const char *const[]){"fail", "pass"});
        return true;
    case OPTION_ALLOW_GONE:
        arguments->settings.allows_gone = true;
        return true;
    case OPTION_SELF_TEST:
        arguments->tests_itself = true;
        arguments->tests_live = value != NULL;
        if (value != NULL && strcmp(value, "live") != 0) {
            argp_failure(state, PAB_EXIT_USAGE, 0, "--self-test=%s: it is --self-test=live", value);
        }
        return true;
    default:
        return parse_number(key, value, state, &arguments->settings);
    }
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case OPTION_BASE:
        arguments->base = value;
        break;
    case OPTION_HEAD:
        arguments->head = value;
        break;
    case OPTION_BASE_BIN:
        arguments->request.base_binary = value;
        break;
    case OPTION_HEAD_BIN:
        arguments->request.head_binary = value;
        break;
    case OPTION_BASE_SPEC:
        arguments->request.base_spec = value;
        break;
    case OPTION_HEAD_SPEC:
        arguments->request.head_spec = value;
        break;
    case OPTION_FORCE:
        arguments->settings.forces = true;
        break;
    case ARGP_KEY_ARG:
        if (arguments->file != NULL) {
            argp_failure(state, PAB_EXIT_USAGE, 0, "'%s': one FILE is judged at a time", value);
        }
        arguments->file = value;
        break;
    default:
        return parse_measured(key, value, state, arguments) ||
                       parse_told(key, value, state, arguments)
                   ? 0
                   : ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* --- which of the forms it is --------------------------------------------------------------- */

enum form { FORM_LIVE, FORM_DOCUMENTS, FORM_FILE };

static bool asks_to_measure(const struct pab_gate_request *request)
{
    const struct pab_request *run = &request->run;
    return request->base_binary != NULL || request->head_binary != NULL ||
           request->base_spec != NULL || request->head_spec != NULL || run->backends != NULL ||
           run->workloads != NULL || run->exclude != NULL || run->param_count > 0 ||
           run->budget_s > 0 || run->rounds > 0 || run->has_seed || run->timeout_s > 0;
}

static enum pab_status find_live(const struct pab_gate_request *request, struct pab_error *err)
{
    bool has_binary = request->base_binary != NULL || request->head_binary != NULL;
    if ((request->base_spec == NULL) != (request->head_spec == NULL)) {
        return pab_fail(err, PAB_USAGE, "--base-spec and --head-spec belong together");
    }
    if (request->base_spec != NULL && request->run.backends != NULL) {
        return pab_fail(err, PAB_USAGE,
                        "-b names backends under two builds, --base-spec and --head-spec two "
                        "backends: give one or the other");
    }
    if (!has_binary && request->base_spec == NULL) {
        return pab_fail(err, PAB_USAGE,
                        "what is compared? --base-bin FILE, --base-spec SPEC --head-spec SPEC, or "
                        "--base FILE --head FILE; see --help");
    }
    if (request->run.rounds > 0 && request->run.budget_s > 0) {
        return pab_fail(err, PAB_USAGE, "--rounds and --budget: give one or the other");
    }
    return PAB_OK;
}

static enum pab_status find_form(const struct arguments *arguments, enum form *out,
                                 struct pab_error *err)
{
    bool has_documents = arguments->base != NULL || arguments->head != NULL;
    bool measures = asks_to_measure(&arguments->request);
    *out = has_documents ? FORM_DOCUMENTS : arguments->file != NULL ? FORM_FILE : FORM_LIVE;
    if (has_documents && (arguments->base == NULL || arguments->head == NULL)) {
        return pab_fail(err, PAB_USAGE, "--base FILE and --head FILE belong together");
    }
    if (arguments->file != NULL && has_documents) {
        return pab_fail(err, PAB_USAGE, "%s, and --base and --head: give one or the other",
                        arguments->file);
    }
    if (*out != FORM_LIVE && (measures || arguments->output != NULL)) {
        return pab_fail(err, PAB_USAGE,
                        "documents are judged as they are: nothing is measured, no other "
                        "document is written");
    }
    if (*out == FORM_FILE && arguments->settings.forces) {
        return pab_fail(err, PAB_USAGE, "--force is for --base FILE --head FILE");
    }
    return *out == FORM_LIVE ? find_live(&arguments->request, err) : PAB_OK;
}

static enum pab_status add_families(void *arg, const char *word, struct pab_error *err)
{
    unsigned *families = arg;
    *families |= pab_gate_families_of(word);
    return pab_gate_families_of(word) != 0
               ? PAB_OK
               : pab_fail(err, PAB_USAGE,
                          "--passes %s: a gate judges time, memory and instructions", word);
}

/* --- files ---------------------------------------------------------------------------------- */

static enum pab_status expect_files(const struct arguments *arguments, const char *document,
                                    struct pab_error *err)
{
    const char *paths[] = {document, arguments->markdown, arguments->junit};
    static const char *const heads[] = {NULL, PAB_GATE_MARKDOWN_HEAD, PAB_GATE_JUNIT_HEAD};
    static const char *const names[] = {"-o", "--md", "--junit"};
    enum pab_status status = PAB_OK;
    for (size_t i = 0; status == PAB_OK && i < ARRAY_COUNT(paths); i++) {
        for (size_t j = 0; j < i; j++) {
            if (paths[i] != NULL && paths[j] != NULL && strcmp(paths[i], paths[j]) == 0) {
                return pab_fail(err, PAB_USAGE, "-o, --md and --junit need a file each");
            }
        }
        if (paths[i] != NULL) {
            status = heads[i] == NULL ? pab_document_may_replace(paths[i], err)
                                      : pab_output_expect_own(names[i], paths[i], heads[i], err);
        }
        if (paths[i] != NULL && status == PAB_OK) {
            status = pab_output_expect_writable(paths[i], err);
        }
    }
    return status;
}

/* The step's summary is GitHub's file: others have written to it, too. */
static enum pab_status append_summary(const struct pab_gate_page *page, struct pab_error *err)
{
    const char *path = getenv("GITHUB_STEP_SUMMARY");
    if (path == NULL || path[0] == '\0') {
        return PAB_OK;
    }
    FILE *file = fopen(path, "ae");
    bool good = file != NULL && pab_gate_show_markdown(file, page);
    good = file != NULL && fclose(file) == 0 && good;
    return good ? PAB_OK
                : pab_fail(err, PAB_IO, "cannot write %s (GITHUB_STEP_SUMMARY): %s", path,
                           strerror(errno));
}

/* Each on its own: that one cannot be written costs none of the others. */
static bool write_reports(const struct arguments *arguments, const struct pab_gate_page *page)
{
    struct pab_error err;
    bool good = true;
    if (arguments->markdown != NULL &&
        pab_output_write(arguments->markdown, pab_gate_show_markdown, page, &err) != PAB_OK) {
        (void)pab_cmd_fail(&err);
        good = false;
    }
    if (arguments->junit != NULL &&
        pab_output_write(arguments->junit, pab_gate_show_junit, page, &err) != PAB_OK) {
        (void)pab_cmd_fail(&err);
        good = false;
    }
    if (arguments->github && append_summary(page, &err) != PAB_OK) {
        (void)pab_cmd_fail(&err);
        good = false;
    }
    return good;
}

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

static int tell(const struct arguments *arguments, const struct pab_gate_case *the_case)
{
    struct pab_gate_page page = {.the_case = the_case, .is_verbose = arguments->verbose};
    pab_gate_show_table(stdout, &page);
    if (arguments->github) {
        pab_gate_show_annotations(stdout, &page);
    }
    fflush(stdout); /* before anything on stderr, should both go to one place */
    return write_reports(arguments, &page) ? exit_of(the_case) : PAB_EXIT_ERROR;
}

/* --- from documents ------------------------------------------------------------------------- */

static int judge_documents(const struct arguments *arguments)
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
    status = pab_gate_case_between(base, head, &arguments->settings, &the_case, &err);
    int code = status == PAB_OK ? tell(arguments, the_case) : pab_cmd_fail(&err);
    pab_gate_case_free(the_case);
    return code;
}

static int judge_file(const struct arguments *arguments)
{
    struct pab_error err;
    struct pab_reading *arms = NULL;
    struct pab_gate_case *the_case = NULL;
    enum pab_status status = pab_reading_open(arguments->file, &arms, &err);
    if (status != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    if (json_is_false(json_object_get(pab_reading_run(arms), "complete"))) {
        fprintf(stderr,
                "pyallocbench: %s: the gate was interrupted: it is not judged; run it "
                "again\n",
                arguments->file);
        pab_reading_close(arms);
        return PAB_EXIT_INCONCLUSIVE;
    }
    status = pab_gate_case_of_arms(arms, &arguments->settings, &the_case, &err);
    int code = status == PAB_OK ? tell(arguments, the_case) : pab_cmd_fail(&err);
    pab_gate_case_free(the_case);
    return code;
}

/* --- live ----------------------------------------------------------------------------------- */

static int keep_unjudged(json_t *document, const char *path, const struct pab_error *trouble)
{
    struct pab_error err;
    if (pab_document_write(document, path, &err) != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    fprintf(stderr, "pyallocbench: what was measured is kept in %s, and not judged\n", path);
    return trouble == NULL ? PAB_EXIT_GOOD : pab_cmd_fail(trouble);
}

static int judge_live(const struct arguments *arguments, json_t *document, const char *path)
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
        (void)keep_unjudged(document, path, NULL);
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

static int carry_out(const struct arguments *arguments, const struct pab_plan *plan,
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
    int code = PAB_EXIT_GOOD;
    if (stopped != 0 || status != PAB_OK) {
        code = keep_unjudged(document, path, status == PAB_OK ? NULL : &err);
        code = status == PAB_OK && code == PAB_EXIT_GOOD ? 128 + stopped : code;
    } else if (result.backends_available == 0 && result.backends_broken == 0) {
        fprintf(stderr, "pyallocbench: none of the backends asked for is available here\n");
        code = PAB_EXIT_NOTHING;
    } else {
        code = judge_live(arguments, document, path);
    }
    json_decref(document);
    pab_journal_close(journal, false);
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

static int run_live(struct arguments *arguments, int argc, char **argv)
{
    const char *path = arguments->output == NULL ? DEFAULT_OUTPUT : arguments->output;
    static struct pab_plan plan;
    struct pab_journal *journal = NULL;
    struct pab_error err;
    if (expect_files(arguments, path, &err) != PAB_OK ||
        pab_gate_plan(&plan, &arguments->request, &err) != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    arguments->settings.families = pab_gate_families_of_plan(&plan);
    enum pab_status status = pab_journal_create(
        path, pab_document_header(pab_plan_to_json(&plan), argc, argv), &journal, &err);
    if (status == PAB_OK && pab_journal_aside(journal) != NULL) {
        fprintf(stderr, "pyallocbench: an unfinished run of that name was moved to %s\n",
                pab_journal_aside(journal));
    }
    if (status == PAB_OK && !arguments->quiet) {
        say_plan(&plan);
    }
    int code = status == PAB_OK ? carry_out(arguments, &plan, journal, path) : pab_cmd_fail(&err);
    pab_plan_fini(&plan);
    return code;
}

/* Of what is said for a gate only the seed counts. */
static int test_itself(const struct arguments *arguments)
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
    static const struct argp parser = {
        .options = options, .parser = parse_option, .args_doc = args_doc, .doc = doc};
    struct arguments arguments = {.settings = pab_gate_settings_unset()};
    struct pab_error err;
    enum form form = FORM_LIVE;
    argv[0] = "pyallocbench gate";
    argp_err_exit_status = PAB_EXIT_USAGE;
    if (argp_parse(&parser, argc, argv, 0, NULL, &arguments) != 0) {
        return PAB_EXIT_USAGE;
    }
    if (arguments.tests_itself) {
        return test_itself(&arguments);
    }
    argv[0] = "gate";
    enum pab_status status = find_form(&arguments, &form, &err);
    if (status == PAB_OK && form == FORM_LIVE) {
        pab_gate_settings_fill(&arguments.settings, NULL);
        return run_live(&arguments, argc, argv);
    }
    const char *passes = arguments.request.run.passes;
    if (status == PAB_OK && passes != NULL) {
        status =
            pab_for_words(passes, "--passes", add_families, &arguments.settings.families, &err);
    }
    if (status == PAB_OK) {
        status = expect_files(&arguments, NULL, &err);
    }
    if (status != PAB_OK) {
        return pab_cmd_fail(&err);
    }
    return form == FORM_DOCUMENTS ? judge_documents(&arguments) : judge_file(&arguments);
}
