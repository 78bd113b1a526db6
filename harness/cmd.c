#include "harness/cmd.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

static bool is_plain(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+./,:=@%";
    return text[0] != '\0' && text[strspn(text, plain)] == '\0';
}

void pab_shell_quote(const char *text, char *out, size_t size)
{
    if (is_plain(text)) {
        snprintf(out, size, "%s", text);
        return;
    }
    size_t used = 0;
    out[used++] = '\'';
    for (; *text != '\0' && used + 6 < size; text++) {
        const char *piece = *text == '\'' ? "'\\''" : (char[]){*text, '\0'};
        used += (size_t)snprintf(out + used, size - used, "%s", piece);
    }
    snprintf(out + used, size - used, "'");
}

uint64_t pab_cmd_whole(struct argp_state *state, const char *name, const char *text, uint64_t least,
                       uint64_t most)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || text[0] == '-' || value < least ||
        value > most) {
        argp_failure(state, PAB_EXIT_USAGE, 0,
                     "--%s %s: a whole number within %llu..%llu is needed", name, text,
                     (unsigned long long)least, (unsigned long long)most);
    }
    return value;
}

double pab_cmd_number(struct argp_state *state, const char *name, const char *text, double least,
                      double most)
{
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !(value >= least) || !(value <= most)) {
        argp_failure(state, PAB_EXIT_USAGE, 0, "--%s %s: a number within %g..%g is needed", name,
                     text, least, most);
    }
    return value;
}

double pab_cmd_duration(struct argp_state *state, const char *name, const char *text, double least,
                        double most)
{
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    double unit = 1;
    if (end != text && *end != '\0' && end[1] == '\0') {
        unit = *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : 0;
        end++;
    }
    if (end == text || *end != '\0' || errno != 0 || !(value * unit >= least) ||
        !(value * unit <= most)) {
        argp_failure(state, PAB_EXIT_USAGE, 0,
                     "--%s %s: a time is needed, say 90s, 10m or 1h, from %g s to %g h", name, text,
                     least, most / 3600);
    }
    return value * unit;
}

const char *pab_cmd_file(struct argp_state *state, const char *option, const char *text)
{
    if (text[0] == '\0' || strcmp(text, "-") == 0) {
        argp_failure(state, PAB_EXIT_USAGE, 0, "%s needs the name of a file, not '%s'", option,
                     text);
    }
    return text;
}

static volatile int interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

const volatile int *pab_cmd_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: poll() must return */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write() */
    return &interrupted;
}

int pab_cmd_fail(const struct pab_error *err)
{
    fprintf(stderr, "pyallocbench: %s\n", err->text);
    switch (err->status) {
    case PAB_USAGE:
    case PAB_BAD_DATA:
        return PAB_EXIT_USAGE;
    case PAB_IDENTITY:
        return PAB_EXIT_FAILED;
    case PAB_UNAVAILABLE:
        return PAB_EXIT_NOTHING;
    case PAB_NOT_COMPARABLE:
        return PAB_EXIT_NOT_COMPARABLE;
    default:
        return PAB_EXIT_ERROR;
    }
}
