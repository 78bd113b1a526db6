#include "allocators/status.h"

#include <stdarg.h>

enum pab_status pab_fail(struct pab_error *err, enum pab_status status, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        err->status = status;
        vsnprintf(err->text, sizeof(err->text), format, args);
        va_end(args);
    }
    return status;
}

void pab_check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "pyallocbench: broken invariant at %s:%d: %s\n", file, line, condition);
    abort();
}
