#include "harness/check.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

/* Each ends in one of the ways that the runner has to tell apart. */

static enum pab_verdict pass_run(struct pab_check_run *run)
{
    (void)run;
    return PAB_PASS;
}

static enum pab_verdict fail_run(struct pab_check_run *run)
{
    snprintf(run->reason, sizeof(run->reason), "as it must");
    return PAB_FAIL;
}

static enum pab_verdict crash_run(struct pab_check_run *run)
{
    (void)run;
    /* No core file. Unlike 0, this 1 ends dumps into pipes, too (Linux fs/coredump.c). */
    setrlimit(RLIMIT_CORE, &(struct rlimit){1, 1});
    signal(SIGSEGV, SIG_DFL); /* a sanitizer would make an exit of it */
    raise(SIGSEGV);
    return PAB_PASS;
}

static enum pab_verdict hang_run(struct pab_check_run *run)
{
    (void)run;
    for (;;) {
        pause();
    }
    return PAB_PASS;
}

static enum pab_verdict silent_run(struct pab_check_run *run)
{
    (void)run;
    _exit(0);
}

#define SELF_COMMON                                                                                \
    .source = "the suite itself", .class = PAB_CLASS_REQUIRED, .severity = PAB_SEVERITY_CONTRACT

static const struct pab_self_check checks[] = {
    {{.id = "SELF-PASS", .summary = "a check that holds", .run = pass_run, SELF_COMMON},
     PAB_SELF_PASS},
    {{.id = "SELF-FAIL", .summary = "a check that does not hold", .run = fail_run, SELF_COMMON},
     PAB_SELF_FAIL},
    {{.id = "SELF-CRASH", .summary = "a check that crashes", .run = crash_run, SELF_COMMON},
     PAB_SELF_CRASH},
    {{.id = "SELF-HANG", .summary = "a check that hangs", .run = hang_run, SELF_COMMON},
     PAB_SELF_HANG},
    {{.id = "SELF-SILENT",
      .summary = "a check that ends well and says nothing",
      .run = silent_run,
      SELF_COMMON},
     PAB_SELF_SILENT},
};

size_t pab_self_check_count(void)
{
    return ARRAY_COUNT(checks);
}

const struct pab_self_check *pab_self_check_at(size_t index)
{
    return &checks[index];
}
