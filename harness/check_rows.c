#include "harness/check_rows.h"

#include "harness/cmd.h"
#include "harness/json_text.h"
#include "harness/text.h"

#include <signal.h>
#include <string.h>

const char *pab_verdict_name(enum pab_verdict verdict)
{
    static const char *const names[] = {
        [PAB_PASS] = "pass", [PAB_DEVIATION] = "deviation", [PAB_FAIL] = "fail",
        [PAB_SKIP] = "skip", [PAB_INFO] = "info",
    };
    return names[verdict];
}

char pab_class_letter(enum pab_check_class class)
{
    static const char letters[] = {
        [PAB_CLASS_REQUIRED] = 'R',
        [PAB_CLASS_DEFINED] = 'I',
        [PAB_CLASS_QUALITY] = 'Q',
        [PAB_CLASS_HARDENING] = 'H',
    };
    return letters[class];
}

/* --- how a worker ended --------------------------------------------------------------------- */

/* A check that crashes or hangs has its verdict, whatever its class: only what describes misuse
 * stays a description. */
static enum pab_verdict verdict_of(const struct pab_check *check, const struct pab_outcome *outcome)
{
    if (outcome->ok) {
        return outcome->verdict.verdict;
    }
    return check->class == PAB_CLASS_HARDENING ? PAB_INFO : PAB_FAIL;
}

static void describe_end(const struct pab_check_task *task, char *out, size_t size)
{
    const struct pab_outcome *outcome = &task->outcome;
    const char *said = outcome->said;
    size_t used = 0;
    if (strcmp(outcome->kind, "timeout") == 0) {
        used = (size_t)snprintf(out, size, "hung: no verdict within %g s (--timeout)",
                                (double)task->timeout_ms / 1000);
    } else if (outcome->signal != 0) {
        const char *name = sigabbrev_np(outcome->signal);
        used = (size_t)snprintf(out, size, "died of SIG%s%s", name == NULL ? "?" : name,
                                outcome->signal == SIGKILL ? ", as when memory runs out" : "");
    } else if (strcmp(outcome->kind, "silent") == 0) {
        used = (size_t)snprintf(out, size, "ended without a verdict");
    } else if (strcmp(outcome->kind, "crashed") == 0 && outcome->exit_code != 0) {
        used = (size_t)snprintf(out, size, "ended without a verdict, with exit status %d",
                                outcome->exit_code);
    } else {
        snprintf(out, size, "%s", outcome->message); /* holds what it said */
        return;
    }
    if (strcmp(outcome->stage, "checking") != 0 && used < size) {
        used += (size_t)snprintf(out + used, size - used, ", while %s", outcome->stage);
    }
    if (said[0] != '\0' && used < size) {
        snprintf(out + used, size - used, "; it said: %s", said);
    }
}

/* --- rows ----------------------------------------------------------------------------------- */

static size_t add_option(char *out, size_t size, const char *option, const char *value)
{
    char quoted[PAB_QUOTED_MAX];
    if (value == NULL) {
        return 0;
    }
    pab_shell_quote(value, quoted, sizeof(quoted));
    return (size_t)snprintf(out, size, " %s %s", option, quoted);
}

/* The command that shows a row again. */
static json_t *again(const char *backend, const char *id, const struct pab_check_asked *asked)
{
    char out[5 * PAB_QUOTED_MAX];
    char number[32];
    size_t used = (size_t)snprintf(out, sizeof(out), "pyallocbench check");
    used += add_option(out + used, sizeof(out) - used, "-b", backend);
    used += add_option(out + used, sizeof(out) - used, "--only", id);
    snprintf(number, sizeof(number), "%llu", (unsigned long long)asked->seed);
    used += add_option(out + used, sizeof(out) - used, "--seed", number);
    snprintf(number, sizeof(number), "%llu", (unsigned long long)asked->ops);
    used += add_option(out + used, sizeof(out) - used, "--ops", asked->ops == 0 ? NULL : number);
    snprintf(number, sizeof(number), "%g", asked->timeout_s);
    used += add_option(out + used, sizeof(out) - used, "--timeout",
                       asked->timeout_s > 0 ? number : NULL);
    used += add_option(out + used, sizeof(out) - used, "--oracle", asked->oracle);
    used += add_option(out + used, sizeof(out) - used, "--replay", asked->replay);
    add_option(out + used, sizeof(out) - used, "--corpus", asked->corpus);
    return json_string(out);
}

/* What a check says may hold bytes of the memory it looked at. */
static void set_text(json_t *row, const char *key, const char *text, bool keeps_lines)
{
    char clean[sizeof(((struct pab_verdict_note *)NULL)->detail)];
    pab_text_clean(text, keeps_lines, clean, sizeof(clean));
    json_object_set_new(row, key, json_string(clean));
}

static json_t *new_row(const struct pab_check *check, const char *backend, enum pab_verdict verdict)
{
    char class[] = {pab_class_letter(check->class), '\0'};
    return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s}", "backend", backend, "check", check->id,
                     "class", class, "severity", (int)check->severity, "verdict",
                     pab_verdict_name(verdict), "summary", check->summary, "source", check->source);
}

static void set_numbers(json_t *row, uint64_t ops, uint64_t seed, uint64_t wall_ns)
{
    json_object_set_new(row, "ops", json_integer((json_int_t)(ops & ((UINT64_C(1) << 53) - 1))));
    json_object_set_new(row, "seed", json_integer((json_int_t)seed));
    json_object_set_new(row, "wall_ms", json_integer((json_int_t)(wall_ns / 1000000u)));
}

/* The program that shows the same failure of the same release without us, or null. Below a pymalloc
 * it is the same failure. */
static json_t *known_finding(const struct pab_check *check, const struct pab_check_task *task,
                             const char *version, const char *reason)
{
    const struct pab_spec *spec = task->spec;
    const struct pab_finding *finding = pab_finding_of(spec->backend, version, check->id, reason);
    if (finding == NULL && spec->raw != NULL) {
        finding =
            pab_finding_of(spec->raw->backend, task->outcome.opened.raw.version, check->id, reason);
    }
    return finding == NULL ? json_null() : json_string(finding->program);
}

json_t *pab_check_row(const struct pab_check *check, const struct pab_check_task *task,
                      const char *version, const struct pab_check_asked *asked)
{
    const struct pab_outcome *outcome = &task->outcome;
    const struct pab_verdict_note *note = &outcome->verdict;
    enum pab_verdict verdict = verdict_of(check, outcome);
    char reason[sizeof(note->reason)];
    if (outcome->ok) {
        memcpy(reason, note->reason, sizeof(reason));
    } else {
        describe_end(task, reason, sizeof(reason));
    }
    if (reason[0] == '\0' && (verdict == PAB_FAIL || verdict == PAB_SKIP)) {
        snprintf(reason, sizeof(reason), "it did not say why");
    }
    bool is_bad = verdict == PAB_FAIL || verdict == PAB_DEVIATION;
    json_t *row = new_row(check, task->spec->id, verdict);
    set_text(row, "reason", reason, false);
    set_text(row, "answer", outcome->ok ? note->answer : "", false);
    set_text(row, "compared", outcome->ok ? note->compared : "", false);
    set_text(row, "detail", outcome->ok ? note->detail : "", true);
    json_object_set_new(row, "finding",
                        verdict == PAB_FAIL && !asked->is_strict
                            ? known_finding(check, task, version, reason)
                            : json_null());
    json_object_set_new(row, "kind", outcome->ok ? json_null() : json_string(outcome->kind));
    json_object_set_new(row, "again",
                        is_bad ? again(task->spec->id, check->id, asked) : json_null());
    set_numbers(row, outcome->ok ? note->ops_done : 0, asked->seed, task->wall_ns);
    return row;
}

json_t *pab_check_row_left_out(const struct pab_check *check, const char *backend,
                               const char *reason, const struct pab_check_asked *asked)
{
    json_t *row = new_row(check, backend, PAB_SKIP);
    set_text(row, "reason", reason, false);
    static const char *const empty[] = {"answer", "compared", "detail"};
    for (size_t i = 0; i < ARRAY_COUNT(empty); i++) {
        set_text(row, empty[i], "", false);
    }
    static const char *const absent[] = {"finding", "kind", "again"};
    for (size_t i = 0; i < ARRAY_COUNT(absent); i++) {
        json_object_set_new(row, absent[i], json_null());
    }
    set_numbers(row, 0, asked->seed, 0);
    return row;
}

/* --- the backend's -------------------------------------------------------------------------- */

static enum pab_verdict verdict_from_name(const char *name)
{
    int verdict = 0;
    while (verdict < PAB_VERDICT_COUNT - 1 &&
           strcmp(pab_verdict_name((enum pab_verdict)verdict), name) != 0) {
        verdict++;
    }
    return (enum pab_verdict)verdict;
}

static enum pab_verdict worst_of(const size_t firm[PAB_VERDICT_COUNT],
                                 const size_t all[PAB_VERDICT_COUNT])
{
    if (all[PAB_FAIL] > 0) {
        return PAB_FAIL;
    }
    if (firm[PAB_DEVIATION] > 0) {
        return PAB_DEVIATION;
    }
    if (all[PAB_PASS] + all[PAB_DEVIATION] > 0) {
        return PAB_PASS;
    }
    return all[PAB_INFO] > 0 ? PAB_INFO : PAB_SKIP;
}

json_t *pab_check_verdict_row(const char *backend, const json_t *rows)
{
    size_t all[PAB_VERDICT_COUNT] = {0};
    size_t firm[PAB_VERDICT_COUNT] = {0};
    size_t known = 0;
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        known += json_is_string(json_object_get(row, "finding"));
        enum pab_verdict verdict = verdict_from_name(pab_json_text(row, "verdict"));
        all[verdict]++;
        firm[verdict] += pab_json_is(row, "class", "R") || pab_json_is(row, "class", "I");
    }
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "backend", backend, "verdict",
                     pab_verdict_name(worst_of(firm, all)), "passed", (json_int_t)all[PAB_PASS],
                     "deviations", (json_int_t)all[PAB_DEVIATION], "failed",
                     (json_int_t)all[PAB_FAIL], "known", (json_int_t)known, "skipped",
                     (json_int_t)all[PAB_SKIP], "infos", (json_int_t)all[PAB_INFO]);
}
