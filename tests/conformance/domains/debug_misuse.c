/* tests/conformance/domains/debug_misuse.c -- misuse under the debug hooks, on the heap under test: what
 * must be told, in which words; and what is not promised. */
#include "allocators/decorate/debug.h"
#include "tests/conformance/support/case.h"
#include "tests/conformance/support/judge.h"
#include "tests/conformance/support/process.h"

#include <signal.h>
#include <string.h>

#define CASE_MS 20000
#define SIZE    16

enum misuse {
    NO_MISUSE, /* the control: nothing may be told */
    OVERFLOW_FREE,
    OVERFLOW_REALLOC,
    UNDERFLOW_FREE,
    WRONG_DOMAIN_FREE,
    WRONG_DOMAIN_REALLOC,
    FOREIGN_FREE,
    DOUBLE_FREE,
    INTERIOR_FREE,
    WRITE_AFTER_FREE,
    READ_AFTER_FREE,
};

struct misuse_case {
    struct pab_heap *heap;
    enum pab_domain domain;
    enum misuse misuse;
};

/* In a process of its own. The block is given back, too, where the misuse did not do that. */
static int misuse_case(void *arg)
{
    const struct misuse_case *what = arg;
    static struct pab_debug debug;
    static _Alignas(16) unsigned char foreign[256];
    pab_debug_attach(&debug, what->heap, pab_debug_style_of(NULL));
    const struct pab_alloc *table = &what->heap->domain[what->domain];
    const struct pab_alloc *other = &what->heap->domain[(what->domain + 1) % PAB_DOMAIN_COUNT];
    volatile unsigned char *p = table->malloc(table->ctx, SIZE);
    void *block = (void *)p;
    int value = 0;
    switch (what->misuse) {
    case NO_MISUSE:
        memset(block, 1, SIZE);
        break;
    case OVERFLOW_FREE:
        p[SIZE] = 'x';
        break;
    case OVERFLOW_REALLOC:
        p[SIZE] = 'x';
        block = table->realloc(table->ctx, block, 2 * (size_t)SIZE);
        break;
    case UNDERFLOW_FREE:
        p[-1] = 'x';
        break;
    case WRONG_DOMAIN_FREE:
        other->free(other->ctx, block);
        return 0;
    case WRONG_DOMAIN_REALLOC:
        block = other->realloc(other->ctx, block, 2 * (size_t)SIZE);
        break;
    case FOREIGN_FREE: /* pads as they should be, but nobody's letter; 0 bytes long */
        memset(foreign, 0xfd, sizeof(foreign));
        memset(foreign + 48, 0, 8);
        foreign[56] = '?';
        table->free(table->ctx, foreign + 64);
        break;
    case DOUBLE_FREE:
        table->free(table->ctx, block);
        break;
    case INTERIOR_FREE:
        table->free(table->ctx, (char *)block + 1);
        break;
    case WRITE_AFTER_FREE:
        table->free(table->ctx, block);
        p[0] = 'x';
        return 0;
    case READ_AFTER_FREE:
        table->free(table->ctx, block);
        value = p[SIZE - 1];
        return value;
    }
    table->free(table->ctx, block);
    return 0;
}

/* --- PYM-12: what must be told ---------------------------------------------------------------- */

struct told {
    enum misuse misuse;
    const char *name;
    const char *says; /* a format for the two domains' letters, or none in it */
};

static const struct told told[] = {
    {OVERFLOW_FREE, "a byte written behind a block, then free", "bad trailing pad byte"},
    {OVERFLOW_REALLOC, "a byte written behind a block, then realloc", "bad trailing pad byte"},
    {UNDERFLOW_FREE, "a byte written before a block, then free", "bad leading pad byte"},
    {WRONG_DOMAIN_FREE, "free by another domain", "verified using API"},
    {WRONG_DOMAIN_REALLOC, "realloc by another domain", "verified using API"},
    {FOREIGN_FREE, "free of memory that no domain gave", "bad ID: Allocated using API '?'"},
};

static const char letters[PAB_DOMAIN_COUNT] = {'r', 'm', 'o'};

/* The sentence that names the two letters, for a block that came by another domain. */
static void words_of(const struct told *what, enum pab_domain domain, char *out, size_t size)
{
    char from = letters[domain];
    char by = letters[(domain + 1) % PAB_DOMAIN_COUNT];
    if (what->misuse == WRONG_DOMAIN_FREE || what->misuse == WRONG_DOMAIN_REALLOC) {
        snprintf(out, size, "bad ID: Allocated using API '%c', verified using API '%c'", from, by);
    } else {
        snprintf(out, size, "%s", what->says);
    }
}

static bool is_told(struct pab_check_run *run, const struct told *what, enum pab_domain domain)
{
    struct misuse_case misuse = {run->heap, domain, what->misuse};
    struct pab_case done;
    char how[80];
    char words[96];
    words_of(what, domain, words, sizeof(words));
    pab_case_run(misuse_case, &misuse, CASE_MS, &done);
    pab_case_describe(&done, how, sizeof(how));
    run->ops_done++;
    bool is_abort = done.end == PAB_CASE_DIED && done.signal == SIGABRT;
    if (!is_abort || strstr(done.text, words) == NULL) {
        return pab_wrong(run, "%s, domain %c: it %s, and \"%s\" was %s", what->name,
                         letters[domain], how, words,
                         strstr(done.text, words) == NULL ? "not said" : "said");
    }
    return true;
}

/* The detector first: a program without a fault ends well, and says nothing. */
static bool is_quiet(struct pab_check_run *run, enum pab_domain domain)
{
    struct misuse_case none = {run->heap, domain, NO_MISUSE};
    struct pab_case done;
    char how[80];
    pab_case_run(misuse_case, &none, CASE_MS, &done);
    pab_case_describe(&done, how, sizeof(how));
    return (done.end == PAB_CASE_RETURNED && done.text[0] == '\0') ||
           pab_wrong(run, "a block that was used well, domain %c: it %s and said %.100s",
                     letters[domain], how, done.text);
}

static enum pab_verdict told_run(struct pab_check_run *run)
{
    bool holds = true;
    for (int domain = 0; holds && domain < PAB_DOMAIN_COUNT; domain++) {
        holds = is_quiet(run, (enum pab_domain)domain);
        for (size_t i = 0; holds && i < ARRAY_COUNT(told); i++) {
            holds = is_told(run, &told[i], (enum pab_domain)domain);
        }
    }
    pab_compared(run, "%zu kinds of misuse in 3 domains, each in a process: SIGABRT and the words",
                 ARRAY_COUNT(told));
    return pab_judge(run, holds);
}

/* --- PYM-13, PYM-14: what is not promised ----------------------------------------------------- */

static void run_misuse(struct pab_check_run *run, enum misuse misuse, struct pab_case *done,
                       char *how, size_t size)
{
    struct misuse_case what = {run->heap, PAB_DOMAIN_OBJ, misuse};
    char end[80];
    pab_case_run(misuse_case, &what, CASE_MS, done);
    pab_case_describe(done, end, sizeof(end));
    bool has_words = strstr(done->text, "Fatal Python error") != NULL;
    snprintf(how, size, "%s%s", end,
             has_words                    ? ", told"
             : done->text[0] != '\0'      ? ", partly told"
             : done->end == PAB_CASE_DIED ? ", not told"
                                          : "");
    run->ops_done++;
}

static enum pab_verdict twice_run(struct pab_check_run *run)
{
    struct pab_case done;
    char twice[112];
    char inside[112];
    run_misuse(run, DOUBLE_FREE, &done, twice, sizeof(twice));
    run_misuse(run, INTERIOR_FREE, &done, inside, sizeof(inside));
    pab_answer(run, "%.30s; %.30s", twice, inside);
    pab_compared(run,
                 "a block freed twice %s; freed by an address inside it %s. CPython 3.11 over "
                 "pymalloc dies of SIGSEGV or SIGABRT",
                 twice, inside);
    return PAB_INFO;
}

static enum pab_verdict after_run(struct pab_check_run *run)
{
    struct pab_case done;
    char written[112];
    char read[112];
    run_misuse(run, WRITE_AFTER_FREE, &done, written, sizeof(written));
    run_misuse(run, READ_AFTER_FREE, &done, read, sizeof(read));
    if (done.end == PAB_CASE_RETURNED) {
        snprintf(read, sizeof(read), "gave 0x%02x", (unsigned)done.value & 0xff);
    }
    pab_answer(run, "write %.24s; read %.24s", written, read);
    pab_compared(run,
                 "a byte written into a freed block: the process %s; one read from it: %s. "
                 "CPython 3.11 does not notice either, and a reader gets 0xdd",
                 written, read);
    return PAB_INFO;
}

static const struct pab_check checks[] = {
    {
        .id = "PYM-12",
        .summary = "debug hooks tell overflow, underflow, wrong domain and foreign blocks by name",
        .source = "CPython Lib/test/test_capi/test_mem.py, PyMemDebugTests",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .run = told_run,
    },
    {
        .id = "PYM-13",
        .summary = "debug hooks and a block freed twice, or by an address inside it: what happens",
        .source = "CPython 3.11 as measured: an abnormal end, without a promise of words",
        .class = PAB_CLASS_HARDENING,
        .severity = PAB_SEVERITY_QUALITY,
        .run = twice_run,
    },
    {
        .id = "PYM-14",
        .summary = "debug hooks and a freed block that is written or read: what happens",
        .source = "CPython 3.11 as measured: not noticed; who reads gets 0xDD",
        .class = PAB_CLASS_HARDENING,
        .severity = PAB_SEVERITY_QUALITY,
        .run = after_run,
    },
    {
        .id = "PYM-15",
        .summary = "debug hooks tell calls to mem and obj without the interpreter's lock",
        .source = "CPython Lib/test/test_capi/test_mem.py, test_pymem_malloc_without_gil",
        .class = PAB_CLASS_REQUIRED,
        .severity = PAB_SEVERITY_CONTRACT,
        .not_applicable = "the lock is the interpreter's: nothing here holds one that a hook could "
                          "ask for, and allocators/decorate/debug.h leaves that test out",
    },
};

const struct pab_check_group pab_checks_debug_misuse = {PAB_CHECK_CONTRACT, checks,
                                                        ARRAY_COUNT(checks)};
