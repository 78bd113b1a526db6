#include "harness/progress.h"

#include "harness/self.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void pab_progress_begin(struct pab_progress *progress, bool quiet)
{
    const char *terminal = getenv("TERM");
    memset(progress, 0, sizeof(*progress));
    progress->quiet = quiet;
    progress->unit = "cell";
    progress->terminal =
        isatty(STDERR_FILENO) != 0 && terminal != NULL && strcmp(terminal, "dumb") != 0;
    progress->began_ns = pab_wall_ns();
}

void pab_progress_expect(struct pab_progress *progress, size_t cells, double weight_each)
{
    progress->total += cells;
    progress->weight_total += (double)cells * weight_each;
}

void pab_progress_limit(struct pab_progress *progress, double seconds)
{
    progress->limit_s = seconds;
}

/* Seconds left, by the weight that is done and the time that it took; negative: not known yet. */
static double seconds_left(const struct pab_progress *progress)
{
    double done = progress->weight_done - progress->weight_skipped;
    double seconds = (double)(pab_wall_ns() - progress->began_ns) * 1e-9;
    if (progress->limit_s > 0) {
        return seconds < progress->limit_s ? progress->limit_s - seconds : 0;
    }
    if (progress->done == progress->total) {
        return 0;
    }
    if (done <= 0 || seconds < 1) {
        return -1;
    }
    return seconds / done * (progress->weight_total - progress->weight_done);
}

/* "0:42 left"; "0:03 so far" as long as nobody can know. */
static void format_time(const struct pab_progress *progress, char *out, size_t size)
{
    double left = seconds_left(progress);
    double so_far = (double)(pab_wall_ns() - progress->began_ns) * 1e-9;
    int seconds = (int)(left < 0 ? so_far : left);
    snprintf(out, size, "%d:%02d %s", seconds / 60, seconds % 60, left < 0 ? "so far" : "left");
}

void pab_progress_show(struct pab_progress *progress, const char *what)
{
    if (!progress->quiet && progress->terminal) {
        char time[32];
        format_time(progress, time, sizeof(time));
        char total[24] = "";
        if (progress->limit_s <= 0) {
            snprintf(total, sizeof(total), "/%zu", progress->total);
        }
        fprintf(stderr, "\r[%*zu%s] %s  %-48.48s", 5, progress->done, total, time, what);
        fflush(stderr);
    }
}

static unsigned tenths_done(const struct pab_progress *progress)
{
    double share = 0;
    if (progress->limit_s > 0) {
        share = (double)(pab_wall_ns() - progress->began_ns) * 1e-9 / progress->limit_s;
    } else if (progress->weight_total > 0) {
        share = progress->weight_done / progress->weight_total;
    }
    return share >= 1 ? 10 : (unsigned)(10 * share + 1e-9);
}

void pab_progress_step(struct pab_progress *progress, double weight)
{
    progress->done++;
    progress->weight_done += weight;
    unsigned tenths = tenths_done(progress);
    if (!progress->quiet && !progress->terminal && tenths > progress->tenths) {
        char time[32];
        char total[32] = "";
        format_time(progress, time, sizeof(time));
        if (progress->limit_s <= 0) {
            snprintf(total, sizeof(total), " of %zu", progress->total);
        }
        size_t counted = progress->limit_s > 0 ? progress->done : progress->total;
        fprintf(stderr, "%3u %% (%zu%s %s%s), %s\n", 10 * tenths, progress->done, total,
                progress->unit, counted == 1 ? "" : "s", time);
        progress->tenths = tenths;
    }
}

void pab_progress_skip(struct pab_progress *progress, double weight)
{
    progress->weight_skipped += weight;
    pab_progress_step(progress, weight);
}

void pab_progress_clear(const struct pab_progress *progress)
{
    if (!progress->quiet && progress->terminal) {
        fprintf(stderr, "\r%*s\r", 79, "");
    }
}
