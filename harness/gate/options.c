#include "harness/gate/options.h"

#include "harness/cmd.h"

#include <argp.h>
#include <string.h>

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
     "A slowdown that must have been within reach, else the gate is inconclusive, as it is where "
     "memory scatters by more (default: 3)",
     3},
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
     "The document of a live gate, to be judged again (default: " PAB_GATE_OUTPUT ")", 4},
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
    "  pyallocbench gate --base-spec library:./old.so \\\n"
    "    --head-spec library:./new.so -w strings\n"
    "  pyallocbench gate --base-spec pymalloc --head-spec pymalloc:pool=4K \\\n"
    "    --structure show\n"
    "  pyallocbench gate --base-bin old/pyallocbench --md comment.md \\\n"
    "    --junit gate.xml --github\n"
    "  pyallocbench gate --base old.json --head new.json --passes memory\n\n"
    "Exit status: 0 nothing got worse; 1 a file could not be used; 2 usage; 3 something got worse, "
    "and again when it was confirmed; 4 head crashed, was wrong, or what was named is not there; 5 "
    "cannot tell: too few rounds for --detect, the A/A control failed, a cell is gone; 6 not "
    "comparable: other machines, builds, workloads; 77 nothing of what was asked is available "
    "here; 130, 143 interrupted: what was measured is kept, and not judged.";

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
                           struct pab_gate_arguments *arguments)
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
static bool parse_told(int key, char *value, struct argp_state *state,
                       struct pab_gate_arguments *arguments)
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
    struct pab_gate_arguments *arguments = state->input;
    switch (key) {
    case OPTION_BASE:
        arguments->base = pab_cmd_file(state, "--base", value);
        break;
    case OPTION_HEAD:
        arguments->head = pab_cmd_file(state, "--head", value);
        break;
    case OPTION_BASE_BIN:
        arguments->request.base_binary = pab_cmd_file(state, "--base-bin", value);
        break;
    case OPTION_HEAD_BIN:
        arguments->request.head_binary = pab_cmd_file(state, "--head-bin", value);
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
        arguments->file = pab_cmd_file(state, "gate", value);
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

static enum pab_status find_form(const struct pab_gate_arguments *arguments,
                                 enum pab_gate_form *out, struct pab_error *err)
{
    bool has_documents = arguments->base != NULL || arguments->head != NULL;
    bool measures = asks_to_measure(&arguments->request);
    *out = has_documents             ? PAB_GATE_DOCUMENTS
           : arguments->file != NULL ? PAB_GATE_FILE
                                     : PAB_GATE_LIVE;
    if (has_documents && (arguments->base == NULL || arguments->head == NULL)) {
        return pab_fail(err, PAB_USAGE, "--base FILE and --head FILE belong together");
    }
    if (arguments->file != NULL && has_documents) {
        return pab_fail(err, PAB_USAGE, "%s, and --base and --head: give one or the other",
                        arguments->file);
    }
    if (*out != PAB_GATE_LIVE && (measures || arguments->output != NULL)) {
        return pab_fail(err, PAB_USAGE,
                        "documents are judged as they are: nothing is measured, no other "
                        "document is written");
    }
    if (*out == PAB_GATE_FILE && arguments->settings.forces) {
        return pab_fail(err, PAB_USAGE, "--force is for --base FILE --head FILE");
    }
    return *out == PAB_GATE_LIVE ? find_live(&arguments->request, err) : PAB_OK;
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

enum pab_status pab_gate_arguments_parse(int argc, char **argv, struct pab_gate_arguments *out,
                                         struct pab_error *err)
{
    static const struct argp parser = {
        .options = options, .parser = parse_option, .args_doc = args_doc, .doc = doc};
    *out = (struct pab_gate_arguments){.settings = pab_gate_settings_unset()};
    argp_err_exit_status = PAB_EXIT_USAGE;
    if (argp_parse(&parser, argc, argv, 0, NULL, out) != 0) {
        return pab_fail(err, PAB_USAGE, "the command line cannot be read");
    }
    if (out->tests_itself) {
        return PAB_OK;
    }
    const char *passes = out->request.run.passes;
    enum pab_status status = find_form(out, &out->form, err);
    if (status == PAB_OK && out->form != PAB_GATE_LIVE && passes != NULL) {
        status = pab_for_words(passes, "--passes", add_families, &out->settings.families, err);
    }
    return status;
}
