#include "harness/collector.h"

#include <string.h>

/* Releases from this one on start with 2000 in place of 700 (cpython 3.13, Python/gc.c). */
#define YOUNG_2000_SINCE 13

static bool starts_with_2000(const struct pab_spec *spec)
{
    const struct pab_spec_value *release = pab_spec_get(spec, "profile");
    return release != NULL && strncmp(release->text, "3.", 2) == 0 &&
           strtol(release->text + 2, NULL, 10) >= YOUNG_2000_SINCE;
}

struct pab_gc_options pab_gc_options_of(const struct pab_spec *spec)
{
    static const char *const keys[PAB_GC_GENERATIONS] = {"gc.threshold0", "gc.threshold1",
                                                         "gc.threshold2"};
    struct pab_gc_options options = {
        .enabled = !pab_spec_is(spec, "gc", "off"),
        .threshold = {starts_with_2000(spec) ? 2000 : 700, 10, 10},
    };
    for (int i = 0; i < PAB_GC_GENERATIONS; i++) {
        const struct pab_spec_value *value = pab_spec_get(spec, keys[i]);
        if (value != NULL) {
            options.threshold[i] = (int)value->number;
        }
    }
    return options;
}

void pab_gc_options_format(const struct pab_gc_options *options, char out[PAB_GC_TEXT_MAX])
{
    if (options->enabled) {
        snprintf(out, PAB_GC_TEXT_MAX, "%d,%d,%d", options->threshold[0], options->threshold[1],
                 options->threshold[2]);
    } else {
        snprintf(out, PAB_GC_TEXT_MAX, "off");
    }
}

static size_t add_variant(struct pab_gc_variants *variants, const struct pab_spec *spec)
{
    struct pab_gc_options options = pab_gc_options_of(spec);
    char text[PAB_GC_TEXT_MAX];
    pab_gc_options_format(&options, text);
    for (size_t i = 0; i < variants->count; i++) {
        char known[PAB_GC_TEXT_MAX];
        pab_gc_options_format(&variants->options[i], known);
        if (strcmp(known, text) == 0) {
            return i;
        }
    }
    variants->options[variants->count] = options;
    return variants->count++;
}

void pab_gc_variants_find(struct pab_gc_variants *out, const struct pab_plan *plan)
{
    memset(out, 0, sizeof(*out));
    add_variant(out, plan->arms[plan->baseline].spec);
    for (size_t i = 0; i < plan->arm_count; i++) {
        out->of_spec[i] = add_variant(out, plan->arms[i].spec);
    }
}

struct pab_spec *pab_gc_demand_spec(const struct pab_gc_options *options, struct pab_error *err)
{
    char text[PAB_SPEC_MAX] = "system:gc=off";
    if (options->enabled) {
        snprintf(text, sizeof(text), "system:gc.threshold0=%d:gc.threshold1=%d:gc.threshold2=%d",
                 options->threshold[0], options->threshold[1], options->threshold[2]);
    }
    struct pab_spec *spec = NULL;
    return pab_spec_parse(text, &spec, err) == PAB_OK ? spec : NULL;
}
