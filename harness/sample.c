#include "harness/sample.h"

#include "harness/recorded.h"

#include <inttypes.h>
#include <string.h>

static json_t *integer(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* 64 bits do not fit into JSON's integers as most readers have them. */
static json_t *hex(uint64_t value)
{
    char text[17];
    snprintf(text, sizeof(text), "%016" PRIx64, value);
    return json_string(text);
}

static uint64_t from_hex(const json_t *value)
{
    const char *text = json_string_value(value);
    return text == NULL ? 0 : strtoull(text, NULL, 16);
}

/* Milliseconds to the microsecond: no more digits than the clock is worth. */
static json_t *milliseconds(uint64_t ns)
{
    uint64_t microseconds = ns / 1000;
    return json_real((double)microseconds / 1000);
}

static json_t *figure(struct pab_figure value)
{
    return value.has ? json_real(value.value) : json_null();
}

static const char *const phase_names[PAB_PHASE_COUNT] = {"build", "steady", "drain", "end"};

/* --- backends ------------------------------------------------------------------------------- */

static json_t *identity_to_json(const struct pab_identity *identity)
{
    if (identity->path[0] == '\0') {
        return json_null();
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:s}", "path", identity->path,
                     "inode", integer(identity->inode), "device", integer(identity->device),
                     "size_bytes", integer(identity->size_bytes), "modified_s",
                     integer(identity->modified_s), "build_id", identity->build_id, "version",
                     identity->version, "tls_model", identity->tls_model, "settings",
                     identity->settings, "proof", identity->proof);
}

static const char *kind_of(const struct pab_backend *backend)
{
    if ((backend->caps & PAB_CAP_FAKE) != 0) {
        return "floor";
    }
    return (backend->caps & PAB_CAP_STACKS) != 0 ? "builtin" : "library";
}

static const char *status_of(const struct pab_outcome *outcome)
{
    if (outcome->ok) {
        return "ok";
    }
    return strcmp(outcome->kind, "unavailable") == 0 ? "unavailable" : "failed";
}

/* What a gate's arm has beyond a backend: whose build it is, and which side it stands for. */
static void set_role(json_t *out, const struct pab_arm *arm)
{
    if (arm->role != PAB_ROLE_BACKEND) {
        json_object_set_new(out, "label", json_string(arm->label));
        json_object_set_new(out, "role", json_string(arm->role == PAB_ROLE_BASE ? "base" : "head"));
        json_object_set_new(out, "binary", json_string(arm->binary));
    }
}

json_t *pab_backend_to_json(const struct pab_arm *arm, const struct pab_outcome *outcome)
{
    const struct pab_spec *spec = arm->spec;
    const struct pab_backend *backend = spec->backend;
    const struct pab_opened *opened = &outcome->opened;
    json_t *raw = json_null();
    if (opened->raw.path[0] != '\0') {
        raw = identity_to_json(&opened->raw);
        json_object_set_new(raw, "name", json_string(spec->raw == NULL ? "system" : spec->raw->id));
    }
    struct pab_gc_options options = pab_gc_options_of(spec);
    char gc[PAB_GC_TEXT_MAX];
    pab_gc_options_format(&options, gc);
    json_t *out =
        json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?, s:o, s:o, s:b, s:s}", "id", arm->id, "name",
                  backend->name, "kind", kind_of(backend), "status", status_of(outcome), "reason",
                  outcome->ok ? NULL : outcome->message, "package", backend->package, "identity",
                  identity_to_json(&opened->identity), "raw", raw, "ranked",
                  (backend->caps & PAB_CAP_FAKE) == 0, "gc", gc);
    json_object_set_new(out, "level", json_string(pab_spec_level(spec)));
    json_object_set_new(out, "allocator", json_string(pab_spec_allocator(spec)));
    set_role(out, arm);
    return out;
}

/* --- workloads and their demand ------------------------------------------------------------- */

static json_t *demand_to_json(const struct pab_demand_known *known)
{
    const struct pab_demand *demand = &known->memory;
    json_t *calls = json_array();
    json_t *t_ms = json_array();
    json_t *live = json_array();
    for (size_t i = 0; i < known->curve_count; i++) {
        json_array_append_new(calls, integer(known->curve[i].calls));
        json_array_append_new(t_ms, milliseconds(known->curve[i].t_ns));
        json_array_append_new(live, integer(known->curve[i].bytes));
    }
    json_t *phases = json_array();
    for (int i = 0; i < PAB_PHASE_COUNT; i++) {
        json_array_append_new(phases, json_pack("{s:s, s:o}", "phase", phase_names[i], "live_bytes",
                                                integer(demand->phase_live_bytes[i])));
    }
    json_t *out = json_object();
    json_object_set_new(out, "phases", phases);
    json_object_set_new(out, "calls", integer(demand->calls));
    json_object_set_new(out, "raw_calls", integer(demand->domain_calls[PAB_DOMAIN_RAW]));
    json_object_set_new(out, "mem_calls", integer(demand->domain_calls[PAB_DOMAIN_MEM]));
    json_object_set_new(out, "obj_calls", integer(demand->domain_calls[PAB_DOMAIN_OBJ]));
    json_object_set_new(out, "peak_live_bytes", integer(demand->peak_live_bytes));
    json_object_set_new(out, "time_peak_live_bytes", integer(known->time.peak_live_bytes));
    json_object_set_new(out, "peak_blocks", integer(demand->peak_blocks));
    json_object_set_new(out, "request_hash", hex(demand->request_hash));
    json_object_set_new(out, "time_request_hash", hex(known->time.request_hash));
    json_object_set_new(out, "tick_calls", integer(demand->tick_calls));
    json_object_set_new(out, "peak_calls", integer(demand->peak_calls));
    json_object_set_new(
        out, "curve",
        json_pack("{s:o, s:o, s:o}", "calls", calls, "t_ms", t_ms, "live_bytes", live));
    return out;
}

static json_t *sizes_to_json(const struct pab_sizes *sizes)
{
    json_t *out = json_array();
    for (size_t domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        json_t *blocks = json_array();
        for (size_t i = 0; i < PAB_SIZE_CLASSES; i++) {
            json_array_append_new(blocks, integer(sizes->blocks[domain][i]));
        }
        json_array_append_new(out, blocks);
    }
    return out;
}

/* What litter is made of, so that a run that is resumed makes the same. */
static void set_sizes(json_t *row, const struct pab_demand_known *known)
{
    json_t *demand = json_object_get(row, "demand");
    json_object_set_new(demand, "sizes", sizes_to_json(&known->memory.sizes));
    json_object_set_new(demand, "time_sizes", sizes_to_json(&known->time.sizes));
}

/* What a workload gives and asks for under one variant's settings. */
static void set_known(json_t *out, const struct pab_gc_options *options,
                      const struct pab_demand_known *known)
{
    char gc[PAB_GC_TEXT_MAX];
    pab_gc_options_format(options, gc);
    json_object_set_new(out, "gc", json_string(gc));
    json_object_set_new(out, "ops", integer(known->time.op_count));
    json_object_set_new(out, "memory_ops", integer(known->memory.op_count));
    json_object_set_new(out, "checksum", hex(known->time.checksum));
    json_object_set_new(out, "memory_checksum", hex(known->memory.checksum));
    json_object_set_new(out, "demand", demand_to_json(known));
}

json_t *pab_workload_to_json(const struct pab_planned_workload *planned,
                             const struct pab_gc_variants *variants,
                             const struct pab_demand_known *demand)
{
    const struct pab_workload *workload = planned->workload;
    json_t *out = json_pack("{s:s, s:s, s:s, s:s}", "id", planned->id, "summary", workload->summary,
                            "models", workload->models, "unit", workload->unit);
    json_t *trace = pab_recorded_json(workload);
    if (trace != NULL) {
        json_object_set_new(out, "trace", trace);
    }
    if (planned->age_percent != 0) {
        json_object_set_new(out, "age_percent", json_integer(planned->age_percent));
    }
    json_object_set_new(out, "params", pab_params_to_json(workload, planned->params));
    json_object_set_new(out, "memory_params", pab_params_to_json(workload, planned->memory_params));
    set_known(out, &variants->options[0], &demand[0]);
    if (planned->age_percent != 0) {
        set_sizes(out, &demand[0]);
    }
    json_t *others = json_array();
    for (size_t i = 1; i < variants->count; i++) {
        json_t *other = json_object();
        set_known(other, &variants->options[i], &demand[i]);
        if (planned->age_percent != 0) {
            set_sizes(other, &demand[i]);
        }
        json_array_append_new(others, other);
    }
    json_object_set_new(out, "variants", others);
    return out;
}

/* What is not there is zero. */
static void read_sizes(const json_t *json, struct pab_sizes *out)
{
    for (size_t domain = 0; domain < PAB_DOMAIN_COUNT; domain++) {
        const json_t *blocks = json_array_get(json, domain);
        for (size_t i = 0; i < PAB_SIZE_CLASSES; i++) {
            out->blocks[domain][i] = (uint64_t)json_integer_value(json_array_get(blocks, i));
        }
    }
}

static bool read_known(const json_t *json, const struct pab_gc_options *options,
                       struct pab_demand_known *known)
{
    const json_t *demand = json_object_get(json, "demand");
    const json_t *curve = json_object_get(demand, "curve");
    const json_t *calls = json_object_get(curve, "calls");
    const json_t *live = json_object_get(curve, "live_bytes");
    const char *gc = json_string_value(json_object_get(json, "gc"));
    char wanted[PAB_GC_TEXT_MAX];
    pab_gc_options_format(options, wanted);
    memset(known, 0, sizeof(*known));
    known->time.op_count = (uint64_t)json_integer_value(json_object_get(json, "ops"));
    known->memory.op_count = (uint64_t)json_integer_value(json_object_get(json, "memory_ops"));
    known->time.checksum = from_hex(json_object_get(json, "checksum"));
    known->memory.checksum = from_hex(json_object_get(json, "memory_checksum"));
    known->memory.request_hash = from_hex(json_object_get(demand, "request_hash"));
    known->time.request_hash = from_hex(json_object_get(demand, "time_request_hash"));
    known->memory.peak_live_bytes =
        (uint64_t)json_integer_value(json_object_get(demand, "peak_live_bytes"));
    known->time.peak_live_bytes =
        (uint64_t)json_integer_value(json_object_get(demand, "time_peak_live_bytes"));
    read_sizes(json_object_get(demand, "sizes"), &known->memory.sizes);
    read_sizes(json_object_get(demand, "time_sizes"), &known->time.sizes);
    known->memory.tick_calls = (uint64_t)json_integer_value(json_object_get(demand, "tick_calls"));
    known->memory.peak_calls = (uint64_t)json_integer_value(json_object_get(demand, "peak_calls"));
    known->curve_count = json_array_size(calls);
    for (int i = 0; i < PAB_PHASE_COUNT; i++) {
        const json_t *phase = json_array_get(json_object_get(demand, "phases"), (size_t)i);
        known->memory.phase_live_bytes[i] =
            (uint64_t)json_integer_value(json_object_get(phase, "live_bytes"));
    }
    if (known->curve_count > PAB_CURVE_MAX || json_array_size(live) != known->curve_count ||
        known->memory.tick_calls == 0 || gc == NULL || strcmp(gc, wanted) != 0) {
        return false;
    }
    for (size_t i = 0; i < known->curve_count; i++) {
        known->curve[i].calls = (uint64_t)json_integer_value(json_array_get(calls, i));
        known->curve[i].bytes = (uint64_t)json_integer_value(json_array_get(live, i));
    }
    return true;
}

bool pab_workload_from_json(const json_t *json, const struct pab_gc_variants *variants,
                            struct pab_demand_known *demand)
{
    const json_t *others = json_object_get(json, "variants");
    bool good = read_known(json, &variants->options[0], &demand[0]);
    for (size_t i = 1; good && i < variants->count; i++) {
        good = read_known(json_array_get(others, i - 1), &variants->options[i], &demand[i]);
    }
    return good;
}

/* --- samples -------------------------------------------------------------------------------- */

static void set_time(json_t *out, const struct pab_time_sample *sample)
{
    json_t *wall = json_array();
    json_t *cpu = json_array();
    for (uint32_t i = 0; i < sample->rep_count && i < PAB_REPS_MAX; i++) {
        json_array_append_new(wall, json_integer((json_int_t)(sample->rep_wall_ns[i] + 0.5)));
        json_array_append_new(cpu, json_integer((json_int_t)(sample->rep_cpu_ns[i] + 0.5)));
    }
    json_object_set_new(out, "ops", integer(sample->op_count));
    json_object_set_new(out, "iterations", integer(sample->iterations));
    json_object_set_new(out, "cold_ns", integer(sample->cold_cpu_ns));
    json_object_set_new(out, "reps_wall_ns", wall);
    json_object_set_new(out, "reps_cpu_ns", cpu);
    json_object_set_new(out, "checksum", hex(sample->checksum));
    json_object_set_new(out, "minflt", integer(sample->minor_faults));
    json_object_set_new(out, "majflt", integer(sample->major_faults));
    json_object_set_new(out, "mem", json_null());
}

static json_t *retained_to_json(const struct pab_outcome *outcome)
{
    json_t *out = json_array();
    for (size_t i = 0; i < outcome->retained_count; i++) {
        json_array_append_new(out, json_pack("{s:o, s:o}", "after_ms",
                                             integer(outcome->retained[i].after_ms), "rss_bytes",
                                             integer(outcome->retained[i].rss_bytes)));
    }
    return out;
}

static json_t *memory_to_json(const struct pab_demand_known *demand,
                              const struct pab_outcome *outcome)
{
    const struct pab_memory_sample *sample = &outcome->memory;
    uint64_t live_peak = demand->memory.peak_live_bytes;
    struct pab_curve rss = {outcome->curve, outcome->curve_count};
    struct pab_curve live = {demand->curve, demand->curve_count};

    json_t *phases = json_array();
    for (int i = 0; i < PAB_PHASE_COUNT; i++) {
        const struct pab_phase_note *phase = &sample->phases[i];
        json_array_append_new(phases,
                              json_pack("{s:s, s:o, s:o, s:o}", "phase", phase_names[i], "calls",
                                        integer(phase->calls), "rss_bytes", integer(phase->bytes),
                                        "live_bytes", integer(demand->memory.phase_live_bytes[i])));
    }
    json_t *kept = json_array();
    for (size_t i = 0; i < outcome->retained_count; i++) {
        const struct pab_retained *retained = &outcome->retained[i];
        json_array_append_new(
            kept,
            json_pack("{s:o, s:o}", "after_ms", integer(retained->after_ms), "value",
                      figure(pab_footprint_retained(sample, retained->rss_bytes, live_peak))));
    }
    json_t *structure = json_object();
    for (size_t i = 0; i < outcome->stat_count; i++) {
        json_object_set_new(structure, outcome->stats[i].name, integer(outcome->stats[i].value));
    }
    uint64_t live_at_peak = 0;
    uint64_t usable = pab_footprint_usable(rss, live, &live_at_peak);
    json_t *out = json_object();
    json_object_set_new(out, "usable_at_peak_bytes", usable == 0 ? json_null() : integer(usable));
    json_object_set_new(out, "start_rss_bytes", integer(outcome->opened.start_rss_bytes));
    json_object_set_new(out, "r0_bytes", integer(sample->r0_bytes));
    json_object_set_new(out, "peak_rss_bytes", integer(sample->peak_rss_bytes));
    json_object_set_new(out, "peak_exact", json_boolean(sample->peak_exact));
    json_object_set_new(out, "peak_live_bytes", integer(live_peak));
    json_object_set_new(out, "retained", retained_to_json(outcome));
    json_object_set_new(out, "phases", phases);
    json_object_set_new(out, "internal", figure(pab_footprint_internal(rss, live)));
    json_object_set_new(out, "f_peak", figure(pab_footprint_peak(sample, live_peak)));
    json_object_set_new(out, "f_time", figure(pab_footprint_time(sample, rss, live)));
    json_object_set_new(out, "f_ret", kept);
    json_object_set_new(out, "structure", structure);
    json_object_set_new(out, "request_hash", hex(sample->request_hash));
    return out;
}

/* A name that comes twice is the worker's mistake: the last one stands. */
static void set_figures(json_t *out, const struct pab_outcome *outcome)
{
    json_t *figures = json_object();
    for (size_t i = 0; i < outcome->figure_count; i++) {
        double value = outcome->figures[i].value;
        bool whole = value < 0x1p53 && value == (double)(uint64_t)value;
        json_object_set_new(figures, outcome->figures[i].name,
                            whole ? integer((uint64_t)value) : json_real(value));
    }
    json_t *series = json_object();
    for (size_t i = 0; i < outcome->series_count; i++) {
        const struct pab_series_note *note = &outcome->series[i];
        json_t *values = json_array();
        for (uint64_t j = 0; j < note->count; j++) {
            json_array_append_new(values, integer(note->values[j]));
        }
        json_object_set_new(series, note->name, values);
    }
    json_object_set_new(out, "figures", figures);
    json_object_set_new(out, "series", series);
}

/* Of any pass but time and memory, whose rows have a shape of their own. */
static void set_other(json_t *out, const struct pab_pass *pass, const struct pab_outcome *outcome)
{
    json_object_set_new(out, "ops", integer(outcome->body.op_count));
    json_object_set_new(out, "iterations", integer(1));
    json_object_set_new(out, "cold_ns", json_null());
    json_object_set_new(out, "reps_wall_ns", json_array());
    json_object_set_new(out, "reps_cpu_ns", json_array());
    json_object_set_new(out, "checksum", hex(outcome->body.checksum));
    json_object_set_new(out, "minflt", json_null());
    json_object_set_new(out, "majflt", json_null());
    json_object_set_new(out, "mem", json_null());
    json_object_set_new(out, "large", json_boolean((pass->flags & PAB_PASS_LARGE) != 0));
    if ((pass->flags & PAB_PASS_STILL) != 0) {
        json_object_set_new(out, "still", json_boolean(outcome->is_still));
    }
    set_figures(out, outcome);
}

static void set_memory(json_t *out, const struct pab_demand_known *demand,
                       const struct pab_outcome *outcome)
{
    const struct pab_memory_sample *sample = &outcome->memory;
    json_object_set_new(out, "ops", integer(sample->op_count));
    json_object_set_new(out, "iterations", integer(1));
    json_object_set_new(out, "cold_ns", json_null());
    json_object_set_new(out, "reps_wall_ns", json_array());
    json_object_set_new(out, "reps_cpu_ns", json_array());
    json_object_set_new(out, "checksum", hex(sample->checksum));
    json_object_set_new(out, "minflt", integer(sample->minor_faults));
    json_object_set_new(out, "majflt", integer(sample->major_faults));
    json_object_set_new(out, "mem", memory_to_json(demand, outcome));
}

static json_t *cell_to_json(const struct pab_plan *plan, const struct pab_cell *cell)
{
    return json_pack("{s:s, s:s, s:s, s:i}", "workload", plan->workloads[cell->workload].id,
                     "backend", plan->arms[cell->arm].id, "pass", cell->pass->name, "round",
                     (int)cell->round);
}

json_t *pab_sample_to_json(const struct pab_sample_context *context,
                           const struct pab_outcome *outcome)
{
    json_t *out = cell_to_json(context->plan, context->cell);
    json_object_set_new(out, "position", integer(context->cell->position));
    json_object_set_new(out, "started_ms", integer(context->started_ms));
    if (context->cell->pass == &pab_pass_time) {
        set_time(out, &outcome->time);
    } else if (context->cell->pass == &pab_pass_memory) {
        set_memory(out, context->demand, outcome);
    } else {
        set_other(out, context->cell->pass, outcome);
    }
    json_object_set_new(out, "env_bytes", integer(context->cell->pad_bytes));
    json_object_set_new(out, "exit", json_integer(outcome->exit_code));
    json_object_set_new(out, "signal", json_integer(outcome->signal));
    return out;
}

json_t *pab_timeline_to_json(const struct pab_sample_context *context,
                             const struct pab_outcome *outcome)
{
    struct pab_curve demand = {context->demand->curve, context->demand->curve_count};
    json_t *calls = json_array();
    json_t *t_ms = json_array();
    json_t *rss = json_array();
    json_t *live = json_array();
    for (size_t i = 0; i < outcome->curve_count; i++) {
        const struct pab_curve_point *point = &outcome->curve[i];
        json_array_append_new(calls, integer(point->calls));
        json_array_append_new(t_ms, milliseconds(point->t_ns));
        json_array_append_new(rss, integer(point->bytes));
        json_array_append_new(live, integer(pab_curve_at(demand, point->calls)));
    }
    json_t *phases = json_array();
    for (int i = 0; i < PAB_PHASE_COUNT; i++) {
        json_array_append_new(phases, json_pack("{s:s, s:o}", "phase", phase_names[i], "t_ms",
                                                milliseconds(outcome->memory.phases[i].t_ns)));
    }
    json_t *out = cell_to_json(context->plan, context->cell);
    json_object_del(out, "pass");
    json_object_set_new(out, "calls", calls);
    json_object_set_new(out, "t_ms", t_ms);
    json_object_set_new(out, "rss_bytes", rss);
    json_object_set_new(out, "live_bytes", live);
    json_object_set_new(out, "phases", phases);
    json_object_set_new(out, "retained", retained_to_json(outcome));
    return out;
}

json_t *pab_failure_to_json(const struct pab_plan *plan, const struct pab_cell *cell,
                            const char *backend, const char *kind, const char *message)
{
    json_t *out = cell != NULL ? cell_to_json(plan, cell)
                               : json_pack("{s:n, s:s, s:n, s:n}", "workload", "backend", backend,
                                           "pass", "round");
    if (cell != NULL && cell->is_control) {
        json_object_set_new(out, "pass", json_string(PAB_CONTROL_PASS));
    }
    json_object_set_new(out, "kind", json_string(kind));
    json_t *text = json_string(message);
    json_object_set_new(out, "message", text != NULL ? text : json_string("(not UTF-8)"));
    return out;
}
