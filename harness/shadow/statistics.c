#include "harness/shadow/statistics.h"

#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 192
#define TEXT_MAX   (16u << 10)

/* Bytes of a root, a middle and a bottom node: Objects/obmalloc.c@v3.10.13; pycore_obmalloc.h
 * and obmalloc.c@v3.11.7 to v3.15.0rc1. */
static const size_t nodes_3_10[] = {8192, 8192, 2048};
static const size_t nodes_3_11[] = {262144, 262144, 131072};

struct field {
    char label[48];
    uint64_t value;
};

struct fields {
    size_t count;
    struct field at[FIELDS_MAX];
};

static void add_field(struct fields *fields, const char *label, uint64_t value)
{
    if (fields->count < FIELDS_MAX) {
        struct field *field = &fields->at[fields->count++];
        snprintf(field->label, sizeof(field->label), "%s", label);
        field->value = value;
    }
}

/* --- what CPython printed --------------------------------------------------------------------- */

static void add_class(struct fields *fields, unsigned class, const char *name, uint64_t value)
{
    char label[48];
    snprintf(label, sizeof(label), "class %u: %s", class, name);
    add_field(fields, label, value);
}

/* "    3     64          13            3235            80" */
static void read_class_row(struct fields *fields, const char *line)
{
    static const char *const names[] = {"size", "pools", "blocks in use", "blocks available"};
    char *rest = NULL;
    unsigned class = (unsigned)strtoul(line, &rest, 10);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        add_class(fields, class, names[i], strtoull(rest, &rest, 10));
    }
}

/* "# bytes in allocated blocks        =              799,248" */
static void read_number_line(struct fields *fields, const char *line, const char *equals)
{
    int length = (int)(equals - line);
    while (length > 0 && line[length - 1] == ' ') {
        length--;
    }
    uint64_t value = 0;
    for (const char *at = equals; *at != '\0'; at++) {
        if (*at >= '0' && *at <= '9') {
            value = value * 10 + (uint64_t)(*at - '0');
        }
    }
    char label[48];
    snprintf(label, sizeof(label), "%.*s", length, line);
    add_field(fields, label, value);
}

/* Everything with a number in it is a field; headings are not. */
static void read_text(struct fields *fields, char *text)
{
    char *next = NULL;
    for (char *line = strtok_r(text, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
        const char *equals = strchr(line, '=');
        const char *comma = strchr(line, ',');
        if (strncmp(line, "Small block threshold", 21) == 0 && equals != NULL && comma != NULL) {
            add_field(fields, "threshold", strtoull(equals + 1, NULL, 10));
            add_field(fields, "size classes", strtoull(comma + 5, NULL, 10));
        } else if (equals != NULL) {
            read_number_line(fields, line, equals);
        } else if (line[strspn(line, " 0123456789")] == '\0') {
            read_class_row(fields, line);
        }
    }
}

static bool read_python(const struct pab_interpreter *python, struct fields *fields)
{
    static char text[TEXT_MAX];
    FILE *out = fmemopen(text, sizeof(text), "w");
    if (out == NULL) {
        return false;
    }
    (void)python->print_statistics(out);
    fclose(out);
    read_text(fields, text);
    if (fields->count > 0 && python->allocated_blocks != NULL) {
        add_field(fields, "sys.getallocatedblocks()", (uint64_t)python->allocated_blocks());
    }
    return fields->count > 0;
}

/* --- what ours would have printed ------------------------------------------------------------- */

static void add_classes(struct fields *fields, const struct pab_pymalloc_stats *stats)
{
    for (unsigned class = 0; class < stats->class_count; class ++) {
        if (stats->classes[class].pools > 0) {
            add_class(fields, class, "size", stats->classes[class].block_bytes);
            add_class(fields, class, "pools", stats->classes[class].pools);
            add_class(fields, class, "blocks in use", stats->classes[class].blocks_used);
            add_class(fields, class, "blocks available", stats->classes[class].blocks_available);
        }
    }
}

static void add_arenas(struct fields *fields, const struct pab_twin *twin,
                       const struct pab_pymalloc_stats *stats)
{
    char label[48];
    add_field(fields, "# arenas allocated total", stats->arenas_ever);
    add_field(fields, "# arenas reclaimed", stats->arenas_reclaimed);
    add_field(fields, "# arenas highwater mark", stats->arenas_high);
    add_field(fields, "# arenas allocated current", stats->arenas_now);
    snprintf(label, sizeof(label), "%llu arenas * %zu bytes/arena",
             (unsigned long long)stats->arenas_now, twin->geometry.arena_bytes);
    add_field(fields, label, stats->arenas_bytes);
    add_field(fields, "# bytes in allocated blocks", stats->allocated_bytes);
    add_field(fields, "# bytes in available blocks", stats->available_bytes);
    snprintf(label, sizeof(label), "%llu unused pools * %zu bytes",
             (unsigned long long)stats->unused_pools, twin->geometry.pool_bytes);
    add_field(fields, label, stats->unused_pools_bytes);
    add_field(fields, "# bytes lost to pool headers", stats->headers_bytes);
    add_field(fields, "# bytes lost to quantization", stats->quantization_bytes);
    add_field(fields, "# bytes lost to arena alignment", stats->alignment_bytes);
    add_field(fields, "Total", stats->arenas_bytes);
}

static void add_map(struct fields *fields, const struct pab_twin *twin)
{
    if (twin->bottom_nodes.shift == 0) {
        return;
    }
    const size_t *bytes =
        twin->bottom_nodes.shift == PAB_MAP_BOTTOM_SHIFT_3_10 ? nodes_3_10 : nodes_3_11;
    uint64_t middles = twin->middle_nodes.count * bytes[1];
    uint64_t bottoms = twin->bottom_nodes.count * bytes[2];
    add_field(fields, "# arena map mid nodes", twin->middle_nodes.count);
    add_field(fields, "# arena map bot nodes", twin->bottom_nodes.count);
    add_field(fields, "# bytes lost to arena map root", bytes[0]);
    add_field(fields, "# bytes lost to arena map mid", middles);
    add_field(fields, "# bytes lost to arena map bot", bottoms);
    add_field(fields, "Total", bytes[0] + middles + bottoms);
}

static void read_ours(const struct pab_interpreter *python, const struct pab_twin *twin,
                      struct fields *fields)
{
    static struct pab_pymalloc_stats stats;
    pab_pymalloc_stats_read(twin->pm, &stats);
    add_field(fields, "threshold", twin->geometry.threshold);
    add_field(fields, "size classes", stats.class_count);
    add_classes(fields, &stats);
    add_arenas(fields, twin, &stats);
    add_map(fields, twin);
    if (python->allocated_blocks != NULL) {
        add_field(fields, "sys.getallocatedblocks()", stats.blocks);
    }
}

/* --- both ------------------------------------------------------------------------------------- */

static bool find_difference(const struct fields *python, const struct fields *ours, char *out,
                            size_t size)
{
    size_t most = python->count > ours->count ? python->count : ours->count;
    for (size_t i = 0; i < most; i++) {
        const struct field *theirs = i < python->count ? &python->at[i] : NULL;
        const struct field *own = i < ours->count ? &ours->at[i] : NULL;
        if (theirs == NULL || own == NULL || strcmp(theirs->label, own->label) != 0) {
            snprintf(out, size, "CPython prints '%s', ours would '%s'",
                     theirs == NULL ? "" : theirs->label, own == NULL ? "" : own->label);
            return true;
        }
        if (theirs->value != own->value) {
            snprintf(out, size, "%s: CPython %llu, ours %llu", own->label,
                     (unsigned long long)theirs->value, (unsigned long long)own->value);
            return true;
        }
    }
    return false;
}

bool pab_statistics_compare(const struct pab_interpreter *python, struct pab_twin *twin)
{
    static struct fields theirs;
    static struct fields own;
    struct pab_record *record = twin->record;
    theirs.count = 0;
    own.count = 0;
    if (!read_python(python, &theirs)) {
        snprintf(record->unmeasured, sizeof(record->unmeasured), "CPython printed none");
        return true;
    }
    read_ours(python, twin, &own);
    uint64_t calls = pab_record_calls(record);
    char difference[160];
    if (find_difference(&theirs, &own, difference, sizeof(difference))) {
        if (record->mismatches++ == 0) {
            snprintf(record->mismatch, sizeof(record->mismatch), "statistics after call %llu: %s",
                     (unsigned long long)calls, difference);
        }
        return false;
    }
    record->statistics_moments++;
    record->statistics_fields = own.count;
    record->statistics_call = calls;
    return true;
}
