#include "harness/check_select.h"

#include "harness/plan.h"

#include <fnmatch.h>
#include <string.h>

#define SUGGESTIONS_MAX 3

void pab_check_group_of(const char *id, char *out, size_t size)
{
    snprintf(out, size, "%.*s", (int)strcspn(id, "-"), id);
}

/* --- a word that matches nothing ------------------------------------------------------------ */

static struct {
    const char *given[SUGGESTIONS_MAX]; /* suggested already: pab_nearest() shall find others */
    size_t count;
} suggested;

static const char *candidate(size_t index)
{
    const char *id = pab_check_at(index)->id;
    for (size_t i = 0; i < suggested.count; i++) {
        if (strcmp(suggested.given[i], id) == 0) {
            return "";
        }
    }
    return id;
}

/* For pab_nearest(): the group of a check alone. */
static const char *group_at(size_t index)
{
    static char groups[PAB_CHECKS_MAX][16];
    PAB_CHECK(index < PAB_CHECKS_MAX);
    pab_check_group_of(pab_check_at(index)->id, groups[index], sizeof(groups[index]));
    return groups[index];
}

static void to_upper(const char *word, char *out, size_t size)
{
    size_t used = 0;
    for (; word[used] != '\0' && used + 1 < size; used++) {
        bool is_lower = word[used] >= 'a' && word[used] <= 'z';
        out[used] = (char)(is_lower ? word[used] - 'a' + 'A' : word[used]);
    }
    out[used] = '\0';
}

static size_t group_length(const char *id)
{
    return strcspn(id, "-");
}

/* The group that a word begins with, else the one that comes nearest to it; NULL: none does. */
static const char *near_group(const char *upper)
{
    char wanted[32];
    pab_check_group_of(upper, wanted, sizeof(wanted));
    for (size_t i = 0; i < pab_check_count(); i++) {
        const char *id = pab_check_at(i)->id;
        if (group_length(id) == strlen(wanted) && strncmp(id, wanted, strlen(wanted)) == 0) {
            return id;
        }
    }
    return strpbrk(wanted, "*?[") != NULL ? NULL : pab_nearest(wanted, group_at, pab_check_count());
}

/* "mal-1" is MAL-001; NULL where no check has that number. */
static const char *same_number(const char *upper)
{
    const char *dash = strchr(upper, '-');
    for (size_t i = 0; dash != NULL && dash[1] >= '0' && dash[1] <= '9' && i < pab_check_count();
         i++) {
        const char *id = pab_check_at(i)->id;
        size_t length = group_length(id);
        if (length == (size_t)(dash - upper) && strncmp(id, upper, length) == 0 &&
            strtol(id + length + 1, NULL, 10) == strtol(dash + 1, NULL, 10)) {
            return id;
        }
    }
    return NULL;
}

static void add_suggestion(char *list, size_t size, const char *word, int length, const char *tail)
{
    size_t used = strlen(list);
    snprintf(list + used, size - used, "%s'%.*s%s'", used == 0 ? "" : ", ", length, word, tail);
}

/* The id of the same number, or the group and the ids that come nearest. */
static void suggest(const char *upper, char *list, size_t size)
{
    const char *same = same_number(upper);
    const char *group = near_group(upper);
    if (same != NULL) {
        add_suggestion(list, size, same, (int)strlen(same), "");
        return;
    }
    if (group != NULL) {
        add_suggestion(list, size, group, (int)group_length(group), "-*");
    }
    bool has_number = strpbrk(upper, "0123456789") != NULL;
    suggested.count = 0;
    while (suggested.count < SUGGESTIONS_MAX && has_number) {
        const char *near = pab_nearest(upper, candidate, pab_check_count());
        if (near == NULL || near[0] == '\0') {
            break;
        }
        suggested.given[suggested.count++] = near;
        add_suggestion(list, size, near, (int)strlen(near), "");
    }
}

static enum pab_status refuse_word(const char *word, struct pab_error *err)
{
    char upper[PAB_SPEC_MAX];
    char list[256] = "";
    to_upper(word, upper, sizeof(upper));
    suggest(upper, list, sizeof(list));
    if (list[0] == '\0') {
        return pab_fail(err, PAB_USAGE,
                        "no check matches '%s'; `pyallocbench list checks` shows all", word);
    }
    return pab_fail(err, PAB_USAGE, "no check matches '%s'; did you mean %s?", word, list);
}

static bool matches(const char *word, const char *id)
{
    return fnmatch(word, id, FNM_CASEFOLD) == 0;
}

/* A word that matches nothing would silently check less. */
static enum pab_status expect_check(void *arg, const char *word, struct pab_error *err)
{
    (void)arg;
    for (size_t i = 0; i < pab_check_count(); i++) {
        if (matches(word, pab_check_at(i)->id)) {
            return PAB_OK;
        }
    }
    return refuse_word(word, err);
}

/* --- what is meant -------------------------------------------------------------------------- */

struct wanted {
    const char *id;
    bool is_meant, is_named; /* by a glob that fits; by its whole id */
};

static enum pab_status look_for(void *arg, const char *word, struct pab_error *err)
{
    (void)err;
    struct wanted *wanted = arg;
    wanted->is_meant |= matches(word, wanted->id);
    wanted->is_named |= strcasecmp(word, wanted->id) == 0;
    return PAB_OK;
}

static enum pab_status expect_something(const struct pab_check_selection *selection,
                                        const struct pab_check *passed_over, struct pab_error *err)
{
    if (selection->count > 0 || passed_over == NULL) {
        return PAB_OK;
    }
    return pab_fail(err, PAB_USAGE, "%s cannot be run here: %.300s", passed_over->id,
                    passed_over->not_applicable);
}

enum pab_status pab_check_select(const char *only, bool with_long, struct pab_check_selection *out,
                                 struct pab_error *err)
{
    memset(out, 0, sizeof(*out));
    enum pab_status status =
        only == NULL ? PAB_OK : pab_for_words(only, "--only", expect_check, NULL, err);
    if (status != PAB_OK) {
        return status;
    }
    const struct pab_check *passed_over = NULL;
    for (size_t i = 0; i < pab_check_count(); i++) {
        const struct pab_check *check = pab_check_at(i);
        struct wanted wanted = {.id = check->id, .is_meant = only == NULL};
        if (only != NULL) {
            (void)pab_for_words(only, "--only", look_for, &wanted, NULL);
        }
        if (!wanted.is_meant) {
            continue;
        }
        if (check->not_applicable != NULL) {
            out->not_applicable++;
            passed_over = check;
            continue;
        }
        PAB_CHECK(out->count < PAB_CHECKS_MAX);
        out->is_left_out[out->count] =
            (check->flags & PAB_CHECK_LONG) != 0 && !with_long && !wanted.is_named;
        out->chosen[out->count++] = check;
    }
    return expect_something(out, passed_over, err);
}
