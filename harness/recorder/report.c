#include "harness/recorder/report.h"

#include <inttypes.h>
#include <string.h>

#define SHOWN_MAX 6u /* traces in the list */

/* 12345678 as 12,345,678 */
static const char *grouped(uint64_t value, char out[32])
{
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%" PRIu64, value);
    char *at = out;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            *at++ = ',';
        }
        *at++ = digits[i];
    }
    *at = '\0';
    return out;
}

static void count_line(FILE *out, uint64_t count, const char *what)
{
    char text[32];
    if (count > 0) {
        fprintf(out, "  %s %s\n", grouped(count, text), what);
    }
}

static void show_file(FILE *out, const struct pab_recorded *recorded)
{
    char events[32];
    double each = recorded->counts.events == 0
                      ? 0
                      : (double)recorded->bytes / (double)recorded->counts.events;
    fprintf(out, "  %s  %s events, %.2f MB, %.2f bytes each: %.100s%s%.48s%s\n", recorded->file,
            grouped(recorded->counts.events, events), (double)recorded->bytes / 1e6, each,
            recorded->command, recorded->python[0] != '\0' ? " (Python " : "", recorded->python,
            recorded->python[0] != '\0' ? ")" : "");
    if (recorded->damage[0] != '\0') {
        fprintf(out, "  %s  ends early: %s\n", recorded->file, recorded->damage);
    }
}

struct sums {
    uint64_t events, bytes, unknown, missed, torn, unseen;
};

static struct sums sum_up(const struct pab_follow *follow)
{
    struct sums sums = {0};
    for (size_t i = 0; i < follow->recorded_count; i++) {
        const struct pab_recorded *recorded = &follow->recorded[i];
        sums.events += recorded->counts.events;
        sums.bytes += recorded->bytes;
        sums.unknown += recorded->counts.unknown_frees;
        sums.missed += recorded->counts.missed_frees;
        sums.torn += recorded->counts.torn;
        sums.unseen += recorded->unseen;
    }
    return sums;
}

/* 0: the program itself; 1: what it began; 2: no trace. */
static int rank(const struct pab_recorded *recorded)
{
    return recorded->number == 1 ? 0 : recorded->number > 1 ? 1 : 2;
}

/* Within a rank, those first that have most to tell. */
static int compare_files(const void *left, const void *right)
{
    const struct pab_recorded *a = left, *b = right;
    if (rank(a) != rank(b)) {
        return rank(a) - rank(b);
    }
    if (a->counts.events != b->counts.events) {
        return a->counts.events > b->counts.events ? -1 : 1;
    }
    return a->number < b->number ? -1 : a->number > b->number;
}

/* Handed on by one that we see, as the first program was by us, and never found. */
static uint64_t not_loaded(const struct pab_follow *follow)
{
    uint64_t found = follow->execs + follow->roomless;
    return follow->all && follow->begun + 1 > found ? follow->begun + 1 - found : 0;
}

void pab_record_report(FILE *out, struct pab_follow *follow, uint64_t wall_ns)
{
    char events[32];
    struct sums sums = sum_up(follow);
    if (follow->recorded_count > 1) {
        qsort(follow->recorded, follow->recorded_count, sizeof(*follow->recorded), compare_files);
    }
    double seconds = (double)wall_ns / 1e9;
    fprintf(out, "recorded %s events of %u process%s in %.2f s (%.2f million a second)\n",
            grouped(sums.events, events), follow->files, follow->files == 1 ? "" : "es", seconds,
            (double)sums.events / seconds / 1e6);
    unsigned shown = 0;
    for (size_t i = 0; i < follow->recorded_count; i++) {
        if (follow->recorded[i].file[0] != '\0' && shown++ < SHOWN_MAX) {
            show_file(out, &follow->recorded[i]);
        }
    }
    if (shown > SHOWN_MAX) {
        fprintf(out, "  and %u more, smaller\n", shown - SHOWN_MAX);
    }
    count_line(out, sums.unknown, "frees of blocks that were made unseen: left out");
    count_line(out, sums.missed, "blocks that were freed unseen: a free was put in for each");
    count_line(out, sums.torn, "requests at the moment of a kill: lost");
    count_line(out, sums.unseen,
               "programs were begun with another LD_PRELOAD or without our environment: unseen");
    count_line(out, not_loaded(follow),
               "programs did not load our library (linked statically, set-uid): unseen");
    count_line(out, follow->roomless, "processes had no room for a ring in shared memory: unseen");
    count_line(out, follow->orphans, "forks came from a process that is not known");
    fprintf(out, "  (what recording costs here: time the same command without it)\n");
}
