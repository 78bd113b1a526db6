/* harness/gate/show_junit.c -- a gate as JUnit XML: a suite a backend, a case a workload and
 * family. */
#include "harness/gate/show.h"
#include "harness/json_text.h"
#include "harness/markup.h"
#include "harness/text.h"

/* Of one workload and family: what the worst of its findings is. */
struct group {
    const struct pab_gate_item *first, *worst;
};

static bool is_member(const struct pab_gate_item *first, const struct pab_gate_item *item)
{
    return pab_text_is_same(item->label, first->label) &&
           pab_text_is_same(item->workload, first->workload) && item->family == first->family;
}

/* The group that an item begins; false where an earlier one did, or nothing in it was judged. */
static bool find_group(const struct pab_gate_verdict *verdict, size_t index, struct group *out)
{
    const struct pab_gate_item *item = &verdict->items[index];
    for (size_t i = 0; i < index; i++) {
        if (is_member(&verdict->items[i], item)) {
            return false;
        }
    }
    *out = (struct group){item, item};
    for (size_t i = index; i < verdict->count; i++) {
        const struct pab_gate_item *other = &verdict->items[i];
        if (is_member(item, other) && other->finding > out->worst->finding) {
            out->worst = other;
        }
    }
    return out->worst->finding != PAB_FINDING_SHOWN;
}

/* What a case becomes; NULL: it has passed. */
static const char *element_of(const struct group *group, const struct pab_gate_limits *limits)
{
    switch (group->worst->finding) {
    case PAB_FINDING_BROKEN:
    case PAB_FINDING_UNLIKE:
        return "error";
    case PAB_FINDING_REGRESSION:
        return "failure";
    case PAB_FINDING_UNDECIDED:
    case PAB_FINDING_GONE:
        return limits->must_be_decided ? "error" : "skipped";
    default:
        return NULL;
    }
}

/* Every figure of the case that was judged, a line each; of counts that are equal, how many. */
static void print_story(FILE *file, const struct pab_gate_verdict *verdict,
                        const struct group *group)
{
    size_t equal = 0;
    for (size_t i = 0; i < verdict->count; i++) {
        const struct pab_gate_item *item = &verdict->items[i];
        struct pab_gate_line line;
        char text[1024];
        if (!is_member(group->first, item) || item->finding == PAB_FINDING_SHOWN) {
            continue;
        }
        if (item->family == PAB_FAMILY_STRUCTURE && item->finding == PAB_FINDING_GOOD) {
            equal++;
            continue;
        }
        pab_gate_line_make(item, &line);
        pab_gate_line_text(&line, text, sizeof(text));
        pab_xml_text(file, text);
        fputs("\n", file);
    }
    if (equal > 0) {
        fprintf(file, "%zu counts are equal\n", equal);
    }
}

static void print_case(FILE *file, const struct pab_gate_case *the_case, const struct group *group)
{
    struct pab_gate_limits limits = pab_gate_limits(&the_case->settings);
    const char *element = element_of(group, &limits);
    struct pab_gate_line line;
    char text[1024];
    pab_gate_line_make(group->worst, &line);
    pab_gate_line_text(&line, text, sizeof(text));
    fputs("<testcase", file);
    pab_xml_attribute(file, "classname", line.label);
    bool is_figure = group->first->row != NULL || group->first->family != PAB_FAMILY_DESCRIPTION;
    snprintf(text, sizeof(text), "%s %s", group->first->workload == NULL ? "all" : line.workload,
             is_figure ? pab_family_name(group->first->family) : "open");
    pab_xml_attribute(file, "name", text);
    fputs(" time=\"0\">", file);
    pab_gate_line_text(&line, text, sizeof(text));
    if (element != NULL && strcmp(element, "skipped") == 0) {
        fputs("<skipped", file);
        pab_xml_attribute(file, "message", line.verdict);
        fputs("/>", file);
    } else if (element != NULL) {
        fprintf(file, "<%s", element);
        pab_xml_attribute(file, "type", pab_gate_finding_word(group->worst->finding));
        pab_xml_attribute(file, "message", text);
        fputs(">", file);
        print_story(file, the_case->verdict, group);
        fprintf(file, "</%s>", element);
    } else {
        fputs("<system-out>", file);
        print_story(file, the_case->verdict, group);
        fputs("</system-out>", file);
    }
    fputs("</testcase>\n", file);
}

/* --- suites --------------------------------------------------------------------------------- */

struct counts {
    size_t tests, failures, errors, skipped;
};

static void count(struct counts *counts, const char *element)
{
    counts->tests++;
    counts->failures += element != NULL && strcmp(element, "failure") == 0;
    counts->errors += element != NULL && strcmp(element, "error") == 0;
    counts->skipped += element != NULL && strcmp(element, "skipped") == 0;
}

/* The cases of one backend (`any`: of all), printed where there is a file. */
static struct counts do_cases(FILE *file, const struct pab_gate_case *the_case, const char *label,
                              bool any)
{
    const struct pab_gate_verdict *verdict = the_case->verdict;
    struct pab_gate_limits limits = pab_gate_limits(&the_case->settings);
    struct counts counts = {0};
    for (size_t i = 0; i < verdict->count; i++) {
        struct group group;
        if ((any || pab_text_is_same(verdict->items[i].label, label)) &&
            find_group(verdict, i, &group)) {
            count(&counts, element_of(&group, &limits));
            if (file != NULL) {
                print_case(file, the_case, &group);
            }
        }
    }
    return counts;
}

static void print_counts(FILE *file, const struct counts *counts)
{
    fprintf(file, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"0\"",
            counts->tests, counts->failures, counts->errors, counts->skipped);
}

static void print_suite(FILE *file, const struct pab_gate_case *the_case, const char *label)
{
    const json_t *run = pab_reading_run(the_case->head);
    char text[PAB_GATE_SENTENCE_MAX];
    struct counts counts = do_cases(NULL, the_case, label, false);
    fputs("<testsuite", file);
    pab_xml_attribute(file, "name", label == NULL ? "all" : label);
    print_counts(file, &counts);
    pab_xml_timestamp(file, pab_json_text(run, "started"));
    fputs(">\n<properties>\n", file);
    pab_xml_property(file, "base", pab_gate_side_text(the_case, false, text));
    pab_xml_property(file, "head", pab_gate_side_text(the_case, true, text));
    pab_xml_property(file, "command", pab_gate_command_text(the_case, text));
    pab_xml_property(file, "verdict", pab_gate_sentence(the_case, text));
    fputs("</properties>\n", file);
    (void)do_cases(file, the_case, label, false);
    fputs("</testsuite>\n", file);
}

bool pab_gate_show_junit(FILE *file, const void *arg)
{
    const struct pab_gate_case *the_case = ((const struct pab_gate_page *)arg)->the_case;
    const struct pab_gate_verdict *verdict = the_case->verdict;
    struct counts counts = do_cases(NULL, the_case, NULL, true);
    fputs(PAB_GATE_JUNIT_HEAD "<testsuites name=\"pyallocbench gate\"", file);
    print_counts(file, &counts);
    fputs(">\n", file);
    for (size_t i = 0; i < verdict->count; i++) {
        bool is_new = true;
        for (size_t j = 0; j < i; j++) {
            is_new = is_new && !pab_text_is_same(verdict->items[j].label, verdict->items[i].label);
        }
        if (is_new) {
            print_suite(file, the_case, verdict->items[i].label);
        }
    }
    fputs("</testsuites>\n", file);
    return ferror(file) == 0;
}
