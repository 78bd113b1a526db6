#include "tests/conformance/support/judge.h"

#include <stdarg.h>
#include <string.h>

bool pab_wrong(struct pab_check_run *run, const char *format, ...)
{
    if (run->reason[0] == '\0') {
        va_list args;
        va_start(args, format);
        vsnprintf(run->reason, sizeof(run->reason), format, args);
        va_end(args);
    }
    return false;
}

enum pab_verdict pab_judge(const struct pab_check_run *run, bool holds)
{
    return holds ? PAB_PASS : pab_check_verdict(run->check);
}

enum pab_verdict pab_skip(struct pab_check_run *run, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(run->reason, sizeof(run->reason), format, args);
    va_end(args);
    return PAB_SKIP;
}

void pab_compared(struct pab_check_run *run, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(run->compared, sizeof(run->compared), format, args);
    va_end(args);
}

void pab_answer(struct pab_check_run *run, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(run->answer, sizeof(run->answer), format, args);
    va_end(args);
}

void pab_detail(struct pab_check_run *run, const char *format, ...)
{
    static const char cut[] = "...\n";
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    size_t used = strlen(run->detail);
    size_t room = sizeof(run->detail) - used;
    size_t length = strlen(line);
    if (length + 1 + sizeof(cut) <= room) {
        snprintf(run->detail + used, room, "%s\n", line);
    } else if (sizeof(cut) <= room &&
               (used < sizeof(cut) || strcmp(run->detail + used - (sizeof(cut) - 1), cut) != 0)) {
        memcpy(run->detail + used, cut, sizeof(cut));
    }
}

uint64_t pab_budget(const struct pab_check_run *run, uint64_t own, uint64_t most)
{
    uint64_t ops = run->ops != 0 ? run->ops : own;
    return most != 0 && ops > most ? most : ops;
}
