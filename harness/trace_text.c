/* harness/trace_text.c -- what is in a trace, for people. Bars are text: they need no colour. */
#include "harness/json_text.h"
#include "harness/text.h"
#include "harness/trace_info.h"

#include <inttypes.h>

#define BAR 28

/* --- numbers -------------------------------------------------------------------------------- */

struct words { /* room for one number; passed on by value, so that several stand in one call */
    char text[40];
};

/* 1234567 is 1,234,567; from 10^8 on three digits do: 123 M. */
static struct words count_of(uint64_t value)
{
    struct words out;
    if (value >= 100000000) {
        static const char units[] = "MGTPE";
        double scaled = (double)value / 1e6;
        unsigned unit = 0;
        while (scaled >= 999.5) {
            scaled /= 1000;
            unit++;
        }
        snprintf(out.text, sizeof(out.text), "%.3g %c", scaled, units[unit]);
        return out;
    }
    unsigned thousands = (unsigned)(value / 1000);
    unsigned rest = (unsigned)(value % 1000);
    if (thousands >= 1000) {
        snprintf(out.text, sizeof(out.text), "%u,%03u,%03u", thousands / 1000, thousands % 1000,
                 rest);
    } else if (thousands > 0) {
        snprintf(out.text, sizeof(out.text), "%u,%03u", thousands, rest);
    } else {
        snprintf(out.text, sizeof(out.text), "%u", rest);
    }
    return out;
}

static struct words bytes_of(double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    struct words out;
    unsigned unit = 0;
    while (bytes >= 1023.5 && unit + 1 < ARRAY_COUNT(units)) {
        bytes /= 1024;
        unit++;
    }
    bool whole = unit == 0 || bytes >= 99.95 || bytes == (double)(unsigned)bytes;
    snprintf(out.text, sizeof(out.text), whole ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return out;
}

static struct words time_of(double ns)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    struct words out;
    unsigned unit = 0;
    while (ns >= 999.5 && unit + 1 < ARRAY_COUNT(units)) {
        ns /= 1000;
        unit++;
    }
    snprintf(out.text, sizeof(out.text), ns >= 99.95 ? "%.0f %s" : "%.3g %s", ns, units[unit]);
    return out;
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : 100 * (double)part / (double)whole;
}

/* As long as `part` of `most`; what there is at all has one mark. */
static const char *bar_of(uint64_t part, uint64_t most)
{
    static const char marks[BAR + 1] = "############################";
    if (part == 0 || most == 0) {
        return "";
    }
    unsigned length = (unsigned)((double)part / (double)most * BAR + 0.5);
    return marks + BAR - (length == 0 ? 1 : length);
}

static uint64_t most_of(const uint64_t *values, unsigned count)
{
    uint64_t most = 0;
    for (unsigned i = 0; i < count; i++) {
        most = values[i] > most ? values[i] : most;
    }
    return most;
}

/* --- what was recorded ---------------------------------------------------------------------- */

static void print_item(const char *head, const char *text)
{
    char clean[4096];
    char lead[32];
    snprintf(lead, sizeof(lead), "  %s", head);
    pab_text_clean(text, false, clean, sizeof(clean));
    pab_text_item(lead, 13, clean);
}

/* A text, or a list of words. */
static void join_words(const json_t *value, char *out, size_t size)
{
    size_t used = 0;
    snprintf(out, size, "%s", json_is_string(value) ? json_string_value(value) : "");
    for (size_t i = 0; i < json_array_size(value) && used < size; i++) {
        const char *word = json_string_value(json_array_get(value, i));
        used += (size_t)snprintf(out + used, size - used, "%s%s", i == 0 ? "" : " ",
                                 word == NULL ? "?" : word);
    }
}

static void print_origin(const struct pab_trace_info *info)
{
    char text[4096];
    if (info->meta == NULL) {
        print_item("command", "it does not say what was recorded");
        return;
    }
    join_words(json_object_get(info->meta, "command"), text, sizeof(text));
    print_item("command", text[0] == '\0' ? "not recorded" : text);
    const char *python = pab_json_text(info->meta, "python");
    const char *recorded = pab_json_text(info->meta, "recorded");
    const char *recorder = pab_json_text(info->meta, "recorder");
    const char *how =
        pab_json_is(info->meta, "mode", "python")   ? "through the hooks of an interpreter, "
        : pab_json_is(info->meta, "mode", "malloc") ? "as calls of malloc and its family, "
                                                    : "";
    snprintf(text, sizeof(text), "%s%s%s%s%s%sby pyallocbench %s", recorded,
             recorded[0] == '\0' ? "" : ", ", how, python[0] == '\0' ? "" : "CPython ", python,
             python[0] == '\0' ? "" : ", ", recorder[0] == '\0' ? "?" : recorder);
    print_item("recorded", text);
}

static void print_time(const struct pab_trace_info *info)
{
    char text[200];
    if (info->wall_ns == 0) {
        print_item("time", "not recorded");
        return;
    }
    int used =
        snprintf(text, sizeof(text), "%s: %s events a second", time_of((double)info->wall_ns).text,
                 count_of((uint64_t)((double)info->events * 1e9 / (double)info->wall_ns)).text);
    if (info->cpu_ns > 0) {
        snprintf(text + used, sizeof(text) - (size_t)used, "; %s of CPU time: %s a second",
                 time_of((double)info->cpu_ns).text,
                 count_of((uint64_t)((double)info->events * 1e9 / (double)info->cpu_ns)).text);
    }
    print_item("time", text);
}

static void print_threads(const struct pab_trace_info *info)
{
    char text[200];
    uint64_t frees = info->all.calls[PAB_EVENT_FREE];
    int used = snprintf(text, sizeof(text), "%" PRIu32, info->threads);
    if (info->threads > 1) {
        snprintf(text + used, sizeof(text) - (size_t)used,
                 "; another one calls %s times; %.1f %% of all frees are of blocks that another "
                 "one made; the first has %.1f %% of the events",
                 count_of(info->handovers).text, percent(info->foreign_ends, frees),
                 percent(info->thread_events[0], info->events));
    }
    print_item("threads", text);
}

static void print_live(const struct pab_trace_info *info)
{
    char text[200];
    const struct pab_trace_moment *peak = &info->peak;
    const uint64_t *calls = info->all.calls;
    uint64_t made =
        pab_trace_info_requests(info) - calls[PAB_EVENT_REALLOC] + calls[PAB_EVENT_INHERIT];
    int used = snprintf(text, sizeof(text), "%s in %s blocks, after event %s (%.0f %%",
                        bytes_of((double)peak->bytes).text, count_of(peak->blocks).text,
                        count_of(peak->event).text, percent(peak->event, info->events));
    snprintf(text + used, sizeof(text) - (size_t)used, "%s%s)", peak->wall_ns > 0 ? ", " : "",
             peak->wall_ns > 0 ? time_of((double)peak->wall_ns).text : "");
    print_item("peak", text);
    snprintf(text, sizeof(text), "%s in %s blocks alive at the end: %.2f %% of all that were made",
             bytes_of((double)info->all.live_bytes).text, count_of(info->all.live_blocks).text,
             percent(info->all.live_blocks, made));
    print_item("left", text);
}

static void print_file(const struct pab_trace_info *info)
{
    char text[200];
    double each = info->events == 0 ? 0 : (double)info->file_bytes / (double)info->events;
    snprintf(text, sizeof(text), "%s, %.2f bytes an event, %s frame%s",
             bytes_of((double)info->file_bytes).text, each, count_of(info->frames).text,
             info->frames == 1 ? "" : "s");
    print_item("file", text);
    if (json_array_size(info->forks) > 0) {
        snprintf(text, sizeof(text), "%zu child%s, with a trace of its own each",
                 json_array_size(info->forks), json_array_size(info->forks) == 1 ? "" : "ren");
        print_item("forks", text);
    }
    if (info->totals != NULL && pab_json_count(info->totals, "refused") > 0) {
        snprintf(text, sizeof(text), "%s requests got NULL, and are no events",
                 count_of((uint64_t)pab_json_count(info->totals, "refused")).text);
        print_item("refused", text);
    }
}

/* --- tables --------------------------------------------------------------------------------- */

static void print_domain(const char *name, const struct pab_trace_counts *counts)
{
    static const unsigned shown[] = {PAB_EVENT_MALLOC, PAB_EVENT_CALLOC, PAB_EVENT_ALIGNED,
                                     PAB_EVENT_REALLOC, PAB_EVENT_FREE};
    static const int widths[] = {11, 10, 10, 11, 11};
    printf("  %-4s", name);
    for (size_t i = 0; i < ARRAY_COUNT(shown); i++) {
        printf("%*s", widths[i], count_of(counts->calls[shown[i]]).text);
    }
    printf("%11s%10s\n", bytes_of((double)counts->requested_bytes).text,
           bytes_of((double)counts->peak_bytes).text);
}

static void print_domains(const struct pab_trace_info *info)
{
    printf("\n  %-4s%11s%10s%10s%11s%11s%11s%10s\n", "", "malloc", "calloc", "aligned", "realloc",
           "free", "requested", "peak");
    for (unsigned domain = 0; domain < PAB_TRACE_DOMAINS; domain++) {
        if (info->domains[domain].peak_blocks > 0) {
            print_domain(pab_trace_domain_name(domain), &info->domains[domain]);
        }
    }
    print_domain("all", &info->all);
    if (info->all.calls[PAB_EVENT_INHERIT] > 0) {
        printf("  %s blocks were there before: a child has its parent's\n",
               count_of(info->all.calls[PAB_EVENT_INHERIT]).text);
    }
}

static void print_size_row(const struct pab_trace_info *info, const char *head, uint64_t requests,
                           uint64_t bytes, const char *bar)
{
    uint64_t all_bytes = 0;
    for (unsigned i = 0; i < PAB_TRACE_OCTAVES; i++) {
        all_bytes += info->octave_bytes[i] / 2; /* halves: the sum may be too large for all */
    }
    printf("  %-16s%12s%8.1f %%%8.1f %%%s%s\n", head, count_of(requests).text,
           percent(requests, pab_trace_info_requests(info)), percent(bytes / 2, all_bytes),
           bar[0] == '\0' ? "" : "  ", bar);
}

/* What is at most 16 bytes is one row, for it is one class of pymalloc; then octaves. */
static void print_sizes(const struct pab_trace_info *info)
{
    uint64_t rows[PAB_TRACE_OCTAVES] = {0};
    uint64_t bytes[PAB_TRACE_OCTAVES] = {0};
    uint64_t small_bytes = 0;
    unsigned last = 4;
    for (unsigned i = 0; i < PAB_TRACE_OCTAVES; i++) {
        unsigned row = i < 4 ? 4 : i;
        rows[row] += info->octaves[i];
        bytes[row] += info->octave_bytes[i];
        small_bytes += i <= 9 ? info->octave_bytes[i] : 0;
        last = rows[row] > 0 ? row : last;
    }
    printf("\n  %-16s%12s%10s%10s\n", "size of requests", "number", "share", "of bytes");
    for (unsigned row = 4; row <= last; row++) {
        char head[64];
        snprintf(head, sizeof(head), "up to %s", bytes_of((double)((uint64_t)1 << row)).text);
        print_size_row(info, head, rows[row], bytes[row],
                       bar_of(rows[row], most_of(rows, PAB_TRACE_OCTAVES)));
    }
    print_size_row(info, "512 B and less", pab_trace_info_small(info), small_bytes, "");
}

static const double quantiles[] = {0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1};

static struct words number_of(double value)
{
    return count_of((uint64_t)value);
}

static void print_quantiles(const char *head, const struct pab_spread *spread,
                            struct words (*format)(double value))
{
    printf("  %-8s", head);
    for (size_t i = 0; i < ARRAY_COUNT(quantiles); i++) {
        double value =
            quantiles[i] < 1 ? pab_spread_quantile(spread, quantiles[i]) : (double)spread->most;
        printf("%10s", format(value).text);
    }
    printf("\n");
}

static void print_decades(const struct pab_spread *spread)
{
    uint64_t seen = 0;
    uint64_t low = 1;
    printf("\n  %-24s%14s%10s\n", "lifetime in events", "share", "so far");
    for (unsigned i = 0; i < PAB_SPREAD_DECADES && seen < spread->count; i++, low *= 10) {
        char head[96];
        seen += spread->decades[i];
        snprintf(head, sizeof(head), "%s .. %s", count_of(low).text, count_of(low * 10 - 1).text);
        const char *bar = bar_of(spread->decades[i], most_of(spread->decades, PAB_SPREAD_DECADES));
        printf("  %-24s%12.1f %%%8.1f %%%s%s\n", head, percent(spread->decades[i], spread->count),
               percent(seen, spread->count), bar[0] == '\0' ? "" : "  ", bar);
    }
}

static void print_lifetimes(const struct pab_trace_info *info)
{
    if (info->life_events.count == 0) {
        return;
    }
    printf("\n  From what made a block to its free: other events, bytes requested%s\n",
           info->life_ns.count > 0 ? ", time" : "");
    printf("  %-8s%10s%10s%10s%10s%10s%10s%10s\n", "lifetime", "10 %", "25 %", "50 %", "75 %",
           "90 %", "99 %", "longest");
    print_quantiles("events", &info->life_events, number_of);
    print_quantiles("bytes", &info->life_bytes, bytes_of);
    if (info->life_ns.count > 0) {
        print_quantiles("time", &info->life_ns, time_of);
    }
    print_decades(&info->life_events);
}

static void print_reallocs(const struct pab_trace_info *info)
{
    char text[300];
    uint64_t all = info->all.calls[PAB_EVENT_REALLOC];
    if (all == 0) {
        return;
    }
    snprintf(text, sizeof(text),
             "%.1f %% to more bytes: half of those to %.2f times as many or less, 90 %% to %.2f; "
             "%.1f %% to fewer, %.1f %% to as many as before",
             percent(info->grew, all), pab_spread_quantile(&info->growth, 0.5) / 1000,
             pab_spread_quantile(&info->growth, 0.9) / 1000, percent(info->shrank, all),
             percent(info->stayed, all));
    printf("\n");
    print_item("realloc", text);
}

void pab_trace_info_print(const struct pab_trace_info *info, const char *name)
{
    printf("%s: %s events, %s\n", name, count_of(info->events).text,
           info->whole ? "complete" : "not complete");
    print_origin(info);
    print_time(info);
    print_threads(info);
    print_live(info);
    print_file(info);
    if (info->events > 0) {
        print_domains(info);
        print_sizes(info);
        print_lifetimes(info);
        print_reallocs(info);
    }
}
