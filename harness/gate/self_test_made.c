/* harness/gate/self_test_made.c -- made-up gates as documents, for the real reader and judge. */
#include "harness/gate/self_test_made.h"

#include <math.h>
#include <string.h>

#define OPS           1000
#define CHECKSUM      "00000000000000aa"
#define MEMORY_ROUNDS 2 /* one decides nothing */

void pab_made_rng(struct pab_rng *rng, uint64_t seed, unsigned stream, unsigned trial)
{
    uint64_t state = seed;
    state = pab_splitmix64(&state) + stream; /* mixed: near seeds have nothing in common */
    state = pab_splitmix64(&state) + trial;
    pab_rng_seed(rng, state);
}

double pab_made_normal(struct pab_rng *rng)
{
    double radius = sqrt(-2 * log(1 - pab_rng_unit(rng))); /* Box and Muller */
    return radius * cos(6.283185307179586 * pab_rng_unit(rng));
}

void pab_made_init(struct pab_made_gate *gate, size_t cells, double noise, struct pab_rng *rng)
{
    PAB_CHECK(cells <= PAB_MADE_CELLS);
    memset(gate, 0, sizeof(*gate));
    gate->cells = cells;
    gate->rounds = 19; /* one fewer than give the suite an interval, which takes most of the time */
    gate->reps = 1;
    gate->alpha = 0.01;
    gate->floor = 0.01;
    for (size_t c = 0; c < cells; c++) {
        for (unsigned r = 0; r < PAB_MADE_ROUNDS; r++) {
            gate->cell[c].base_ns[r] = 100 * exp(noise * pab_made_normal(rng));
            gate->cell[c].head_ns[r] = 100 * exp(noise * pab_made_normal(rng));
        }
    }
}

void pab_made_slow(struct pab_made_cell *cell, double ratio)
{
    for (unsigned r = 0; r < PAB_MADE_ROUNDS; r++) {
        cell->head_ns[r] *= ratio;
    }
}

/* --- as a document -------------------------------------------------------------------------- */

static void print_head(FILE *file, const struct pab_made_gate *gate)
{
    fprintf(file,
            "{\"pyallocbench\":{\"schema\":\"%s\",\"complete\":true,\"run_id\":\"made\","
            "\"started\":\"2026-01-02T03:04:05Z\",\"preset\":\"made\",\"seed\":7,\"baseline\":"
            "\"x@base\",\"noise\":{\"warnings\":[]},\"provenance\":{\"cpu_model\":\"made\"},"
            "\"control\":[],\"gate\":{\"time_rounds\":%u,\"memory_rounds\":%u},\"backends\":[",
            PAB_SCHEMA, gate->confirm_from, gate->confirm_from == 0 ? 0 : MEMORY_ROUNDS);
    static const char *const roles[] = {"base", "head"};
    for (size_t i = 0; i < ARRAY_COUNT(roles); i++) {
        fprintf(file,
                "%s{\"id\":\"x@%s\",\"label\":\"x\",\"role\":\"%s\",\"kind\":\"library\","
                "\"status\":\"ok\",\"identity\":{\"version\":\"1\"}}",
                i == 0 ? "" : ",", roles[i], roles[i]);
    }
    fprintf(file, "],\"workloads\":[");
    for (size_t c = 0; c < gate->cells; c++) {
        fprintf(file,
                "%s{\"id\":\"w%zu\",\"params\":{\"steps\":1},\"checksum\":\"%s\","
                "\"memory_checksum\":\"%s\"}",
                c == 0 ? "" : ",", c, CHECKSUM, CHECKSUM);
    }
    fprintf(file, "]");
}

struct printed {
    FILE *file;
    size_t rows;
};

/* The part of a sample that all passes have. */
static void begin_row(struct printed *printed, size_t cell, const char *side, const char *pass,
                      unsigned round)
{
    fprintf(printed->file,
            "%s{\"workload\":\"w%zu\",\"backend\":\"x@%s\",\"pass\":\"%s\",\"round\":%u,"
            "\"position\":%zu,\"started_ms\":0,\"ops\":%d,\"checksum\":\"%s\",\"exit\":0,"
            "\"signal\":0,",
            printed->rows == 0 ? "" : ",", cell, side, pass, round, printed->rows, OPS, CHECKSUM);
    printed->rows++;
}

static void print_times(struct printed *printed, size_t cell, const char *side,
                        const double *values, const struct pab_made_gate *gate)
{
    for (unsigned r = 0; r < gate->rounds; r++) {
        begin_row(printed, cell, side, "time", r);
        fprintf(printed->file, "\"mem\":null,\"reps_cpu_ns\":[");
        for (unsigned i = 0; i < gate->reps; i++) {
            fprintf(printed->file, "%s%.17g", i == 0 ? "" : ",", OPS * values[r]);
        }
        fprintf(printed->file, "]}");
    }
}

static void print_counts(struct printed *printed, size_t cell, const char *side, double bytes,
                         unsigned arenas)
{
    for (unsigned r = 0; r < MEMORY_ROUNDS && (bytes > 0 || arenas > 0); r++) {
        begin_row(printed, cell, side, "memory", r);
        fprintf(printed->file, "\"mem\":{\"peak_rss_bytes\":%.0f,\"structure\":{\"arenas\":%u}}}",
                bytes, arenas);
    }
}

static void print_instructions(struct printed *printed, size_t cell, const char *side,
                               double per_op)
{
    if (per_op > 0) {
        begin_row(printed, cell, side, "instructions", 0);
        fprintf(printed->file, "\"mem\":null,\"figures\":{\"per_op\":%.17g}}", per_op);
    }
}

static void print_gate(FILE *file, const struct pab_made_gate *gate)
{
    print_head(file, gate);
    fprintf(file, ",\"samples\":[");
    struct printed printed = {file, 0};
    for (size_t c = 0; c < gate->cells; c++) {
        const struct pab_made_cell *cell = &gate->cell[c];
        if (!cell->lacks_base) {
            print_times(&printed, c, "base", cell->base_ns, gate);
            print_counts(&printed, c, "base", cell->base_bytes, cell->base_arenas);
            print_instructions(&printed, c, "base", cell->base_instructions);
        }
        if (!cell->lacks_head && !cell->head_failed) {
            print_times(&printed, c, "head", cell->head_ns, gate);
            print_counts(&printed, c, "head", cell->head_bytes, cell->head_arenas);
            print_instructions(&printed, c, "head", cell->head_instructions);
        }
    }
    fprintf(file, "],\"failures\":[");
    const char *comma = "";
    for (size_t c = 0; c < gate->cells; c++) {
        if (gate->cell[c].head_failed) {
            fprintf(file,
                    "%s{\"workload\":\"w%zu\",\"backend\":\"x@head\",\"pass\":\"time\","
                    "\"round\":0,\"kind\":\"crashed\",\"message\":\"signal 11\"}",
                    comma, c);
            comma = ",";
        }
    }
    fprintf(file, "]}}");
}

/* --- the real comparator --------------------------------------------------------------------- */

void pab_judge_really(const struct pab_made_gate *gate, unsigned faults, struct pab_said *said)
{
    PAB_CHECK(faults == 0);
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    PAB_CHECK(file != NULL);
    print_gate(file, gate);
    PAB_CHECK(fclose(file) == 0);
    struct pab_gate_settings settings = pab_gate_settings_unset();
    settings.numbers[PAB_GATE_ALPHA] = gate->alpha;
    settings.numbers[PAB_GATE_TIME_FLOOR] = gate->floor;
    settings.confirm_rounds = gate->confirm_from == 0 ? 0 : PAB_GATE_CONFIRM_ALIKE;
    struct pab_reading *reading = NULL;
    struct pab_gate_case *the_case = NULL;
    struct pab_error err;
    *said = (struct pab_said){.result = PAB_GATE_NOT_COMPARABLE};
    enum pab_status status =
        pab_reading_parse("made", (const unsigned char *)text, bytes, &reading, &err);
    PAB_CHECK(status == PAB_OK);
    if (pab_gate_case_of_arms(reading, &settings, &the_case, &err) == PAB_OK) {
        const size_t *found = the_case->verdict->found;
        *said = (struct pab_said){
            .result = the_case->verdict->result,
            .worse = found[PAB_FINDING_REGRESSION],
            .better = found[PAB_FINDING_BETTER],
            .added = found[PAB_FINDING_NEW],
            .gone = found[PAB_FINDING_GONE],
        };
        pab_gate_case_free(the_case);
    }
    free(text);
}
