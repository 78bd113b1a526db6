/* harness/trace_json.c -- all that is known of a trace, as a document. */
#include "harness/trace_info.h"

#include <string.h>

static json_t *whole(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *spread_json(const struct pab_spread *spread)
{
    static const struct {
        const char *name;
        double q;
    } quantiles[] = {{"p10", 0.1}, {"p25", 0.25}, {"p50", 0.5},   {"p75", 0.75},
                     {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
    json_t *out = json_object();
    json_t *decades = json_array();
    json_object_set_new(out, "count", whole(spread->count));
    json_object_set_new(out, "mean", json_real(pab_spread_mean(spread)));
    for (size_t i = 0; i < ARRAY_COUNT(quantiles); i++) {
        json_object_set_new(out, quantiles[i].name,
                            json_real(pab_spread_quantile(spread, quantiles[i].q)));
    }
    json_object_set_new(out, "most", whole(spread->most));
    unsigned used = PAB_SPREAD_DECADES;
    while (used > 0 && spread->decades[used - 1] == 0) {
        used--;
    }
    for (unsigned i = 0; i < used; i++) {
        json_array_append_new(decades, whole(spread->decades[i]));
    }
    json_object_set_new(out, "decades", decades);
    return out;
}

static json_t *counts_json(const struct pab_trace_counts *counts)
{
    json_t *out = json_object();
    for (unsigned kind = 0; kind < PAB_EVENT_THREAD; kind++) {
        json_object_set_new(out, pab_trace_kind_name(kind), whole(counts->calls[kind]));
    }
    json_object_set_new(out, "requested_bytes", whole(counts->requested_bytes));
    json_object_set_new(out, "peak_bytes", whole(counts->peak_bytes));
    json_object_set_new(out, "peak_blocks", whole(counts->peak_blocks));
    json_object_set_new(out, "end_bytes", whole(counts->live_bytes));
    json_object_set_new(out, "end_blocks", whole(counts->live_blocks));
    return out;
}

static json_t *domains_json(const struct pab_trace_info *info)
{
    json_t *out = json_object();
    for (unsigned domain = 0; domain < PAB_TRACE_DOMAINS; domain++) {
        json_object_set_new(out, pab_trace_domain_name(domain),
                            counts_json(&info->domains[domain]));
    }
    json_object_set_new(out, "all", counts_json(&info->all));
    return out;
}

/* [{upto_bytes, requests}]: classes of 16 bytes. */
static json_t *classes_json(const struct pab_trace_info *info)
{
    json_t *out = json_array();
    for (unsigned i = 0; i < PAB_TRACE_CLASSES; i++) {
        json_array_append_new(out, json_pack("{s:i, s:o}", "upto_bytes", (int)(16 * (i + 1)),
                                             "requests", whole(info->classes[i])));
    }
    return out;
}

/* [{upto_bytes, requests, bytes}]: powers of two, without those of which there is none. */
static json_t *octaves_json(const struct pab_trace_info *info)
{
    json_t *out = json_array();
    for (unsigned i = 0; i < PAB_TRACE_OCTAVES; i++) {
        if (info->octaves[i] > 0) {
            json_array_append_new(
                out, json_pack("{s:o, s:o, s:o}", "upto_bytes", whole((uint64_t)1 << i), "requests",
                               whole(info->octaves[i]), "bytes", whole(info->octave_bytes[i])));
        }
    }
    return out;
}

static json_t *alignments_json(const struct pab_trace_info *info)
{
    json_t *out = json_array();
    for (unsigned i = 0; i < PAB_TRACE_OCTAVES; i++) {
        if (info->alignments[i] > 0) {
            json_array_append_new(out, json_pack("{s:o, s:o}", "alignment", whole((uint64_t)1 << i),
                                                 "requests", whole(info->alignments[i])));
        }
    }
    return out;
}

static json_t *threads_json(const struct pab_trace_info *info)
{
    json_t *events = json_array();
    for (uint32_t i = 0; i < info->threads; i++) {
        json_array_append_new(events, whole(info->thread_events[i]));
    }
    return json_pack("{s:o, s:o, s:o}", "events", events, "handovers", whole(info->handovers),
                     "foreign_frees", whole(info->foreign_ends));
}

static json_t *peak_json(const struct pab_trace_info *info)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "bytes", whole(info->peak.bytes), "blocks",
                     whole(info->peak.blocks), "event", whole(info->peak.event), "wall_ns",
                     whole(info->peak.wall_ns));
}

static json_t *lifetimes_json(const struct pab_trace_info *info)
{
    json_t *out = json_pack("{s:o, s:o}", "events", spread_json(&info->life_events), "bytes",
                            spread_json(&info->life_bytes));
    json_object_set_new(out, "ns",
                        info->life_ns.count > 0 ? spread_json(&info->life_ns) : json_null());
    return out;
}

static json_t *realloc_json(const struct pab_trace_info *info)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "grew", whole(info->grew), "shrank",
                     whole(info->shrank), "stayed", whole(info->stayed), "growth_permille",
                     spread_json(&info->growth));
}

json_t *pab_trace_info_json(const struct pab_trace_info *info)
{
    json_t *out =
        json_pack("{s:s, s:O?, s:O?, s:O, s:b}", "schema", "pyallocbench-trace-info/1", "meta",
                  info->meta, "totals", info->totals, "forks", info->forks, "whole", info->whole);
    const struct {
        const char *name;
        json_t *value;
    } fields[] = {
        {"file_bytes", whole(info->file_bytes)},
        {"frames", whole(info->frames)},
        {"events", whole(info->events)},
        {"wall_ns", whole(info->wall_ns)},
        {"cpu_ns", whole(info->cpu_ns)},
        {"slots", whole(info->slots)},
        {"requests", whole(pab_trace_info_requests(info))},
        {"requests_upto_512", whole(pab_trace_info_small(info))},
        {"peak", peak_json(info)},
        {"domains", domains_json(info)},
        {"sizes", octaves_json(info)},
        {"size_classes", classes_json(info)},
        {"alignments", alignments_json(info)},
        {"lifetimes", lifetimes_json(info)},
        {"realloc", realloc_json(info)},
        {"threads", threads_json(info)},
    };
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
        json_object_set_new(out, fields[i].name, fields[i].value);
    }
    return out;
}
