#include "harness/list_checks.h"

#include "harness/check.h"
#include "harness/check_rows.h"
#include "harness/check_select.h"
#include "harness/json_text.h"
#include "harness/text.h"

#include <string.h>

enum { TEXT = 18 }; /* column that statements begin in */

struct bit_name {
    unsigned bit;
    const char *name;
};

static json_t *names_of(unsigned bits, const struct bit_name *names, size_t count)
{
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++) {
        if ((bits & names[i].bit) != 0) {
            json_array_append_new(out, json_string(names[i].name));
        }
    }
    return out;
}

static json_t *calls_of(unsigned uses)
{
    json_t *out = json_array();
    for (unsigned bit = 1; bit != 0 && bit <= uses; bit <<= 1) {
        if ((uses & bit) != 0) {
            json_array_append_new(out, json_string(pab_uses_name(bit)));
        }
    }
    return out;
}

static json_t *check_to_json(const struct pab_check *check)
{
    static const struct bit_name flags[] = {
        {PAB_CHECK_PREFLIGHT, "preflight"},
        {PAB_CHECK_LONG, "long"},
        {PAB_CHECK_ALONE, "alone"},
    };
    static const struct bit_name needs[] = {
        {PAB_CAP_USABLE_SIZE, "usable_size"},
        {PAB_CAP_THREADS, "threads"},
        {PAB_CAP_RAW, "raw"},
        {PAB_CAP_STACKS, "stacks"},
        {PAB_CAP_RUNTIME, "runtime"},
        {PAB_CAP_C_API, "c_api"},
    };
    char group[32];
    char class[] = {pab_class_letter(check->class), '\0'};
    pab_check_group_of(check->id, group, sizeof(group));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:s?}", "name", check->id,
                     "group", group, "summary", check->summary, "source", check->source, "class",
                     class, "severity", (int)check->severity, "flags",
                     names_of(check->flags, flags, ARRAY_COUNT(flags)), "needs",
                     names_of(check->needs, needs, ARRAY_COUNT(needs)), "uses",
                     calls_of(check->uses), "not_applicable", check->not_applicable);
}

json_t *pab_list_checks(void)
{
    json_t *out = json_array();
    for (size_t i = 0; i < pab_check_count(); i++) {
        json_array_append_new(out, check_to_json(pab_check_at(i)));
    }
    return out;
}

/* --- for people ----------------------------------------------------------------------------- */

static void print_check(const json_t *row)
{
    char head[64];
    char text[1024];
    json_t *flags = json_object_get(row, "flags");
    size_t index = 0;
    json_t *flag = NULL;
    snprintf(head, sizeof(head), "  %-9s %s S%d", pab_json_text(row, "name"),
             pab_json_text(row, "class"), (int)pab_json_count(row, "severity"));
    pab_text_item(head, TEXT, pab_json_text(row, "summary"));
    snprintf(text, sizeof(text), "[%s]", pab_json_text(row, "source"));
    pab_text_item("", TEXT, text);
    json_array_foreach(flags, index, flag)
    {
        if (strcmp(json_string_value(flag), "long") == 0) {
            pab_text_item("", TEXT, "takes minutes or hours: --long, or by its whole id");
        }
    }
    if (pab_json_text(row, "not_applicable")[0] != '\0') {
        snprintf(text, sizeof(text), "not applicable: %s", pab_json_text(row, "not_applicable"));
        pab_text_item("", TEXT, text);
    }
}

static size_t count_group(const json_t *rows, const char *group)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        count += pab_json_is(json_array_get(rows, i), "group", group);
    }
    return count;
}

void pab_list_checks_print(const json_t *rows)
{
    const char *last = "";
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        const char *group = pab_json_text(row, "group");
        if (strcmp(group, last) != 0) {
            size_t count = count_group(rows, group);
            printf("%s%s: %zu %s\n", index == 0 ? "" : "\n", group, count,
                   count == 1 ? "check" : "checks");
            last = group;
        }
        print_check(row);
    }
    printf("\n");
    pab_text_item("R", 3, "a standard or a documented contract demands it");
    pab_text_item("I", 3, "implementation-defined: the allocator is held to its own answer");
    pab_text_item("Q", 3, "quality, against a threshold that is printed");
    pab_text_item("H", 3, "what happens after misuse: a description, never a verdict");
    pab_text_item("S", 3, "severity: 0 memory, 1 contract, 2 errno, 3 quality");
}
