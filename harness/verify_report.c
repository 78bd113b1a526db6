#include "harness/verify_report.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>

#define PROCESSES_SHOWN 20u /* those with something to tell are shown anyway */

/* --- reading ---------------------------------------------------------------------------------- */

enum reading { READ_WHOLE, READ_SHORT, READ_FOREIGN };

static enum reading read_record(const char *dir, const char *name, struct pab_record *out)
{
    char path[4500];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return READ_FOREIGN;
    }
    bool whole = fread(out, sizeof(*out), 1, file) == 1;
    fclose(file);
    return !whole ? READ_SHORT : out->format == PAB_RECORD_FORMAT ? READ_WHOLE : READ_FOREIGN;
}

static int compare_begun(const void *left, const void *right)
{
    uint64_t a = ((const struct pab_record *)left)->begun_ns;
    uint64_t b = ((const struct pab_record *)right)->begun_ns;
    return a < b ? -1 : a > b;
}

static bool append_record(struct pab_records *records, const struct pab_record *record)
{
    if ((records->count & (records->count - 1)) == 0) { /* full: 0, 1, 2, 4, 8, ... */
        size_t room = records->count == 0 ? 1 : 2 * records->count;
        struct pab_record *grown = realloc(records->at, room * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        records->at = grown;
    }
    records->at[records->count++] = *record;
    return true;
}

enum pab_status pab_records_read(const char *dir, struct pab_records *out, struct pab_error *err)
{
    *out = (struct pab_records){0};
    DIR *folder = opendir(dir);
    if (folder == NULL) {
        return pab_fail(err, PAB_IO, "cannot read %s: %s", dir, strerror(errno));
    }
    bool complete = true;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        struct pab_record record;
        if (entry->d_name[0] == '.') {
            continue;
        }
        enum reading reading = read_record(dir, entry->d_name, &record);
        out->roomless += reading == READ_SHORT;
        if (reading == READ_WHOLE) {
            complete = complete && append_record(out, &record);
        }
    }
    closedir(folder);
    if (!complete) {
        pab_records_free(out);
        return pab_fail(err, PAB_NO_MEMORY, "no memory for the records of all processes");
    }
    if (out->count > 1) {
        qsort(out->at, out->count, sizeof(*out->at), compare_begun);
    }
    return PAB_OK;
}

void pab_records_free(struct pab_records *records)
{
    free(records->at);
    *records = (struct pab_records){0};
}

struct pab_verify_totals pab_records_total(const struct pab_records *records)
{
    struct pab_verify_totals totals = {0};
    for (size_t i = 0; i < records->count; i++) {
        totals.compared += pab_record_calls(&records->at[i]);
        totals.mismatches += records->at[i].mismatches;
        totals.skipped += records->at[i].skipped;
    }
    return totals;
}

/* --- one process ------------------------------------------------------------------------------ */

static void tell_end(const struct pab_records *records, size_t index, char *out, size_t size)
{
    const struct pab_record *record = &records->at[index];
    bool went_on = false; /* the same process, as another program */
    for (size_t i = index + 1; i < records->count; i++) {
        went_on = went_on || records->at[i].pid == record->pid;
    }
    const char *text = record->end == PAB_END_EXIT     ? "exit"
                       : record->end == PAB_END_DIRECT ? "os._exit()"
                       : went_on                       ? "it became another program by exec"
                       : kill(record->pid, 0) == 0
                           ? "none yet: it still runs"
                           : "without exit handlers: killed, or by exec another program";
    snprintf(out, size, "%s", text);
}

static void show_counts(FILE *out, const struct pab_record *record)
{
    fprintf(out,
            "  calls       %" PRIu64 " compared: malloc %" PRIu64 ", calloc %" PRIu64
            ", realloc %" PRIu64 ", free %" PRIu64 "\n",
            pab_record_calls(record), record->calls[PAB_CALL_MALLOC],
            record->calls[PAB_CALL_CALLOC], record->calls[PAB_CALL_REALLOC],
            record->calls[PAB_CALL_FREE]);
    fprintf(out, "  addresses   %" PRIu64 " in pools, %" PRIu64 " raw, %" PRIu64 " NULL\n",
            record->in_pools, record->raw, record->failed);
    fprintf(out, "  arenas      %" PRIu64 " taken, %" PRIu64 " released\n", record->arenas_taken,
            record->arenas_released);
    if (record->states > 1) {
        fprintf(out, "  heaps       %" PRIu64 ": the main interpreter's and isolated ones'\n",
                record->states);
    }
}

static void show_statistics(FILE *out, const struct pab_record *record)
{
    if (record->statistics_moments > 0) {
        fprintf(out,
                "  statistics  %" PRIu64 " fields equal at %" PRIu64
                " moments, the last after %" PRIu64 " calls\n",
                record->statistics_fields, record->statistics_moments, record->statistics_call);
    }
    if (record->unmeasured[0] != '\0' || record->statistics_moments == 0) {
        fprintf(out, "  statistics  not compared: %s\n",
                record->unmeasured[0] != '\0' ? record->unmeasured : "there was no safe moment");
    }
}

static void show_process(FILE *out, const struct pab_records *records, size_t index,
                         const char *end)
{
    const struct pab_record *record = &records->at[index];
    char found[80];
    tell_end(records, index, found, sizeof(found));
    fprintf(out, "process %d%s  %s\n", record->pid, record->forked != 0 ? " (fork)" : "",
            record->command);
    if (record->refused[0] != '\0') {
        fprintf(out, "  not compared: %s\n", record->refused);
        return;
    }
    fprintf(out, "  who         CPython %s, rules of profile %s\n", record->python,
            record->profile);
    show_counts(out, record);
    show_statistics(out, record);
    if (record->skipped > 0) {
        fprintf(out, "  skipped     %" PRIu64 " calls: %s\n", record->skipped, record->stopped);
    }
    if (record->mismatches > 0) {
        fprintf(out, "  MISMATCH    %s\n", record->mismatch);
    }
    fprintf(out, "  end         %s\n", end != NULL ? end : found);
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool is_remarkable(const struct pab_record *record)
{
    return record->mismatches > 0 || record->skipped > 0 || record->refused[0] != '\0';
}

uint64_t pab_records_lost(const struct pab_records *records)
{
    uint64_t lost = 0;
    for (size_t i = 0; i < records->count; i++) {
        lost += records->at[i].forks;
        lost -= records->at[i].forked != 0;
    }
    return lost;
}

void pab_verify_report(FILE *out, const struct pab_records *records, pid_t root, int wait_status)
{
    char killed[96] = "";
    if (WIFSIGNALED(wait_status)) {
        int number = WTERMSIG(wait_status);
        snprintf(killed, sizeof(killed), "killed by signal %d (%s)", number, strsignal(number));
    }
    size_t hidden = 0;
    for (size_t i = 0; i < records->count; i++) {
        const struct pab_record *record = &records->at[i];
        if (i >= PROCESSES_SHOWN && !is_remarkable(record)) {
            hidden++;
            continue;
        }
        bool is_killed = record->pid == root && record->end == PAB_END_NONE && killed[0] != '\0';
        show_process(out, records, i, is_killed ? killed : NULL);
    }
    if (hidden > 0) {
        fprintf(out, "and %zu processes more, without anything remarkable\n", hidden);
    }
    if (records->roomless > 0) {
        fprintf(out, "NOT compared, for want of room for their records: %zu processes\n",
                records->roomless);
    }
    uint64_t lost = pab_records_lost(records);
    if (lost > 0) {
        fprintf(out,
                "%" PRIu64 " children of fork() left no record: they run as another user or in "
                "another root, say\n",
                lost);
    }
    struct pab_verify_totals totals = pab_records_total(records);
    if (totals.skipped > 0) {
        fprintf(out, "%" PRIu64 " calls were NOT compared: see `skipped` above\n", totals.skipped);
    }
    fprintf(out, "%" PRIu64 " calls compared, %" PRIu64 " mismatches\n", totals.compared,
            totals.mismatches);
}
